//! The documents say what the program says. `BLESS=1 cargo test -p mesh-tests --test docs` writes them anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use mesh_core::causes::PAGES;
use mesh_core::report::markdown;
use mesh_tests::binaries::workspace;
use mesh_tests::compare::{blessing, none, with_file};

fn causes() -> PathBuf {
    workspace().join("docs/causes")
}

#[test]
fn every_cause_has_its_page_in_the_documents() {
    let mut files: Vec<(String, String)> = PAGES
        .iter()
        .map(|page| (format!("{}.md", page.code), markdown::page(page)))
        .collect();
    files.push(("README.md".to_owned(), markdown::index(PAGES)));
    let mut failures = Vec::new();
    for (name, text) in &files {
        let path = causes().join(name);
        if !path.exists() && !blessing() {
            failures.push(format!("docs/causes/{name} is missing: BLESS=1 writes it"));
            continue;
        }
        let lines = with_file(&path, text);
        failures.extend(lines.map(|lines| format!("docs/causes/{name}\n{lines}")));
    }
    let known: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    for entry in fs::read_dir(causes()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if known.contains(name.as_str()) {
            continue;
        }
        if blessing() {
            fs::remove_file(causes().join(&name)).unwrap();
        } else {
            failures.push(format!("docs/causes/{name} is of no cause"));
        }
    }
    none(&failures);
}

/// README.md, and every document beside the pages of causes.
fn documents() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(workspace().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    names.push("README.md".to_owned());
    names.sort();
    names
}

/// What a document shows behind `$ ` is what a shell prints.
#[cfg(unix)]
#[test]
fn every_transcript_is_real() {
    let mut failures = Vec::new();
    for name in documents() {
        let path = workspace().join(&name);
        let text = fs::read_to_string(&path).unwrap();
        let label = name.replace('/', "-");
        let real = mesh_tests::transcript::rewritten(&text, env!("CARGO_TARGET_TMPDIR"), &label);
        failures.extend(with_file(&path, &real).map(|lines| format!("{name}\n{lines}")));
    }
    none(&failures);
}

/// A link to a file leads to a file.
#[test]
fn every_link_leads_somewhere() {
    let mut failures = Vec::new();
    let more = ["ARCHITECTURE.md", "CONTRIBUTING.md", "examples/README.md"];
    let pages = PAGES
        .iter()
        .map(|page| format!("docs/causes/{}.md", page.code));
    let names = documents().into_iter().chain(more.map(str::to_owned));
    for name in names
        .chain(pages)
        .chain(["docs/causes/README.md".to_owned()])
    {
        let path = workspace().join(&name);
        let text = fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1) {
            let target = target.split([')', '#']).next().unwrap_or("");
            if target.is_empty() || target.contains("://") {
                continue;
            }
            if !path.with_file_name(target).exists() {
                failures.push(format!("{name} links to {target}, which is not there"));
            }
        }
    }
    none(&failures);
}
