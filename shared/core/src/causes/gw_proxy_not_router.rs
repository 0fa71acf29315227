//! GW-PROXY-NOT-ROUTER: this proxy is not a gateway.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::{FieldPath, Kind};

pub(super) static PAGE: Page = Page {
    code: "GW-PROXY-NOT-ROUTER",
    title: "this proxy is not a gateway",
    severity: Severity::Error,
    what: "The pod gets no Gateway listeners at all, whatever the Gateways say.",
    when: "The Envoy's node id begins with `sidecar~` or `waypoint~`, not `router~`: the container runs `proxy sidecar`, or the pod was injected with the sidecar template.",
    why: "istiod builds listeners from Gateways only for proxies of type router. The type comes from the proxy's own node id, not from the pod's labels, so a selector that fits does not help. Waypoints get listeners of another kind.",
    seen: &[
        "on the pod: the start of node.id in Envoy's /server_info",
        "in istiod: proxy_type in /debug/syncz",
    ],
    fix: "Inject the pod with the gateway template, or run the container with `proxy router`.",
    example: &[
        r#"- Pod  annotations["inject.istio.io/templates"]: sidecar"#,
        r#"+ Pod  annotations["inject.istio.io/templates"]: gateway"#,
    ],
    also: &["GW-NONE-SELECTS", "GW-SEL-MISMATCH"],
    source: "pilot/pkg/networking/core/listener.go:BuildListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::NotRouter { workload } = tale.symptom else {
        return None;
    };
    let object = tale.store.snapshot.get(workload)?;
    let pods = if object.key.kind == Kind::Pod {
        "spec"
    } else {
        "spec.template.spec"
    };
    let spec = crate::predict::pod_spec(object)?;
    let container = spec
        .containers
        .iter()
        .position(|c| c.args.first().is_some_and(|a| a == "proxy"))
        .unwrap_or(0);
    let field = FieldPath::of(&format!("{pods}.containers[{container}].args"));
    let told = Told::at(workload, field, "not `proxy router`: no gateway listeners");
    Some(told.beside(
        tale.object()?.id,
        FieldPath::of("spec.selector"),
        "selects these pods",
    ))
}
