//! Findings that somebody wants no more word of: by a flag, by an annotation with a reason, or known from before.
//!
//! Only words are left out. The verdict of a port stays what it is, and so does the exit code of a question about it.

use serde::Deserialize;

use super::explain::nearest;
use super::model::{Answer, Finding};
use super::style::visible;
use crate::causes::{PAGES, Page, page};
use crate::snapshot::{Kind, Object, ObjectKey, Snapshot};

/// The annotation of an object that is at fault on purpose: `CODE: reason`, one a line.
pub const ANNOTATION: &str = "kubectl-mesh/ignore";

/// The value of `--ignore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    page: &'static Page,
    object: Option<ObjectKey>,
}

impl Rule {
    /// `CODE`, or `CODE=KIND/NAMESPACE/NAME` as the scan prints objects.
    ///
    /// # Errors
    /// One sentence, for a code or a kind that nobody knows.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (code, object) = match text.split_once('=') {
            Some((code, object)) => (code, Some(object)),
            None => (text, None),
        };
        Ok(Self {
            page: page(code).ok_or_else(|| unknown(code))?,
            object: object.map(object_key).transpose()?,
        })
    }

    fn fits(&self, finding: &Finding, object: &Object) -> bool {
        self.page == finding.page && self.object.as_ref().is_none_or(|key| *key == object.key)
    }

    fn words(&self) -> String {
        let code = self.page.code;
        match &self.object {
            None => code.to_owned(),
            Some(key) => format!("{code}={}", super::table::short(key)),
        }
    }
}

fn unknown(code: &str) -> String {
    let near: Vec<&str> = nearest(code, PAGES).iter().map(|page| page.code).collect();
    match near.as_slice() {
        [] => format!("no cause has the code {code}"),
        [one] => format!("no cause has the code {code}; the nearest is {one}"),
        several => format!(
            "no cause has the code {code}; the nearest are {}",
            several.join(", ")
        ),
    }
}

fn object_key(text: &str) -> Result<ObjectKey, String> {
    let form = || "an object is written KIND/NAMESPACE/NAME, such as gw/shop/web".to_owned();
    let (word, rest) = text.split_once('/').ok_or_else(form)?;
    let lower = word.to_ascii_lowercase();
    let named = |kind: &&Kind| {
        kind.short() == lower || kind.plural() == lower || kind.name().eq_ignore_ascii_case(word)
    };
    let kind = Kind::ALL.iter().find(named).copied();
    let kind = kind.ok_or_else(|| format!("no kind is called {word}; {}", form()))?;
    let (namespace, name) = match rest.split_once('/') {
        Some((namespace, name)) if kind.namespaced() && !namespace.is_empty() => (namespace, name),
        None if !kind.namespaced() => ("", rest),
        _ => return Err(form()),
    };
    if name.is_empty() || name.contains('/') {
        return Err(form());
    }
    Ok(ObjectKey::new(kind, namespace, name))
}

/// The findings of an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(Vec<Known>);

/// What makes a finding of one run that of another: code, object and field. Numbers, files and words may change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Known {
    code: String,
    object: KnownObject,
    field: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KnownObject {
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
}

impl Baseline {
    /// Reads what `-o json` printed.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Answered {
            findings: Vec<Known>,
        }
        let answers: Vec<Answered> = serde_json::from_str(text)?;
        Ok(Self(answers.into_iter().flat_map(|a| a.findings).collect()))
    }
}

impl Known {
    fn fits(&self, finding: &Finding, object: &Object) -> bool {
        let Self {
            code,
            object: known,
            field,
        } = self;
        *code == finding.page.code
            && Kind::of(&known.api_version, &known.kind) == Some(object.key.kind)
            && (&known.namespace, &known.name) == (&object.key.namespace, &object.key.name)
            && *field == finding.primary.field.to_string()
    }
}

/// What is left out of the answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    /// Those of `--ignore`.
    pub rules: Vec<Rule>,
    /// Those of `--baseline`.
    pub baseline: Baseline,
}

/// What was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Findings that a rule or an annotation names.
    pub ignored: usize,
    /// Findings of the baseline.
    pub known: usize,
    /// Sentences for stderr: what ignores nothing, and annotations that say no reason.
    pub warnings: Vec<String>,
}

impl Ignored {
    /// Whether nothing was left out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ignored == 0 && self.known == 0
    }

    /// For summaries: `2 ignored, 3 in the baseline`; empty when nothing was left out.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut parts = Vec::new();
        if self.ignored > 0 {
            parts.push(format!("{} ignored", self.ignored));
        }
        if self.known > 0 {
            parts.push(format!("{} in the baseline", self.known));
        }
        parts.join(", ")
    }
}

/// A rule that an annotation makes.
struct Annotated<'a> {
    object: &'a Object,
    page: &'static Page,
    used: bool,
}

