//! Answers and objects that tests render: the situations of the specification by example.

use serde_json::{Value, json};

use super::excerpt::Locate;
use super::model::{
    Answer, Asked, Basis, Certainty, Command, Finding, Fix, Hop, HopStatus, Mark, Proof, ProxyRef,
    Unknown, Verdict,
};
use super::style::Layout;
use super::text::{FixBody, render_with};
use crate::causes::{Page, Severity};
use crate::snapshot::views::View;
use crate::snapshot::{
    Coverage, Draft, FieldPath, Kind, Location, ObjectId, ObjectKey, Origin, Snapshot, Source,
    SourceId,
};

/// A snapshot in the making, and where its fields stand.
#[derive(Default)]
pub(super) struct World {
    drafts: Vec<Draft>,
    sources: Vec<Source>,
    places: Vec<(ObjectKey, FieldPath, Location)>,
}

impl World {
    pub(super) fn source(mut self, name: &str, text: &str) -> Self {
        self.sources.push(Source {
            name: name.to_owned(),
            text: text.into(),
        });
        self
    }

    /// An object; its text is the newest source, if there is one.
    pub(super) fn object(mut self, kind: Kind, namespace: &str, name: &str) -> Self {
        let group = kind.group();
        let api_version = if group.is_empty() {
            "v1".to_owned()
        } else {
            format!("{group}/v1")
        };
        let value = json!({"metadata": {"name": name, "namespace": namespace}, "spec": {}});
        let origin = self.sources.len().checked_sub(1).map(|n| Origin {
            source: SourceId(u32::try_from(n).unwrap()),
            document: 0..self.sources[n].text.len(),
            root: FieldPath::root(),
        });
        self.drafts.push(Draft {
            key: ObjectKey::new(kind, namespace, name),
            api_version,
            meta: serde_json::from_value(value["metadata"].clone()).unwrap(),
            namespace_written: true,
            view: View::read(kind, &value).unwrap(),
            origin,
        });
        self
    }

    /// Where a field of the newest object stands: the first occurrence of `needle` in the newest source.
    pub(super) fn field(mut self, field: &str, needle: &str, width: usize) -> Self {
        let source = self.sources.last().unwrap();
        let at = source.text.find(needle).unwrap();
        let before = &source.text[..at];
        let location = Location {
            source: SourceId(u32::try_from(self.sources.len() - 1).unwrap()),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            width,
            exact: true,
        };
        let key = self.drafts.last().unwrap().key.clone();
        self.places.push((key, FieldPath::of(field), location));
        self
    }

    pub(super) fn build(self) -> Scene {
        Scene {
            snapshot: Snapshot::new(self.drafts, self.sources, Coverage::default()),
            places: self.places,
        }
    }
}

/// A snapshot whose fields have known places.
pub(super) struct Scene {
    pub(super) snapshot: Snapshot,
    places: Vec<(ObjectKey, FieldPath, Location)>,
}

impl Scene {
    pub(super) fn id(&self, kind: Kind, name: &str) -> ObjectId {
        let (namespace, name) = name.split_once('/').unwrap();
        self.snapshot.find(kind, namespace, name).unwrap().id
    }

    pub(super) fn mark(&self, kind: Kind, name: &str, field: &str, label: &str) -> Mark {
        Mark {
            object: self.id(kind, name),
            field: FieldPath::of(field),
            value: None,
            label: label.to_owned(),
        }
    }

    pub(super) fn live(&self, kind: Kind, name: &str, field: &str, value: &str) -> Mark {
        Mark {
            value: Some(value.to_owned()),
            ..self.mark(kind, name, field, "")
        }
    }

    pub(super) fn locating<R>(&self, with: impl FnOnce(Locate<'_>) -> R) -> R {
        with(&|id, field| {
            let key = &self.snapshot.get(id)?.key;
            self.places
                .iter()
                .find(|(k, f, _)| k == key && f == field)
                .map(|(_, _, at)| at.clone())
        })
    }

    pub(super) fn render(&self, answer: &Answer, line: &str, layout: &Layout) -> String {
        self.render_bodies(answer, line, layout, &|_, _| FixBody::default())
    }

    pub(super) fn render_bodies(
        &self,
        answer: &Answer,
        line: &str,
        layout: &Layout,
        bodies: super::text::Bodies<'_>,
    ) -> String {
        let basis = Basis {
            line: line.to_owned(),
            ..Basis::default()
        };
        self.locating(|locate| render_with(answer, &basis, &self.snapshot, layout, bodies, locate))
    }
}

pub(super) fn page(code: &'static str, title: &'static str) -> &'static Page {
    Box::leak(Box::new(Page {
        code,
        title,
        severity: Severity::Error,
        what: "",
        when: "",
        why: "",
        seen: &[],
        fix: "",
        example: &[],
        also: &[],
        source: "",
    }))
}

