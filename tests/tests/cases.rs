//! Every case is answered as its folder says.

use mesh_tests::case::{self, Case};
use mesh_tests::compare::{blessing, difference, none, with_file};
use mesh_tests::json;

#[test]
fn every_case_is_answered_as_expected() {
    let failures: Vec<String> = case::all().iter().filter_map(wrong_answer).collect();
    none(&failures);
}

fn wrong_answer(case: &Case) -> Option<String> {
    let run = case.answered(&["-o", "json"]);
    let found = json::found(run.exit, &run.stdout);
    let lines = difference(&json::expected(&case.expect), &found)?;
    Some(format!("{}\n{lines}{}", case.name, run.stderr))
}

#[test]
fn showpieces_read_as_expected_to_the_letter() {
    let mut failures = Vec::new();
    for case in case::all() {
        let run = case.answered(&[]);
        let wide = || case.answered(&["-o", "wide"]).stdout;
        for (file, text) in [
            ("expect.txt", run.stdout.clone()),
            ("expect.stderr.txt", run.stderr.clone()),
            ("expect.wide.txt", wide()),
        ] {
            let path = case.folder.join(file);
            if !path.exists() {
                continue;
            }
            let text = &text;
            let lines = if case.expect.until_fix && file == "expect.txt" {
                differs_before_the_fix(&std::fs::read_to_string(path).unwrap(), text)
            } else {
                with_file(&path, text)
            };
            failures.extend(lines.map(|lines| format!("{}/{file}\n{lines}", case.name)));
        }
    }
    none(&failures);
}

/// Compares the lines before the first fix; nothing is ever written.
fn differs_before_the_fix(expected: &str, found: &str) -> Option<String> {
    if blessing() {
        return None;
    }
    let before: Vec<&str> = expected
        .lines()
        .take_while(|line| !line.starts_with("   = fix"))
        .collect();
    let found: Vec<&str> = found.lines().take(before.len()).collect();
    difference(&before.join("\n"), &found.join("\n"))
}
