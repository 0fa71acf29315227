//! The kept scenarios: what is predicted is what istiod answered. Needs no Go; `scenarios/` is written by
//! `cargo run -p mesh-tests --bin conformance -- --keep DIR`, `sidecars/` by the same with `--sidecar`, `environments/`
//! as README.md says.

#[allow(dead_code)]
mod compare;
#[allow(dead_code)]
mod histogram;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use mesh_core::ledger::Fate;
use mesh_core::predict::store::Store;
use mesh_core::predict::{
    Config, FilterChain, Listener, ProxyFacts, ProxyKind, by_outlook, predict,
};
use mesh_core::snapshot::Kind;
use mesh_core::walk::{Class, sidecar_classes};
use serde_json::Value;

/// Scenarios around gateways.
const GATEWAYS: &str = "scenarios";

/// Scenarios around pods with sidecars.
const SIDECARS: &str = "sidecars";

fn folders(of: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("conformance")
        .join(of);
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        found.push(entry?.path());
    }
    found.sort();
    Ok(found)
}

fn read(folder: &Path) -> Result<(compare::Predicted, Value), Box<dyn Error>> {
    let proxy: Value = serde_json::from_str(&fs::read_to_string(folder.join("proxy.json"))?)?;
    let answer = serde_json::from_str(&fs::read_to_string(folder.join("istiod.json"))?)?;
    let cluster = fs::read_to_string(folder.join("cluster.yaml"))?;
    let pod = proxy["pod"].as_str().ok_or("no pod")?;
    Ok((compare::predict(&cluster, pod)?, answer))
}

fn differences(folders: &[PathBuf]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut different = Vec::new();
    for folder in folders {
        let (predicted, answer) = read(folder)?;
        if let Some(difference) = compare::compare(&answer, &predicted) {
            different.push(format!(
                "{}: {} differ\n  istiod    {}\n  predicted {}",
                folder.display(),
                compare::LEVELS[difference.level],
                difference.istiod,
                difference.predicted
            ));
        }
    }
    Ok(different)
}

