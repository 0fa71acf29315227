//! ENVOYFILTER-REMOVE: an EnvoyFilter may take this listener away.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::predict::reach::{Barrier, Patching};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "ENVOYFILTER-REMOVE",
    title: "an EnvoyFilter may take this listener away",
    severity: Severity::Warning,
    what: "istiod builds the listener and then removes it, or filter chains of it, before it is sent. If nothing is left the port is closed.",
    when: "An EnvoyFilter of the proxy's namespace or of the root namespace selects the pod and has a patch with applyTo LISTENER or FILTER_CHAIN and operation REMOVE, for the context GATEWAY, at sidecars SIDECAR_OUTBOUND or SIDECAR_INBOUND, or ANY, whose match fits the listener's name and port. What else it matches is not predicted, so this is a warning.",
    why: "Patches of EnvoyFilters are applied after all else, in the order of priority, namespace (the root namespace first) and age. A later one may add again what this one removes.",
    seen: &[
        "on the mesh: the listener is not in istioctl proxy-config listeners POD",
        "nothing in istiod's log: a patch that fits is no error",
    ],
    fix: "Narrow the patch's match, or its workloadSelector, so that it no longer fits this listener.",
    example: &[
        "  EnvoyFilter  configPatches[0].patch.operation: REMOVE",
        "- EnvoyFilter  configPatches[0].match.context: ANY",
        "+ EnvoyFilter  configPatches[0].match.context: SIDECAR_INBOUND",
    ],
    also: &["GW-VS-NONE", "ENVOY-PROXY-PROTOCOL"],
    source: "pilot/pkg/networking/core/envoyfilter/listener_patch.go:ApplyListenerPatches",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("what an EnvoyFilter is there for only its owner knows"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Barred(Barrier::Removed(Patching { filter, patch })) = tale.symptom else {
        return None;
    };
    let field = FieldPath::of(&format!("spec.configPatches[{patch}].patch.operation"));
    Some(Told::at(*filter, field, "fits this listener"))
}
