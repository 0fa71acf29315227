//! ServiceEntries. After istio `pkg/config/validation/validation.go:ValidateServiceEntry` and the rules of the CRD.

use std::collections::BTreeSet;

use super::names::{
    are_valid, export_to, is_address, is_label, is_name, is_network, is_port, is_wildcard_name,
};
use super::{Rule, Violation};
use crate::predict::protocol::Protocol;
use crate::snapshot::FieldPath;
use crate::snapshot::views::{ServiceEntrySpec, WorkloadEntrySpec};

/// What an endpoint that is no address begins with.
const UNIX: &str = "unix://";

/// The resolutions that the schema knows.
const RESOLUTIONS: [&str; 5] = ["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"];

/// The locations that the schema knows.
const LOCATIONS: [&str; 2] = ["MESH_EXTERNAL", "MESH_INTERNAL"];

fn at(field: &str, says: impl Into<String>) -> Violation {
    Violation::new(Rule::ServiceEntry, FieldPath::of(field), says)
}

pub(super) fn check(namespace: &str, spec: &ServiceEntrySpec) -> Vec<Violation> {
    let mut found = Vec::new();
    let unknown = |text: &str, known: &[&str]| !text.is_empty() && !known.contains(&text);
    if unknown(&spec.resolution, &RESOLUTIONS) {
        found.push(at("spec.resolution", "is no resolution").schema());
    }
    if unknown(&spec.location, &LOCATIONS) {
        found.push(at("spec.location", "is no location").schema());
    }
    found.extend(of_hosts(spec));
    found.extend(of_addresses(spec));
    found.extend(of_ports(spec));
    found.extend(of_endpoints(spec));
    let star = |text: &str| text.contains('*');
    let selector = spec.workload_selector.iter().flat_map(|s| &s.labels);
    for (key, value) in selector {
        let field = "spec.workloadSelector.labels";
        if star(value) {
            found.push(at(field, "a selector has no wildcards").schema());
        } else if key.is_empty() || star(key) {
            found.push(at(field, "a selector has no wildcards"));
        }
    }
    found.extend(export_to(
        Rule::ServiceEntry,
        namespace,
        &spec.export_to,
        false,
    ));
    found
}

fn of_hosts(spec: &ServiceEntrySpec) -> Vec<Violation> {
    if spec.hosts.is_empty() {
        return vec![at("spec.hosts", "no host").schema()];
    }
    let host = |n: usize| format!("spec.hosts[{n}]");
    let mut found = Vec::new();
    let by_dns = matches!(spec.resolution.as_str(), "DNS" | "DNS_ROUND_ROBIN");
    for (n, name) in spec.hosts.iter().enumerate() {
        if name == "*" {
            found.push(at(&host(n), "`*` alone is no host here").schema());
        } else if !is_wildcard_name(name) {
            found.push(at(&host(n), "is no host name"));
        } else if by_dns && spec.endpoints.is_empty() && !is_name(name) {
            let says = "without endpoints DNS needs a name that it can look up";
            found.push(at(&host(n), says));
        } else if spec.resolution == "DYNAMIC_DNS" && !name.starts_with('*') {
            found.push(at(&host(n), "DYNAMIC_DNS is for wildcards"));
        }
    }
    let carries_host = |protocol: &str| {
        let protocol = Protocol::parse(protocol);
        protocol.is_http() || matches!(protocol, Protocol::Https | Protocol::Tls)
    };
    let resolves = !matches!(spec.resolution.as_str(), "" | "NONE");
    if resolves && spec.hosts.len() > 1 && !spec.ports.iter().all(|p| carries_host(&p.protocol)) {
        let says = "only HTTP and TLS tell several hosts apart";
        found.push(at("spec.hosts", says));
    }
    found
}

fn of_addresses(spec: &ServiceEntrySpec) -> Vec<Violation> {
    let mut found = Vec::new();
    let networks = matches!(spec.resolution.as_str(), "" | "NONE" | "STATIC");
    for (n, address) in spec.addresses.iter().enumerate() {
        let field = format!("spec.addresses[{n}]");
        if !is_network(address) {
            found.push(at(&field, "is no address"));
        } else if address.contains('/') && !networks {
            let says = "a network goes with the resolutions NONE and STATIC only";
            found.push(at(&field, says).schema());
        } else if spec.resolution == "DYNAMIC_DNS" {
            found.push(at(&field, "DYNAMIC_DNS has no addresses"));
        }
    }
    found
}

