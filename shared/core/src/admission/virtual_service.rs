//! VirtualServices. After istio `pkg/config/validation/validation.go:ValidateVirtualService` and `virtualservice.go`.

use super::names::{
    are_valid, export_to, gateway_names, is_address, is_generated, is_label, is_network, is_port,
    is_wildcard_name,
};
use super::{Rule, Violation};
use crate::ledger::Block;
use crate::predict::hosts::{MESH, is_subset, overlap};
use crate::snapshot::FieldPath;
use crate::snapshot::views::{
    Destination, HttpMatch, HttpRoute, L4Match, RouteDestination, StringMatch, TlsRoute,
    VirtualServiceSpec,
};

pub(super) fn check(namespace: &str, spec: &VirtualServiceSpec) -> Vec<Violation> {
    let root = FieldPath::of("spec");
    let mut found = Vec::new();
    if spec.hosts.is_empty() {
        found.extend(of_delegate(&root, spec));
    }
    found.extend(gateway_names(&root.clone().key("gateways"), &spec.gateways));
    found.extend(of_hosts(&root.clone().key("hosts"), spec));
    if spec.http.is_empty() && spec.tcp.is_empty() && spec.tls.is_empty() {
        found.push(Violation::new(
            Rule::Empty,
            root.clone(),
            "no http, tls or tcp rules",
        ));
    }
    for (n, rule) in spec.http.iter().enumerate() {
        let path = root.clone().key(Block::Http.field()).index(n);
        found.extend(of_http(&path, rule, spec));
    }
    for (n, rule) in spec.tls.iter().enumerate() {
        let path = root.clone().key(Block::Tls.field()).index(n);
        found.extend(of_tls(&path, rule, spec));
    }
    for (n, rule) in spec.tcp.iter().enumerate() {
        let path = root.clone().key(Block::Tcp.field()).index(n);
        for (m, matched) in rule.r#match.iter().enumerate() {
            found.extend(of_match(
                Rule::Tcp,
                &path.clone().key("match").index(m),
                matched,
            ));
        }
        let route = path.key("route");
        if rule.route.is_empty() {
            found.push(Violation::new(Rule::Tcp, route, "no destination"));
        } else {
            found.extend(of_route(&route, &rule.route));
        }
    }
    found.extend(export_to(Rule::ExportTo, namespace, &spec.export_to, false));
    found
}

/// Without hosts it is a delegate: it has neither gateways nor rules that cannot be delegated to.
fn of_delegate(root: &FieldPath, spec: &VirtualServiceSpec) -> Option<Violation> {
    let given = [
        ("gateways", !spec.gateways.is_empty()),
        ("tls", !spec.tls.is_empty()),
        ("tcp", !spec.tcp.is_empty()),
    ];
    let given: Vec<&str> = given
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(field, _)| field)
        .collect();
    let says = format!("no hosts: a delegate, and that has no {}", given.join(", "));
    let violation = Violation::new(Rule::Empty, root.clone().key("hosts"), says);
    (!given.is_empty()).then_some(violation)
}

/// Whether it is for gateways alone: `mesh` makes it one for sidecars as well. After `isGateway`.
fn for_gateways(spec: &VirtualServiceSpec) -> bool {
    !spec.gateways.is_empty() && !names_mesh(spec)
}

fn names_mesh(spec: &VirtualServiceSpec) -> bool {
    spec.gateways.iter().any(|g| g == MESH)
}

