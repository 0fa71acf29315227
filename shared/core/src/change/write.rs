//! Values as text: block YAML, flow YAML and JSON, in the style of the text around them.

use serde_json::{Map, Value};

use crate::report::yaml::scalar;

/// Keys in the order in which people write them; all others follow by alphabet. `serde_json` sorts keys, and a
/// manifest that begins with `metadata.labels` or a route before its match reads like nobody's.
const ORDER: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "spec",
    "type",
    "selector",
    "workloadSelector",
    "servers",
    "hosts",
    "addresses",
    "gateways",
    "exportTo",
    "ports",
    "location",
    "resolution",
    "http",
    "tls",
    "tcp",
    "match",
    "sniHosts",
    "route",
    "destination",
    "host",
    "subset",
    "port",
    "number",
    "protocol",
    "targetPort",
    "nodePort",
    "weight",
];

/// How a text is laid out, so that what is added looks as if its author had written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) eol: &'static str,
    /// Spaces that a nested map stands deeper.
    pub(super) step: usize,
    /// Spaces that a list stands deeper than its key; kubectl writes 0.
    pub(super) list: usize,
    pub(super) json: bool,
    /// What one level of JSON is indented by; may be tabs.
    pub(super) unit: String,
    /// JSON without blanks behind `:` and `,`.
    pub(super) dense: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            eol: "\n",
            step: 2,
            list: 0,
            json: false,
            unit: "  ".to_owned(),
            dense: false,
        }
    }
}

fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    let rank = |key: &str| ORDER.iter().position(|known| *known == key);
    entries.sort_by_key(|(key, _)| rank(key).unwrap_or(ORDER.len()));
    entries
}

/// Whether a value takes lines of its own in block style.
pub(super) fn tall(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// Whether a text of several lines can stand as it is, under a `|`.
fn literal(text: &str) -> bool {
    let harmless = |c: char| c == '\n' || !crate::report::style::drives_terminal(c);
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.ends_with('\n')
        && !text.starts_with([' ', '\n'])
        && text.chars().all(harmless)
}

/// A scalar or an empty collection, in block style.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

impl Layout {
    /// A value in block style whose first line is already indented by `column`; without a line break at the end.
    pub(super) fn block(&self, value: &Value, column: usize) -> String {
        let mut out = String::new();
        self.put(value, column, &mut out);
        out
    }

    /// `key: value` in block style, likewise.
    pub(super) fn entry(&self, key: &str, value: &Value, column: usize) -> String {
        let mut out = String::new();
        self.put_entry(key, value, column, &mut out);
        out
    }

    fn new_line(&self, column: usize, out: &mut String) {
        out.push_str(self.eol);
        out.extend(std::iter::repeat_n(' ', column));
    }

    fn put(&self, value: &Value, column: usize, out: &mut String) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (n, (key, value)) in sorted(map).into_iter().enumerate() {
                    if n > 0 {
                        self.new_line(column, out);
                    }
                    self.put_entry(key, value, column, out);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        self.new_line(column, out);
                    }
                    out.push_str("- ");
                    self.put(item, column + 2, out);
                }
            }
            other => out.push_str(&short(other)),
        }
    }

    fn put_entry(&self, key: &str, value: &Value, column: usize, out: &mut String) {
        out.push_str(&scalar(key));
        out.push(':');
        if tall(value) {
            let inner = self.under(value, column);
            self.new_line(inner, out);
            self.put(value, inner, out);
        } else {
            out.push(' ');
            match value {
                Value::String(text) if literal(text) => {
                    self.put_literal(text, column + self.step, out);
                }
                other => out.push_str(&short(other)),
            }
        }
    }

    fn put_literal(&self, text: &str, column: usize, out: &mut String) {
        let body = text.strip_suffix('\n');
        out.push_str(if body.is_some() { "|" } else { "|-" });
        for line in body.unwrap_or(text).split('\n') {
            if line.is_empty() {
                out.push_str(self.eol);
            } else {
                self.new_line(column, out);
                out.push_str(line);
            }
        }
    }

    /// The column of a value that stands in the lines below a key.
    pub(super) fn under(&self, value: &Value, key_column: usize) -> usize {
        key_column
            + if value.is_array() {
                self.list
            } else {
                self.step
            }
    }

    /// A value in braces and brackets; JSON in a JSON text. `indent` is that of the line it begins on, and given
    /// when the collection around it has lines of its own.
    pub(super) fn flow(&self, value: &Value, indent: Option<&str>) -> String {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let entries = sorted(map);
                let inner = self.inner(indent);
                let parts = entries
                    .into_iter()
                    .map(|(key, value)| self.flow_entry(key, value, inner.as_deref()));
                self.wrap('{', &parts.collect::<Vec<_>>(), '}', indent)
            }
            Value::Array(items) if !items.is_empty() => {
                let inner = self.inner(indent);
                let parts = items.iter().map(|item| self.flow(item, inner.as_deref()));
                self.wrap('[', &parts.collect::<Vec<_>>(), ']', indent)
            }
            Value::String(text) => self.flow_text(text),
            other => other.to_string(),
        }
    }

    /// `key: value` inside braces.
    pub(super) fn flow_entry(&self, key: &str, value: &Value, indent: Option<&str>) -> String {
        let colon = if self.dense { ":" } else { ": " };
        format!("{}{colon}{}", self.flow_text(key), self.flow(value, indent))
    }

    /// The indentation one level deeper; only JSON is spread over lines.
    pub(super) fn inner(&self, indent: Option<&str>) -> Option<String> {
        indent
            .filter(|_| self.json)
            .map(|indent| format!("{indent}{}", self.unit))
    }

    fn wrap(&self, open: char, parts: &[String], close: char, indent: Option<&str>) -> String {
        match (indent, self.inner(indent)) {
            (Some(indent), Some(inner)) => {
                let eol = self.eol;
                let between = format!(",{eol}{inner}");
                format!(
                    "{open}{eol}{inner}{}{eol}{indent}{close}",
                    parts.join(&between)
                )
            }
            _ => format!(
                "{open}{}{close}",
                parts.join(if self.dense { "," } else { ", " })
            ),
        }
    }

    fn flow_text(&self, text: &str) -> String {
        if self.json {
            return Value::from(text).to_string();
        }
        let block = scalar(text);
        // Plain in block style, but not between brackets.
        if block == text && text.contains([',', '[', ']', '{', '}', ':']) {
            return format!("'{}'", text.replace('\'', "''"));
        }
        block
    }
}

