//! The JSON of a command, written as YAML: `-o yaml` can hold nothing that `-o json` does not.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::model::Answer;
use crate::snapshot::Snapshot;

/// The answers as one YAML document with the keys of the JSON.
#[must_use]
pub fn render_yaml(answers: &[Answer], snapshot: &Snapshot) -> String {
    from_json(&super::json::render_json(answers, snapshot))
}

/// JSON as YAML, keys in their order, lists not indented as kubectl writes them. Text that is not JSON gives nothing.
#[must_use]
pub fn from_json(json: &str) -> String {
    let Ok(node) = serde_json::from_str::<Node>(json) else {
        return String::new();
    };
    let mut out = String::new();
    emit(&node, 0, &mut out);
    out
}

/// A value whose keys keep their order; `serde_json::Value` would sort them.
#[derive(Debug)]
enum Node {
    Scalar(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar("null".to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        // Debug keeps the point, so that 1.0 stays a float.
        Ok(Node::Scalar(format!("{value:?}")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

/// Writes a value whose first line is already indented; ends with a newline.
fn emit(node: &Node, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match node {
        Node::List(items) if !items.is_empty() => {
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push_str(&pad);
                }
                out.push_str("- ");
                emit(item, indent + 2, out);
            }
        }
        Node::Map(entries) if !entries.is_empty() => {
            for (n, (key, value)) in entries.iter().enumerate() {
                if n > 0 {
                    out.push_str(&pad);
                }
                out.push_str(&scalar(key));
                out.push(':');
                match value {
                    Node::Map(inner) if !inner.is_empty() => {
                        out.push('\n');
                        out.push_str(&" ".repeat(indent + 2));
                        emit(value, indent + 2, out);
                    }
                    Node::List(inner) if !inner.is_empty() => {
                        out.push('\n');
                        out.push_str(&pad);
                        emit(value, indent, out);
                    }
                    _ => {
                        out.push(' ');
                        emit(value, indent, out);
                    }
                }
            }
        }
        Node::List(_) => out.push_str("[]\n"),
        Node::Map(_) => out.push_str("{}\n"),
        Node::Scalar(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Node::Text(text) => {
            out.push_str(&scalar(text));
            out.push('\n');
        }
    }
}

/// A string as a YAML scalar: plain where no reader of YAML 1.1 or 1.2 can take it for something else.
#[must_use]
pub fn scalar(text: &str) -> String {
    if text.chars().any(super::style::drives_terminal) {
        return double_quoted(text);
    }
    if is_plain(text) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

fn is_plain(text: &str) -> bool {
    const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let first = text.chars().next();
    let last = text.chars().next_back();
    // Digits, signs and points may begin a number, a date or an address: quoted without a closer look.
    first.is_some_and(|c| c.is_alphabetic() || matches!(c, '/' | '_'))
        && last.is_some_and(|c| !matches!(c, ' ' | ':'))
        && !text.contains(": ")
        && !text.contains(" #")
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if super::style::drives_terminal(c) => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use granit_parser::{Event, Parser};

    use super::super::samples;
    use super::{from_json, render_yaml, scalar};

    #[test]
    fn keeps_the_order_of_keys_and_does_not_indent_lists() {
        assert_eq!(
            from_json(
                r#"[{"z":1,"a":{"list":[1,"x",[2],{"k":null,"l":[]}],"b":true},"e":{}},"t",1.5]"#
            ),
            "\
- z: 1
  a:
    list:
    - 1
    - x
    - - 2
    - k: null
      l: []
    b: true
  e: {}
- t
- 1.5
"
        );
        assert_eq!(from_json("[]"), "[]\n");
    }

    #[test]
    fn quotes_what_is_not_plainly_text() {
        for text in [
            "",
            " a",
            "a ",
            "true",
            "No",
            "~",
            "1",
            "1e3",
            "0x1f",
            "2026-11-20",
            "12:30",
            "-1",
            ".5",
            "*",
            "*.example.com",
            "&a",
            "- a",
            "? a",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "{a}",
            "[a]",
            "'a",
            "\"a",
            "%a",
            "@a",
            "`a",
            "!a",
            "|",
            ">",
            "=",
            "<<",
            "a\nb",
            "\ta",
            "\u{1b}[31m",
            "\u{85}",
            "\u{feff}",
            "a\\b\n",
            "it's: x",
        ] {
            let quoted = scalar(text);
            assert!(quoted.starts_with(['\'', '"']), "{text:?} as {quoted}");
        }
        for text in [
            "a",
            "rcmd/kafka",
            "istio-ingressgateway",
            "GW-VS-NONE",
            "a:b",
            "a#b",
            "it's",
            "/spec/servers/0",
            "网关",
            "networking.istio.io/v1",
            "n1",
        ] {
            assert_eq!(scalar(text), text);
        }
    }

    /// Everything that is written is read back by a YAML reader as the same strings.
    #[test]
    fn reads_back() {
        let texts = [
            "",
            " a",
            "a: b",
            "a\nb\n",
            "\u{1b}[31m",
            "'",
            "\"\\\"",
            "it's: x",
            "x → y",
            "a\r\n\tb",
            "\u{202e}",
            "网",
            "no",
            "1",
            "a, b",
            "k: [1]",
            "---",
            "...",
            "- - a",
            "a  b",
        ];
        let json = serde_json::to_string(&texts).unwrap();
        let yaml = from_json(&json);
        let read: Vec<String> = Parser::new_from_str(&yaml)
            .filter_map(|event| match event.unwrap().0 {
                Event::Scalar(text, ..) => Some(text.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(read, texts);
    }

    #[test]
    fn an_answer_reads_as_in_json() {
        let (scene, answer) = samples::closed();
        let yaml = render_yaml(&[answer], &scene.snapshot);
        assert!(
            yaml.starts_with(
                "\
- proxy:
    namespace: istio-system
    name: istio-ingressgateway-external
    type: router
  asked:
    port: 16354
  verdict: missing
  summary: 'port 16354 will be closed: no VirtualService is bound to its Gateway'
  assumptions: []
  path:
  - hop: service
    status: ok
"
            ),
            "{yaml}"
        );
        assert_eq!(render_yaml(&[], &scene.snapshot), "[]\n");
        assert_eq!(from_json("{"), "");
    }
}
