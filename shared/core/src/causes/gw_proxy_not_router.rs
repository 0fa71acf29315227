//! GW-PROXY-NOT-ROUTER: this proxy is not a gateway.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::snapshot::views::Container;
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
    fixes: Fixes::By(fixes),
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

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    run_router(tale).into_iter().collect()
}

fn run_router(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let Symptom::NotRouter { workload } = tale.symptom else {
        return None;
    };
    let object = tale.store.snapshot.get(workload)?;
    let is_pod = object.key.kind == Kind::Pod;
    // A pod that runs keeps its arguments.
    if is_pod && object.origin.is_none() {
        return None;
    }
    let pods = if is_pod { "spec" } else { "spec.template.spec" };
    let spec = crate::predict::pod_spec(object)?;
    let lists = [
        ("containers", &spec.containers),
        ("initContainers", &spec.init_containers),
    ];
    let (list, index, container) = lists.into_iter().find_map(|(list, containers)| {
        let proxy = |c: &Container| c.args.first().is_some_and(|a| a == "proxy");
        let index = containers.iter().position(proxy)?;
        Some((list, index, containers.get(index)?))
    })?;
    let field = FieldPath::of(pods)
        .key(list)
        .index(index)
        .key("args")
        .index(1);
    let operation = match container.args.get(1) {
        Some(kind) if !kind.starts_with('-') => build::replace(&field, "router"),
        _ => build::add(&field, "router"),
    };
    Some(build::patch(
        "run it as `proxy router`",
        workload,
        vec![operation],
    ))
}
