//! The JSON that the commands print.

use std::fmt::Write as _;

use serde_json::Value;

use crate::case::Expect;

/// What a case says of its answers, a line each.
#[must_use]
pub fn expected(expect: &Expect) -> String {
    let mut out = format!("exit {}\n", expect.exit);
    // Writing to a String cannot fail.
    for answer in &expect.answers {
        let (proxy, port, verdict) = (&answer.proxy, answer.port, &answer.verdict);
        let _ = writeln!(out, "{proxy} port {port}: {verdict}");
        for finding in &answer.findings {
            let (code, object, field) = (&finding.code, &finding.object, &finding.field);
            let _ = writeln!(out, "  {code}  {object}  {field}");
        }
    }
    out
}

/// The same of a command's exit code and JSON.
///
/// # Panics
/// When the text is no JSON array.
#[must_use]
pub fn found(exit: u8, text: &str) -> String {
    let mut out = format!("exit {exit}\n");
    for answer in answers(text) {
        let proxy = name(&answer["proxy"]);
        let port = &answer["asked"]["port"];
        let _ = writeln!(out, "{proxy} port {port}: {}", word(&answer["verdict"]));
        for finding in list(&answer["findings"]) {
            let (code, field) = (word(&finding["code"]), word(&finding["field"]));
            let _ = writeln!(out, "  {code}  {}  {field}", object(&finding["object"]));
        }
    }
    out
}

/// The answers of `-o json`.
///
/// # Panics
/// When the text is no JSON array.
#[must_use]
pub fn answers(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not an array: {error}\n{text}"))
}

/// The codes of all findings.
#[must_use]
pub fn codes(answers: &[Value]) -> Vec<&str> {
    let findings = answers.iter().flat_map(|answer| list(&answer["findings"]));
    findings.map(|finding| word(&finding["code"])).collect()
}

/// A list, or none.
#[must_use]
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text, or an empty one.
#[must_use]
pub fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn name(value: &Value) -> String {
    match (word(&value["namespace"]), word(&value["name"])) {
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}

fn object(value: &Value) -> String {
    format!("{} {}", word(&value["kind"]), name(value))
}

/// Takes out where the objects stand in files.
pub fn without_places(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("source");
            map.values_mut().for_each(without_places);
        }
        Value::Array(items) => items.iter_mut().for_each(without_places),
        _ => {}
    }
}
