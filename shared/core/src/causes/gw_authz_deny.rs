//! GW-AUTHZ-DENY: authorization lets no client in.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::predict::reach::Barrier;
use crate::snapshot::views;
use crate::snapshot::{FieldPath, Kind, ObjectId};
use serde_json::json;

pub(super) static PAGE: Page = Page {
    code: "GW-AUTHZ-DENY",
    title: "authorization lets no client in",
    severity: Severity::Error,
    what: "The listener accepts TCP connections and closes them at once; HTTP requests are answered 403. No other port is affected unless the policies say so.",
    when: "AuthorizationPolicies of the gateway's namespace or of the root namespace select the gateway's pods, and either there is an ALLOW policy and no rule of any can match, or a rule of a DENY policy matches every connection. On TCP an ALLOW rule with a condition about HTTP (hosts, methods, paths, request.*) never matches, and a DENY rule matches without regard to it.",
    why: "One ALLOW policy is enough to refuse all that no ALLOW rule matches. On a filter chain for TCP there are no requests to look at, so istiod leaves out ALLOW rules that ask about them and drops such conditions from DENY rules. Ports in a policy are the pods' ports after translation, not the Gateway's numbers.",
    seen: &[
        "in Envoy's stats: tcp.rbac.denied, or for HTTP http.PREFIX.rbac.denied",
        "in Envoy's access log: rbac_access_denied_matched_policy[NAME], [none] without an ALLOW rule",
        "to HTTP clients: 403 and the body RBAC: access denied",
    ],
    fix: "Add a rule for the port to an ALLOW policy, or an ALLOW policy of your own: they add up. A DENY rule has to be narrowed by whoever wrote it.",
    example: &[
        "  AuthorizationPolicy  action: ALLOW",
        "  AuthorizationPolicy  rules[0].to[0].operation.paths: [/api/*]",
        "+ AuthorizationPolicy  rules[1].to[0].operation.ports: [\"6379\"]",
    ],
    also: &["NET-POLICY", "GW-DST-CONNECT-FAIL", "GW-CRED-MISSING"],
    source: "pilot/pkg/security/authz/builder/builder.go:Builder.build",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let kind = |http: bool| {
        if http {
            "HTTP request"
        } else {
            "TCP connection"
        }
    };
    match tale.symptom {
        Symptom::Barred(Barrier::Denied {
            policy,
            rule,
            port,
            http,
        }) => {
            let field = FieldPath::of(&format!("spec.rules[{rule}]"));
            let label = format!("denies every {} to {port}", kind(*http));
            let why = if *http {
                "A DENY rule that matches comes before every ALLOW rule."
            } else {
                "A DENY rule that matches comes before every ALLOW rule. On TCP there are no requests: istiod drops its \
                 conditions about HTTP, and the rest matches every connection."
            };
            Some(Told::at(*policy, field, label).why(why))
        }
        Symptom::Barred(Barrier::NotAllowed {
            policies,
            port,
            http,
        }) => {
            let near = rule_of_the_service(tale, policies);
            let (policy, field, label) = match near {
                Some((policy, rule, to)) => (
                    policy,
                    ports(rule, to),
                    format!("the pods' port for it is {port}"),
                ),
                None => {
                    let policy = policies.last()?;
                    let label = format!("no rule matches a {} to {port}", kind(*http));
                    (*policy, FieldPath::of("spec.rules"), label)
                }
            };
            let mut told = Told::at(policy, field, label);
            for other in policies.iter().filter(|p| **p != policy) {
                let field = FieldPath::of("spec.rules");
                told = told.beside(*other, field, "nor does a rule here");
            }
            let why = if *http {
                "One ALLOW policy is enough to refuse all that no ALLOW rule matches."
            } else {
                "One ALLOW policy is enough to refuse all that no ALLOW rule matches. On TCP there are no requests: \
                 istiod leaves out ALLOW rules that ask about them."
            };
            Some(told.why(why))
        }
        _ => None,
    }
}

fn ports(rule: usize, to: usize) -> FieldPath {
    let rule = build::spec().key("rules").index(rule);
    rule.key("to").index(to).key("operation").key("ports")
}

/// The policy, rule and operation that have the Gateway's number where the pods' port belongs.
fn rule_of_the_service(
    tale: &Tale<'_, '_>,
    policies: &[ObjectId],
) -> Option<(ObjectId, usize, usize)> {
    let number = tale.port.to_string();
    policies.iter().find_map(|policy| {
        let rules = &tale.view::<views::AuthorizationPolicy>(*policy)?.spec.rules;
        rules.iter().enumerate().find_map(|(rule, r)| {
            let has = |to: &views::AuthorizationTo| {
                to.operation
                    .get("ports")
                    .is_some_and(|p| p.contains(&number))
            };
            Some((*policy, rule, r.to.iter().position(has)?))
        })
    })
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Barred(Barrier::NotAllowed { policies, port, .. }) = tale.symptom else {
        return Vec::new();
    };
    let narrow = rule_of_the_service(tale, policies).map(|(policy, rule, to)| {
        let title = format!(
            "allow {port} as well, for the clients that may use {}",
            tale.port
        );
        let item = port.to_string();
        build::patch(
            title,
            policy,
            vec![build::append(&ports(rule, to), 1, item)],
        )
    });
    let own = policies.last().and_then(|beside| {
        let title = format!(
            "add this AuthorizationPolicy, which lets every client in on {port} of these pods"
        );
        let spec = |selector: &views::Labels| {
            json!({
                "selector": { "matchLabels": selector },
                "action": "ALLOW",
                "rules": [{ "to": [{ "operation": { "ports": [port.to_string()] } }] }],
            })
        };
        build::policy(tale, Kind::AuthorizationPolicy, *port, *beside, title, spec)
    });
    narrow.into_iter().chain(own).collect()
}
