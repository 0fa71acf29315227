//! SC-HTTP-TCP-MERGE: this listener is for HTTP and for TCP.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-HTTP-TCP-MERGE",
    title: "this listener is for HTTP and for TCP",
    severity: Severity::Warning,
    what: "Bytes that look like HTTP never come to the TCP service: they are routed by their Host. All other bytes of the port come to it, whatever the address. Where the server speaks first, the connection waits for bytes of the client.",
    when: "A TCP port without an address and an HTTP port have the same number, so that both listen on 0.0.0.0.",
    why: "istiod adds the chains of one to the listener of the other, in whichever order they come, and lets Envoy detect HTTP from the first bytes of the client. Unless protocolDetectionTimeout is set, it waits for them without end.",
    seen: &[
        "in Envoy: istioctl proxy-config listeners POD --port PORT shows 0.0.0.0 with App: http/1.1,h2c, and ALL for the TCP service",
    ],
    fix: "Give the TCP service an address, or one of them another port.",
    example: &[
        "  Service       port: 8080, name: http",
        "- ServiceEntry  hosts: [a.com]; 8080 TCP",
        "+ ServiceEntry  hosts: [a.com]; 8080 TCP; addresses: [10.9.9.9]",
    ],
    also: &["SC-WILD-SE", "SC-WILD-HTTP", "SC-HTTP-HOST"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "an address of its own, or another port, is for the one who runs the service to say",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Merged { http } = tale.symptom else {
        return None;
    };
    let told = sidecar::told(tale, "TCP, on a listener that detects HTTP")?;
    let other = tale.ledger.get(http)?;
    Some(told.beside(other.step.object(), other.step.field(), "this one is HTTP"))
}
