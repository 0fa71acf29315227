//! DestinationRules. After istio `pkg/config/validation/validation.go:ValidateDestinationRule`; what a traffic policy
//! holds is not judged.

use std::collections::BTreeSet;

use super::names::{are_valid, export_to, is_label, is_wildcard_name};
use super::{Rule, Violation};
use crate::snapshot::FieldPath;
use crate::snapshot::views::DestinationRuleSpec;

pub(super) fn check(namespace: &str, spec: &DestinationRuleSpec) -> Vec<Violation> {
    let refused = |field: FieldPath, says: &str| {
        Violation::new(Rule::DestinationRule, field, says.to_owned())
    };
    let mut found = Vec::new();
    let host = FieldPath::of("spec.host");
    if spec.host.is_empty() {
        found.push(refused(host, "no host").required());
    } else if !is_wildcard_name(&spec.host) {
        found.push(refused(host, "is no host name"));
    }
    let mut names = BTreeSet::new();
    for (n, subset) in spec.subsets.iter().enumerate() {
        let path = FieldPath::of("spec.subsets").index(n);
        let name = path.clone().key("name");
        if subset.name.is_empty() {
            found.push(refused(name, "no name").required());
        } else if !is_label(&subset.name) {
            found.push(refused(name, "is no DNS label"));
        } else if !names.insert(subset.name.as_str()) {
            found.push(refused(name, "another subset has this name"));
        }
        if !are_valid(&subset.labels) {
            found.push(refused(path.key("labels"), "is no label"));
        }
    }
    let selects = spec.workload_selector.is_some();
    let exported = export_to(Rule::DestinationRule, namespace, &spec.export_to, selects);
    found.extend(exported);
    let star = |text: &str| text.contains('*');
    if let Some(selector) = &spec.workload_selector
        && (selector.match_labels.iter()).any(|(k, v)| k.is_empty() || star(k) || star(v))
    {
        let field = FieldPath::of("spec.workloadSelector.matchLabels");
        found.push(refused(field, "a selector has no wildcards").schema());
    }
    found
}