pub(super) fn hop(name: &'static str, status: HopStatus, lines: &[&str]) -> Hop {
    Hop {
        name,
        status,
        object: None,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

pub(super) fn finding(page: &'static Page, primary: Mark, why: &str) -> Finding {
    Finding {
        page,
        severity: page.severity,
        certainty: Certainty::Predicted,
        primary,
        remark: None,
        related: Vec::new(),
        why: why.to_owned(),
        so: Vec::new(),
        seen: Vec::new(),
        also_known_as: Vec::new(),
        assumes: Vec::new(),
        candidates: Vec::new(),
        no_fix: None,
        fixes: Vec::new(),
    }
}

pub(super) fn fix(title: &str, proof: Proof) -> Fix {
    Fix {
        title: title.to_owned(),
        proof,
        also_changes: Vec::new(),
        own: Vec::new(),
        changes: Vec::new(),
        part_of: None,
    }
}

pub(super) fn answer(port: u32, verdict: Verdict, summary: &str) -> Answer {
    Answer {
        proxy: ProxyRef {
            namespace: "istio-system".to_owned(),
            name: "istio-ingressgateway-external".to_owned(),
            kind: "router",
        },
        asked: Asked {
            port,
            host: None,
            sni: None,
        },
        verdict,
        summary: summary.to_owned(),
        assumptions: Vec::new(),
        path: Vec::new(),
        findings: Vec::new(),
        unknowns: Vec::new(),
        pods: Vec::new(),
        commands: Vec::new(),
    }
}

pub(super) fn words(command: &str) -> Command {
    Command::new(command.split(' '))
}

const NOT_REACHED: [&str; 3] = ["listener", "cluster", "endpoints"];

fn not_reached() -> impl Iterator<Item = Hop> {
    NOT_REACHED
        .into_iter()
        .map(|name| hop(name, HopStatus::NotReached, &[]))
}

pub(super) const KAFKA_GATEWAY: &str = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: external-test-gateway
  namespace: rcmd
spec:
  selector:
    istio: ingressgateway-external
  servers:
  - hosts:
    - '*.rcmd.testing.mpengine'
    port:
      name: tcp-16354
      number: 16354
      protocol: TCP
";

pub(super) const KAFKA_DIFF: &str = "\
--- a/manifests/kafka-gateway.yaml
+++ b/manifests/kafka-gateway.yaml
@@ -15 +15,20 @@ spec:
       protocol: TCP
+---
+apiVersion: networking.istio.io/v1
+kind: VirtualService
+metadata:
+  name: kafka-broker0-16354
+  namespace: rcmd
+spec:
+  hosts:
+  - '*.rcmd.testing.mpengine'
+  gateways:
+  - external-test-gateway
+  tcp:
+  - match:
+    - port: 16354
+    route:
+    - destination:
+        host: kafka-broker0.rcmd.svc.cluster.local
+        port:
+          number: 9092
";

/// From files, closed: a Gateway without a VirtualService.
pub(super) fn closed() -> (Scene, Answer) {
    let scene = World::default()
        .source("manifests/kafka-gateway.yaml", KAFKA_GATEWAY)
        .object(Kind::Gateway, "rcmd", "external-test-gateway")
        .field("spec.servers[0].port.number", "16354\n      protocol", 5)
        .field("spec.servers[0].port.protocol", "TCP\n", 3)
        .build();
    let gateway = "rcmd/external-test-gateway";
    let mut cause = finding(
        page("GW-VS-NONE", "no VirtualService is bound to this Gateway"),
        scene.mark(
            Kind::Gateway,
            gateway,
            "spec.servers[0].port.number",
            "nothing leads on from here",
        ),
        "istiod builds a TCP listener from its routes. Without one it leaves the listener out, and says so only in its \
         own log.",
    );
    cause.related = vec![scene.mark(
        Kind::Gateway,
        gateway,
        "spec.servers[0].port.protocol",
        "TCP opens only with a route; HTTP would answer 404",
    )];
    cause.fixes = vec![fix(
        "add this VirtualService. 16354 opens, leads to 1 endpoint, nothing else changes. (kafka-broker0:9092 is the \
         only TCP port in rcmd.)",
        Proof::Proved,
    )];
    cause.fixes[0].changes = vec![crate::snapshot::Change::Create {
        kind: Kind::VirtualService,
        object: virtual_service(),
        beside: None,
    }];
    let mut answer = answer(
        16354,
        Verdict::Missing,
        "port 16354 will be closed: no VirtualService is bound to its Gateway",
    );
    answer.path = vec![
        hop(
            "service",
            HopStatus::Ok,
            &["istio-system/istio-ingressgateway-external  16354 → 16354"],
        ),
        hop(
            "proxy",
            HopStatus::Ok,
            &["istio-system/istio-ingressgateway-external, 2 replicas"],
        ),
        hop("gateway", HopStatus::Ok, &["rcmd/external-test-gateway"]),
        hop(
            "server",
            HopStatus::Ok,
            &["16354 TCP, hosts *.rcmd.testing.mpengine"],
        ),
        hop(
            "route",
            HopStatus::Broken,
            &["no VirtualService names rcmd/external-test-gateway"],
        ),
    ];
    answer.path[2].object = Some(scene.id(Kind::Gateway, gateway));
    answer.path.extend(not_reached());
    answer.findings = vec![cause];
    answer.commands = vec![words(
        "kubectl mesh why-no-listener 16354 -f manifests/ --fix | git apply",
    )];
    (scene, answer)
}

fn virtual_service() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "kafka-broker0-16354", "namespace": "rcmd"},
        "spec": {"hosts": ["*.rcmd.testing.mpengine"]},
    })
}

