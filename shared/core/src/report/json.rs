//! The answers for machines. Keys stand in the documented order, so these are structs and no maps.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::excerpt::{self, Locate};
use super::model::{
    Answer, Asked, Certainty, Finding, Fix, Hop, HopStatus, Mark, PodAnswer, Proof, ProxyRef,
};
use super::style::drives_terminal;
use crate::snapshot::{Change, FieldPath, Object, ObjectId, Operation, Snapshot};

/// The answers as one JSON array, indented by 4, ended by a newline.
#[must_use]
pub fn render_json(answers: &[Answer], snapshot: &Snapshot) -> String {
    let locate = |id: ObjectId, field: &FieldPath| snapshot.locate(id, field);
    render_with(answers, snapshot, &locate)
}

pub(super) fn render_with(answers: &[Answer], snapshot: &Snapshot, locate: Locate<'_>) -> String {
    let ground = Ground { snapshot, locate };
    let answers: Vec<JsonAnswer<'_>> = answers.iter().map(|a| ground.answer(a)).collect();
    to_json(&answers)
}

/// Any value as kubectl writes JSON: indented by 4, UTF-8, ended by a newline.
#[must_use]
pub fn to_json<T: Serialize>(value: &T) -> String {
    let mut out = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"    "));
    // Writing to memory cannot fail, and our structs have string keys only.
    if value.serialize(&mut serializer).is_err() {
        return "null\n".to_owned();
    }
    out.push(b'\n');
    let text = String::from_utf8(out).unwrap_or_default();
    if !text.contains(raw_control) {
        return text;
    }
    // JSON lets DEL and the C1 controls stand as they are, and terminals obey some of them.
    text.chars()
        .map(|c| match c {
            c if raw_control(c) => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

/// Only within strings: between tokens stand just spaces and newlines.
fn raw_control(c: char) -> bool {
    c != '\n' && drives_terminal(c)
}

/// An object in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// `apiVersion` as written.
    pub api_version: String,
    /// Kind.
    pub kind: &'static str,
    /// Namespace; empty for a kind without.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// How an object is named in JSON.
    #[must_use]
    pub fn of(object: &Object) -> Self {
        Self {
            api_version: object.api_version.clone(),
            kind: object.key.kind.name(),
            namespace: object.key.namespace.clone(),
            name: object.key.name.clone(),
        }
    }
}

/// An object of a state that is past: which version it was written in is not told.
#[derive(Serialize)]
pub(super) struct ObjectName {
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A finding with the port and the proxy that it is about.
#[derive(Serialize)]
pub(super) struct FindingWithPort<'a> {
    proxy: JsonProxy<'a>,
    asked: JsonAsked<'a>,
    #[serde(flatten)]
    finding: JsonFinding<'a>,
}

/// The findings of answers, one by one.
pub(super) fn findings_with_port<'a>(
    answers: &'a [Answer],
    snapshot: &'a Snapshot,
) -> Vec<FindingWithPort<'a>> {
    let locate = |id: ObjectId, field: &FieldPath| snapshot.locate(id, field);
    let ground = Ground {
        snapshot,
        locate: &locate,
    };
    let of = |answer: &'a Answer| {
        let one = |finding| FindingWithPort {
            proxy: proxy(&answer.proxy),
            asked: asked(&answer.asked),
            finding: ground.finding(finding),
        };
        answer.findings.iter().map(one).collect::<Vec<_>>()
    };
    answers.iter().flat_map(of).collect()
}

#[derive(Serialize)]
struct JsonAnswer<'a> {
    proxy: JsonProxy<'a>,
    asked: JsonAsked<'a>,
    verdict: &'static str,
    summary: &'a str,
    assumptions: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pods: Vec<JsonPod<'a>>,
    path: Vec<JsonHop>,
    findings: Vec<JsonFinding<'a>>,
}

#[derive(Serialize)]
struct JsonProxy<'a> {
    namespace: &'a str,
    name: &'a str,
    r#type: &'static str,
}

#[derive(Serialize)]
struct JsonAsked<'a> {
    #[serde(skip_serializing_if = "is_no_port")]
    port: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonPod<'a> {
    name: &'a str,
    verdict: &'static str,
    detail: &'a str,
}

