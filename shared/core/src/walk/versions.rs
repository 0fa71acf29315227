//! Which versions of Istio were predicted, and what others would do that may be meant as well.

use std::collections::BTreeSet;

use super::{Class, Question, ask, proxy_ref};
use crate::predict::features::taken_for;
use crate::predict::istiod::VersionFrom;
use crate::predict::store::Store;
use crate::predict::version::Version;
use crate::report::{Answer, Unknown};

/// The versions that were predicted, for the line that says what an answer rests on: `1.31`, or `1.24.1 and 1.31`.
#[must_use]
pub fn versions(store: &Store<'_>, classes: &[Class]) -> String {
    let mut known: BTreeSet<String> = classes
        .iter()
        .map(|class| {
            let istiod = store.istiod_of(&class.proxy);
            let by_proxy = istiod.version_from == VersionFrom::ProxyImage
                && istiod.version != Version::DEFAULT;
            let from = if by_proxy {
                " by the proxy's image"
            } else {
                ""
            };
            match taken_for(istiod.version) {
                Some(known) => format!("{} (taken for {known}){from}", istiod.version),
                None => format!("{}{from}", istiod.version),
            }
        })
        .collect();
    if known.is_empty() {
        known.insert(store.istiod.version.to_string());
    }
    known.into_iter().collect::<Vec<_>>().join(" and ")
}

/// Where nothing says the version of Istio: adds to each answer what another version would make of it, if that is
/// another verdict or other causes.
pub fn note_other_versions(
    store: &Store<'_>,
    classes: &[Class],
    question: &Question,
    answers: &mut [Answer],
) {
    for class in classes {
        let own = proxy_ref(&class.proxy);
        let Some(answer) = answers.iter_mut().find(|a| a.proxy == own) else {
            continue;
        };
        let istiod = store.istiod_of(&class.proxy);
        for (release, features) in istiod.older(store.snapshot) {
            let chosen: BTreeSet<&str> = istiod.features.conditions(store.snapshot).collect();
            let unpredicted: Vec<&str> = features
                .conditions(store.snapshot)
                .filter(|condition| !chosen.contains(condition))
                .collect();
            let other = Store::of_istiod(store.snapshot, istiod.with(features));
            let alone = [Class::of(&other, class.proxy.clone())];
            let would = ask(&other, &alone, question);
            let differs = would
                .iter()
                .find(|a| a.proxy == own)
                .filter(|a| (a.verdict, codes(a)) != (answer.verdict, codes(answer)))
                .map(|a| format!("is {}{}", a.verdict.word(), in_brackets(&codes(a))));
            let needs = (!unpredicted.is_empty())
                .then(|| format!("needs that {}", unpredicted.join(" and that ")));
            let then: Vec<String> = [differs, needs].into_iter().flatten().collect();
            if then.is_empty() {
                continue;
            }
            answer
                .assumptions
                .push(format!("Istio is {release} or newer"));
            answer.unknowns.push(Unknown {
                what: format!(
                    "which Istio it is: before {release} the answer {}",
                    then.join(" and ")
                ),
                fix: "say it with --istio-version, or add istiod's Deployment to the files"
                    .to_owned(),
                commands: Vec::new(),
            });
        }
    }
}

fn codes(answer: &Answer) -> Vec<&'static str> {
    answer.findings.iter().map(|f| f.page.code).collect()
}

fn in_brackets(codes: &[&str]) -> String {
    if codes.is_empty() {
        String::new()
    } else {
        format!(" ({})", codes.join(", "))
    }
}
