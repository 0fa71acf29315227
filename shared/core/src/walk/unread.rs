//! What the user may not read: a hop that rests on it is unknown, and nothing of it is told as absent.

use std::collections::BTreeSet;

use crate::predict::store::Store;
use crate::report::{Answer, Command, Hop, HopStatus, Unknown, Verdict};
use crate::snapshot::{Coverage, Forbidden, Kind};

/// The causes that say that something is not there, with the kinds that it could be of.
const SAY_ABSENT: &[(&str, &[Kind])] = &[
    ("GW-VS-NONE", &[Kind::VirtualService]),
    ("GW-HTTP-NO-VS", &[Kind::VirtualService]),
    ("GW-HTTP-DELEGATE-MISSING", &[Kind::VirtualService]),
    ("GW-VS-GWNAME", &[Kind::Gateway]),
    ("GW-PORT-NOT-ON-SERVICE", &[Kind::Service]),
    ("GW-PORT-NOT-DECLARED", &[Kind::Gateway]),
    ("GW-SEL-MISMATCH", &[Kind::Pod]),
    ("GW-SEL-NS-SCOPED", &[Kind::Pod]),
    ("GW-DST-UNKNOWN-HOST", &[Kind::Service, Kind::ServiceEntry]),
    ("GW-DST-SHORT-NAME", &[Kind::Service, Kind::ServiceEntry]),
    (
        "GW-DST-NO-ENDPOINTS",
        &[Kind::EndpointSlice, Kind::Pod, Kind::WorkloadEntry],
    ),
    ("GW-DST-SUBSET", &[Kind::DestinationRule]),
    ("GW-CRED-MISSING", &[Kind::Secret]),
    ("NET-SVC-NO-ENDPOINT", &[Kind::EndpointSlice, Kind::Pod]),
    ("SC-UNKNOWN-HOST", &[Kind::Service, Kind::ServiceEntry]),
    ("SC-PODIP-DIRECT", &[Kind::Service, Kind::ServiceEntry]),
    ("SC-NOTVIP", &[Kind::ServiceEntry]),
    ("SC-HEADLESS-NOEP", &[Kind::EndpointSlice, Kind::Pod]),
    ("SC-E-UH", &[Kind::EndpointSlice, Kind::Pod]),
    ("SC-E-PASSTHROUGH", &[Kind::Service, Kind::ServiceEntry]),
    ("SC-E-BLACKHOLE", &[Kind::Service, Kind::ServiceEntry]),
];

/// The kinds that a hop of the path rests on, and what is not known without them. A gateway's own Service is in its
/// namespace; the others may be anywhere.
const RESTS_ON: &[(&str, &[Kind], &str)] = &[
    ("service", &[Kind::Service], "whether a Service leads here"),
    ("proxy", &[Kind::Pod], "which pods the proxy has"),
    ("gateway", &[Kind::Gateway], "which Gateway has this port"),
    ("server", &[Kind::Gateway], "which Gateway has this port"),
    (
        "route",
        &[Kind::VirtualService],
        "which VirtualService routes this port",
    ),
    (
        "listener",
        &[
            Kind::Service,
            Kind::ServiceEntry,
            Kind::Sidecar,
            Kind::Gateway,
            Kind::VirtualService,
        ],
        "which listener takes this connection",
    ),
    (
        "chain",
        &[Kind::Service, Kind::ServiceEntry, Kind::VirtualService],
        "which filter chain takes this connection",
    ),
    (
        "cluster",
        &[Kind::Service, Kind::ServiceEntry, Kind::DestinationRule],
        "which cluster this leads to",
    ),
    (
        "endpoints",
        &[Kind::EndpointSlice, Kind::Pod, Kind::WorkloadEntry],
        "which endpoints there are",
    ),
];

/// Kinds that can only take something away from what is open: they are a condition of an answer.
const CAN_PREVENT: &[(Kind, &str)] = &[
    (
        Kind::ConfigMap,
        "the mesh configuration that may not be read has Istio's defaults",
    ),
    (Kind::Gateway, "no Gateway that may not be read is older"),
    (
        Kind::VirtualService,
        "no VirtualService that may not be read comes first",
    ),
    (
        Kind::DestinationRule,
        "no DestinationRule that may not be read changes the cluster",
    ),
    (Kind::Sidecar, "no Sidecar that may not be read applies"),
    (
        Kind::ServiceEntry,
        "no ServiceEntry that may not be read comes first",
    ),
    (
        Kind::AuthorizationPolicy,
        "no AuthorizationPolicy that may not be read denies it",
    ),
    (
        Kind::PeerAuthentication,
        "no PeerAuthentication that may not be read demands mTLS",
    ),
    (
        Kind::NetworkPolicy,
        "no NetworkPolicy that may not be read stops it",
    ),
    (
        Kind::EnvoyFilter,
        "no EnvoyFilter that may not be read changes the listener",
    ),
];

/// Takes back what an answer claims of things that the user may not read.
pub fn note_unread(store: &Store<'_>, answers: &mut [Answer]) {
    let coverage = &store.snapshot.coverage;
    if coverage.forbidden.is_empty() {
        return;
    }
    for answer in answers {
        judge(coverage, answer);
    }
}

