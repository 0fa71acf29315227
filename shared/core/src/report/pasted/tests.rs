use std::collections::BTreeSet;
use std::path::Path;

use super::{causes, explain, places};
use crate::causes::lines::{FLAGS, SAYINGS, Saying};
use crate::causes::{PAGES, Page, page};
use crate::report::pasted::pattern::plain;
use crate::report::style::Layout;

/// The lines of a TCP server without a route, in the words of a release of 2020, and its log around them.
const OLD_LOG: &str = "\
2020-12-30T10:14:30.346784Z     info    ads     CDS: PUSH for node:gateway-5b4765b84-v6bxd.istio-system resources:17
2020-12-30T10:14:30.346816Z     warn    buildGatewayListeners: found 0 services on port 16354: map[]
2020-12-30T10:14:30.346823Z     warn    no virtual service bound to gateway: rcmd/external-test-gateway
2020-12-30T10:14:30.346941Z     info    gateway omitting listener \"0.0.0.0_16354\" due to: must have more than 0 chains in listener \"0.0.0.0_16354\"
2020-12-30T10:14:30.347122Z     info    ads     LDS: PUSH for node:gateway-5b4765b84-v6bxd.istio-system resources:4
";

fn told(text: &str) -> String {
    explain(text, &Layout::default()).unwrap_or_else(|| panic!("not known: {text}"))
}

fn codes(text: &str) -> Vec<&'static str> {
    causes(text).into_iter().map(|page| page.code).collect()
}

#[test]
fn a_line_whose_causes_depend_on_the_lines_before_it() {
    let pasted = "gateway omitting listener\n    \"0.0.0.0_16354\" due to: must have more than 0 chains in listener\n    \
                  \"0.0.0.0_16354\"";
    assert_eq!(
        told(pasted),
        "\
istiod: no server on port 16354 has a filter chain, so there is no listener

16354 is the port on the pod: the Service's targetPort, if a Service maps it.
HTTP and terminated HTTPS servers always have a chain; they never cause this.

BEFORE IT THE LOG SAYS                  IT CAN BE
no virtual service bound to gateway: …  GW-VS-NONE GW-VS-GWNAME
                                        GW-VS-MESH-ONLY GW-VS-EXPORTTO
not that, but                           GW-VS-HOST-MISMATCH GW-VS-HOST-NS
… listener missed network filter        GW-TCP-NO-BLOCK GW-TCP-PORT-MATCH
                                        GW-TCP-GW-MATCH GW-TLS-TERM-NO-TCP
neither                                 GW-PASS-NO-TLS-BLOCK
                                        GW-PASS-PORT-MATCH GW-AUTOPASS-NO-SVC

run: kubectl mesh why-no-listener 16354
"
    );
}

#[test]
fn lines_pasted_together_are_one_answer() {
    let text = told(OLD_LOG);
    let (first, second) = text
        .split_once("\n\n")
        .map(|(head, _)| head)
        .zip(text.rsplit_once("istiod: "))
        .unwrap();
    assert_eq!(
        first,
        "istiod: 0 Services of the gateway's pod have port 16354, not 1"
    );
    let (_, omitted) = second;
    assert!(
        omitted.starts_with("no server on port 16354 has a filter chain"),
        "{text}"
    );
    assert!(omitted.contains("GW-VS-MESH-ONLY GW-VS-EXPORTTO"), "{text}");
    assert!(
        !omitted.contains("GW-PASS") && !omitted.contains("GW-TCP"),
        "{text}"
    );
    assert!(
        omitted.ends_with("run: kubectl mesh why-no-listener 16354 -n rcmd\n"),
        "{text}"
    );

    let missed = "gateway rcmd/a:16354 listener missed network filter\n\
                  gateway omitting listener \"0.0.0.0_16354\" due to: must have more than 0 chains in listener";
    let found = codes(missed);
    assert!(
        found.contains(&"GW-TCP-PORT-MATCH") && !found.contains(&"GW-VS-NONE"),
        "{found:?}"
    );
    assert!(!found.contains(&"GW-PASS-NO-TLS-BLOCK"), "{found:?}");
}

#[test]
fn lines_of_two_gateways_are_answered_one_by_one() {
    let text = "no virtual service bound to gateway: a/a\ngateway b/b:81 listener missed network filter\n\
                gateway omitting listener \"0.0.0.0_80\" due to: must have more than 0 chains in listener \"0.0.0.0_80\"\n";
    assert_eq!(told(text).matches("istiod: ").count(), 3);
    let twice = "gateway omitting listener \"0.0.0.0_80\" due to: must have more than 0 chains\n\
                 gateway omitting listener \"0.0.0.0_81\" due to: must have more than 0 chains\n\
                 gateway omitting listener \"0.0.0.0_80\" due to: must have more than 0 chains\n";
    assert_eq!(told(twice).matches("istiod: ").count(), 2);
}