pub(super) const SERVICE_DIFF: &str = "\
--- a/manifests/ingressgateway.yaml
+++ b/manifests/ingressgateway.yaml
@@ -15,2 +15,5 @@ spec:
     targetPort: 8080
+  - name: tcp-16354
+    port: 16354
+    targetPort: 16354
 ---
";

pub(super) const ROUTE_DIFF: &str = "\
--- a/manifests/kafka-route.yaml
+++ b/manifests/kafka-route.yaml
@@ -9,3 +9,3 @@ spec:
   gateways:
-  - external-test-gateway
+  - rcmd/external-test-gateway
   tcp:
";

/// Two causes whose fixes must go together.
pub(super) fn two_causes() -> (Scene, Answer) {
    let scene = World::default()
        .source(
            "manifests/ingressgateway.yaml",
            "\
apiVersion: v1
kind: Service
metadata:
  name: istio-ingressgateway-external
  namespace: istio-system
spec:
  type: LoadBalancer
  selector:
    istio: ingressgateway-external
  ports:
  - name: status
    port: 15021
  - name: http
    port: 80
    targetPort: 8080
---
",
        )
        .object(
            Kind::Service,
            "istio-system",
            "istio-ingressgateway-external",
        )
        .field("spec.ports", "ports:", 5)
        .source(
            "manifests/kafka-route.yaml",
            "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: external-test-router
  namespace: default
spec:
  hosts:
  - '*.rcmd.testing.mpengine'
  gateways:
  - external-test-gateway
  tcp:
",
        )
        .object(Kind::VirtualService, "default", "external-test-router")
        .field("metadata.namespace", "default", 7)
        .field("spec.gateways[0]", "external-test-gateway", 21)
        .build();
    let mut port = finding(
        page(
            "GW-PORT-NOT-ON-SERVICE",
            "no Service port leads to this listener",
        ),
        scene.mark(
            Kind::Service,
            "istio-system/istio-ingressgateway-external",
            "spec.ports",
            "15021 and 80, not 16354",
        ),
        "Envoy may listen, but clients come through the Service",
    );
    port.fixes = vec![fix("", Proof::Proved)];
    let router = "default/external-test-router";
    let mut name = finding(
        page("GW-VS-GWNAME", "this Gateway name points to no Gateway"),
        scene.mark(
            Kind::VirtualService,
            router,
            "spec.gateways[0]",
            "not in default; there is one in rcmd",
        ),
        "",
    );
    name.related = vec![scene.mark(
        Kind::VirtualService,
        router,
        "metadata.namespace",
        "a name without namespace is looked up here",
    )];
    name.so = vec!["Gateway rcmd/external-test-gateway has no route (GW-VS-NONE)".to_owned()];
    name.fixes = vec![Fix {
        part_of: Some("GW-PORT-NOT-ON-SERVICE"),
        ..fix("", Proof::Proved)
    }];
    let mut answer = answer(
        16354,
        Verdict::Missing,
        "port 16354 will be closed: 2 causes, both must go",
    );
    answer.path = vec![
        hop(
            "service",
            HopStatus::Broken,
            &["istio-system/istio-ingressgateway-external has no port 16354"],
        ),
        hop(
            "route",
            HopStatus::Broken,
            &["default/external-test-router names another Gateway"],
        ),
    ];
    answer.path.extend(not_reached());
    answer.findings = vec![port, name];
    answer.commands = vec![words(
        "kubectl mesh why-no-listener 16354 -f manifests/ --fix | git apply",
    )];
    (scene, answer)
}

