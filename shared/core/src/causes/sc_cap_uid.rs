//! SC-CAP-UID: the application runs as the proxy's user.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, Uncaptured};
use crate::predict::{pod_spec, workload_spec};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-CAP-UID",
    title: "the application runs as the proxy's user",
    severity: Severity::Warning,
    what: "The connection leaves the pod as the application makes it: no listener and no mutual TLS of Envoy's.",
    when: "runAsUser or runAsGroup of the container, or of the pod where the container has none, is the proxy's: 1337 unless the injector chose others.",
    why: "The pod's rules know Envoy's own connections by their user and group, and let them out. Those of an application with the same are let out too.",
    seen: &["on the mesh: connections without a line in the pod's access log"],
    fix: "Run the application as another user and group.",
    example: &[
        "- Pod  securityContext: {runAsUser: 1337}",
        "+ Pod  securityContext: {runAsUser: 1000}",
    ],
    also: &["SC-CAP-OUT-PORT-EXCL", "SC-E-PASSTHROUGH-STRICT"],
    source: "tools/istio-iptables/pkg/capture/run.go:IptablesConfigurator.Run",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which user the image can run as is not in the objects"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Uncaptured {
        why: Uncaptured::ProxyUser {
            container,
            by_group,
        },
        ..
    } = tale.symptom
    else {
        return None;
    };
    let id = tale.proxy.object()?;
    let object = tale.store.snapshot.get(id)?;
    let own = pod_spec(object)?.containers.get(container)?;
    let root = match workload_spec(object) {
        Some(_) => FieldPath::of("spec.template.spec"),
        None => FieldPath::of("spec"),
    };
    let (key, of_its_own, label) = if by_group {
        let set = own.security_context.run_as_group;
        ("runAsGroup", set.is_some(), "the proxy's group")
    } else {
        let set = own.security_context.run_as_user;
        ("runAsUser", set.is_some(), "the proxy's user")
    };
    let holder = if of_its_own {
        root.key("containers").index(container)
    } else {
        root
    };
    let field = holder.key("securityContext").key(key);
    Some(Told::at(id, field, label))
}
