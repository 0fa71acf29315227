//! Lines of an access log: Istio's default format of all releases, its JSON, or the flags alone.

use crate::causes::lines::{FLAGS, Flag, OWN_CLUSTERS, When};

/// What a line tells of one connection or request. `None` is what the line does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    /// Response flags, in their order.
    pub(super) flags: Vec<String>,
    /// Whether it is an HTTP request.
    pub(super) request: Option<bool>,
    /// HTTP's status.
    pub(super) code: Option<u16>,
    /// The host that an HTTP client asked for.
    pub(super) host: Option<String>,
    /// Why the connection to the endpoint failed.
    pub(super) failure: Option<String>,
    /// The endpoint that was chosen.
    pub(super) upstream: Option<String>,
    /// The cluster that was chosen.
    pub(super) cluster: Option<String>,
    /// Where the client connected to.
    pub(super) to: Option<String>,
    /// The client.
    pub(super) from: Option<String>,
    /// The server name that the client sent.
    pub(super) sni: Option<String>,
    /// The HTTP route.
    pub(super) route: Option<String>,
    /// The pod whose log it is, where a tool that reads several wrote it before the line.
    pub(super) pod: Option<String>,
}

/// A cluster's name in its parts (istio `pilot/pkg/model/service.go:ParseSubsetKey`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cluster<'a> {
    pub(super) inbound: bool,
    pub(super) port: &'a str,
    pub(super) subset: &'a str,
    pub(super) host: &'a str,
}

impl<'a> Cluster<'a> {
    /// `outbound|PORT|SUBSET|HOST`, or AUTO_PASSTHROUGH's `outbound_.PORT_.SUBSET_.HOST`.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let separator = if name.contains('|') { "|" } else { "_." };
        let mut parts = name.splitn(4, separator);
        let inbound = match parts.next()? {
            "outbound" => false,
            "inbound" => true,
            _ => return None,
        };
        let (port, subset, host) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            inbound,
            port,
            subset: subset.trim_matches('_'),
            host,
        })
    }

    /// Name and namespace of a Service of Kubernetes.
    pub(super) fn service(&self) -> Option<(&'a str, &'a str)> {
        let (name, rest) = self.host.split_once('.')?;
        let (namespace, rest) = rest.split_once('.')?;
        rest.starts_with("svc").then_some((name, namespace))
    }
}

impl Access {
    /// The flags that are known, in the order of [`FLAGS`].
    pub(super) fn known(&self) -> Vec<&'static Flag> {
        let has = |flag: &&Flag| self.flags.iter().any(|f| f == flag.flag);
        FLAGS.iter().filter(has).collect()
    }

    /// Whether a condition can hold, by what the line says.
    pub(super) fn can_be(&self, when: When) -> bool {
        let cluster = self.cluster.as_deref();
        let subset = cluster
            .and_then(Cluster::parse)
            .map(|c| !c.subset.is_empty());
        match when {
            When::Always => true,
            When::Connection => self.request != Some(true),
            When::Request => self.request != Some(false),
            When::NoSubset => cluster.is_none() || subset == Some(false),
            When::Subset => cluster.is_none() || subset == Some(true),
            When::UnknownService => cluster.is_none_or(|name| name == "UnknownService"),
        }
    }

    /// Whether another line tells the same of another connection.
    pub(super) fn like(&self, other: &Self) -> bool {
        let key = |a: &Self| {
            let (flags, cluster, upstream) =
                (a.flags.clone(), a.cluster.clone(), a.upstream.clone());
            (flags, cluster, upstream, a.to.clone(), a.request, a.code)
        };
        key(self) == key(other)
    }
}

/// The port of `IP:PORT`.
pub(super) fn port(address: &str) -> Option<u16> {
    address.rsplit_once(':')?.1.parse().ok().filter(|p| *p > 0)
}

/// The IP of `IP:PORT`, without brackets.
pub(super) fn ip(address: &str) -> Option<&str> {
    let (ip, _) = address.rsplit_once(':')?;
    let ip = ip.trim_start_matches('[').trim_end_matches(']');
    let fits = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    (!ip.is_empty() && ip.chars().all(fits)).then_some(ip)
}

/// One line as an access log writes it.
pub(super) fn line(text: &str) -> Option<Access> {
    json(text).or_else(|| words(text))
}

/// The flags alone, perhaps with what stands beside them in the log (`UF,URX`, `404 NR route_not_found`), or one of the
/// clusters that istiod gives to every sidecar.
pub(super) fn flags_alone(text: &str) -> Option<Access> {
    let mut access = Access::default();
    for word in text.split(|c: char| c.is_whitespace() || c == ',' || c == '"' || c == '\'') {
        if is_flag(word) {
            access.flags.push(word.to_owned());
        } else if OWN_CLUSTERS.iter().any(|cluster| cluster.name == word) {
            access.cluster = Some(word.to_owned());
        } else if let Ok(code) = word.parse::<u16>() {
            access.answered(code);
        } else if word == "filter_chain_not_found" {
            access.request = Some(false);
        } else if word == "route_not_found" {
            access.request = Some(true);
        } else if !word.is_empty() && word != "-" && !word.contains('_') {
            return None;
        }
    }
    (!access.flags.is_empty() || access.cluster.is_some()).then_some(access)
}

