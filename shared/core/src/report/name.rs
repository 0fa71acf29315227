//! The objects of the findings, as `-o name` prints them.

use super::model::Answer;
use crate::snapshot::{ObjectKey, Snapshot};

/// One object a line in the order of the findings, none twice.
#[must_use]
pub fn render_names(answers: &[Answer], snapshot: &Snapshot) -> String {
    let mut names: Vec<String> = Vec::new();
    for finding in answers.iter().flat_map(|answer| &answer.findings) {
        if let Some(object) = snapshot.get(finding.primary.object) {
            let name = resource_name(&object.key);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.into_iter().map(|name| name + "\n").collect()
}

/// `gateway.networking.istio.io/name`, or `service/name` for the core group.
#[must_use]
pub fn resource_name(key: &ObjectKey) -> String {
    let kind = key.kind.name().to_lowercase();
    let group = key.kind.group();
    // Names of live objects follow DNS rules; those of files need not, and this goes to a terminal too.
    let name = super::style::visible(&key.name);
    if group.is_empty() {
        format!("{kind}/{name}")
    } else {
        format!("{kind}.{group}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::resource_name;
    use crate::snapshot::{Kind, ObjectKey};

    #[test]
    fn names_as_kubectl_does() {
        let name = |kind| resource_name(&ObjectKey::new(kind, "ns", "x"));
        assert_eq!(name(Kind::Gateway), "gateway.networking.istio.io/x");
        assert_eq!(name(Kind::Service), "service/x");
        assert_eq!(name(Kind::Deployment), "deployment.apps/x");
    }
}