fn of_hosts(list: &FieldPath, spec: &VirtualServiceSpec) -> Vec<Violation> {
    let gateways = for_gateways(spec);
    let with_sni = spec
        .tls
        .iter()
        .flat_map(|t| &t.r#match)
        .any(|m| !m.sni_hosts.is_empty());
    let known = |host: &str| {
        let generated = is_generated(host).filter(|_| gateways && with_sni);
        generated.unwrap_or_else(|| is_wildcard_name(host)) || is_address(host)
    };
    let refused = |n: usize, says: String| Violation::new(Rule::Hosts, list.clone().index(n), says);
    let mut found = Vec::new();
    for (n, host) in spec.hosts.iter().enumerate() {
        if !known(host) {
            found.push(refused(n, "is no host name".to_owned()));
        } else if host == "*" && !gateways {
            found.push(refused(n, "`*` is not for sidecars".to_owned()));
        }
    }
    if !found.is_empty() {
        return found;
    }
    for (n, host) in spec.hosts.iter().enumerate() {
        let first = spec.hosts.iter().take(n).position(|h| overlap(h, host));
        if let Some(first) = first {
            let says = format!(
                "overlaps {}",
                spec.hosts.get(first).map_or("", String::as_str)
            );
            found.push(refused(n, says).beside(list.clone().index(first)));
        }
    }
    found
}

/// After `validateHTTPRouteConflict`, `validateHTTPRouteMatchRequest` and `validateHTTPRouteDestinations`.
fn of_http(path: &FieldPath, rule: &HttpRoute, spec: &VirtualServiceSpec) -> Vec<Violation> {
    let delegate = spec.hosts.is_empty();
    let refused =
        |field: &'static str, says: &str| Violation::new(Rule::Http, path.clone().key(field), says);
    let mut found = Vec::new();
    let (route, redirect, answers) = (
        !rule.route.is_empty(),
        rule.redirect.is_some(),
        rule.direct_response.is_some(),
    );
    if rule.delegate.is_some() && delegate {
        found.push(refused("delegate", "a delegate has no delegates"));
    }
    if rule.delegate.is_some() && !delegate {
        if redirect {
            found.push(refused("redirect", "its delegate decides that"));
        }
        if route {
            found.push(refused("route", "its delegate decides that"));
        }
    } else if route && (redirect || answers) {
        let other = if redirect {
            "redirect"
        } else {
            "directResponse"
        };
        found.push(refused(other, "beside `route`").beside(path.clone().key("route")));
    } else if redirect && answers {
        found.push(refused("directResponse", "beside `redirect`"));
    } else if !(route || redirect || answers) {
        let says = "no route, redirect or directResponse";
        found.push(Violation::new(Rule::Http, path.clone(), says));
    }
    for (n, matched) in rule.r#match.iter().enumerate() {
        let matched_path = path.clone().key("match").index(n);
        found.extend(of_http_match(&matched_path, matched));
        let mut headers = matched.headers.keys().chain(matched.without_headers.keys());
        if !for_gateways(spec) && headers.any(|h| is_claim(h)) {
            let says = "claims of a token are for gateways only";
            found.push(Violation::new(
                Rule::Http,
                matched_path.key("headers"),
                says,
            ));
        }
    }
    if let Some(response) = &rule.direct_response
        && !(200..=600).contains(&response.status)
    {
        let field = path.clone().key("directResponse").key("status");
        let says = format!("{} is no status", response.status);
        found.push(Violation::new(Rule::Http, field, says).required());
    }
    found.extend(of_route(&path.clone().key("route"), &rule.route));
    found
}

fn of_http_match(path: &FieldPath, matched: &HttpMatch) -> Vec<Violation> {
    let refused = |field: &'static str, says: String| {
        Violation::new(Rule::Http, path.clone().key(field), says)
    };
    let mut found = Vec::new();
    let empty = |m: &StringMatch| m.prefix.as_deref() == Some("") || is_no_regex(m);
    let single = [
        ("scheme", &matched.scheme),
        ("method", &matched.method),
        ("authority", &matched.authority),
    ];
    for (field, text) in single {
        if text.as_ref().is_some_and(empty) {
            found.push(refused(field, "an empty prefix, or no regex".to_owned()));
        }
    }
    if matched.uri.as_ref().is_some_and(is_no_regex) {
        found.push(refused("uri", "is no regex".to_owned()));
    }
    for (field, texts) in [
        ("headers", &matched.headers),
        ("queryParams", &matched.query_params),
        ("withoutHeaders", &matched.without_headers),
    ] {
        // There `*` is any value.
        let any = |m: &StringMatch| field == "withoutHeaders" && m.regex.as_deref() == Some("*");
        if texts.values().any(|m| empty(m) && !any(m)) {
            found.push(refused(field, "an empty prefix, or no regex".to_owned()));
        }
    }
    if matched.port != 0 && !is_port(matched.port) {
        found.push(refused("port", out_of_range(matched.port)));
    }
    if !are_valid(&matched.source_labels) {
        found.push(refused("sourceLabels", "is no label".to_owned()));
    }
    if !matched.source_namespace.is_empty() && !is_label(&matched.source_namespace) {
        found.push(refused("sourceNamespace", "is no DNS label".to_owned()));
    }
    found.extend(gateway_names(
        &path.clone().key("gateways"),
        &matched.gateways,
    ));
    found
}

/// Whether a header stands for a claim of a token. After `pkg/jwt/routing.go:ToRoutingClaim`.
fn is_claim(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    header
        .strip_prefix("@request.auth.claims")
        .is_some_and(|name| {
            let dotted = name.strip_prefix('.').is_some_and(|n| !n.is_empty());
            let bracketed = name.starts_with('[') && name.ends_with(']') && name.len() > 2;
            dotted || bracketed
        })
}

/// The longest regular expression that is taken.
const REGEX: usize = 1024;

