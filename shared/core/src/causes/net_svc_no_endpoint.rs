//! NET-SVC-NO-ENDPOINT: the gateway's Service leads to no pod.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::predict::reach::{Barrier, Unready};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "NET-SVC-NO-ENDPOINT",
    title: "the gateway's Service leads to no pod",
    severity: Severity::Error,
    what: "Clients of the Service reach no gateway, though the pods may listen. A connection to a pod's own address works.",
    when: "The gateway's Service has no ready endpoint: its selector fits no pod, no pod is ready, or targetPort is a name that no container has. With externalTrafficPolicy: Local, clients of a node or load balancer also need a ready pod on the very node they come to.",
    why: "Kubernetes sends a Service's connections to ready pods only. istiod looks at the Service's selector and ports, not at readiness, so the listener is there.",
    seen: &["on the mesh: kubectl get endpointslices -n NS -l kubernetes.io/service-name=NAME"],
    fix: "Make the pods ready, correct the selector or targetPort, or run a pod on each node that takes traffic.",
    example: &[
        "  Pod      metadata.labels.istio: ingress",
        "- Service  selector.istio: ingressgateway",
        "+ Service  selector.istio: ingress",
    ],
    also: &[
        "GW-PORT-NOT-ON-SERVICE",
        "GW-PORT-NAMED-TARGET",
        "GW-DST-NO-ENDPOINTS",
    ],
    source: "kubernetes Service and EndpointSlice",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let selector = FieldPath::of("spec.selector");
    match tale.symptom {
        Symptom::Barred(Barrier::SelectsNone { service, label }) => {
            let value = tale.proxy.labels.get(label)?;
            let words = format!("the gateway's pods have {label}: {value}");
            Some(Told::at(*service, selector.key(label.clone()), words))
        }
        Symptom::Barred(Barrier::NoReadyPod { service, unready }) => Some(match unready {
            Unready::Slices => Told::at(
                *service,
                selector,
                "no ready endpoint in its EndpointSlices",
            ),
            Unready::Pods(count) => {
                let words = match count {
                    1 => "its pod is not ready".to_owned(),
                    several => format!("none of its {several} pods is ready"),
                };
                Told::at(*service, selector, words)
            }
            Unready::NoReplicas(workload) => {
                let told = Told::at(*workload, FieldPath::of("spec.replicas"), "no pods");
                told.beside(*service, selector, "leads to them")
            }
        }),
        _ => None,
    }
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let candidate = match tale.symptom {
        Symptom::Barred(Barrier::SelectsNone { service, label }) => {
            let Some(value) = tale.proxy.labels.get(label) else {
                return Vec::new();
            };
            let field = build::spec().key("selector").key(label.clone());
            let title = format!("select the pods of {}", tale.proxy.name);
            build::patch(
                title,
                *service,
                vec![build::replace(&field, value.as_str())],
            )
        }
        Symptom::Barred(Barrier::NoReadyPod {
            unready: Unready::NoReplicas(workload),
            ..
        }) => {
            let field = build::spec().key("replicas");
            build::patch("run one pod", *workload, vec![build::replace(&field, 1)])
        }
        _ => return Vec::new(),
    };
    vec![candidate]
}
