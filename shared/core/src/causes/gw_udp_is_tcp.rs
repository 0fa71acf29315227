//! GW-UDP-IS-TCP: a UDP server becomes a TCP listener.

use super::{Cause, Fixes, Page, Severity, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-UDP-IS-TCP",
    title: "a UDP server becomes a TCP listener",
    severity: Severity::Warning,
    what: "The port takes TCP connections. UDP packets get no answer.",
    when: "servers[].port.protocol is UDP.",
    why: "Istio's gateways do not carry UDP. The webhook lets the word pass, and istiod treats every protocol that is neither HTTP nor TLS as TCP.",
    seen: &[
        "in Envoy: the listener's socket address has protocol TCP",
        "nothing in istiod's log",
    ],
    fix: "Write TCP if the clients speak TCP. For UDP, use a Service of its own instead of the gateway.",
    example: &[
        "- Gateway  servers[0].port.protocol: UDP",
        "+ Gateway  servers[0].port.protocol: TCP",
    ],
    also: &["GW-TCP-NO-BLOCK", "GW-PORT-UDP-CAPTURE"],
    source: "pilot/pkg/networking/core/gateway.go:ConfigGeneratorImpl.buildGatewayTCPBasedFilterChains",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "nothing of it is left out: only who runs the clients knows whether they speak TCP",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let protocol = &tale.server_view()?.port.as_ref()?.protocol;
    let field = FieldPath::of(&format!("spec.servers[{index}].port.protocol"));
    Some(Told::at(gateway, field, "built as TCP").value(protocol))
}
