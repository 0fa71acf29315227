//! GW-DST-UNKNOWN-HOST: no such Service is known to istiod.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "GW-DST-UNKNOWN-HOST",
    title: "no such Service is known to istiod",
    severity: Severity::Error,
    what: "The listener exists, but its route leads to a cluster that Envoy does not have. TCP connections are accepted and closed; HTTP gets 503.",
    when: "destination.host, after short names are lengthened, is the host of no Service or ServiceEntry that the pod's namespace may see.",
    why: "istiod writes the cluster's name into the route without checking that the Service exists. Clusters are made from Services alone.",
    seen: &[
        "in Envoy's stats, rising: tcp.outbound|PORT||HOST.downstream_cx_no_route",
        "in Envoy's access log: the flag NC",
        "istioctl analyze: IST0101 for the host",
    ],
    fix: "Correct the host, or create the Service or a ServiceEntry.",
    example: &[
        "  Service         metadata.name: kafka-broker0",
        "- VirtualService  tcp[0].route[0].destination.host: kafka",
        "+ VirtualService  tcp[0].route[0].destination.host: kafka-broker0",
    ],
    also: &[
        "GW-DST-SHORT-NAME",
        "GW-DST-NOT-VISIBLE",
        "GW-DST-PORT-ABSENT",
    ],
    source: "pilot/pkg/networking/core/route/route.go:GetDestinationCluster",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let destination = tale.step()?.field();
    let written = tale.destination()?;

    let Symptom::Reason(Reason::UnknownHost { host }) = tale.symptom else {
        return None;
    };
    let label = if written.host == *host {
        "no Service or ServiceEntry has this host".to_owned()
    } else {
        format!("means {host}: no such Service")
    };
    Some(Told::at(object.id, destination.key("host"), label).value(&written.host))
}
