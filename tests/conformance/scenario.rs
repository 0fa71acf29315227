//! A scenario: the objects of a cluster and the pod that is asked about. In a folder: `cluster.yaml`, `proxy.json`
//! and, where istiod has answered, `istiod.json`.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use serde_json::{Value, json};

/// The objects of a cluster and the pod that is asked about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scenario {
    /// Objects as the API server would store them.
    pub(crate) objects: Vec<Value>,
    /// The proxy, as `namespace/name`.
    pub(crate) pod: String,
    /// Istio's webhook would refuse some of them: it can be switched off.
    pub(crate) bypass: bool,
}

impl Scenario {
    /// `cluster.yaml`.
    pub(crate) fn cluster(&self) -> String {
        let mut text = String::new();
        for (n, object) in self.objects.iter().enumerate() {
            if n > 0 {
                text.push_str("---\n");
            }
            yaml(object, 0, &mut text);
        }
        text
    }

    /// `proxy.json`.
    pub(crate) fn proxy(&self) -> Value {
        let pod = self
            .objects
            .iter()
            .filter(|o| o["kind"] == "Pod")
            .find(|o| {
                let name = format!(
                    "{}/{}",
                    o["metadata"]["namespace"].as_str().unwrap_or_default(),
                    o["metadata"]["name"].as_str().unwrap_or_default()
                );
                name == self.pod
            });
        let containers = || {
            let list = pod.and_then(|p| p.pointer("/spec/containers")?.as_array());
            list.into_iter().flatten()
        };
        let unprivileged = containers()
            .flat_map(|c| c["env"].as_array().into_iter().flatten())
            .find(|e| e["name"] == "ISTIO_META_UNPRIVILEGED_POD");
        let metadata = match unprivileged {
            Some(variable) => json!({"UNPRIVILEGED_POD": variable["value"]}),
            None => json!({}),
        };
        let router = |c: &Value| {
            c["args"]
                .as_array()
                .is_some_and(|a| a.contains(&json!("router")))
        };
        let kind = if containers().any(router) {
            "router"
        } else {
            "sidecar"
        };
        json!({"type": kind, "pod": self.pod, "metadata": metadata})
    }

    /// Writes the folder.
    pub(crate) fn write(&self, dir: &Path, answer: Option<&Value>) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        fs::write(dir.join("cluster.yaml"), self.cluster())?;
        fs::write(dir.join("proxy.json"), format!("{}\n", self.proxy()))?;
        if let Some(answer) = answer {
            fs::write(dir.join("istiod.json"), format!("{answer:#}\n"))?;
        }
        Ok(())
    }
}

/// Block YAML: maps and lists over lines, scalars as JSON writes them where YAML could misread them.
fn yaml(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let _ = write!(out, "{pad}{}:", scalar(&json!(key)));
                after(value, indent, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                if is_block(item) {
                    let mut inner = String::new();
                    yaml(item, indent + 2, &mut inner);
                    let _ = write!(out, "{pad}- {}", inner.trim_start_matches(' '));
                } else {
                    let _ = writeln!(out, "{pad}- {}", scalar(item));
                }
            }
        }
        scalar_value => {
            let _ = writeln!(out, "{pad}{}", scalar(scalar_value));
        }
    }
}

fn after(value: &Value, indent: usize, out: &mut String) {
    if is_block(value) {
        out.push('\n');
        let deeper = if value.is_array() { indent } else { indent + 2 };
        yaml(value, deeper, out);
    } else {
        let _ = writeln!(out, " {}", scalar(value));
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn scalar(value: &Value) -> String {
    let Value::String(text) = value else {
        return value.to_string();
    };
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n" | "t" | "f"
        );
    if plain {
        text.clone()
    } else {
        value.to_string()
    }
}