#[test]
fn kept_scenarios_of_sidecars_agree_with_istiod() -> Result<(), Box<dyn Error>> {
    let folders = folders(SIDECARS)?;
    let different = differences(&folders)?;
    assert!(folders.len() >= 60, "{} scenarios", folders.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}

#[test]
fn kept_scenarios_agree_with_istiod() -> Result<(), Box<dyn Error>> {
    let folders = folders(GATEWAYS)?;
    let different = differences(&folders)?;
    assert!(folders.len() >= 150, "{} scenarios", folders.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}

/// Each holds istiod's Deployment with a variable that changes the answer, and what istiod answered with it.
#[test]
fn istiods_with_other_variables_agree_too() -> Result<(), Box<dyn Error>> {
    let folders = folders("environments")?;
    let different = differences(&folders)?;
    assert!(folders.len() >= 3, "{} scenarios", folders.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
    for folder in &folders {
        let cluster = fs::read_to_string(folder.join("cluster.yaml"))?;
        let (_, answer) = read(folder)?;
        let by_default: String = cluster
            .lines()
            .filter(|line| !line.trim_start().starts_with("- {name: "))
            .map(|line| format!("{line}\n"))
            .collect();
        let predicted = compare::predict(&by_default, "edge/gw-1")?;
        let same = compare::compare(&answer, &predicted).is_none();
        assert!(!same, "{}: the variable changes nothing", folder.display());
    }
    Ok(())
}

#[test]
fn kept_scenarios_hold_every_reason_and_trap() -> Result<(), Box<dyn Error>> {
    let mut found = BTreeSet::new();
    for folder in folders(GATEWAYS)? {
        let (predicted, _) = read(&folder)?;
        found.extend(histogram::reasons(predicted.ledger()));
        found.extend(histogram::traps(&predicted));
    }
    let missing: Vec<&str> = histogram::REASONS
        .into_iter()
        .chain(histogram::TRAPS)
        .filter(|word| !found.contains(word))
        .collect();
    assert!(missing.is_empty(), "no scenario for {missing:?}");
    Ok(())
}

#[test]
fn kept_scenarios_of_sidecars_hold_every_reason() -> Result<(), Box<dyn Error>> {
    let mut found = BTreeSet::new();
    for folder in folders(SIDECARS)? {
        found.extend(histogram::reasons(read(&folder)?.0.ledger()));
    }
    let reasons = histogram::SIDECAR_REASONS.iter();
    let missing: Vec<&&str> = reasons.filter(|r| !found.contains(*r)).collect();
    assert!(missing.is_empty(), "no scenario for {missing:?}");
    Ok(())
}

/// What gateways are held to by their cases: each decision has a fate, what is displaced is so by something that takes
/// effect, and each chain and route stands for a decision that does.
#[test]
fn every_decision_about_a_sidecar_has_a_fate() -> Result<(), Box<dyn Error>> {
    let mut wrong = Vec::new();
    for folder in folders(SIDECARS)? {
        let (predicted, _) = read(&folder)?;
        let ledger = predicted.ledger();
        let effective = |id| matches!(ledger.get(id).map(|e| &e.fate), Some(Fate::Effective(_)));
        let mut say = |what: String| wrong.push(format!("{}: {what}", folder.display()));
        for (_, entry) in ledger.entries() {
            match &entry.fate {
                Fate::Open => say(format!("left open: {entry:?}")),
                Fate::Displaced { by } if !effective(*by) => {
                    say(format!("displaced by nothing: {entry:?}"));
                }
                _ => {}
            }
        }
        let config = &predicted.class.prediction.config;
        for chain in config.listeners.iter().flat_map(Listener::all_chains) {
            if !effective(chain.origin) || !chain.clause.is_none_or(effective) {
                say(format!("a chain of nothing: {chain:?}"));
            }
        }
        for route in config.routes.values().flatten().flat_map(|h| &h.routes) {
            if !effective(route.clause) {
                say(format!("a route of nothing: {route:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Each pod is predicted as its class is, and no pod is lost.
#[test]
fn like_sidecars_are_predicted_once() -> Result<(), Box<dyn Error>> {
    let mut wrong = Vec::new();
    let mut fewer = 0;
    for folder in folders(SIDECARS)? {
        let (predicted, _) = read(&folder)?;
        let store = Store::new(&predicted.snapshot);
        let classes = sidecar_classes(&store);
        let has_proxy = |facts: &ProxyFacts| facts.containers.iter().any(|c| !c.args.is_empty());
        let pods: Vec<ProxyFacts> = predicted
            .snapshot
            .of_kind(Kind::Pod)
            .filter_map(ProxyFacts::of_pod)
            .filter(has_proxy)
            .collect();
        let members: u32 = classes.iter().map(|c| c.proxy.replicas).sum();
        if members as usize != pods.len() {
            wrong.push(format!("{}: {members} of {}", folder.display(), pods.len()));
        }
        fewer += pods.len() - classes.len();
        for pod in pods {
            let alone = predict(&store, &pod).config;
            let like =
                |c: &Class| c.proxy.namespace == pod.namespace && c.prediction.config == alone;
            if !classes.iter().any(like) {
                wrong.push(format!("{}: {} is like none", folder.display(), pod.name));
            }
        }
    }
    assert!(fewer > 0, "no two pods are alike");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// What proxies that look at the mesh alike have in common: listeners and clusters of their own connections.
#[test]
fn proxies_of_one_outlook_are_sent_the_same() -> Result<(), Box<dyn Error>> {
    let outbound = |config: &Config| -> Vec<String> {
        let chain = |c: &FilterChain| {
            let to = (&c.clusters, &c.route);
            format!(
                "{:?}",
                (c.kind, &c.sni, &c.application_protocols, &c.matches, to)
            )
        };
        let listeners = config.listeners.iter();
        let listeners = listeners.filter(|l| l.redirected_only || l.name == "virtualOutbound");
        let listeners = listeners.map(|l| {
            let chains: Vec<String> = l.all_chains().map(chain).collect();
            format!("{} {:?}", l.name, chains)
        });
        let clusters = config.clusters.iter();
        let clusters = clusters.filter(|(name, _)| name.starts_with("outbound|"));
        listeners
            .chain(clusters.map(|c| format!("{c:?}")))
            .collect()
    };
    let (mut wrong, mut others) = (Vec::new(), 0);
    for folder in folders(SIDECARS)? {
        let (predicted, _) = read(&folder)?;
        let snapshot = &predicted.snapshot;
        let store = Store::new(snapshot);
        let pods = snapshot.of_kind(Kind::Pod).filter_map(ProxyFacts::of_pod);
        let pods: Vec<ProxyFacts> = pods.filter(|p| p.kind == ProxyKind::Sidecar).collect();
        let named = snapshot.objects().map(|o| o.key.namespace.as_str());
        let mut namespaces: BTreeSet<&str> = named.collect();
        namespaces.extend(["of-nobody", "of-nobody-else"]);
        let moved = |pod: &ProxyFacts, namespace: &str| ProxyFacts {
            namespace: namespace.to_owned(),
            ..pod.clone()
        };
        let moved = pods
            .iter()
            .flat_map(|pod| namespaces.iter().map(move |ns| moved(pod, ns)));
        for group in by_outlook(&[&store], moved.collect()) {
            let mut all = group
                .iter()
                .map(|p| (p, outbound(&predict(&store, p).config)));
            let Some((first, sent)) = all.next() else {
                continue;
            };
            for (proxy, other) in all {
                others += usize::from(proxy.namespace != first.namespace);
                if other != sent {
                    let (a, b) = (first.qualified(), proxy.qualified());
                    wrong.push(format!(
                        "{}: {a} and {b}: {sent:#?} {other:#?}",
                        folder.display()
                    ));
                }
            }
        }
    }
    assert!(others > 0, "no two namespaces are alike");
    assert!(
        wrong.is_empty(),
        "{} wrong: {}",
        wrong.len(),
        wrong.first().map_or("", |w| w)
    );
    Ok(())
}