#[test]
fn json_lines_are_looked_through() {
    let text = r#"{"level":"info","time":"2026-11-20T10:00:00Z","msg":"1 error occurred:\n\t* gateway omitting listener \"0.0.0.0_16354\" due to: must have more than 0 chains in listener \"0.0.0.0_16354\"\n\n"}"#;
    assert!(told(text).ends_with("why-no-listener 16354\n"));
    let text = r#"{"level":"warn","msg":"no virtual service bound to gateway: rcmd/kafka"}"#;
    assert!(told(text).ends_with("why-no-listener -n rcmd\n"));
}

#[test]
fn what_a_refusal_holds_is_told_with_the_port_around_it() {
    let around = "ADS:LDS: ACK ERROR edge-7d.edge-12 Internal:Error adding/updating listener(s) 0.0.0.0_9443: ";
    let inner =
        format!("{around}multiple filter chains with overlapping matching rules are defined");
    let text = told(&inner);
    assert_eq!(text.matches("Envoy: ").count(), 1);
    assert!(
        text.ends_with("run: kubectl mesh why-no-listener 9443\n"),
        "{text}"
    );
    assert_eq!(
        codes(&inner),
        [
            "ENVOY-FC-OVERLAP",
            "GW-SRV-NSHOST-DUP",
            "GW-SRV-BIND-ALIAS",
            "SC-VS-DUP"
        ]
    );
    // What it holds is not known: all that Envoy can refuse.
    assert!(codes(around).contains(&"ENVOY-SNI-PARTIAL"));
}

#[test]
fn an_access_log() {
    let line = r#"[2020-07-23T14:47:24.040Z] "- - -" 0 UF,URX "-" "-" 0 0 1000 - "-" "-" "-" "-" "10.0.23.221:5701" outbound|5701||app-ext.app.svc.cluster.local - 10.12.1.6:5701 10.12.0.12:52852 - -"#;
    assert_eq!(
        told(line),
        "\
access log: connecting to the endpoint failed, no attempt was left (UF,URX)

from     10.12.0.12:52852
to       10.12.1.6:5701
cluster  outbound|5701||app-ext.app.svc.cluster.local
endpoint 10.0.23.221:5701

In a sidecar's log: the client asked for 10.12.1.6:5701. If that is no address
of app-ext.app.svc.cluster.local, a listener for every IP on port 5701 took
the connection. A ServiceEntry without addresses makes one, and before Istio
1.21 a Service of type ExternalName did.

IT CAN BE               WHICH MEANS
GW-DST-CONNECT-FAIL     this endpoint refuses connections
SC-WILD-SE              this ServiceEntry takes every IP on a port
SC-EXTERNALNAME-LEGACY  this ExternalName takes every IP on a port

run: kubectl get endpointslices -n app -l kubernetes.io/service-name=app-ext
or, if a sidecar wrote it: kubectl mesh why-no-listener 10.12.1.6:5701 \\
       --proxy pod/POD -n NAMESPACE
or, if a gateway wrote it: kubectl mesh why-no-listener 5701
"
    );
    // Ten connections that failed alike are one answer; a terminal's line breaks are spaces.
    let other = line.replace("10.12.0.12:52852", "10.12.0.12:52899");
    assert_eq!(told(&format!("{line}\n{other}\n")), told(line));
    assert_eq!(told(&line.replace(" - ", "\n- ")), told(line));
}

#[test]
fn what_the_client_asked_for_is_asked_again() {
    let http = r#"[x] "GET / HTTP/1.1" 404 NR route_not_found - "-" 0 0 0 - "10.0.0.1" "curl" "id" "a.example.com:8080" "-" - - 10.244.0.7:8080 10.0.0.1:999 - -"#;
    assert!(told(http).ends_with("why-no-listener 8080 --http-host a.example.com\n"));
    let tls = r#"[x] "- - -" 0 NR filter_chain_not_found - "-" 0 0 0 - "-" "-" "-" "-" "-" - - 10.244.0.7:8443 10.0.0.1:999 b.example.com -"#;
    assert!(told(tls).ends_with("why-no-listener 8443 --sni b.example.com\n"));
    assert!(told(&tls.replace("b.example.com", "$(b)")).ends_with("why-no-listener 8443\n"));
}