#[derive(Serialize)]
struct JsonHop {
    hop: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<ObjectRef>,
    detail: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonFinding<'a> {
    code: &'static str,
    title: &'static str,
    severity: &'static str,
    certainty: &'static str,
    object: Option<ObjectRef>,
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<JsonSource>,
    explanation: &'a str,
    related: Vec<JsonRelated<'a>>,
    fixes: Vec<JsonFix<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    also_known_as: &'a [&'static str],
}

#[derive(Serialize)]
struct JsonSource {
    file: String,
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct JsonRelated<'a> {
    object: Option<ObjectRef>,
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<JsonSource>,
    label: &'a str,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum JsonFix<'a> {
    Part {
        title: &'a str,
        part_of: &'static str,
    },
    Whole {
        title: &'a str,
        proof: JsonProof<'a>,
        also_changes: &'a [String],
        changes: Vec<JsonChange<'a>>,
    },
}

#[derive(Serialize)]
pub(super) struct JsonProof<'a> {
    status: &'static str,
    assumptions: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum JsonChange<'a> {
    Patch {
        object: Option<ObjectRef>,
        patch: Vec<JsonOperation<'a>>,
    },
    Create {
        create: &'a Value,
    },
}

#[derive(Serialize)]
pub(super) struct JsonOperation<'a> {
    op: &'static str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Value>,
}

/// What names and places are looked up in.
struct Ground<'a> {
    snapshot: &'a Snapshot,
    locate: Locate<'a>,
}

impl Ground<'_> {
    fn object(&self, id: ObjectId) -> Option<ObjectRef> {
        self.snapshot.get(id).map(ObjectRef::of)
    }

    fn source(&self, mark: &Mark) -> Option<JsonSource> {
        let (file, line, column) =
            excerpt::point(mark.object, &mark.field, self.snapshot, self.locate)?;
        Some(JsonSource { file, line, column })
    }

    fn answer<'a>(&self, answer: &'a Answer) -> JsonAnswer<'a> {
        JsonAnswer {
            proxy: proxy(&answer.proxy),
            asked: asked(&answer.asked),
            verdict: answer.verdict.json(),
            summary: &answer.summary,
            assumptions: &answer.assumptions,
            pods: answer.pods.iter().map(pod).collect(),
            path: answer.path.iter().map(|hop| self.hop(hop)).collect(),
            findings: answer.findings.iter().map(|f| self.finding(f)).collect(),
        }
    }

    fn hop(&self, hop: &Hop) -> JsonHop {
        JsonHop {
            hop: hop.name,
            status: status(hop.status),
            object: hop.object.and_then(|id| self.object(id)),
            detail: detail(&hop.lines),
        }
    }

    fn finding<'a>(&self, finding: &'a Finding) -> JsonFinding<'a> {
        JsonFinding {
            code: finding.page.code,
            title: finding.page.title,
            severity: finding.severity.word(),
            certainty: certainty(finding.certainty),
            object: self.object(finding.primary.object),
            field: finding.primary.field.to_string(),
            source: self.source(&finding.primary),
            explanation: &finding.why,
            related: finding
                .related
                .iter()
                .map(|mark| JsonRelated {
                    object: self.object(mark.object),
                    field: mark.field.to_string(),
                    source: self.source(mark),
                    label: &mark.label,
                })
                .collect(),
            fixes: finding.fixes.iter().map(|fix| self.fix(fix)).collect(),
            also_known_as: &finding.also_known_as,
        }
    }

    fn fix<'a>(&self, fix: &'a Fix) -> JsonFix<'a> {
        if let Some(part_of) = fix.part_of {
            return JsonFix::Part {
                title: &fix.title,
                part_of,
            };
        }
        JsonFix::Whole {
            title: &fix.title,
            proof: proof(&fix.proof),
            also_changes: &fix.also_changes,
            changes: fix.changes.iter().map(|c| self.change(c)).collect(),
        }
    }

    fn change<'a>(&self, change: &'a Change) -> JsonChange<'a> {
        match change {
            Change::Patch { object, operations } => JsonChange::Patch {
                object: self.object(*object),
                patch: operations.iter().map(operation).collect(),
            },
            Change::Create { object, .. } => JsonChange::Create { create: object },
        }
    }
}

/// The changes of a plan, as a fix has them.
pub(super) fn changes<'a>(snapshot: &'a Snapshot, changes: &'a [Change]) -> Vec<JsonChange<'a>> {
    let locate = |id: ObjectId, field: &FieldPath| snapshot.locate(id, field);
    let ground = Ground {
        snapshot,
        locate: &locate,
    };
    changes.iter().map(|c| ground.change(c)).collect()
}

