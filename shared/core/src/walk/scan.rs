//! Every port that is declared somewhere, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Class, Question, ask};
use crate::causes::Wish;
use crate::predict::ProxyKind;
use crate::predict::store::Store;
use crate::report::Answer;

/// Ports of the proxy itself: status and metrics.
const OWN_PORTS: [u32; 2] = [15021, 15090];

/// The answers of a scan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// One for each gateway and port with a finding.
    pub answers: Vec<Answer>,
    /// How many ports were asked about.
    pub ports: usize,
    /// How many of them cannot be judged.
    pub unknown: usize,
    /// How many gateways were predicted.
    pub gateways: usize,
}

/// Asks about every port that a Gateway declares; the proxy's own are left out. A port that only a Service has is no
/// news: every default installation has some.
#[must_use]
pub fn scan(store: &Store<'_>, classes: &[Class], namespace: Option<&str>, wish: &Wish) -> Scan {
    let ports: BTreeSet<u32> = store
        .declared_gateways()
        .filter(|g| namespace.is_none_or(|ns| ns == g.object.key.namespace))
        .flat_map(|g| &g.spec.servers)
        .filter_map(|s| s.port.as_ref())
        .map(|p| p.number)
        .filter(|number| !OWN_PORTS.contains(number))
        .collect();
    let mut scan = Scan {
        gateways: classes
            .iter()
            .filter(|c| c.proxy.kind == ProxyKind::Router)
            .count(),
        ..Scan::default()
    };
    let mut told: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for port in ports {
        let question = Question {
            port,
            namespace: namespace.map(str::to_owned),
            wish: wish.clone(),
            ..Question::default()
        };
        for mut answer in ask(store, classes, &question) {
            scan.ports += 1;
            if !answer.unknowns.is_empty() {
                scan.unknown += 1;
            }
            // One fault can close several ports; it is told at the first.
            let seen = told
                .entry((answer.proxy.namespace.clone(), answer.proxy.name.clone()))
                .or_default();
            answer.findings.retain(|f| {
                seen.insert(format!(
                    "{} {:?} {}",
                    f.page.code, f.primary.object, f.primary.field
                ))
            });
            if !answer.findings.is_empty() {
                scan.answers.push(answer);
            }
        }
    }
    scan
}
