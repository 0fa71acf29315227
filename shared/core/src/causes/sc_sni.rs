//! SC-SNI: the listener asks for another server name.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-SNI",
    title: "the listener asks for another server name",
    severity: Severity::Error,
    what: "The connection goes on to the address as it is, past what is said about the service; or it ends in Envoy where only declared destinations are let out.",
    when: "A TLS or HTTPS port has no address of its own, so that it listens on 0.0.0.0, and the client's server name is not the host of the service.",
    why: "On 0.0.0.0 the server name alone tells the services of a port apart. Where no VirtualService names others, istiod asks for the service's host and the names of ExternalNames that end there.",
    seen: &[
        "in Envoy: istioctl proxy-config listeners POD --port PORT shows the names",
        "in Envoy's access log: PassthroughCluster or BlackHoleCluster, and %REQUESTED_SERVER_NAME% is none of them",
    ],
    fix: "Let the client send the host for its server name, or declare the name that it sends: among the hosts of the ServiceEntry, or in the sniHosts of a VirtualService.",
    example: &[
        "- ServiceEntry  hosts: [api.example.com]; port 443 TLS",
        "+ ServiceEntry  hosts: [api.example.com, www.example.com]; port 443 TLS",
    ],
    also: &["SC-HTTP-HOST", "SC-UNKNOWN-HOST"],
    source: "pilot/pkg/networking/core/tls.go:buildSidecarOutboundTLSFilterChainOpts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::OtherName { asked, .. } = tale.symptom else {
        return None;
    };
    let label = match asked {
        "" => "its chain asks for a server name, and none is sent".to_owned(),
        asked => format!("its chain does not take the server name {asked}"),
    };
    sidecar::told(tale, &label)
}

/// One more name of a ServiceEntry. Which name another client should send is not in the objects.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::OtherName { asked, .. } = tale.symptom else {
        return Vec::new();
    };
    sidecar::another_name(tale, asked).into_iter().collect()
}
