//! Every id of the catalogue is decided, and every page is one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use mesh_core::causes::{PAGES, page};
use mesh_tests::binaries::workspace;
use mesh_tests::compare::none;

/// What became of an id: the key and its value.
type Decided = Vec<(String, String)>;

/// `[ID]` and `key = "value"` lines: all of TOML that the list needs.
fn catalogue() -> BTreeMap<String, Decided> {
    let read = |name: &str| {
        let file = workspace().join("tests").join(name);
        fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    };
    let text = ["catalogue.toml", "catalogue-sidecar.toml"]
        .map(read)
        .join("\n");
    let mut found: BTreeMap<String, Decided> = BTreeMap::new();
    let mut id = String::new();
    for (n, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut id);
            let first = found.insert(id.clone(), Vec::new()).is_none();
            assert!(first, "line {}: {id} is there twice", n + 1);
            continue;
        }
        let (key, value) = line
            .split_once(" = ")
            .unwrap_or_else(|| panic!("line {}: {line}", n + 1));
        let value = value.trim_matches('"').to_owned();
        let decided = found.get_mut(&id).expect("a key stands under an id");
        decided.push((key.to_owned(), value));
    }
    found
}

#[test]
fn every_id_is_decided_once() {
    let mut wrong = Vec::new();
    for (id, decided) in catalogue() {
        match decided.as_slice() {
            [(key, code)] if key == "code" => {
                if page(code).is_none() {
                    wrong.push(format!("{id}: no page {code}"));
                }
            }
            [(key, reason)] if ["undecidable", "live", "later"].contains(&key.as_str()) => {
                if reason.is_empty() {
                    wrong.push(format!("{id}: {key}, without a reason"));
                }
                if page(&id).is_some() {
                    wrong.push(format!("{id}: {key}, but there is a page"));
                }
            }
            other => wrong.push(format!("{id}: {other:?}")),
        }
    }
    none(&wrong);
}

#[test]
fn every_page_is_in_the_catalogue() {
    let catalogue = catalogue();
    let coded: BTreeSet<&str> = catalogue
        .values()
        .flatten()
        .filter(|(key, _)| key == "code")
        .map(|(_, code)| code.as_str())
        .collect();
    let missing = PAGES.iter().filter(|page| !coded.contains(page.code));
    let missing: Vec<String> = missing.map(|page| page.code.to_owned()).collect();
    none(&missing);
}
