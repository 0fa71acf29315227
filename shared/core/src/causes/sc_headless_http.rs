//! SC-HEADLESS-HTTP: no listener for each pod of an HTTP port.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-HEADLESS-HTTP",
    title: "no listener for each pod of an HTTP port",
    severity: Severity::Error,
    what: "A request by a pod's address goes on in plaintext as if the mesh did not know the pod, or is answered 502 where only declared destinations are let out. By the pod's name it is routed.",
    when: "A headless Service's port is HTTP, and the client dials a pod by its address.",
    why: "Per-pod listeners are built for TCP and for protocols that are detected. HTTP has one listener on 0.0.0.0 for all, and its virtual host has the names of the Service and of its pods, not their addresses.",
    seen: &[
        "in Envoy's access log: the route allow_any with PassthroughCluster and the pod's address",
        "or the status 502 with the route block_all",
    ],
    fix: "Let clients send the pods' names, or name the port tcp-… where its pods should be dialled by address and no HTTP routing is needed.",
    example: &[
        "- curl http://10.1.0.9:8080/",
        "+ curl http://web-0.web.shop:8080/",
    ],
    also: &["SC-HTTP-HOST", "SC-PODIP-DIRECT", "SC-WILD-HTTP"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("with a listener for each pod their names would not be routed any more"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::HeadlessHttp { pod } = tale.symptom else {
        return None;
    };
    let told = sidecar::told(tale, "HTTP: no listener for each pod")?;
    Some(told.so(format!("what was dialled is pod {}", tale.name_of(pod))))
}