fn proxy(proxy: &ProxyRef) -> JsonProxy<'_> {
    JsonProxy {
        namespace: &proxy.namespace,
        name: &proxy.name,
        r#type: proxy.kind,
    }
}

/// A finding of the scan that belongs to no server's port.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
const fn is_no_port(port: &u32) -> bool {
    *port == 0
}

fn asked(asked: &Asked) -> JsonAsked<'_> {
    JsonAsked {
        port: asked.port,
        host: asked.host.as_deref(),
        sni: asked.sni.as_deref(),
    }
}

fn pod(pod: &PodAnswer) -> JsonPod<'_> {
    JsonPod {
        name: &pod.name,
        verdict: pod.verdict.json(),
        detail: &pod.detail,
    }
}

const fn status(status: HopStatus) -> &'static str {
    match status {
        HopStatus::Ok => "ok",
        HopStatus::Broken | HopStatus::Instead => "broken",
        HopStatus::NotReached => "not-reached",
        HopStatus::Unknown => "unknown",
    }
}

const fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Predicted => "predicted",
        Certainty::Observed => "observed",
        Certainty::Unknown => "unknown",
    }
}

/// The lines of a hop as one: what is aligned for people is not for machines.
fn detail(lines: &[String]) -> String {
    let collapse = |line: &String| {
        line.split(' ')
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    };
    lines.iter().map(collapse).collect::<Vec<_>>().join("; ")
}

/// The reason of an unproved fix stands where a proved one has what could void it: both say what is missing.
pub(super) fn proof(proof: &Proof) -> JsonProof<'_> {
    let (status, assumptions): (_, Vec<&str>) = match proof {
        Proof::Proved => ("proved", Vec::new()),
        Proof::Conditional(all) => ("conditional", all.iter().map(String::as_str).collect()),
        Proof::Unproved(reason) if reason.is_empty() => ("unproved", Vec::new()),
        Proof::Unproved(reason) => ("unproved", vec![reason]),
    };
    JsonProof {
        status,
        assumptions,
    }
}

