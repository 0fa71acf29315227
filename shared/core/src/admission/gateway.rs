//! Gateways. After istio `pkg/config/validation/validation.go:ValidateGateway`.

use super::names::{is_address, is_label, is_partial_wildcard, is_port, is_wildcard_name};
use super::{Rule, Violation};
use crate::predict::protocol::Protocol;
use crate::snapshot::FieldPath;
use crate::snapshot::views::{GatewaySpec, Server, ServerPort, ServerTls};

/// What a bind that is no address begins with.
const UNIX: &str = "unix://";

/// The modes that the schema knows.
const MODES: [&str; 6] = [
    "PASSTHROUGH",
    "SIMPLE",
    "MUTUAL",
    "AUTO_PASSTHROUGH",
    "ISTIO_MUTUAL",
    "OPTIONAL_MUTUAL",
];

/// Whether the schema knows a mode of a server's `tls`.
pub(crate) fn is_tls_mode(text: &str) -> bool {
    MODES.contains(&text)
}

pub(super) fn check(name: &str, spec: &GatewaySpec) -> Vec<Violation> {
    let mut found = Vec::new();
    if !is_label(name) {
        let says = "a Gateway's name is one DNS label";
        let field = FieldPath::of("metadata.name");
        found.push(Violation::new(Rule::GatewayName, field, says));
    }
    let list = FieldPath::of("spec.servers");
    if spec.servers.is_empty() {
        found.push(Violation::new(Rule::NoServer, list, "no server"));
        return found;
    }
    for (n, server) in spec.servers.iter().enumerate() {
        found.extend(of_server(&list.clone().index(n), server));
    }
    found.extend(names_twice(spec));
    found
}

fn of_server(path: &FieldPath, server: &Server) -> Vec<Violation> {
    let mut found = Vec::new();
    let hosts = path.clone().key("hosts");
    if server.hosts.is_empty() {
        found.push(Violation::new(Rule::NoHosts, hosts, "no host").required());
    } else {
        let refused = server.hosts.iter().enumerate().filter_map(|(n, host)| {
            let says = host_fault(host)?;
            Some(Violation::new(
                Rule::ServerHost,
                hosts.clone().index(n),
                says,
            ))
        });
        found.extend(refused);
    }
    let port = of_port(&path.clone().key("port"), server);
    let port_is_fine = port.is_empty();
    found.extend(port);
    found.extend(of_bind(&path.clone().key("bind"), server));
    if let Some(tls) = &server.tls {
        found.extend(of_tls(&path.clone().key("tls"), tls));
    }
    // The webhook compares protocol and `tls` only where the port itself is in order.
    if let Some(port) = server.port.as_ref().filter(|_| port_is_fine) {
        found.extend(tls_for(path, server, port));
    }
    found
}

/// After `agent.ValidateNamespaceSlashWildcardHostname` and `validateSidecarOrGatewayHostnamePart`.
fn host_fault(host: &str) -> Option<&'static str> {
    let (namespace, name) = match host.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, host),
    };
    if namespace.is_some_and(|ns| !matches!(ns, "*" | ".") && !is_label(ns)) {
        return Some("before the slash stands no namespace, `.` or `*`");
    }
    if name.is_empty() {
        return Some("no host");
    }
    if name != "*" && !name.contains('.') {
        return Some("a host without a dot is not taken");
    }
    if is_partial_wildcard(name) {
        return Some("`*` is not a whole first label");
    }
    let known = is_wildcard_name(name) || is_address(name);
    (!known).then_some("is no host name")
}

/// After `validateServerPort`, and what the schema requires.
fn of_port(path: &FieldPath, server: &Server) -> Vec<Violation> {
    let refused = |field: &'static str, says: String| {
        Violation::new(Rule::ServerPort, path.clone().key(field), says)
    };
    let Some(port) = &server.port else {
        let says = "no port";
        return vec![Violation::new(Rule::ServerPort, path.clone(), says).required()];
    };
    let mut found = Vec::new();
    let unix = server.bind.starts_with(UNIX);
    if !is_port(port.number) && (port.number > 0 || !unix) {
        let says = format!("{} is not between 1 and 65535", port.number);
        found.push(refused("number", says).required());
    }
    if port.protocol.is_empty() {
        found.push(refused("protocol", "no protocol".to_owned()).required());
    } else if Protocol::parse(&port.protocol) == Protocol::Unsupported {
        found.push(refused(
            "protocol",
            format!("{} is no protocol", port.protocol),
        ));
    }
    if port.name.is_empty() {
        found.push(refused("name", "no name".to_owned()).required());
    }
    if port.target_port > 0 {
        let says = "a Gateway has no targetPort".to_owned();
        found.push(refused("targetPort", says));
    }
    found
}

/// After `validateServerBind` and `ValidateUnixAddress`.
fn of_bind(path: &FieldPath, server: &Server) -> Option<Violation> {
    let bind = server.bind.as_str();
    let says = match bind.strip_prefix(UNIX) {
        None if bind.is_empty() || is_address(bind) => return None,
        None => "is no IP address",
        Some(socket) if socket.starts_with('@') => "",
        Some(socket) if socket.starts_with('/') && !socket.ends_with('/') => "",
        Some(_) => "is no absolute path to a file",
    };
    let numbered = server.port.as_ref().is_some_and(|p| p.number != 0);
    let says = match says {
        "" if numbered => "a socket has no port number",
        "" => return None,
        says => says,
    };
    Some(Violation::new(Rule::Bind, path.clone(), says))
}

