//! Which versions of Istio were predicted, and what others would do that may be meant as well.

use std::collections::BTreeSet;

use super::{Class, Question, ask, proxy_ref};
use crate::predict::features::taken_for;
use crate::predict::istiod::VersionFrom;
use crate::predict::store::Store;
use crate::predict::version::Version;
use crate::report::{Answer, ProxyRef, Unknown, Verdict};

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
        let older = istiod.older(store.snapshot);
        if older.is_empty() {
            continue;
        }
        // Asked anew: an answer of a scan may lack what was told at another port, and hold what no port is asked for.
        let alone = std::slice::from_ref(class);
        let now = outcome(&ask(store, alone, question), &own);
        for (release, features) in older {
            let chosen: BTreeSet<&str> = istiod.features.conditions(store.snapshot).collect();
            let unpredicted: Vec<&str> = features
                .conditions(store.snapshot)
                .filter(|condition| !chosen.contains(condition))
                .collect();
            let other = Store::of_istiod(store.snapshot, istiod.with(features));
            let alone = [Class::of(&other, class.proxy.clone())];
            let then = outcome(&ask(&other, &alone, question), &own);
            let differs = then
                .filter(|then| Some(then) != now.as_ref())
                .map(|(verdict, codes)| format!("is {}{}", verdict.word(), in_brackets(&codes)));
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

/// How it ends for a proxy, and the causes.
fn outcome(answers: &[Answer], proxy: &ProxyRef) -> Option<(Verdict, Vec<&'static str>)> {
    let answer = answers.iter().find(|a| a.proxy == *proxy)?;
    let codes = answer.findings.iter().map(|f| f.page.code).collect();
    Some((answer.verdict, codes))
}

fn in_brackets(codes: &[&str]) -> String {
    if codes.is_empty() {
        String::new()
    } else {
        format!(" ({})", codes.join(", "))
    }
}