/// Live: an older Gateway holds the port.
pub(super) fn diverted() -> (Scene, Answer) {
    let scene = World::default()
        .object(Kind::Gateway, "payments", "ledger-gateway")
        .object(Kind::Gateway, "media", "stream-gateway")
        .build();
    let number = "spec.servers[0].port.number";
    let mut cause = finding(
        page("GW-SRV-OLDER-ELSEWHERE", "an older Gateway holds this port"),
        scene.live(Kind::Gateway, "payments/ledger-gateway", number, "31400"),
        "two TCP servers on one port never merge, whatever their hosts and namespaces. The older keeps it: \
         2026-03-02, yours is of 2026-11-19.",
    );
    cause.related = vec![scene.live(Kind::Gateway, "media/stream-gateway", number, "31400")];
    cause.fixes = vec![Fix {
        also_changes: vec![
            "a listener for 31401 in every sidecar that sees this Service".to_owned(),
        ],
        ..fix("move to 31401, the next free port", Proof::Proved)
    }];
    let mut answer = answer(
        31400,
        Verdict::Diverted,
        "port 31400 is diverted to media/stream:9000: an older Gateway holds it",
    );
    answer.path = vec![
        hop(
            "service",
            HopStatus::Ok,
            &["istio-system/istio-ingressgateway  31400 → 31400"],
        ),
        hop(
            "proxy",
            HopStatus::Ok,
            &["istio-system/istio-ingressgateway, 3 of 3 ready, in sync"],
        ),
        hop("gateway", HopStatus::Ok, &["payments/ledger-gateway"]),
        hop(
            "server",
            HopStatus::Broken,
            &["31400 TCP, left out: media/stream-gateway came first"],
        ),
        hop(
            "listener",
            HopStatus::Instead,
            &["0.0.0.0:31400 of media/stream-gateway"],
        ),
        hop("cluster", HopStatus::Instead, &["media/stream:9000"]),
    ];
    answer.findings = vec![cause];
    answer.commands = vec![words(
        "kubectl mesh why-no-listener 31400 -n payments --fix | sh",
    )];
    (scene, answer)
}

/// A hop that could not be read.
pub(super) fn unread() -> (Scene, Answer) {
    let mut answer = answer(
        31400,
        Verdict::Unknown,
        "port 31400 is unknown: anna may not list Services in istio-system",
    );
    answer.path = vec![
        hop(
            "service",
            HopStatus::Unknown,
            &["forbidden: list services in istio-system"],
        ),
        hop("route", HopStatus::Ok, &["VirtualService data/mq, tcp[0]"]),
        hop(
            "listener",
            HopStatus::Unknown,
            &["on 31400, or on the targetPort the Service gives to 31400"],
        ),
        hop("cluster", HopStatus::Ok, &["data/mq:5672"]),
        hop("endpoints", HopStatus::Ok, &["2 ready"]),
    ];
    answer.unknowns = vec![Unknown {
        what: "whether a Service leads to 31400, and to which targetPort".to_owned(),
        fix: "ask with other rights, or have an admin give this one".to_owned(),
        commands: vec![
            Command::new([
                "kubectl",
                "create",
                "role",
                "mesh-read",
                "-n",
                "istio-system",
                "--verb=get,list --resource=services",
            ]),
            words(
                "kubectl create rolebinding mesh-read-anna -n istio-system --role=mesh-read --user=anna",
            ),
        ],
    }];
    answer.commands = vec![words(
        "kubectl auth can-i list services -n istio-system --as anna",
    )];
    (World::default().build(), answer)
}
