//! The forms of `-o`.

use mesh_core::change::{as_text, script, to_yaml};
use mesh_core::plan::expose::{Listed, Part, Plan};
use mesh_core::report::json::to_json;
use mesh_core::report::plan::{Cell, render_table};
use mesh_core::report::{Layout, yaml};
use mesh_core::snapshot::{Change, Operation, Snapshot};
use serde_json::{Value, json};

/// A plan, to be printed.
pub(crate) struct Form<'f> {
    pub(crate) snapshot: &'f Snapshot,
    pub(crate) plan: &'f Plan,
    pub(crate) only: Option<Part>,
}

/// Every line as a comment.
fn commented(text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.starts_with('#') {
                format!("{line}\n")
            } else {
                format!("# {line}\n")
            }
        })
        .collect()
}

/// A value on one line, its keys in the order in which people write them.
fn on_one_line(item: &Value) -> String {
    const ORDER: [&str; 5] = ["name", "port", "protocol", "targetPort", "nodePort"];
    let part = |key: &&str| item.get(*key).map(|value| format!("\"{key}\":{value}"));
    let parts: Vec<String> = ORDER.iter().filter_map(part).collect();
    format!("{{{}}}", parts.join(","))
}

impl Form<'_> {
    fn objects(&self) -> Vec<&Value> {
        if self.only == Some(Part::Service) {
            Vec::new()
        } else {
            self.plan.created()
        }
    }

    fn service_changes(&self) -> Vec<Change> {
        if self.only == Some(Part::Routes) {
            Vec::new()
        } else {
            self.plan.changes(Some(Part::Service))
        }
    }

    /// The `kubectl patch` for the Service; empty when it needs none.
    pub(crate) fn patch(&self) -> String {
        let mut text = script(self.snapshot, &self.service_changes());
        text.push_str(&self.elsewhere());
        text
    }

    /// The patch for a Service that is in none of the files.
    fn elsewhere(&self) -> String {
        let items = &self.plan.elsewhere;
        if items.is_empty() || self.only == Some(Part::Routes) {
            return String::new();
        }
        let gateway = &self.plan.gateway;
        let proxy = gateway.proxies.first().filter(|p| !p.is_assumed());
        // Istio's charts give Service and Deployment one name.
        let by_proxy = proxy.map(|p| (p.namespace.as_str(), p.name.as_str()));
        let by_name = gateway.service_name.as_ref();
        let named = by_name.map(|(namespace, name)| (namespace.as_str(), name.as_str()));
        let (namespace, name) = named.or(by_proxy).unwrap_or(("NAMESPACE", "SERVICE"));
        let lines: Vec<String> = items
            .iter()
            .map(|item| {
                let item = on_one_line(item);
                format!("  {{\"op\":\"add\",\"path\":\"/spec/ports/-\",\"value\":{item}}}")
            })
            .collect();
        let blank = if name == "SERVICE" {
            "; put in its name"
        } else {
            ""
        };
        format!(
            "# for whoever owns the gateway's Service{blank}\nkubectl patch services {name} -n {namespace} \\\n  \
             --type=json -p '[\n{}]'\n",
            lines.join(",\n")
        )
    }

    /// The diff of the files, commands for what no file holds, and comments for somebody else.
    pub(crate) fn text(&self, context: usize) -> Result<String, String> {
        let changes = self.plan.changes(self.only);
        let mut text =
            as_text(self.snapshot, &changes, context).map_err(|error| error.to_string())?;
        text.push_str(&commented(&self.elsewhere()));
        Ok(text)
    }

    pub(crate) fn yaml(&self) -> String {
        let objects: Vec<String> = self.objects().into_iter().map(to_yaml).collect();
        objects.join("---\n") + &commented(&self.patch())
    }

    pub(crate) fn json(&self) -> String {
        to_json(&json!({
            "apiVersion": "v1",
            "kind": "List",
            "items": self.objects(),
        }))
    }

    pub(crate) fn names(&self) -> String {
        let text = |object: &Value, pointer: &str| -> String {
            let found = object.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        self.objects()
            .into_iter()
            .map(|object| {
                let kind = text(object, "/kind").to_lowercase();
                format!(
                    "{kind}.networking.istio.io/{}\n",
                    text(object, "/metadata/name")
                )
            })
            .collect()
    }

    /// The operations on the gateway's Service.
    fn operations(&self) -> Vec<Value> {
        let patched = self
            .service_changes()
            .into_iter()
            .flat_map(|change| match change {
                Change::Patch { operations, .. } => operations,
                Change::Create { .. } => Vec::new(),
            });
        let mut all: Vec<Value> = patched.map(|o: Operation| o.json()).collect();
        if self.only != Some(Part::Routes) {
            all.extend(
                self.plan
                    .elsewhere
                    .iter()
                    .map(|item| json!({"op": "add", "path": "/spec/ports/-", "value": item})),
            );
        }
        all
    }

    /// A kustomization, and the file that it names.
    pub(crate) fn kustomize(&self) -> String {
        let objects = self.objects();
        let mut text = "# kustomization.yaml\n".to_owned();
        let file = self
            .plan
            .exposures
            .first()
            .map(|e| format!("{}-{}.yaml", e.service, e.number))
            .unwrap_or_default();
        if !objects.is_empty() {
            text.push_str(&format!("resources:\n- {file}\n"));
        }
        let operations = self.operations();
        if let (Some((namespace, name)), false) =
            (&self.plan.gateway.service_name, operations.is_empty())
        {
            let patch = to_yaml(&Value::Array(operations));
            let indented: String = patch.lines().map(|l| format!("    {l}\n")).collect();
            text.push_str(&format!(
                "patches:\n- target:\n    version: v1\n    kind: Service\n    name: {}\n    namespace: {}\n  \
                 patch: |-\n{indented}",
                yaml::scalar(name),
                yaml::scalar(namespace)
            ));
        } else {
            text.push_str(&commented(&self.patch()));
        }
        if !objects.is_empty() {
            let objects: Vec<String> = objects.into_iter().map(to_yaml).collect();
            text.push_str(&format!("---\n# {file}\n{}", objects.join("---\n")));
        }
        text
    }

    /// All ports of the gateway's Service: Helm replaces lists as a whole.
    pub(crate) fn helm_values(&self) -> Result<String, String> {
        let service = self.plan.gateway.service;
        let object = service.and_then(|id| self.plan.after.get(id));
        let ports = object
            .and_then(|object| object.patched.as_ref())
            .and_then(|value| value.pointer("/spec/ports"))
            .cloned();
        match ports {
            Some(ports) => Ok(to_yaml(&json!({"service": {"ports": ports}}))),
            None => Err("the gateway's Service is not changed, or in none of the files".to_owned()),
        }
    }
}