fn of_ports(spec: &ServiceEntrySpec) -> Vec<Violation> {
    let mut found = Vec::new();
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (n, port) in spec.ports.iter().enumerate() {
        let field = |name: &str| format!("spec.ports[{n}].{name}");
        if port.name.is_empty() {
            found.push(at(&field("name"), "no name").required());
        } else if !is_label(&port.name) {
            found.push(at(&field("name"), "is no DNS label"));
        } else if !names.insert(port.name.as_str()) {
            found.push(at(&field("name"), "another port has this name").schema());
        }
        if !is_port(port.number) {
            let says = format!("{} is not between 1 and 65535", port.number);
            found.push(at(&field("number"), says).schema());
        } else if !numbers.insert(port.number) {
            found.push(at(&field("number"), "another port has this number").schema());
        }
        if port.target_port != 0 && !is_port(port.target_port) {
            let says = format!("{} is not between 1 and 65535", port.target_port);
            found.push(at(&field("targetPort"), says).schema());
        }
        let protocol = Protocol::parse(&port.protocol);
        if !port.protocol.is_empty() && protocol == Protocol::Unsupported {
            found.push(at(
                &field("protocol"),
                format!("{} is no protocol", port.protocol),
            ));
        } else if spec.resolution == "DYNAMIC_DNS"
            && !matches!(
                protocol,
                Protocol::Http | Protocol::Tls | Protocol::Grpc | Protocol::Http2
            )
        {
            found.push(at(
                &field("protocol"),
                "DYNAMIC_DNS forwards HTTP, HTTP2, GRPC and TLS",
            ));
        }
    }
    found
}

fn of_endpoints(spec: &ServiceEntrySpec) -> Vec<Violation> {
    if spec.endpoints.is_empty() {
        return Vec::new();
    }
    if spec.workload_selector.is_some() {
        return vec![at("spec.endpoints", "beside a workloadSelector").schema()];
    }
    match spec.resolution.as_str() {
        "" | "NONE" => return vec![at("spec.endpoints", "resolution NONE has none").schema()],
        "DYNAMIC_DNS" => return vec![at("spec.endpoints", "DYNAMIC_DNS has none")],
        "DNS_ROUND_ROBIN" if spec.endpoints.len() > 1 => {
            let says = "DNS_ROUND_ROBIN has at most one";
            return vec![at("spec.endpoints", says).schema()];
        }
        _ => {}
    }
    let each = spec.endpoints.iter().enumerate();
    each.flat_map(|(n, endpoint)| of_endpoint(spec, n, endpoint))
        .collect()
}

/// After `validateWorkloadEntry` for STATIC, and the switch of `ValidateServiceEntry` for DNS.
fn of_endpoint(spec: &ServiceEntrySpec, n: usize, endpoint: &WorkloadEntrySpec) -> Vec<Violation> {
    let field = |name: &str| format!("spec.endpoints[{n}].{name}");
    let mut found = Vec::new();
    let address = endpoint.address.as_str();
    let by_dns = spec.resolution != "STATIC";
    if address.is_empty() {
        // A network may stand in its place, but only for STATIC.
        if endpoint.network.is_empty() {
            found.push(at(&field("address"), "no address").required());
        } else if by_dns {
            found.push(at(&field("address"), "no address"));
        }
    } else if let Some(socket) = address.strip_prefix(UNIX).filter(|_| !by_dns) {
        let absolute = socket.starts_with('/') && !socket.ends_with('/');
        if !absolute && !socket.starts_with('@') {
            found.push(at(&field("address"), "is no absolute path to a file").schema());
        }
        if !endpoint.ports.is_empty() {
            found.push(at(&field("ports"), "a socket has no ports").schema());
        }
        if spec.ports.len() != 1 {
            found.push(at("spec.ports", "a socket goes with exactly one port"));
        }
    } else if !(is_address(address) || by_dns && is_name(address)) {
        found.push(at(&field("address"), "is no address"));
    }
    for (name, number) in &endpoint.ports {
        let path = FieldPath::of(&field("ports")).key(name.clone());
        let refused = |says: String| Violation::new(Rule::ServiceEntry, path.clone(), says);
        if !is_label(name) {
            found.push(refused("is no DNS label".to_owned()));
        } else if !spec.ports.iter().any(|p| p.name == *name) {
            found.push(refused(format!(
                "the ServiceEntry has no port called {name}"
            )));
        }
        if !is_port(*number) {
            found.push(refused(format!("{number} is not between 1 and 65535")).schema());
        }
    }
    if !are_valid(&endpoint.labels) {
        found.push(at(&field("labels"), "is no label"));
    }
    found
}