/// A scalar that takes the place of another, quoted as that was.
pub(super) fn like(old: &str, text: &str) -> String {
    let plain = !text.chars().any(crate::report::style::drives_terminal);
    if plain && old.starts_with('"') {
        return Value::from(text).to_string();
    }
    if plain && old.starts_with('\'') {
        return format!("'{}'", text.replace('\'', "''"));
    }
    scalar(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_a_manifest_as_a_person_would() {
        let value = json!({
            "kind": "Service", "apiVersion": "v1",
            "metadata": {"namespace": "b", "name": "a", "labels": {}},
            "spec": {"ports": [{"targetPort": 1, "port": 2, "name": "c"}], "z": [["x", 1], []], "m": null},
        });
        let block = Layout::default().block(&value, 0);
        assert_eq!(
            block,
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: b\n  labels: {}\nspec:\n  ports:\n  \
             - name: c\n    port: 2\n    targetPort: 1\n  m: null\n  z:\n  - - x\n    - 1\n  - []"
        );
        let deep = Layout {
            list: 2,
            step: 4,
            eol: "\r\n",
            ..Layout::default()
        };
        assert_eq!(
            Layout::default().block(
                &json!({"a": {"b": "x:\n\n  y\n", "c": "x\ny", "d": "x\n"}}),
                0
            ),
            "a:\n  b: |\n    x:\n\n      y\n  c: |-\n    x\n    y\n  d: \"x\\n\""
        );
        assert_eq!(
            deep.block(&json!({"a": [{"b": {"c": "1"}}]}), 1),
            "a:\r\n   - b:\r\n         c: '1'"
        );
    }

    #[test]
    fn writes_flow_style_and_json() {
        let value = json!({"b": ["x,y", "a:b", 1], "a": {"c": "t"}});
        let layout = Layout::default();
        assert_eq!(
            layout.flow(&value, Some("")),
            "{a: {c: t}, b: ['x,y', 'a:b', 1]}"
        );
        let json = Layout {
            json: true,
            ..layout
        };
        assert_eq!(
            json.flow(&json!({"a": {"c": []}}), Some(" ")),
            "{\n   \"a\": {\n     \"c\": []\n   }\n }"
        );
        assert_eq!(json.flow(&json!([1, 2]), None), "[1, 2]");
    }
}