#[test]
fn clusters_of_every_sidecar() {
    let line = r#"[x] "- - -" 0 - - - "-" 6 0 5 - "-" "-" "-" "-" "10.12.2.8:5701" PassthroughCluster 10.12.0.9:50000 10.12.2.8:5701 10.12.0.9:49999 - -"#;
    let text = told(line);
    assert!(
        text.contains("Envoy connects to that very\naddress, without mTLS"),
        "{text}"
    );
    assert!(
        text.contains("--field-selector status.podIP=10.12.2.8\n"),
        "{text}"
    );
    // A tool that reads the logs of several pods says which one it is; a shell's quote may have come along.
    let with_pod = format!("manager-7948dffbdd-p44xx istio-proxy {line}'");
    assert!(
        told(&with_pod).ends_with(
            "for the reason: kubectl mesh why-no-listener 10.12.2.8:5701 \\\n       --proxy pod/manager-7948dffbdd-p44xx -n NAMESPACE\n"
        ),
        "{}",
        told(&with_pod)
    );
    assert!(codes(line).contains(&"SC-PODIP-DIRECT"));
    assert!(told("BlackHoleCluster").starts_with("access log: a connection of BlackHoleCluster\n"));
    assert!(told("UH BlackHoleCluster").contains("REGISTRY_ONLY"));
    assert!(codes("UH BlackHoleCluster").contains(&"GW-DST-NO-ENDPOINTS"));
}

#[test]
fn a_condition_that_the_line_rules_out_is_not_offered() {
    assert!(codes("NR").contains(&"GW-SNI-ABSENT") && codes("NR").contains(&"GW-HTTP-NO-VS"));
    assert_eq!(codes("0 NR").first(), Some(&"GW-SNI-NO-CHAIN"));
    assert!(!codes("0 NR").contains(&"GW-HTTP-NO-VS"));
    assert!(!codes("404 NR route_not_found").contains(&"GW-SNI-ABSENT"));
    let no_cluster = |cluster: &str| {
        codes(&format!(
            r#"[x] "- - -" 0 NC - - "-" 0 0 0 - "-" "-" "-" "-" "-" {cluster} - 10.0.0.1:80 10.0.0.2:5000 - -"#
        ))
    };
    assert!(no_cluster("outbound|80|v2|a.b").contains(&"GW-DST-SUBSET"));
    assert!(!no_cluster("outbound|80||a.b").contains(&"GW-DST-SUBSET"));
    assert_eq!(no_cluster("UnknownService"), ["GW-DST-EMPTY-HOST"]);
}

/// A line as a pattern has it.
fn sample(pattern: &str) -> String {
    [
        ("<port>", "31400"),
        ("<gateway>", "rcmd/kafka"),
        ("<object>", "rcmd/kafka"),
        ("<listener>", "0.0.0.0_31400"),
        ("<address>", "0.0.0.0:31400"),
        ("<node>", "kafka-7d9c.rcmd"),
        ("<text>", "some words"),
    ]
    .iter()
    .fold(pattern.to_owned(), |line, (hole, value)| {
        line.replace(hole, value)
    })
    .replace(['<', '>'], "")
}

fn samples() -> impl Iterator<Item = (&'static Saying, String)> {
    SAYINGS
        .iter()
        .flat_map(|saying| saying.patterns.iter().map(|p| (*saying, sample(p))))
}

#[test]
fn every_pattern_is_found_as_its_own() {
    for (saying, line) in samples() {
        let found = places(&plain(&format!("2026 warn [\"{line}\"]")));
        let own = found.iter().any(|(other, _)| std::ptr::eq(*other, saying));
        assert!(
            own,
            "{line}: {:?}",
            found.iter().map(|(s, _)| s.says).collect::<Vec<_>>()
        );
    }
}