fn is_flag(word: &str) -> bool {
    FLAGS.iter().any(|flag| flag.flag == word)
}

impl Access {
    /// A TCP connection has status 0.
    fn answered(&mut self, code: u16) {
        self.code = Some(code).filter(|code| *code > 0);
        self.request = Some(code > 0);
    }
}

/// A word of the log, and whether it stood in quotes.
struct Word<'a> {
    text: &'a str,
    quoted: bool,
}

fn split(text: &str) -> Vec<Word<'_>> {
    let mut out = Vec::new();
    for (n, part) in text.split('"').enumerate() {
        if n % 2 == 1 {
            out.push(Word {
                text: part,
                quoted: true,
            });
        } else {
            out.extend(part.split_whitespace().map(|text| Word {
                text,
                quoted: false,
            }));
        }
    }
    out
}

/// Istio's text format (istio `pilot/pkg/model/telemetry_logging.go:EnvoyTextLogFormat`, and the one before 1.9, which
/// had two fields fewer behind the flags).
fn words(text: &str) -> Option<Access> {
    // Quotes of a shell may have come along.
    let words = split(text.trim().trim_matches('\''));
    let is_flags =
        |word: &Word<'_>| !word.quoted && (word.text == "-" || word.text.split(',').all(is_flag));
    let is_code = |word: &Word<'_>| !word.quoted && (word.text == "0" || is_status(word.text));
    let at = words
        .windows(2)
        .position(|pair| matches!(pair, [code, flags] if is_code(code) && is_flags(flags)))?;
    let (before, behind) = words.split_at_checked(at)?;
    let [code, flags, rest @ ..] = behind else {
        return None;
    };
    let named = |word: &Word<'_>| {
        let own = OWN_CLUSTERS.iter().any(|cluster| cluster.name == word.text);
        own || word.text == "UnknownService" || Cluster::parse(word.text).is_some()
    };
    // Without a cluster the fields are counted from the last quoted one, the endpoint, or from the end.
    let cluster = rest
        .iter()
        .position(named)
        .or_else(|| rest.iter().rposition(|word| word.quoted).map(|n| n + 1))
        .or_else(|| rest.len().checked_sub(6))?;
    let field = |n: usize| {
        rest.get(n)
            .map(|w| w.text)
            .filter(|text| *text != "-")
            .map(str::to_owned)
    };
    // Behind the cluster: the own address, the client's target, the client, SNI, route.
    rest.get(cluster + 3)?;
    let mut access = Access {
        flags: flags
            .text
            .split(',')
            .filter(|flag| *flag != "-")
            .map(str::to_owned)
            .collect(),
        failure: rest
            .iter()
            .take(3)
            .filter(|word| word.quoted && word.text != "-")
            .map(|word| word.text.to_owned())
            .next_back(),
        host: cluster.checked_sub(2).and_then(field),
        upstream: cluster.checked_sub(1).and_then(field),
        cluster: field(cluster),
        to: field(cluster + 2),
        from: field(cluster + 3),
        sni: field(cluster + 4),
        route: field(cluster + 5),
        pod: before.windows(2).find_map(|pair| match pair {
            [pod, container] if container.text == "istio-proxy" && is_name(pod.text) => {
                Some(pod.text.to_owned())
            }
            _ => None,
        }),
        ..Access::default()
    };
    access.answered(code.text.parse().ok()?);
    // A client that leaves early has status 0 too.
    if before.iter().any(|word| word.text.contains("HTTP/")) {
        access.request = Some(true);
    }
    Some(access)
}

/// Whether a pod can have the name.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(fits)
}

fn is_status(text: &str) -> bool {
    text.len() == 3 && text.parse().is_ok_and(|n: u16| (100..600).contains(&n))
}

/// Istio's JSON format (istio `pilot/pkg/model/telemetry_logging.go:EnvoyJSONLogFormatIstio`).
fn json(text: &str) -> Option<Access> {
    let flags = json_field(text, "response_flags")?;
    let field = |name| json_field(text, name).filter(|value| *value != "-" && !value.is_empty());
    let owned = |name| field(name).map(str::to_owned);
    let mut access = Access {
        flags: flags
            .split(',')
            .filter(|flag| *flag != "-")
            .map(str::to_owned)
            .collect(),
        failure: owned("upstream_transport_failure_reason"),
        host: owned("authority"),
        upstream: owned("upstream_host"),
        cluster: owned("upstream_cluster"),
        to: owned("downstream_local_address"),
        from: owned("downstream_remote_address"),
        sni: owned("requested_server_name"),
        route: owned("route_name"),
        ..Access::default()
    };
    if let Some(code) = field("response_code").and_then(|code| code.parse().ok()) {
        access.answered(code);
    }
    if field("method").is_some() {
        access.request = Some(true);
    }
    Some(access)
}

