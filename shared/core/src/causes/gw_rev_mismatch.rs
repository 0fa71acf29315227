//! GW-REV-MISMATCH: this object is for another istiod.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build, unseen};
use crate::predict::ProxyKind;
use crate::predict::features::revision_of;
use crate::predict::istiod::REVISION_LABEL;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-REV-MISMATCH",
    title: "this object is for another istiod",
    severity: Severity::Error,
    what: "The istiod that serves the pod does not see the object. It acts as if the Gateway, VirtualService, DestinationRule, ServiceEntry or Sidecar did not exist.",
    when: r#"metadata.labels["istio.io/rev"] is set on the object and differs from the istiod's revision, and that revision is not empty."#,
    why: "istiod filters objects by this label while it watches them. Only literal equality counts: the name of a revision tag, such as `stable`, is not its revision. An object without the label is seen by every istiod.",
    seen: &[
        "on istiod: REVISION in the container's env",
        "the object is missing in istiod's /debug/configz",
    ],
    fix: "Remove the label, or write the revision of the istiod that serves the gateway's pods.",
    example: &[
        "  istiod   env.REVISION: 1-31-0",
        r#"- Gateway  metadata.labels["istio.io/rev"]: stable"#,
        r#"+ Gateway  metadata.labels["istio.io/rev"]: 1-31-0"#,
    ],
    also: &["GW-NS-NOT-DISCOVERED", "GW-NONE-SELECTS", "GW-VS-NONE"],
    source: "pkg/config/model.go:LabelsInRevision",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn label() -> FieldPath {
    FieldPath::of("metadata.labels").key(REVISION_LABEL)
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = unseen::object(tale)?;
    let istiod = tale.store.istiod.revision.as_deref()?;
    let whose = match tale.proxy.kind {
        ProxyKind::Router => "gateway",
        ProxyKind::Sidecar => "pod",
    };
    let told = Told::at(
        object.id,
        label(),
        format!("the {whose}'s istiod has the revision {istiod}"),
    )
    .value(revision_of(object).unwrap_or_default());
    Some(unseen::beside_istiod(told, tale, "REVISION"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    take_revision(tale).into_iter().collect()
}

/// The label is kept: somebody wanted the object to be for one revision.
fn take_revision(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let object = unseen::object(tale)?;
    let istiod = tale.store.istiod.revision.as_deref()?;
    Some(build::patch(
        format!("label it for the revision {istiod}"),
        object.id,
        vec![build::replace(&label(), istiod)],
    ))
}