/// Whether the protocol goes with `tls`. After `validateServer`.
fn tls_for(path: &FieldPath, server: &Server, port: &ServerPort) -> Option<Violation> {
    let protocol = Protocol::parse(&port.protocol);
    let field = path.clone().key("tls");
    let encrypted = matches!(protocol, Protocol::Https | Protocol::Tls);
    let written = path.clone().key("port").key("protocol");
    match &server.tls {
        None if encrypted => {
            let says = format!("{} needs `tls`", port.protocol);
            Some(Violation::new(Rule::TlsRequired, field, says).beside(written))
        }
        Some(tls) if !encrypted => {
            // Only a redirect to HTTPS.
            let passes = matches!(tls.mode.as_str(), "" | "PASSTHROUGH" | "AUTO_PASSTHROUGH");
            let files = [
                &tls.ca_certificates,
                &tls.private_key,
                &tls.server_certificate,
            ];
            if protocol.is_http() && passes && files.iter().all(|f| f.is_empty()) {
                return None;
            }
            let says = format!("{} has no `tls`", port.protocol);
            Some(Violation::new(Rule::TlsOnPlain, field, says).beside(written))
        }
        _ => None,
    }
}

/// After `validateTLSOptions`, and the schema's modes.
fn of_tls(path: &FieldPath, tls: &ServerTls) -> Vec<Violation> {
    let refused = |field: &'static str, says: &str| {
        Violation::new(Rule::TlsSettings, path.clone().key(field), says)
    };
    if !tls.mode.is_empty() && !is_tls_mode(&tls.mode) {
        let says = format!("{} is no mode", tls.mode);
        return vec![refused("mode", &says).schema()];
    }
    let mut found = Vec::new();
    let sources = [
        ("credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", !tls.credential_names.is_empty()),
        ("tlsCertificates", !tls.tls_certificates.is_empty()),
    ];
    if tls.mode == "ISTIO_MUTUAL" {
        let files = [
            ("serverCertificate", !tls.server_certificate.is_empty()),
            ("privateKey", !tls.private_key.is_empty()),
            ("caCertificates", !tls.ca_certificates.is_empty()),
        ];
        let given = files.into_iter().chain(sources).filter(|(_, given)| *given);
        let says = "ISTIO_MUTUAL has Istio's own certificates";
        found.extend(given.map(|(field, _)| refused(field, says)));
        return found;
    }
    let files = !tls.server_certificate.is_empty() && !tls.private_key.is_empty();
    let mut given = std::iter::once(("serverCertificate", files))
        .chain(sources)
        .filter(|(_, given)| *given);
    if let (Some((first, _)), Some((second, _))) = (given.next(), given.next()) {
        let says = "a second source of certificates";
        let violation = refused(second, says).beside(path.clone().key(first));
        // Of the pairs only those with credentialNames are in the schema.
        let by_schema = first == "credentialNames" || second == "credentialNames";
        let files = first == "serverCertificate";
        found.push(if by_schema && !files {
            violation.schema()
        } else {
            violation
        });
    }
    let (wants_certificate, wants_ca) = match tls.mode.as_str() {
        "SIMPLE" => (true, false),
        "MUTUAL" | "OPTIONAL_MUTUAL" => (true, true),
        _ => (false, false),
    };
    let by_name = !tls.credential_name.is_empty() || !tls.credential_names.is_empty();
    if !wants_certificate || by_name {
        return found;
    }
    let mode = &tls.mode;
    if wants_ca && tls.ca_certificates.is_empty() {
        found.push(refused("mode", &format!("{mode} needs the clients' CA")));
    }
    let certificate = |certificate: &str, key: &str| match (certificate, key) {
        ("", "") => Some(format!("{mode} needs a certificate")),
        ("", _) => Some(format!("{mode} needs a server certificate")),
        (_, "") => Some(format!("{mode} needs a private key")),
        _ => None,
    };
    if tls.tls_certificates.is_empty() {
        let says = certificate(&tls.server_certificate, &tls.private_key);
        found.extend(says.map(|says| refused("mode", &says)));
    }
    for (n, pair) in tls.tls_certificates.iter().enumerate() {
        let says = certificate(&pair.server_certificate, &pair.private_key);
        let field = path.clone().key("tlsCertificates").index(n);
        found.extend(says.map(|says| Violation::new(Rule::TlsSettings, field, says)));
    }
    found
}

/// Port names are unique, also among servers of different numbers.
fn names_twice(spec: &GatewaySpec) -> Vec<Violation> {
    let field = |n: usize| FieldPath::of(&format!("spec.servers[{n}].port.name"));
    let named: Vec<(usize, &str)> = spec
        .servers
        .iter()
        .enumerate()
        .filter_map(|(n, s)| Some((n, s.port.as_ref()?.name.as_str())))
        // Without a name it is refused for that.
        .filter(|(_, name)| !name.is_empty())
        .collect();
    let twice = named.iter().enumerate().filter_map(|(at, (n, name))| {
        let (first, _) = named.iter().take(at).find(|(_, other)| other == name)?;
        let says = format!("another server's port is called {name} too");
        let violation = Violation::new(Rule::PortNameTwice, field(*n), says);
        Some(violation.beside(field(*first)))
    });
    twice.collect()
}
