//! Protocols as the mesh names them. After istio `pkg/config/protocol/instance.go` and
//! `pkg/config/kube/conversion.go` (1.31).

use std::fmt;

/// A protocol as parsed from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Protocol {
    Tcp,
    Udp,
    Grpc,
    GrpcWeb,
    Http,
    HttpProxy,
    Http2,
    Https,
    Tls,
    Mongo,
    Redis,
    MySql,
    /// Anything else: detected at run time.
    Unsupported,
}

impl Protocol {
    /// Reads a protocol's text; case does not matter.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "grpc" => Self::Grpc,
            "grpc-web" => Self::GrpcWeb,
            "http" => Self::Http,
            "http_proxy" => Self::HttpProxy,
            "http2" => Self::Http2,
            "https" => Self::Https,
            "tls" => Self::Tls,
            "mongo" => Self::Mongo,
            "redis" => Self::Redis,
            "mysql" => Self::MySql,
            _ => Self::Unsupported,
        }
    }

    /// Plain HTTP in any version; not HTTPS.
    #[must_use]
    pub const fn is_http(self) -> bool {
        matches!(
            self,
            Self::Http | Self::Http2 | Self::HttpProxy | Self::Grpc | Self::GrpcWeb
        )
    }

    /// The protocol of a Service port: UDP first, then `appProtocol`, then the prefix of its name, then well-known
    /// numbers.
    #[must_use]
    pub fn of_service_port(
        number: u32,
        name: &str,
        transport: &str,
        app_protocol: Option<&str>,
    ) -> Self {
        if transport.eq_ignore_ascii_case("udp") {
            return Self::Udp;
        }
        match app_protocol {
            Some("kubernetes.io/h2c") => return Self::Http2,
            Some("kubernetes.io/ws") => return Self::Http,
            Some("kubernetes.io/wss") => return Self::Https,
            _ => {}
        }
        let name = app_protocol.unwrap_or(name);
        if name
            .get(..8)
            .is_some_and(|head| head.eq_ignore_ascii_case("grpc-web"))
        {
            return Self::GrpcWeb;
        }
        let parsed = Self::parse(name.split_once('-').map_or(name, |(head, _)| head));
        if parsed == Self::Unsupported && WELL_KNOWN_TCP.contains(&number) {
            Self::Tcp
        } else {
            parsed
        }
    }
}

/// Ports taken as TCP when nothing names a protocol: SMTP, DNS, MySQL and MongoDB, where the server speaks first.
const WELL_KNOWN_TCP: [u32; 4] = [25, 53, 3306, 27017];

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Grpc => "GRPC",
            Self::GrpcWeb => "GRPC-Web",
            Self::Http => "HTTP",
            Self::HttpProxy => "HTTP_PROXY",
            Self::Http2 => "HTTP2",
            Self::Https => "HTTPS",
            Self::Tls => "TLS",
            Self::Mongo => "Mongo",
            Self::Redis => "Redis",
            Self::MySql => "MySQL",
            Self::Unsupported => "unsupported",
        })
    }
}
