//! `--explain` with a pasted line.

use mesh_tests::runner::{Ended, Run};

fn explained(text: &str) -> Ended {
    Run::of(["--explain", text]).end()
}

/// Three lines of one push of 2020, from the log of a gateway whose TCP port stayed closed.
const PUSH: [&str; 3] = [
    "2020-12-30T10:14:30.346816Z warn buildGatewayListeners: found 0 services on port 16354: map[]",
    "2020-12-30T10:14:30.346823Z warn no virtual service bound to gateway: rcmd/external-test-gateway",
    "2020-12-30T10:14:30.346941Z info gateway omitting listener \"0.0.0.0_16354\" due to: must have more than 0 chains in listener \"0.0.0.0_16354\"",
];

#[test]
fn each_line_of_a_push() {
    for (line, says, run) in [
        (
            PUSH[0],
            "0 Services of the gateway's pod have port 16354",
            "16354",
        ),
        (
            PUSH[1],
            "no VirtualService that names Gateway rcmd/external-test-gateway",
            "-n rcmd",
        ),
        (
            PUSH[2],
            "no server on port 16354 has a filter chain",
            "16354",
        ),
    ] {
        let told = explained(line);
        assert_eq!((told.exit, told.stderr.as_str()), (0, ""), "{line}");
        assert!(told.stdout.starts_with("istiod: "), "{}", told.stdout);
        assert!(
            told.stdout.replace("\n  ", " ").contains(says),
            "{}",
            told.stdout
        );
        let last = told.stdout.lines().last().unwrap();
        assert_eq!(last, format!("run: kubectl mesh why-no-listener {run}"));
    }
}

#[test]
fn a_whole_push() {
    let told = explained(&PUSH.join("\n"));
    assert_eq!(told.exit, 0);
    assert!(
        told.stdout
            .ends_with("run: kubectl mesh why-no-listener 16354 -n rcmd\n"),
        "{}",
        told.stdout
    );
    assert!(
        !told.stdout.contains("GW-PASS-NO-TLS-BLOCK"),
        "{}",
        told.stdout
    );
}

#[test]
fn the_examples_of_help_are_answered() {
    for text in [
        "GW-TCP-PORT-MATCH",
        "omitting listener \"0.0.0.0_31400\"",
        "UF,URX",
    ] {
        assert_eq!(explained(text).exit, 0, "{text}");
    }
}

#[test]
fn a_finding_that_was_pasted_leads_to_its_page() {
    let told = explained("error[GW-VS-NONE]: no VirtualService is bound to this Gateway");
    assert!(
        told.stdout.starts_with("GW-VS-NONE (error): "),
        "{}",
        told.stdout
    );
}

#[test]
fn what_is_not_known() {
    for (text, said) in [
        (
            "GW-VS-NOEN",
            "error: no cause has the code GW-VS-NOEN\n  = fix: the nearest is GW-VS-NONE\n",
        ),
        (
            "what is GW-VS-NOEN",
            "error: no line that is known reads like this\n  = fix: the nearest is GW-VS-NONE\n",
        ),
        (
            "the port is closed",
            "error: no line that is known reads like this\n  = fix: paste a line of",
        ),
        ("", "error: no cause has the code \n"),
    ] {
        let told = explained(text);
        assert_eq!((told.exit, told.stdout.as_str()), (2, ""), "{text}");
        assert!(told.stderr.starts_with(said), "{text}: {}", told.stderr);
    }
}

#[test]
fn ascii_and_colour() {
    let told = Run::of(["--explain", PUSH[2]])
        .env(|env| env.lang = Some("C".to_owned()))
        .end();
    assert!(told.stdout.is_ascii(), "{}", told.stdout);
    let told = Run::of(["--explain", PUSH[2], "--color=always"]).end();
    assert!(
        told.stdout
            .starts_with("istiod: \u{1b}[1mno server on port 16354"),
        "{}",
        told.stdout
    );
}
