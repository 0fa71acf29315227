//! ENVOY-DUP-ADDR: another listener has this address.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::predict::envoy::Refusal;

pub(super) static PAGE: Page = Page {
    code: "ENVOY-DUP-ADDR",
    title: "another listener has this address",
    severity: Severity::Error,
    what: "Envoy refuses the listener. The port goes to the listener that was there before.",
    when: "The port after translation is one of Envoy's own listeners, such as 15021 (health) or 15090 (metrics), or the address of another listener, for instance one that an EnvoyFilter adds. At sidecars: a TCP port of a service without address, so that it listens on 0.0.0.0, has the number of one of those, or of the listeners that connections are redirected to, 15001 and 15006.",
    why: "Envoy allows one listener for an address and port, also where nothing is bound. Its own listeners are in its start-up configuration, which istiod does not compare with.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  error adding listener: '0.0.0.0_P' has duplicate address '0.0.0.0:P' as existing listener, …",
    ],
    fix: "Use another port number in the Gateway, or another targetPort in the Service. Give the ServiceEntry addresses, or another port.",
    example: &[
        "- Gateway  servers[0].port.number: 15090",
        "+ Gateway  servers[0].port.number: 15443",
    ],
    also: &["GW-PORT-RESERVED", "ENVOY-BIND-INUSE", "SC-RESERVED-PORT"],
    source: "envoy source/common/listener_manager/listener_manager_impl.cc",
};

/// At sidecars; a gateway's port is told as GW-PORT-RESERVED.
pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which address or port the service has is not in the objects"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (label, starts) = match tale.symptom {
        Symptom::Refused(Refusal::SameAddress { listener }) => {
            (format!("{listener} has 0.0.0.0:{}", tale.port), true)
        }
        Symptom::Refused(Refusal::StaticListener { port }) => (
            format!("every sidecar has a static listener on {port}"),
            false,
        ),
        _ => return None,
    };
    let step = tale.step()?;
    let told = Told::at(step.object(), step.field().key("number"), label).value(tale.port);
    // The service's listener stands first in what istiod sends: a proxy that has none yet takes it.
    Some(if starts {
        told.so("a pod that starts now takes this one, and refuses its own: nothing is redirected any more")
    } else {
        told
    })
}
