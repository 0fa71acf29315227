//! NET-POLICY: no NetworkPolicy lets this port in.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::predict::reach::Barrier;
use crate::snapshot::views::{self, IntOrString};
use crate::snapshot::{FieldPath, Kind, ObjectId};
use serde_json::json;

pub(super) static PAGE: Page = Page {
    code: "NET-POLICY",
    title: "no NetworkPolicy lets this port in",
    severity: Severity::Error,
    what: "Connections to the gateway's pods get no answer, by the Service and by a pod's own address alike. Connections from within a pod arrive.",
    when: "A NetworkPolicy for incoming traffic selects the gateway's pods, and of all that do, none has an ingress rule with the pods' port. Only policies that were read are counted: one that was not may let it in.",
    why: "Once a policy for incoming traffic selects a pod, the pod takes only what some policy lets in. The port that counts is the pod's own, the targetPort: the Service's number is translated before policies are asked. A network plugin that does not know NetworkPolicies lets all of it pass.",
    seen: &[
        "from outside: connections time out (some networks refuse them)",
        "on the mesh: kubectl get networkpolicy -n NS",
        "nothing in istiod's log, and Envoy's listener is active",
    ],
    fix: "Add the pods' port to a rule of the policy, or add a policy of your own that lets it in: policies add up.",
    example: &[
        "  Service        ports[0].port: 443",
        "  Service        ports[0].targetPort: 8443",
        "- NetworkPolicy  ingress[0].ports[0].port: 443",
        "+ NetworkPolicy  ingress[0].ports[0].port: 8443",
    ],
    also: &[
        "GW-PORT-NOT-ON-SERVICE",
        "GW-AUTHZ-DENY",
        "NET-SVC-NO-ENDPOINT",
    ],
    source: "kubernetes NetworkPolicy, networking.k8s.io/v1",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Barred(Barrier::Network { policies, port }) = tale.symptom else {
        return None;
    };
    let near = rule_of_the_service(tale, policies);
    let (policy, field, label) = match (near, policies.first()) {
        (Some((policy, rule, at)), _) => {
            let field = ports(rule).index(at).key("port");
            (policy, field, format!("the pods' port for it is {port}"))
        }
        (None, policy) => (
            *policy?,
            FieldPath::of("spec.ingress"),
            format!("no rule lets {port} in"),
        ),
    };
    let mut told = Told::at(policy, field, label);
    for other in policies.iter().filter(|p| **p != policy) {
        told = told.beside(
            *other,
            FieldPath::of("spec.ingress"),
            format!("no rule here lets {port} in either"),
        );
    }
    Some(told)
}

fn ports(rule: usize) -> FieldPath {
    build::spec().key("ingress").index(rule).key("ports")
}

/// The policy, rule and item that have the Service's number where the pods' port belongs.
fn rule_of_the_service(
    tale: &Tale<'_, '_>,
    policies: &[ObjectId],
) -> Option<(ObjectId, usize, usize)> {
    policies.iter().find_map(|policy| {
        let rules = &tale.view::<views::NetworkPolicy>(*policy)?.spec.ingress;
        rules.iter().enumerate().find_map(|(rule, r)| {
            let number = |p: &views::NetworkPort| {
                p.port == Some(IntOrString::Int(tale.port))
                    && (p.protocol.is_empty() || p.protocol == "TCP")
            };
            Some((*policy, rule, r.ports.iter().position(number)?))
        })
    })
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Barred(Barrier::Network { policies, port }) = tale.symptom else {
        return Vec::new();
    };
    let narrow = rule_of_the_service(tale, policies).and_then(|(policy, rule, _)| {
        let view = tale.view::<views::NetworkPolicy>(policy)?;
        let items = view.spec.ingress.get(rule)?.ports.len();
        let item = json!({ "protocol": "TCP", "port": port });
        let title = format!(
            "let {port} in as well, for the clients that may use {}",
            tale.port
        );
        Some(build::patch(
            title,
            policy,
            vec![build::append(&ports(rule), items, item)],
        ))
    });
    let own = policies.first().and_then(|beside| {
        let title =
            format!("add this NetworkPolicy, which lets every client in on {port} of these pods");
        let spec = |selector: &views::Labels| {
            json!({
                "podSelector": { "matchLabels": selector },
                "policyTypes": ["Ingress"],
                "ingress": [{ "ports": [{ "protocol": "TCP", "port": port }] }],
            })
        };
        build::policy(tale, Kind::NetworkPolicy, *port, *beside, title, spec)
    });
    narrow.into_iter().chain(own).collect()
}