fn address(row: &Listed) -> String {
    row.address
        .clone()
        .unwrap_or_else(|| format!("port {}", row.number))
}

/// The table of `--list`.
pub(crate) fn list_table(rows: &[Listed], layout: &Layout) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut cells =
        vec![["NAMESPACE", "SERVICE", "ADDRESS", "LISTENS", "STATUS"].map(str::to_owned)];
    cells.extend(rows.iter().map(|row| {
        [
            row.namespace.clone(),
            row.service.clone(),
            address(row),
            format!("{}/{}", row.listens, row.pods),
            row.status.word().to_owned(),
        ]
    }));
    let rows: Vec<Vec<Cell>> = cells
        .into_iter()
        .map(|row| row.into_iter().map(Cell::left).collect())
        .collect();
    render_table(&rows, layout)
}

/// The same for machines.
pub(crate) fn list_json(rows: &[Listed]) -> String {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "namespace": row.namespace,
                "service": row.service,
                "port": row.number,
                "address": row.address,
                "listens": row.listens,
                "pods": row.pods,
                "status": row.status.json(),
            })
        })
        .collect();
    to_json(&rows)
}

/// The Gateways.
pub(crate) fn list_names(rows: &[Listed]) -> String {
    rows.iter()
        .map(|row| {
            let service = row.service.split(':').next().unwrap_or_default();
            format!("gateway.networking.istio.io/{service}-{}\n", row.number)
        })
        .collect()
}
