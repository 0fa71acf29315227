//! SC-HTTP-HOST: the Host header leads elsewhere.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-HTTP-HOST",
    title: "the Host header leads elsewhere",
    severity: Severity::Error,
    what: "The request goes to the service whose name its Host is. With a Host that no service has it goes on to the address past what is said about the service, or it is answered 502 where only declared destinations are let out.",
    when: "An HTTP port is dialled, and the Host header is not a name or an address of that service on this port.",
    why: "HTTP services of a port share one listener, and Envoy chooses by the Host header alone, without its port; the address that was dialled does not count. What no virtual host has goes to allow_any, or to block_all.",
    seen: &[
        "in Envoy's access log: the route allow_any with PassthroughCluster",
        "or the status 502 with the route block_all",
        "or the cluster of another service than the one that was dialled",
    ],
    fix: "Let the client send a Host that the service has, or declare it: among the hosts of the ServiceEntry, or in a VirtualService.",
    example: &[
        "- curl -H 'Host: shop.example.com' http://web.shop/",
        "+ curl http://web.shop/",
    ],
    also: &["SC-WILD-HTTP", "SC-SNI", "SC-HEADLESS-HTTP"],
    source: "pilot/pkg/networking/core/httproute.go:buildCatchAllVirtualHost",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    match tale.symptom {
        Symptom::OtherName { asked, .. } => {
            let label = format!("the Host {asked} is none of its names");
            sidecar::told(tale, &label)
        }
        Symptom::AnotherHost { host, address } => {
            let label = format!("it has the Host {host}; {address} does not count");
            sidecar::told(tale, &label)
        }
        _ => None,
    }
}

/// The Host is that of another service.
pub(super) static ANOTHER: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which Host is right the client decides"),
};

/// One more name of a ServiceEntry. Which Host another client should send is not in the objects.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::OtherName { asked, .. } = tale.symptom else {
        return Vec::new();
    };
    sidecar::another_name(tale, asked).into_iter().collect()
}