/// The value of a key, of text or a number; a line that was cut off still has those before the cut.
fn json_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("\"{name}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    match rest.strip_prefix('"') {
        Some(rest) => rest.split('"').next(),
        None => rest
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .filter(|digits| !digits.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Cluster, flags_alone, ip, line, port};
    use crate::causes::lines::When;

    const DIVERTED: &str = r#"manager-7948 istio-proxy [2020-07-23T14:47:24.040Z] "- - -" 0 UF,URX "-" "-" 0 0 1000 - "-" "-" "-" "-" "10.0.23.221:5701" outbound|5701||app-ext.app.svc.cluster.local - 10.12.1.6:5701 10.12.0.12:52852 - -"#;
    const TODAY: &str = r#"[2026-11-20T10:00:00.000Z] "GET /a HTTP/1.1" 503 UF upstream_reset_before_response_started{connection_failure} - "TLS_error:_268435703" 0 91 3 - "10.0.0.1" "curl/8" "id" "a.example.com" "10.244.0.9:8080" outbound|80|v2|a.shop.svc.cluster.local - 10.244.0.7:8080 10.0.0.1:40000 - -"#;

    fn text(value: Option<&String>) -> &str {
        value.map_or("", String::as_str)
    }

    #[test]
    fn the_format_of_old_releases() {
        let access = line(DIVERTED).unwrap();
        assert_eq!(access.flags, ["UF", "URX"]);
        assert_eq!((access.request, access.code), (Some(false), None));
        assert_eq!(text(access.upstream.as_ref()), "10.0.23.221:5701");
        assert_eq!(text(access.to.as_ref()), "10.12.1.6:5701");
        assert_eq!(text(access.from.as_ref()), "10.12.0.12:52852");
        assert_eq!((access.failure, access.sni), (None, None));
    }

    #[test]
    fn the_format_of_today() {
        let access = line(TODAY).unwrap();
        assert_eq!((access.request, access.code), (Some(true), Some(503)));
        assert_eq!(text(access.failure.as_ref()), "TLS_error:_268435703");
        assert_eq!(text(access.host.as_ref()), "a.example.com");
        let cluster = Cluster::parse(access.cluster.as_deref().unwrap()).unwrap();
        assert_eq!((cluster.port, cluster.subset), ("80", "v2"));
        assert_eq!(cluster.service(), Some(("a", "shop")));
        assert!(access.can_be(When::Subset) && !access.can_be(When::NoSubset));
    }

    #[test]
    fn a_line_that_lost_its_quotes() {
        let bare = DIVERTED.replace('"', "");
        assert_eq!(line(&bare), line(DIVERTED));
    }

    #[test]
    fn a_listeners_own_line_has_no_cluster() {
        let text = r#"[x] "- - -" 0 NR filter_chain_not_found - "-" 0 0 0 - "-" "-" "-" "-" "-" - - 10.244.0.7:8443 10.0.0.1:40000 b.example.com -"#;
        let access = line(text).unwrap();
        assert_eq!(access.flags, ["NR"]);
        assert_eq!(access.sni.as_deref(), Some("b.example.com"));
        assert_eq!(access.to.as_deref(), Some("10.244.0.7:8443"));
        assert_eq!(
            (access.cluster.clone(), access.upstream.clone()),
            (None, None)
        );
        assert!(access.can_be(When::Connection) && !access.can_be(When::Request));
    }

    #[test]
    fn json_lines() {
        let text = r#"{"response_code":0,"response_flags":"UH","upstream_cluster":"BlackHoleCluster","downstream_local_address":"10.1.2.3:80","method":null}"#;
        let access = line(text).unwrap();
        assert_eq!(access.flags, ["UH"]);
        assert_eq!(access.request, Some(false));
        assert_eq!(access.cluster.as_deref(), Some("BlackHoleCluster"));
        assert_eq!(access.upstream, None);
    }

    #[test]
    fn other_text_is_no_access_log() {
        for text in [
            "",
            "a b c",
            "\"a",
            "0 -",
            "200 UF",
            "port 0 - 1 2 3",
            "{\"msg\":\"a\"}",
        ] {
            assert_eq!(line(text), None, "{text}");
        }
    }

    #[test]
    fn flags_without_a_line() {
        let flags = |text| flags_alone(text).map(|access| access.flags);
        assert_eq!(
            flags(" \"UF,URX\" "),
            Some(vec!["UF".to_owned(), "URX".to_owned()])
        );
        let found = flags_alone("404 NR route_not_found").unwrap();
        assert_eq!((found.request, found.code), (Some(true), Some(404)));
        assert_eq!(
            flags_alone("0 NR filter_chain_not_found").unwrap().request,
            Some(false)
        );
        for text in ["uf", "UF and more", "404", "", "GW-VS-NONE"] {
            assert_eq!(flags(text), None, "{text}");
        }
        assert_eq!(Access::default().request, None);
    }

    #[test]
    fn addresses() {
        assert_eq!(
            (port("1.2.3.4:80"), ip("1.2.3.4:80")),
            (Some(80), Some("1.2.3.4"))
        );
        assert_eq!(ip("[fd00::1]:80"), Some("fd00::1"));
        assert_eq!((port("a:0"), ip("$(x):80"), ip("x")), (None, None, None));
    }
}