/// Whether it can be no regular expression: nothing to repeat is the mistake of who meant a wildcard. What else one
/// holds is not judged.
fn is_no_regex(m: &StringMatch) -> bool {
    m.regex
        .as_ref()
        .is_some_and(|r| r.is_empty() || r.len() > REGEX || r.starts_with(['*', '+', '?']))
}

/// After `validateTLSRoute` and `validateTLSMatch`.
fn of_tls(path: &FieldPath, rule: &TlsRoute, spec: &VirtualServiceSpec) -> Vec<Violation> {
    let mut found = Vec::new();
    let matches = path.clone().key("match");
    if rule.r#match.is_empty() {
        found.push(Violation::new(Rule::Tls, matches.clone(), "no match").required());
    }
    for (n, matched) in rule.r#match.iter().enumerate() {
        let matched_path = matches.clone().index(n);
        let names = matched_path.clone().key("sniHosts");
        if matched.sni_hosts.is_empty() {
            found.push(Violation::new(Rule::Tls, names.clone(), "no server name").required());
        }
        for (m, sni) in matched.sni_hosts.iter().enumerate() {
            let says = sni_fault(sni, spec);
            let violation =
                says.map(|says| Violation::new(Rule::Tls, names.clone().index(m), says));
            found.extend(violation.map(|r| r.beside(FieldPath::of("spec.hosts"))));
        }
        found.extend(of_match(Rule::Tls, &matched_path, matched));
    }
    let route = path.clone().key("route");
    if rule.route.is_empty() {
        found.push(Violation::new(Rule::Tls, route, "no destination"));
    } else {
        found.extend(of_route(&route, &rule.route));
    }
    found
}

/// After `validateSniHost`. Letter case counts.
fn sni_fault(sni: &str, spec: &VirtualServiceSpec) -> Option<&'static str> {
    let known = is_generated(sni)
        .filter(|_| !names_mesh(spec))
        .unwrap_or_else(|| is_wildcard_name(sni));
    if !known {
        return (!is_address(sni)).then_some("is no host name");
    }
    let covered = spec.hosts.iter().any(|host| is_subset(sni, host));
    (!covered).then_some("is under no host of this VirtualService")
}

/// After `validateTCPMatch`; a TLS match has the same fields.
fn of_match(rule: Rule, path: &FieldPath, matched: &L4Match) -> Vec<Violation> {
    let mut found = Vec::new();
    for (n, network) in matched.destination_subnets.iter().enumerate() {
        if !is_network(network) {
            let field = path.clone().key("destinationSubnets").index(n);
            found.push(Violation::new(rule, field, "is no network"));
        }
    }
    if matched.port != 0 && !is_port(matched.port) {
        let field = path.clone().key("port");
        found.push(Violation::new(rule, field, out_of_range(matched.port)));
    }
    if !are_valid(&matched.source_labels) {
        let field = path.clone().key("sourceLabels");
        found.push(Violation::new(rule, field, "is no label"));
    }
    found.extend(gateway_names(
        &path.clone().key("gateways"),
        &matched.gateways,
    ));
    found
}

fn out_of_range(port: u32) -> String {
    format!("{port} is not between 1 and 65535")
}

/// After `validateRouteDestinations`: two or more destinations need a weight above 0 among them.
fn of_route(list: &FieldPath, route: &[RouteDestination]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut sum: i64 = 0;
    for (n, to) in route.iter().enumerate() {
        let path = list.clone().index(n);
        found.extend(of_destination(
            &path.clone().key("destination"),
            &to.destination,
        ));
        let weight = to.weight.unwrap_or(0);
        if weight < 0 {
            let says = "a weight is 0 or more";
            found.push(Violation::new(Rule::Weight, path.key("weight"), says));
        }
        sum += i64::from(weight);
    }
    if route.len() > 1 && sum == 0 {
        found.push(Violation::new(
            Rule::Weight,
            list.clone(),
            "no weight above 0",
        ));
    }
    found
}

/// After `validateDestination`.
fn of_destination(path: &FieldPath, to: &Destination) -> Vec<Violation> {
    let refused = |field: FieldPath, says: &str| Violation::new(Rule::Destination, field, says);
    let mut found = Vec::new();
    let host = path.clone().key("host");
    if to.host.is_empty() {
        found.push(refused(host, "no host").required());
    } else if to.host == "*" {
        found.push(refused(host, "`*` is no destination"));
    } else if !is_wildcard_name(&to.host) {
        found.push(refused(host, "is no host name"));
    }
    if !to.subset.is_empty() && !is_label(&to.subset) {
        found.push(refused(path.clone().key("subset"), "is no DNS label"));
    }
    if let Some(port) = to.port.as_ref().filter(|p| !is_port(p.number)) {
        let says = out_of_range(port.number);
        found.push(refused(path.clone().key("port").key("number"), &says));
    }
    found
}