#[test]
fn every_answer_is_whole() {
    for (saying, line) in samples() {
        let text = told(&line);
        let first = text.lines().next().unwrap();
        assert!(first.starts_with(saying.by), "{text}");
        assert!(!text.contains('<') && !text.contains("\n\n\n"), "{text}");
        assert!(!first.contains('…'), "{line}: {text}");
        assert!(text.contains("\nrun: kubectl "), "{text}");
        let wide = text.lines().filter(|line| !line.contains("kubectl"));
        assert!(
            wide.into_iter().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
    for flag in FLAGS {
        let text = told(flag.flag);
        assert!(text.contains(&format!("({})", flag.flag)), "{text}");
    }
}

/// What to ask next has something of the line in it, where the table says so.
#[test]
fn every_question_can_be_filled() {
    for saying in SAYINGS.iter().filter(|saying| !saying.ask.is_empty()) {
        let filled = saying.patterns.iter().any(|pattern| {
            let around = format!("error adding listener '0.0.0.0:31400': {}", sample(pattern));
            let asks = |text: &str| !told(text).ends_with("run: kubectl mesh why-no-listener\n");
            asks(&sample(pattern)) || asks(&around)
        });
        assert!(filled, "{}: {:?}", saying.says, saying.ask);
    }
}

#[test]
fn every_saying_is_listed_and_says_where_it_is_from() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/causes/lines.rs");
    let text = std::fs::read_to_string(file).unwrap();
    let one = |line: &&str| line.starts_with("static ") && line.ends_with(": Saying = Saying {");
    assert_eq!(text.lines().filter(one).count(), SAYINGS.len());
    let mut seen = BTreeSet::new();
    for saying in SAYINGS {
        let at = saying.says;
        assert!(
            !saying.source.is_empty() && !saying.patterns.is_empty(),
            "{at}"
        );
        assert!(!at.ends_with('.') && !at.is_empty(), "{at}");
        assert_eq!(saying.rows.is_empty(), saying.heading.is_empty(), "{at}");
        assert!(saying.means.iter().all(|text| text.ends_with('.')), "{at}");
        for pattern in saying.patterns {
            assert!(seen.insert(*pattern), "{pattern} is there twice");
            assert_eq!(*pattern, plain(pattern), "{pattern}");
        }
        for after in saying.rows.iter().filter_map(|row| row.after) {
            assert!(
                SAYINGS.iter().any(|other| std::ptr::eq(*other, after)),
                "{at}"
            );
        }
    }
}

/// What a page tells to look for: quoted lines, counters, flags of the access log, messages of `istioctl analyze`.
fn sightings(page: &Page) -> Vec<String> {
    let mut out = Vec::new();
    for line in page.seen {
        if line.starts_with(' ') {
            out.push(line.trim().to_owned());
            continue;
        }
        if let Some((_, counters)) = line
            .split_once("stats")
            .and_then(|(_, rest)| rest.split_once(": "))
        {
            out.extend(counters.split(", ").map(str::to_owned));
        }
        out.extend(line.strip_prefix("in istiod's log: ").map(str::to_owned));
        if let Some((_, metric)) = line.split_once("metrics: ") {
            out.push(metric.to_owned());
        }
        let words: Vec<&str> = line.split([' ', ',', ';']).collect();
        for pair in words.windows(2) {
            if pair[0] == "flag" {
                out.push(pair[1].to_owned());
            }
        }
        out.extend(
            words
                .iter()
                .filter(|word| word.starts_with("IST0"))
                .map(|w| (*w).to_owned()),
        );
    }
    out
}

#[test]
fn what_a_page_tells_to_look_for_leads_to_it() {
    // Only where the webhook is off; the page beside it leads on.
    let beside = [("GW-PASS-NO-MATCH", "GW-PASS-NO-TLS-BLOCK")];
    let mut count = 0;
    let mut lost = Vec::new();
    for page_of in PAGES {
        for line in sightings(page_of) {
            count += 1;
            let found = codes(&line);
            let by = beside.iter().find(|(code, _)| *code == page_of.code);
            let leads = by.map_or(page_of.code, |(_, by)| by);
            if !found.contains(&leads) {
                lost.push(format!("{}: {line} leads to {found:?}", page_of.code));
            }
            if by.is_some() {
                assert!(page(leads).unwrap().also.contains(&page_of.code), "{line}");
            }
        }
    }
    assert!(count > 80, "{count}");
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn other_text_is_not_known() {
    for text in [
        "",
        " ",
        "\n",
        "hello",
        "GW-VS-NONE",
        "port 80 is closed",
        "<",
        ">",
        "\u{0}",
        "uf",
    ] {
        assert!(explain(text, &Layout::default()).is_none(), "{text}");
    }
}

#[test]
fn a_line_cannot_drive_the_terminal_or_a_shell() {
    let text = told("no virtual service bound to gateway: \u{1b}[2J$(reboot)/x");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(
        text.ends_with("run: kubectl mesh why-no-listener\n"),
        "{text}"
    );
    let text = told(
        r#"[x] "- - -" 0 UF - - "-" 0 0 0 - "-" "-" "-" "-" "1.1.1.1:1" outbound|80||a.$(reboot).svc.x - 10.0.0.1:80 b - -"#,
    );
    assert!(text.contains("-n '$(reboot)'"), "{text}");
}

/// Every part of every line, and lines cut and put together anew: an answer or none, never a panic.
#[test]
fn parts_of_lines_are_no_trouble() {
    let lines: Vec<String> = samples().map(|(_, line)| line).collect();
    for (n, line) in lines.iter().enumerate() {
        let other = &lines[(n * 7 + 3) % lines.len()];
        for (cut, _) in line.char_indices() {
            let (head, tail) = line.split_at(cut);
            let _ = explain(head, &Layout::default());
            let _ = explain(&format!("{tail}\n{other}ä\u{1F600}"), &Layout::default());
        }
    }
}