fn judge(coverage: &Coverage, answer: &mut Answer) {
    let before = answer.findings.len();
    answer.findings.retain(|finding| {
        let says = SAY_ABSENT
            .iter()
            .find(|(code, _)| *code == finding.page.code);
        let kinds = says.map_or(&[][..], |(_, kinds)| kinds);
        !kinds
            .iter()
            .any(|kind| unread(coverage, *kind, answer_scope(*kind, "", "")).is_some())
    });
    let mut missing = Vec::new();
    let namespace = answer.proxy.namespace.clone();
    for hop in &mut answer.path {
        let Some((name, kinds, what)) = RESTS_ON.iter().find(|(name, ..)| *name == hop.name) else {
            continue;
        };
        if !matches!(hop.status, HopStatus::Broken | HopStatus::Unknown) {
            continue;
        }
        let forbidden = kinds
            .iter()
            .find_map(|kind| unread(coverage, *kind, answer_scope(*kind, name, &namespace)));
        if let Some(forbidden) = forbidden {
            let scope = answer_scope(forbidden.kind, name, &namespace);
            hide(hop, forbidden, scope);
            missing.push((*what, forbidden, scope.map(str::to_owned)));
        }
    }
    conditions(coverage, answer);
    if missing.is_empty() && answer.findings.len() == before {
        return;
    }
    if answer.verdict != Verdict::Open
        && !answer
            .path
            .iter()
            .any(|hop| hop.status == HopStatus::Broken)
    {
        answer.verdict = Verdict::Unknown;
    }
    if let (Verdict::Unknown, Some((_, forbidden, scope))) = (answer.verdict, missing.first()) {
        answer.summary = format!(
            "{} is unknown: {} may not list {}{}",
            subject(answer),
            forbidden.who,
            resource(forbidden.kind),
            scope_in_words(scope.as_deref()),
        );
    }
    answer.unknowns.clear();
    let mut told = BTreeSet::new();
    missing.retain(|(_, forbidden, _)| told.insert(forbidden.kind));
    let several = missing.len() > 1;
    for (what, forbidden, scope) in missing {
        // Roles that are made one after the other need names of their own.
        let role = match several {
            true => format!("mesh-read-{}", forbidden.kind.plural()),
            false => "mesh-read".to_owned(),
        };
        answer.unknowns.push(Unknown {
            what: what.to_owned(),
            fix: "ask with other rights, or have an admin give this one".to_owned(),
            commands: grant(forbidden, scope.as_deref(), &role),
        });
    }
}

/// The namespace that decides; `None` where it could be any.
fn answer_scope<'n>(kind: Kind, hop: &str, namespace: &'n str) -> Option<&'n str> {
    (kind == Kind::Service && hop == "service").then_some(namespace)
}

fn unread<'c>(coverage: &'c Coverage, kind: Kind, scope: Option<&str>) -> Option<&'c Forbidden> {
    match scope {
        Some(namespace) => coverage.forbidden(kind, namespace),
        None => coverage.forbidden_anywhere(kind),
    }
}

fn hide(hop: &mut Hop, forbidden: &Forbidden, scope: Option<&str>) {
    let resource = forbidden.kind.plural();
    hop.status = HopStatus::Unknown;
    hop.object = None;
    hop.lines = vec![format!(
        "forbidden: list {resource}{}",
        scope_in_words(scope)
    )];
}

fn scope_in_words(scope: Option<&str>) -> String {
    scope.map_or_else(
        || " in all namespaces".to_owned(),
        |namespace| format!(" in {namespace}"),
    )
}

/// `Services`, `NetworkPolicies`: kinds as people say them.
fn resource(kind: Kind) -> String {
    match kind.plural().strip_suffix("ies") {
        Some(_) => format!("{}ies", kind.name().trim_end_matches('y')),
        None => format!("{}s", kind.name()),
    }
}

/// What the answer is about.
pub(super) fn subject(answer: &Answer) -> String {
    match &answer.asked.host {
        Some(host) => format!("{host}:{}", answer.asked.port),
        None => format!("port {}", answer.asked.port),
    }
}

fn conditions(coverage: &Coverage, answer: &mut Answer) {
    for (kind, condition) in CAN_PREVENT {
        if coverage.forbidden_anywhere(*kind).is_some() {
            answer.assumptions.push((*condition).to_owned());
        }
    }
}

/// What an admin types to give the right.
fn grant(forbidden: &Forbidden, scope: Option<&str>, name: &str) -> Vec<Command> {
    let kind = forbidden.kind;
    let resource = match kind.group() {
        "" => kind.plural().to_owned(),
        group => format!("{}.{group}", kind.plural()),
    };
    let (role, binding) = match scope {
        Some(_) => ("role", "rolebinding"),
        None => ("clusterrole", "clusterrolebinding"),
    };
    let within: Vec<String> = scope.map(|n| format!("-n {n}")).into_iter().collect();
    let command = |words: &[&str], rest: &[String]| Command {
        remark: None,
        words: words
            .iter()
            .map(|word| (*word).to_owned())
            .chain(within.iter().cloned())
            .chain(rest.iter().cloned())
            .collect(),
    };
    let who = &forbidden.who;
    let bound = format!("{name}-{}", who.rsplit(':').next().unwrap_or(who));
    vec![
        command(
            &["kubectl", "create", role, name],
            &[format!("--verb=get,list --resource={resource}")],
        ),
        command(
            &["kubectl", "create", binding, &bound],
            &[format!("--{role}={name} --user={who}")],
        ),
    ]
}