impl Ignore {
    /// Takes the findings out that nobody wants to read of. `all`: every port was asked about, so an annotation that
    /// ignores nothing here ignores nothing at all.
    #[must_use]
    pub fn apply(&self, answers: &mut [Answer], snapshot: &Snapshot, all: bool) -> Ignored {
        let mut out = Ignored::default();
        let mut annotated = annotated(snapshot, &mut out.warnings);
        let mut used = vec![false; self.rules.len()];
        let mut met = vec![false; self.baseline.0.len()];
        for answer in answers {
            answer.findings.retain(|finding| {
                let Some(object) = snapshot.get(finding.primary.object) else {
                    return true;
                };
                let mut ignored = false;
                for (rule, used) in self.rules.iter().zip(&mut used) {
                    if rule.fits(finding, object) {
                        *used = true;
                        ignored = true;
                    }
                }
                for entry in &mut annotated {
                    if entry.page == finding.page && entry.object.id == object.id {
                        entry.used = true;
                        ignored = true;
                    }
                }
                let mut known = false;
                for (entry, met) in self.baseline.0.iter().zip(&mut met) {
                    if entry.fits(finding, object) {
                        *met = true;
                        known = true;
                    }
                }
                if ignored {
                    out.ignored += 1;
                } else if known {
                    out.known += 1;
                }
                !ignored && !known
            });
        }
        for (rule, _) in self.rules.iter().zip(used).filter(|(_, used)| !used) {
            out.warnings
                .push(format!("--ignore {} ignores nothing", rule.words()));
        }
        for entry in annotated.iter().filter(|entry| all && !entry.used) {
            out.warnings.push(format!(
                "{ANNOTATION} of {} ignores nothing: {} is not found there",
                visible(&entry.object.key.to_string()),
                entry.page.code
            ));
        }
        let gone = met.iter().filter(|met| !**met).count();
        if all && gone > 0 {
            let (findings, are) = if gone == 1 {
                ("finding", "is")
            } else {
                ("findings", "are")
            };
            out.warnings.push(format!(
                "{gone} {findings} of the baseline {are} gone: write it anew"
            ));
        }
        out
    }
}

/// The rules of the objects' annotations. Without a reason one is no rule: who reads it later must know why.
fn annotated<'a>(snapshot: &'a Snapshot, warnings: &mut Vec<String>) -> Vec<Annotated<'a>> {
    let mut all = Vec::new();
    for object in snapshot.objects() {
        let Some(text) = object.meta.annotations.get(ANNOTATION) else {
            continue;
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (code, reason) = line.split_once(':').unwrap_or((line, ""));
            let why = match page(code.trim()) {
                Some(page) if !reason.trim().is_empty() => {
                    all.push(Annotated {
                        object,
                        page,
                        used: false,
                    });
                    continue;
                }
                Some(page) => format!("say why, as in `{}: planned for next week`", page.code),
                None => unknown(code.trim()),
            };
            warnings.push(format!(
                "{ANNOTATION} of {} does not count: {}",
                visible(&object.key.to_string()),
                visible(&why)
            ));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Kind, Rule};

    #[test]
    fn rules() {
        for (text, words) in [
            ("GW-VS-NONE", "GW-VS-NONE"),
            ("gw-vs-none", "GW-VS-NONE"),
            ("GW-VS-NONE=gw/rcmd/kafka", "GW-VS-NONE=gw/rcmd/kafka"),
            ("GW-VS-NONE=Gateway/rcmd/kafka", "GW-VS-NONE=gw/rcmd/kafka"),
            ("GW-VS-NONE=gateways/rcmd/kafka", "GW-VS-NONE=gw/rcmd/kafka"),
            ("GW-DST-SUBSET=vs/a/b", "GW-DST-SUBSET=vs/a/b"),
            ("GW-NS-NOT-DISCOVERED=ns/a", "GW-NS-NOT-DISCOVERED=ns/a"),
        ] {
            assert_eq!(Rule::parse(text).unwrap().words(), words, "{text}");
        }
        for kind in Kind::ALL {
            let text = format!("GW-VS-NONE={}/a/b", kind.short());
            assert_eq!(Rule::parse(&text).is_ok(), kind.namespaced(), "{text}");
        }
    }

    #[test]
    fn what_is_no_rule() {
        for (text, sentence) in [
            (
                "GW-VS-NNE",
                "no cause has the code GW-VS-NNE; the nearest is GW-VS-NONE",
            ),
            ("", "no cause has the code "),
            ("banana", "no cause has the code banana"),
            (
                "GW-VS-NONE=kafka",
                "an object is written KIND/NAMESPACE/NAME, such as gw/shop/web",
            ),
            (
                "GW-VS-NONE=gw/kafka",
                "an object is written KIND/NAMESPACE/NAME, such as gw/shop/web",
            ),
            (
                "GW-VS-NONE=gw//kafka",
                "an object is written KIND/NAMESPACE/NAME, such as gw/shop/web",
            ),
            (
                "GW-VS-NONE=gat/a/b",
                "no kind is called gat; an object is written KIND/NAMESPACE/NAME, such as gw/shop/web",
            ),
        ] {
            assert_eq!(Rule::parse(text), Err(sentence.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_baseline_is_what_json_prints() {
        assert_eq!(Baseline::parse("[]").unwrap(), Baseline::default());
        let one = r#"[{"verdict": "missing", "findings": [{"code": "A", "title": "t", "field": ".spec",
            "object": {"apiVersion": "v1", "kind": "Service", "namespace": "n", "name": "s"}}]}]"#;
        assert_eq!(Baseline::parse(one).unwrap().0.len(), 1);
        for text in ["", "{}", "[{}]", "[1]", "a: 1", "[{\"findings\": [{}]}]"] {
            assert!(Baseline::parse(text).is_err(), "{text}");
        }
    }
}
