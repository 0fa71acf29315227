//! The names that requests for a service may carry in their Host header.
//! After istio `core/httproute.go:generateVirtualHostDomains`, `:GenerateAltVirtualHosts` (1.31).

use std::net::IpAddr;

use super::address::Families;
use super::scope::Imported;
use crate::predict::network::UNSPECIFIED;
use crate::predict::store::{Registry, Resolution};

/// An IPv6 address in brackets, anything else as it is.
fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// A host with a port.
pub(super) fn with_port(host: &str, port: u32) -> String {
    format!("{}:{port}", bracketed(host))
}

fn push(found: &mut Vec<String>, host: &str, port: Option<u32>) {
    found.push(bracketed(host));
    if let Some(port) = port {
        found.push(with_port(host, port));
    }
}

/// Other forms of a host name: with a dot at its end, and the short ones that a pod's resolver would complete.
pub(super) fn other_forms(
    hostname: &str,
    port: Option<u32>,
    namespace: &str,
    domain: &str,
) -> Vec<String> {
    let mut found = Vec::new();
    let dotted = format!("{hostname}.");
    if hostname.parse::<IpAddr>().is_err() {
        found.push(dotted.clone());
    }
    if let Some(port) = port {
        found.push(with_port(&dotted, port));
    }
    if !hostname.ends_with(&format!(".svc.{domain}")) {
        return found;
    }
    let Some((name, rest)) = hostname
        .find(".svc.")
        .filter(|at| *at > 0)
        .and_then(|at| hostname.get(..at))
        .and_then(|head| {
            head.split_once('.')
                .map(|(name, rest)| (name, (head, rest)))
        })
    else {
        return found;
    };
    let (head, own) = rest;
    let service = format!("{head}.svc");
    if own == namespace {
        push(&mut found, name, port);
        push(&mut found, &service, port);
        push(&mut found, head, port);
    } else {
        push(&mut found, head, port);
        push(&mut found, &service, port);
    }
    found
}

/// The domains of a service's virtual host, and those among them that are not a whole host name. With a port each
/// stands there with the port too: for listeners whose port says nothing.
pub(super) fn of_service(
    one: &Imported<'_>,
    hostname: &str,
    port: Option<u32>,
    families: Families,
    namespace: &str,
    domain: &str,
) -> (Vec<String>, Vec<String>) {
    let mut domains = Vec::new();
    let mut other = Vec::new();
    for name in std::iter::once(hostname).chain(one.aliases.iter().copied()) {
        let forms = other_forms(name, port, namespace, domain);
        push(&mut domains, name, port);
        domains.extend(forms.iter().cloned());
        other.extend(forms);
    }
    let service = &one.service;
    if service.resolution == Resolution::Passthrough && service.registry == Registry::Kubernetes {
        let pods: Vec<String> = domains.iter().map(|d| format!("*.{d}")).collect();
        domains.extend(pods);
    }
    for address in families.hosts_of(one) {
        if address != UNSPECIFIED {
            push(&mut domains, &address, port);
        }
    }
    (domains, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_depend_on_the_namespace_of_the_client() {
        let forms = |host: &str, namespace| other_forms(host, None, namespace, "cluster.local");
        assert_eq!(
            forms("db.shop.svc.cluster.local", "shop"),
            ["db.shop.svc.cluster.local.", "db", "db.shop.svc", "db.shop"]
        );
        assert_eq!(
            forms("db.shop.svc.cluster.local", "web"),
            ["db.shop.svc.cluster.local.", "db.shop", "db.shop.svc"]
        );
        assert_eq!(forms("db.example.com", "shop"), ["db.example.com."]);
        assert_eq!(forms("10.0.0.1", "shop"), Vec::<String>::new());
    }
}