fn operation(operation: &Operation) -> JsonOperation<'_> {
    let (op, path, value) = match operation {
        Operation::Add { path, value } => ("add", path, Some(value)),
        Operation::Replace { path, value } => ("replace", path, Some(value)),
        Operation::Remove { path } => ("remove", path, None),
    };
    JsonOperation { op, path, value }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::model::{Answer, HopStatus, PodAnswer, Proof, Verdict};
    use super::super::name::render_names;
    use super::super::samples::{self, Scene};
    use super::{render_json, render_with, to_json};
    use crate::snapshot::{Change, Kind, Operation};

    fn render(scene: &Scene, answers: &[Answer]) -> String {
        scene.locating(|locate| render_with(answers, &scene.snapshot, locate))
    }

    #[test]
    fn keys_stand_in_the_documented_order() {
        let (scene, mut answer) = samples::closed();
        answer.path.truncate(3);
        answer.path[0].lines.push("at  10.0.0.1".to_owned());
        answer.asked.sni = Some("a.example".to_owned());
        assert_eq!(
            render(&scene, &[answer]),
            r#"[
    {
        "proxy": {
            "namespace": "istio-system",
            "name": "istio-ingressgateway-external",
            "type": "router"
        },
        "asked": {
            "port": 16354,
            "sni": "a.example"
        },
        "verdict": "missing",
        "summary": "port 16354 will be closed: no VirtualService is bound to its Gateway",
        "assumptions": [],
        "path": [
            {
                "hop": "service",
                "status": "ok",
                "detail": "istio-system/istio-ingressgateway-external 16354 → 16354; at 10.0.0.1"
            },
            {
                "hop": "proxy",
                "status": "ok",
                "detail": "istio-system/istio-ingressgateway-external, 2 replicas"
            },
            {
                "hop": "gateway",
                "status": "ok",
                "object": {
                    "apiVersion": "networking.istio.io/v1",
                    "kind": "Gateway",
                    "namespace": "rcmd",
                    "name": "external-test-gateway"
                },
                "detail": "rcmd/external-test-gateway"
            }
        ],
        "findings": [
            {
                "code": "GW-VS-NONE",
                "title": "no VirtualService is bound to this Gateway",
                "severity": "error",
                "certainty": "predicted",
                "object": {
                    "apiVersion": "networking.istio.io/v1",
                    "kind": "Gateway",
                    "namespace": "rcmd",
                    "name": "external-test-gateway"
                },
                "field": ".spec.servers[0].port.number",
                "source": {
                    "file": "manifests/kafka-gateway.yaml",
                    "line": 14,
                    "column": 15
                },
                "explanation": "istiod builds a TCP listener from its routes. Without one it leaves the listener out, and says so only in its own log.",
                "related": [
                    {
                        "object": {
                            "apiVersion": "networking.istio.io/v1",
                            "kind": "Gateway",
                            "namespace": "rcmd",
                            "name": "external-test-gateway"
                        },
                        "field": ".spec.servers[0].port.protocol",
                        "source": {
                            "file": "manifests/kafka-gateway.yaml",
                            "line": 15,
                            "column": 17
                        },
                        "label": "TCP opens only with a route; HTTP would answer 404"
                    }
                ],
                "fixes": [
                    {
                        "title": "add this VirtualService. 16354 opens, leads to 1 endpoint, nothing else changes. (kafka-broker0:9092 is the only TCP port in rcmd.)",
                        "proof": {
                            "status": "proved",
                            "assumptions": []
                        },
                        "alsoChanges": [],
                        "changes": [
                            {
                                "create": {
                                    "apiVersion": "networking.istio.io/v1",
                                    "kind": "VirtualService",
                                    "metadata": {
                                        "name": "kafka-broker0-16354",
                                        "namespace": "rcmd"
                                    },
                                    "spec": {
                                        "hosts": [
                                            "*.rcmd.testing.mpengine"
                                        ]
                                    }
                                }
                            }
                        ]
                    }
                ]
            }
        ]
    }
]
"#
        );
    }

    #[test]
    fn parts_patches_and_pods() {
        let (scene, mut answer) = samples::two_causes();
        let service = scene.id(Kind::Service, "istio-system/istio-ingressgateway-external");
        answer.path[1].status = HopStatus::Instead;
        answer.pods = vec![PodAnswer {
            name: "a".to_owned(),
            verdict: Verdict::Open,
            detail: String::new(),
        }];
        let lead = &mut answer.findings[0].fixes[0];
        lead.proof = Proof::Conditional(vec!["sidecars not predicted".to_owned()]);
        lead.changes = vec![Change::Patch {
            object: service,
            operations: vec![
                Operation::Add {
                    path: "/spec/ports/-".to_owned(),
                    value: json!({"port": 16354}),
                },
                Operation::Remove {
                    path: "/spec/x".to_owned(),
                },
            ],
        }];
        answer.findings[1].also_known_as = vec!["GW-X"];
        let text = render(&scene, &[answer]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let first = &value[0];
        assert_eq!(first["path"][1]["status"], "broken");
        assert_eq!(first["path"][2]["status"], "not-reached");
        assert_eq!(
            first["pods"],
            json!([{"name": "a", "verdict": "open", "detail": ""}])
        );
        assert_eq!(
            first["findings"][0]["fixes"][0],
            json!({
                "title": "",
                "proof": {"status": "conditional", "assumptions": ["sidecars not predicted"]},
                "alsoChanges": [],
                "changes": [{
                    "object": {
                        "apiVersion": "v1", "kind": "Service", "namespace": "istio-system",
                        "name": "istio-ingressgateway-external",
                    },
                    "patch": [
                        {"op": "add", "path": "/spec/ports/-", "value": {"port": 16354}},
                        {"op": "remove", "path": "/spec/x"},
                    ],
                }],
            })
        );
        assert_eq!(
            first["findings"][1]["fixes"],
            json!([{"title": "", "partOf": "GW-PORT-NOT-ON-SERVICE"}])
        );
        assert_eq!(first["findings"][1]["alsoKnownAs"], json!(["GW-X"]));
    }

    #[test]
    fn nothing_is_an_empty_document() {
        let (scene, answer) = samples::closed();
        assert_eq!(render_json(&[], &scene.snapshot), "[]\n");
        assert_eq!(
            render_names(&[answer.clone(), answer], &scene.snapshot),
            "gateway.networking.istio.io/external-test-gateway\n"
        );
    }

    #[test]
    fn no_string_drives_the_terminal() {
        let text = "\u{9b}31m\u{7f}\u{202e}\u{1b} → 网";
        let json = to_json(&text);
        assert_eq!(json, "\"\\u009b31m\\u007f\\u202e\\u001b → 网\"\n");
        let read: String = serde_json::from_str(&json).unwrap();
        assert_eq!(read, text);
    }
}
