//! The kept scenarios: what is predicted is what istiod answered. Needs no Go; `scenarios/` is written by
//! `cargo run -p mesh-tests --bin conformance -- --keep DIR`, `environments/` as README.md says.

#[allow(dead_code)]
mod compare;
#[allow(dead_code)]
mod histogram;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

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
fn kept_scenarios_agree_with_istiod() -> Result<(), Box<dyn Error>> {
    let folders = folders("scenarios")?;
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
    for folder in folders("scenarios")? {
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
