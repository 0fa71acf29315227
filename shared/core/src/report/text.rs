//! An answer for people: the verdict, the way of a connection, what is wrong, what to do.

use super::excerpt::{self, Locate};
use super::model::{Answer, Basis, Command, Finding, Fix, Hop, HopStatus, Proof, Unknown, Verdict};
use super::style::{Layout, Line, Style, print_blocks};
use super::wrap::{command, wrap};
use crate::causes::Severity;
use crate::snapshot::{FieldPath, ObjectId, Snapshot};

/// How the changes of a fix are shown under it; made by whoever knows the sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixBody {
    /// For objects from files: the unified diff, printed behind the finding.
    pub diff: Option<String>,
    /// For live objects: the changes in words, one line each, indented under the fix.
    pub steps: Vec<String>,
}

/// Gives the body of a fix; `&|_, _| FixBody::default()` shows titles alone.
pub type Bodies<'a> = &'a dyn Fn(&Finding, &Fix) -> FixBody;

/// One answer as text, ended by a newline.
#[must_use]
pub fn render_answer(
    answer: &Answer,
    basis: &Basis,
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
) -> String {
    let locate = |id: ObjectId, field: &FieldPath| snapshot.locate(id, field);
    render_with(answer, basis, snapshot, layout, bodies, &locate)
}

/// Several answers as text, with an empty line between.
#[must_use]
pub fn render_answers(
    answers: &[Answer],
    basis: &Basis,
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
) -> String {
    answers
        .iter()
        .map(|answer| render_answer(answer, basis, snapshot, layout, bodies))
        .collect::<Vec<_>>()
        .join("\n")
}

/// One finding as text, without a verdict: for a change's effect and for refusals.
#[must_use]
pub fn render_finding(
    finding: &Finding,
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
) -> String {
    let locate = |id: ObjectId, field: &FieldPath| snapshot.locate(id, field);
    let alone = std::slice::from_ref(finding);
    print_blocks(
        &finding_blocks(finding, 0, alone, snapshot, layout, bodies, &locate),
        layout,
    )
}

pub(super) fn render_with(
    answer: &Answer,
    basis: &Basis,
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
    locate: Locate<'_>,
) -> String {
    let mut blocks = vec![head(answer, basis, layout), path(&answer.path, layout)];
    for (n, finding) in answer.findings.iter().enumerate() {
        blocks.extend(finding_blocks(
            finding,
            n,
            &answer.findings,
            snapshot,
            layout,
            bodies,
            locate,
        ));
    }
    blocks.extend(answer.unknowns.iter().map(|u| unknown(u, layout)));
    blocks.push(commands(&answer.commands, layout));
    print_blocks(&blocks, layout)
}

const fn verdict_look(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Open => ("✓", Style::Good),
        Verdict::Unknown => ("?", Style::Unsure),
        Verdict::Diverted | Verdict::LeadsNowhere | Verdict::Unreachable | Verdict::Missing => {
            ("✗", Style::Bad)
        }
    }
}

fn head(answer: &Answer, basis: &Basis, layout: &Layout) -> Vec<Line> {
    let (glyph, style) = verdict_look(answer.verdict);
    let mut first = Line::new().with(style, glyph).with(Style::Strong, " ");
    // The state is the word a reader looks for, so it has its colour where the sentence says it.
    first = match find_word(&answer.summary, answer.verdict.word()) {
        Some((before, word, after)) => first
            .with(Style::Strong, before)
            .with(style, word)
            .with(Style::Strong, after),
        None => first.with(Style::Strong, answer.summary.clone()),
    };
    let mut lines = vec![first];
    if !basis.line.is_empty() {
        let second = Line::new()
            .plain("  ")
            .with(Style::Faint, basis.line.clone());
        lines.extend(wrap(&second, 2, layout));
    }
    lines
}

/// A whole word of a text, with what stands before and behind it.
fn find_word<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '/' | '.' | '_');
    text.match_indices(word).find_map(|(at, found)| {
        let (before, rest) = text.split_at_checked(at)?;
        let after = rest.get(found.len()..)?;
        (!before.ends_with(inside) && !after.starts_with(inside)).then_some((before, found, after))
    })
}

/// Columns of hop names, and where what stands behind them begins.
const HOP_NAME: usize = 10;
const HOP_TEXT: usize = 4 + HOP_NAME + 1;

fn path(hops: &[Hop], layout: &Layout) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut skipped: Vec<&str> = Vec::new();
    for hop in hops {
        if hop.status == HopStatus::NotReached {
            skipped.push(hop.name);
        } else {
            lines.extend(hop_lines(hop, layout));
        }
    }
    if !skipped.is_empty() {
        let text = format!("· {}: not reached", skipped.join(", "));
        let line = Line::new().plain("  ").with(Style::Faint, text);
        lines.extend(wrap(&line, 4, layout));
    }
    lines
}

fn hop_lines(hop: &Hop, layout: &Layout) -> Vec<Line> {
    let (glyph, style, rest) = match hop.status {
        HopStatus::Ok => ("✓", Style::Good, Style::Plain),
        HopStatus::Broken => ("✗", Style::Bad, Style::Plain),
        HopStatus::Unknown => ("?", Style::Unsure, Style::Plain),
        HopStatus::Instead => ("→", Style::Faint, Style::Faint),
        HopStatus::NotReached => ("·", Style::Faint, Style::Faint),
    };
    let name = format!(" {:<HOP_NAME$}", hop.name);
    let mut first = Line::new().plain("  ").with(style, glyph);
    let mut texts = hop.lines.iter();
    let Some(text) = texts.next() else {
        return vec![first.with(rest, name.trim_end())];
    };
    first = hop_text(first.with(rest, name).with(rest, " "), text, rest);
    let mut lines = wrap_hop(&first, layout);
    for text in texts {
        let line = Line::new().plain(" ".repeat(HOP_TEXT));
        lines.extend(wrap_hop(&hop_text(line, text, rest), layout));
    }
    lines
}

fn wrap_hop(line: &Line, layout: &Layout) -> Vec<Line> {
    wrap(line, HOP_TEXT, layout)
}

/// A pod's own state stands first in its line, and is coloured there.
fn hop_text(line: Line, text: &str, style: Style) -> Line {
    let (word, _) = text.split_once(' ').unwrap_or((text, ""));
    let meaning = match word {
        _ if style != Style::Plain => style,
        "open" => Style::Good,
        "refused" | "closed" | "failed" => Style::Bad,
        "unknown" => Style::Unsure,
        _ => style,
    };
    let rest = text.strip_prefix(word).unwrap_or_default();
    line.with(meaning, word).with(style, rest)
}

fn severity_look(severity: Severity) -> Style {
    match severity {
        Severity::Error => Style::Bad,
        Severity::Warning => Style::Unsure,
        Severity::Info => Style::Strong,
    }
}

fn finding_blocks(
    finding: &Finding,
    number: usize,
    all: &[Finding],
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
    locate: Locate<'_>,
) -> Vec<Vec<Line>> {
    let title = Line::new()
        .with(severity_look(finding.severity), finding.severity.word())
        .with(
            Style::Strong,
            format!("[{}]: {}", finding.page.code, finding.page.title),
        );
    let places = excerpt::places(
        &finding.primary,
        finding.remark.as_deref(),
        &finding.related,
        snapshot,
        locate,
        layout,
    );
    let indent = places.indent;
    let mut block = vec![title];
    block.extend(places.lines);
    let why = Some(&finding.why).filter(|why| !why.is_empty());
    let notes = why
        .map(|text| ("why", text))
        .into_iter()
        .chain(finding.so.iter().map(|text| ("so", text)))
        .chain(finding.seen.iter().map(|text| ("seen", text)));
    for (word, text) in notes {
        let line = note(indent, word).plain(format!(": {text}"));
        block.extend(wrap(&line, indent + 2, layout));
    }

    let mut blocks = Vec::new();
    for (n, fix) in finding.fixes.iter().enumerate() {
        let body = bodies(finding, fix);
        let line = fix_head(note(indent, "fix"), number, n, all);
        block.extend(wrap(&line, indent + 2, layout));
        for step in &body.steps {
            let style = match step.trim_start() {
                step if step.starts_with("+ ") => Style::Good,
                step if step.starts_with("- ") => Style::Bad,
                _ => Style::Plain,
            };
            block.push(
                Line::new()
                    .plain(" ".repeat(indent + 4))
                    .with(style, step.as_str()),
            );
        }
        for also in &fix.also_changes {
            let line = Line::new().plain(format!("{}also: {also}", " ".repeat(indent + 2)));
            block.extend(wrap(&line, indent + 4, layout));
        }
        if let Some(diff) = body.diff.as_ref().filter(|diff| !diff.is_empty()) {
            blocks.push(std::mem::take(&mut block));
            blocks.push(diff_lines(diff));
        }
    }
    blocks.push(block);
    blocks
}

fn note(indent: usize, word: &str) -> Line {
    Line::new().plain(format!("{}= {word}", " ".repeat(indent)))
}

/// Behind `= fix`: which one it is, how sure it is, and what it does.
fn fix_head(line: Line, finding: usize, fix: usize, all: &[Finding]) -> Line {
    let Some((owner, this)) = all
        .get(finding)
        .and_then(|owner| Some((owner, owner.fixes.get(fix)?)))
    else {
        return line;
    };
    let together = group(finding, fix, all);
    let (number, with) = match together.iter().position(|member| *member == finding) {
        Some(at) if together.len() > 1 => {
            let others: Vec<String> = (1..=together.len())
                .filter(|n| *n != at + 1)
                .map(|n| n.to_string())
                .collect();
            (
                format!(" {} of {}", at + 1, together.len()),
                format!(" together with {}", list(&others)),
            )
        }
        _ if owner.fixes.len() > 1 => (format!(" {}", fix + 1), String::new()),
        _ => (String::new(), String::new()),
    };
    let line = line.plain(format!("{number} ("));
    let line = match &this.proof {
        Proof::Proved => line.with(Style::Good, "proved").plain(with),
        Proof::Conditional(assumptions) => {
            let line = if with.is_empty() {
                line.with(Style::Unsure, "proved if")
            } else {
                line.with(Style::Unsure, "proved")
                    .plain(with)
                    .with(Style::Unsure, " if")
            };
            line.plain(format!(" {}", assumptions.join(" and ")))
        }
        Proof::Unproved(reason) => {
            let line = line.with(Style::Unsure, "not proved");
            if reason.is_empty() {
                line
            } else {
                line.plain(format!(": {reason}"))
            }
        }
    };
    line.plain(format!("): {}", this.title))
}

/// The findings whose fixes must go together with this one, in the order of the path.
fn group(finding: usize, fix: usize, all: &[Finding]) -> Vec<usize> {
    let leads = |f: &Finding| f.fixes.iter().position(|fix| fix.part_of.is_none());
    let lead_of = |code: &str| {
        all.iter()
            .position(|f| f.page.code == code && leads(f).is_some())
    };
    let Some((owner, this)) = all
        .get(finding)
        .and_then(|owner| Some((owner, owner.fixes.get(fix)?)))
    else {
        return Vec::new();
    };
    let lead = match this.part_of {
        Some(code) => lead_of(code),
        // Only the first way of a finding can be the common one; the others stand for themselves.
        None => (leads(owner) == Some(fix)).then_some(finding),
    };
    let Some(lead) = lead else {
        return Vec::new();
    };
    all.iter()
        .enumerate()
        .filter(|(n, f)| {
            *n == lead
                || f.fixes
                    .iter()
                    .any(|fix| fix.part_of.is_some_and(|code| lead_of(code) == Some(lead)))
        })
        .map(|(n, _)| n)
        .collect()
}

fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A unified diff, coloured but otherwise untouched: it must still apply when it is copied.
pub(super) fn diff_lines(diff: &str) -> Vec<Line> {
    let mut head = false;
    let lines: Vec<&str> = diff.trim_end_matches('\n').split('\n').collect();
    lines
        .iter()
        .enumerate()
        .map(|(n, line)| {
            let next = lines.get(n + 1).copied().unwrap_or_default();
            let opens = line.starts_with("--- ") && next.starts_with("+++ ");
            let style = match line.chars().next() {
                _ if opens || head => Style::Plain,
                Some('+') => Style::Good,
                Some('-') => Style::Bad,
                Some('@') => Style::Faint,
                _ => Style::Plain,
            };
            head = opens;
            Line::new().verbatim(style, *line)
        })
        .collect()
}

fn unknown(unknown: &Unknown, layout: &Layout) -> Vec<Line> {
    let title = Line::new()
        .with(Style::Unsure, "unknown")
        .with(Style::Strong, format!(": {}", unknown.what));
    let mut lines = wrap(&title, 2, layout);
    if !unknown.fix.is_empty() {
        let line = note(3, "fix").plain(format!(": {}", unknown.fix));
        lines.extend(wrap(&line, 5, layout));
    }
    for shown in &unknown.commands {
        lines.extend(command("     ", &shown.words, layout));
    }
    lines
}

/// The last lines: `run:`, then `or, REMARK:`.
pub(super) fn commands(commands: &[Command], layout: &Layout) -> Vec<Line> {
    commands
        .iter()
        .enumerate()
        .flat_map(|(n, shown)| {
            let label = match &shown.remark {
                _ if n == 0 => "run: ".to_owned(),
                Some(remark) => format!("or, {remark}: "),
                None => "or: ".to_owned(),
            };
            command(&label, &shown.words, layout)
        })
        .collect()
}

/// The last line on stderr: `1 error; 6 objects read from 3 files`.
#[must_use]
pub fn summary(answers: &[Answer], basis: &Basis) -> String {
    let count = |severity| {
        answers
            .iter()
            .flat_map(|answer| &answer.findings)
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let unknowns: usize = answers.iter().map(|answer| answer.unknowns.len()).sum();
    let mut parts = vec![counted(count(Severity::Error), "error")];
    for (n, word) in [
        (count(Severity::Warning), "warning"),
        (count(Severity::Info), "info"),
    ] {
        if n > 0 {
            parts.push(counted(n, word));
        }
    }
    if unknowns > 0 {
        parts.push(format!("{unknowns} unknown"));
    }
    if !basis.ignored.is_empty() {
        parts.push(basis.ignored.clone());
    }
    let mut text = parts.join(", ");
    if !basis.read.is_empty() {
        text.push_str("; ");
        text.push_str(&basis.read);
    }
    text
}

fn counted(n: usize, word: &str) -> String {
    let plural = if n == 1 || word == "info" { "" } else { "s" };
    format!("{n} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::super::model::{Answer, Basis, Finding, Fix, HopStatus, Proof, Verdict};
    use super::super::samples::{
        self, KAFKA_DIFF, ROUTE_DIFF, SERVICE_DIFF, World, answer, finding, fix, hop, page, words,
    };
    use super::super::style::Layout;
    use super::{FixBody, diff_lines, summary};
    use crate::causes::Severity;
    use crate::snapshot::Kind;

    const CLOSED: &str = "\
✗ port 16354 will be closed: no VirtualService is bound to its Gateway
  predicted from 3 files, Istio 1.31

  ✓ service    istio-system/istio-ingressgateway-external  16354 → 16354
  ✓ proxy      istio-system/istio-ingressgateway-external, 2 replicas
  ✓ gateway    rcmd/external-test-gateway
  ✓ server     16354 TCP, hosts *.rcmd.testing.mpengine
  ✗ route      no VirtualService names rcmd/external-test-gateway
  · listener, cluster, endpoints: not reached

error[GW-VS-NONE]: no VirtualService is bound to this Gateway
  --> manifests/kafka-gateway.yaml:14:15
      Gateway rcmd/external-test-gateway  .spec.servers[0].port.number
   |
14 |       number: 16354
   |               ^^^^^ nothing leads on from here
15 |       protocol: TCP
   |                 --- TCP opens only with a route; HTTP would answer 404
   = why: istiod builds a TCP listener from its routes. Without one it leaves
     the listener out, and says so only in its own log.
   = fix (proved): add this VirtualService. 16354 opens, leads to 1 endpoint,
     nothing else changes. (kafka-broker0:9092 is the only TCP port in rcmd.)
";
    const CLOSED_BASIS: &str = "predicted from 3 files, Istio 1.31";
    const RUN_FILES: &str =
        "run: kubectl mesh why-no-listener 16354 -f manifests/ --fix | git apply\n";

    fn diff(text: &str) -> FixBody {
        FixBody {
            diff: Some(text.to_owned()),
            steps: Vec::new(),
        }
    }

    #[test]
    fn closed_from_files() {
        let (scene, answer) = samples::closed();
        let text = scene.render_bodies(&answer, CLOSED_BASIS, &Layout::default(), &|_, _| {
            diff(KAFKA_DIFF)
        });
        assert_eq!(text, format!("{CLOSED}\n{KAFKA_DIFF}\n{RUN_FILES}"));
        let plain = scene.render(&answer, CLOSED_BASIS, &Layout::default());
        assert_eq!(plain, format!("{CLOSED}\n{RUN_FILES}"));
    }

    #[test]
    fn open_from_files() {
        let mut answer = answer(
            16354,
            Verdict::Open,
            "port 16354 will be open: it leads to rcmd/kafka-broker0:9092",
        );
        answer.path = [
            ("route", "VirtualService rcmd/external-test-router, tcp[0]"),
            ("listener", "0.0.0.0:16354"),
            ("cluster", "rcmd/kafka-broker0:9092"),
            ("endpoints", "1 replica"),
        ]
        .map(|(name, line)| hop(name, HopStatus::Ok, &[line]))
        .into();
        assert_eq!(
            World::default().build().render(
                &answer,
                "predicted from 4 files, Istio 1.31",
                &Layout::default()
            ),
            "\
✓ port 16354 will be open: it leads to rcmd/kafka-broker0:9092
  predicted from 4 files, Istio 1.31

  ✓ route      VirtualService rcmd/external-test-router, tcp[0]
  ✓ listener   0.0.0.0:16354
  ✓ cluster    rcmd/kafka-broker0:9092
  ✓ endpoints  1 replica
"
        );
    }

    #[test]
    fn further_lines_of_a_hop_hang_under_the_first() {
        let mut answer = answer(
            31400,
            Verdict::Open,
            "port 31400 is open: 80% to tcp-echo v1, 20% to tcp-echo v2",
        );
        answer.path = vec![
            hop(
                "service",
                HopStatus::Ok,
                &[
                    "istio-system/istio-ingressgateway  31400 → 31400",
                    "at 192.168.96.50:31400 and on node port 32432",
                ],
            ),
            hop(
                "cluster",
                HopStatus::Ok,
                &[
                    "80%  istio-io-tcp-traffic-shifting/tcp-echo:9000  v1",
                    "20%  istio-io-tcp-traffic-shifting/tcp-echo:9000  v2",
                ],
            ),
        ];
        assert_eq!(
            World::default().build().render(
                &answer,
                "observed in Envoy on 1 of 1 pods, Istio 1.31.0",
                &Layout::default()
            ),
            "\
✓ port 31400 is open: 80% to tcp-echo v1, 20% to tcp-echo v2
  observed in Envoy on 1 of 1 pods, Istio 1.31.0

  ✓ service    istio-system/istio-ingressgateway  31400 → 31400
               at 192.168.96.50:31400 and on node port 32432
  ✓ cluster    80%  istio-io-tcp-traffic-shifting/tcp-echo:9000  v1
               20%  istio-io-tcp-traffic-shifting/tcp-echo:9000  v2
"
        );
    }

    #[test]
    fn two_causes_and_a_consequence() {
        let (scene, answer) = samples::two_causes();
        let text = scene.render_bodies(
            &answer,
            "predicted from 4 files, Istio 1.31",
            &Layout::default(),
            &|_, fix| {
                diff(if fix.part_of.is_some() {
                    ROUTE_DIFF
                } else {
                    SERVICE_DIFF
                })
            },
        );
        assert_eq!(
            text,
            format!(
                "\
✗ port 16354 will be closed: 2 causes, both must go
  predicted from 4 files, Istio 1.31

  ✗ service    istio-system/istio-ingressgateway-external has no port 16354
  ✗ route      default/external-test-router names another Gateway
  · listener, cluster, endpoints: not reached

error[GW-PORT-NOT-ON-SERVICE]: no Service port leads to this listener
  --> manifests/ingressgateway.yaml:10:3
      Service istio-system/istio-ingressgateway-external  .spec.ports
   |
10 |   ports:
   |   ^^^^^ 15021 and 80, not 16354
   = why: Envoy may listen, but clients come through the Service
   = fix 1 of 2 (proved together with 2):

{SERVICE_DIFF}
error[GW-VS-GWNAME]: this Gateway name points to no Gateway
  --> manifests/kafka-route.yaml:10:5
      VirtualService default/external-test-router  .spec.gateways[0]
   |
 5 |   namespace: default
   |              ------- a name without namespace is looked up here
...
10 |   - external-test-gateway
   |     ^^^^^^^^^^^^^^^^^^^^^ not in default; there is one in rcmd
   = so: Gateway rcmd/external-test-gateway has no route (GW-VS-NONE)
   = fix 2 of 2 (proved together with 1):

{ROUTE_DIFF}
{RUN_FILES}"
            )
        );
        let basis = Basis {
            read: "7 objects read from 4 files".to_owned(),
            ..Basis::default()
        };
        assert_eq!(
            summary(&[answer], &basis),
            "2 errors; 7 objects read from 4 files"
        );
    }

    fn steps(_: &Finding, _: &Fix) -> FixBody {
        FixBody {
            diff: None,
            steps: [
                "Gateway payments/ledger-gateway    .spec.servers[0].port.number → 31401",
                "VirtualService payments/ledger     .spec.tcp[0].match[0].port → 31401",
                "Service istio-system/istio-ingressgateway  + port 31401 → 31401",
            ]
            .map(str::to_owned)
            .into(),
        }
    }

    const DIVERTED: &str = "\
✗ port 31400 is diverted to media/stream:9000: an older Gateway holds it
  observed in Envoy on 3 of 3 pods, Istio 1.31.0

  ✓ service    istio-system/istio-ingressgateway  31400 → 31400
  ✓ proxy      istio-system/istio-ingressgateway, 3 of 3 ready, in sync
  ✓ gateway    payments/ledger-gateway
  ✗ server     31400 TCP, left out: media/stream-gateway came first
  → listener   0.0.0.0:31400 of media/stream-gateway
  → cluster    media/stream:9000

error[GW-SRV-OLDER-ELSEWHERE]: an older Gateway holds this port
  --> Gateway payments/ledger-gateway  .spec.servers[0].port.number: 31400
  ::: Gateway media/stream-gateway  .spec.servers[0].port.number: 31400
   = why: two TCP servers on one port never merge, whatever their hosts and
     namespaces. The older keeps it: 2026-03-02, yours is of 2026-11-19.
   = fix (proved): move to 31401, the next free port
       Gateway payments/ledger-gateway    .spec.servers[0].port.number → 31401
       VirtualService payments/ledger     .spec.tcp[0].match[0].port → 31401
       Service istio-system/istio-ingressgateway  + port 31401 → 31401
     also: a listener for 31401 in every sidecar that sees this Service

run: kubectl mesh why-no-listener 31400 -n payments --fix | sh
";
    const OBSERVED: &str = "observed in Envoy on 3 of 3 pods, Istio 1.31.0";

    #[test]
    fn diverted_live() {
        let (scene, answer) = samples::diverted();
        let text = scene.render_bodies(&answer, OBSERVED, &Layout::default(), &steps);
        assert_eq!(text, DIVERTED);
    }

    const UNREAD: &str = "\
? port 31400 is unknown: anna may not list Services in istio-system
  predicted from live objects; pods not asked: anna may not port-forward

  ? service    forbidden: list services in istio-system
  ✓ route      VirtualService data/mq, tcp[0]
  ? listener   on 31400, or on the targetPort the Service gives to 31400
  ✓ cluster    data/mq:5672
  ✓ endpoints  2 ready

unknown: whether a Service leads to 31400, and to which targetPort
   = fix: ask with other rights, or have an admin give this one
     kubectl create role mesh-read -n istio-system \\
       --verb=get,list --resource=services
     kubectl create rolebinding mesh-read-anna -n istio-system \\
       --role=mesh-read --user=anna

run: kubectl auth can-i list services -n istio-system --as anna
";
    const UNREAD_BASIS: &str =
        "predicted from live objects; pods not asked: anna may not port-forward";

    #[test]
    fn what_could_not_be_read() {
        let (scene, answer) = samples::unread();
        let text = scene.render(&answer, UNREAD_BASIS, &Layout::default());
        assert_eq!(text, UNREAD);
        assert_eq!(summary(&[answer], &Basis::default()), "0 errors, 1 unknown");
    }

    /// Section 6 and 8 of the specification: pods that differ, evidence, a remark, a fix without proof.
    #[test]
    fn evidence_and_unproved_fixes() {
        let scene = World::default()
            .object(Kind::Pod, "istio-system", "istio-ingressgateway-7x2mq")
            .object(Kind::ServiceEntry, "app", "app-ext")
            .build();
        let mut bind = finding(
            page("ENVOY-BIND-INUSE", "another process holds this port"),
            scene.live(
                Kind::Pod,
                "istio-system/istio-ingressgateway-7x2mq",
                "spec.hostNetwork",
                "true",
            ),
            "each Envoy binds for itself. These pods use their node's network, so any process on worker-2 can be in \
             the way.",
        );
        bind.so = vec!["istiod has this proxy's listeners as not accepted (ENVOY-NACK)".to_owned()];
        bind.seen = vec!["cannot bind '0.0.0.0:9000': Address already in use".to_owned()];
        bind.fixes = vec![fix(
            "find it, stop it, then delete the pod; Envoy does not try again by itself",
            Proof::Unproved("that process is outside the mesh".to_owned()),
        )];
        let mut wild = finding(
            page("SC-WILD-SE", "this ServiceEntry takes every IP on a port"),
            scene.mark(Kind::ServiceEntry, "app/app-ext", "spec", "unused here"),
            "a TCP port without addresses listens on 0.0.0.0 in every sidecar that sees the entry. An IP with no \
             listener of its own lands there.",
        );
        wild.remark = Some("no addresses; ports[0] is 5701 TCP".to_owned());
        wild.so = vec![
            "10.12.2.8 is pod manager-7948dffbdd-sh7rx. Service manager/manager has a ClusterIP, and only that has a \
             listener (SC-PODIP-DIRECT)"
                .to_owned(),
        ];
        wild.seen = vec![
            "in the access log as UF,URX \"10.0.23.221:5701\" outbound|5701||app-ext.app.svc.cluster.local"
                .to_owned(),
        ];
        wild.fixes = vec![fix(
            "a headless Service, one listener for each manager pod",
            Proof::Proved,
        )];
        let mut asked = answer(
            9000,
            Verdict::Missing,
            "port 9000 is closed on 1 of 3 pods: Envoy refused the listener",
        );
        asked.path = vec![
            hop(
                "listener",
                HopStatus::Broken,
                &[
                    "open     istio-ingressgateway-4tn8d  on worker-1",
                    "refused  istio-ingressgateway-7x2mq  on worker-2",
                ],
            ),
            hop("cluster", HopStatus::NotReached, &[]),
            hop("endpoints", HopStatus::NotReached, &[]),
        ];
        asked.findings = vec![bind, wild];
        asked.commands = vec![
            words(
                "kubectl debug node/worker-2 -it --image=busybox --profile=sysadmin -- chroot /host ss -ltnp 'sport = \
                 :9000'",
            ),
            words("kubectl mesh why-no-listener 16354 -f manifests/").remarked("without a cluster"),
        ];
        let text = scene.render(&asked, OBSERVED, &Layout::default());
        assert_eq!(
            text,
            "\
✗ port 9000 is closed on 1 of 3 pods: Envoy refused the listener
  observed in Envoy on 3 of 3 pods, Istio 1.31.0

  ✗ listener   open     istio-ingressgateway-4tn8d  on worker-1
               refused  istio-ingressgateway-7x2mq  on worker-2
  · cluster, endpoints: not reached

error[ENVOY-BIND-INUSE]: another process holds this port
  --> Pod istio-system/istio-ingressgateway-7x2mq  .spec.hostNetwork: true
   = why: each Envoy binds for itself. These pods use their node's network, so
     any process on worker-2 can be in the way.
   = so: istiod has this proxy's listeners as not accepted (ENVOY-NACK)
   = seen: cannot bind '0.0.0.0:9000': Address already in use
   = fix (not proved: that process is outside the mesh): find it, stop it, then
     delete the pod; Envoy does not try again by itself

error[SC-WILD-SE]: this ServiceEntry takes every IP on a port
  --> ServiceEntry app/app-ext  .spec  (no addresses; ports[0] is 5701 TCP)
   = why: a TCP port without addresses listens on 0.0.0.0 in every sidecar that
     sees the entry. An IP with no listener of its own lands there.
   = so: 10.12.2.8 is pod manager-7948dffbdd-sh7rx. Service manager/manager has
     a ClusterIP, and only that has a listener (SC-PODIP-DIRECT)
   = seen: in the access log as UF,URX \"10.0.23.221:5701\"
     outbound|5701||app-ext.app.svc.cluster.local
   = fix (proved): a headless Service, one listener for each manager pod

run: kubectl debug node/worker-2 -it --image=busybox --profile=sysadmin \\
       -- chroot /host ss -ltnp 'sport = :9000'
or, without a cluster: kubectl mesh why-no-listener 16354 -f manifests/
"
        );
    }

    fn fixes_of(fixes: Vec<Fix>) -> String {
        let (scene, mut answer) = samples::diverted();
        answer.findings[0].fixes = fixes;
        scene
            .render(&answer, OBSERVED, &Layout::default())
            .lines()
            .filter(|line| line.contains("fix") && !line.starts_with("run"))
            .map(|line| format!("{line}\n"))
            .collect()
    }

    #[test]
    fn several_ways_are_numbered_and_say_how_sure_they_are() {
        assert_eq!(
            fixes_of(vec![
                fix("one", Proof::Proved),
                fix(
                    "two",
                    Proof::Conditional(vec![
                        "such a gateway exists".to_owned(),
                        "rcmd/a is older than rcmd/b".to_owned(),
                    ])
                ),
                fix("three", Proof::Unproved("which Service?".to_owned())),
                fix("four", Proof::Unproved(String::new())),
            ]),
            "   = fix 1 (proved): one
   = fix 2 (proved if such a gateway exists and rcmd/a is older than rcmd/b):
   = fix 3 (not proved: which Service?): three
   = fix 4 (not proved): four
"
        );
    }

    #[test]
    fn three_fixes_that_go_together() {
        let (scene, mut answer) = samples::two_causes();
        let mut third = answer.findings[1].clone();
        third.page = page("GW-THIRD", "a third cause");
        third.fixes[0].proof = Proof::Conditional(vec!["x".to_owned()]);
        answer.findings.push(third);
        let text = scene.render(&answer, "", &Layout::default());
        for line in [
            "= fix 1 of 3 (proved together with 2 and 3):\n",
            "= fix 2 of 3 (proved together with 1 and 3):\n",
            "= fix 3 of 3 (proved together with 1 and 2 if x):\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    fn strip(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("\x1b[") {
            out.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        out + rest
    }

    #[test]
    fn colour_stands_around_the_words_that_mean_something() {
        let coloured = Layout {
            color: true,
            ..Layout::default()
        };
        let (scene, answer) = samples::closed();
        let text = scene.render_bodies(&answer, CLOSED_BASIS, &coloured, &|_, _| diff(KAFKA_DIFF));
        for piece in [
            "\x1b[31m✗\x1b[0m\x1b[1m port 16354 will be \x1b[0m\x1b[31mclosed\x1b[0m\x1b[1m: no VirtualService is \
             bound to its Gateway\x1b[0m\n",
            "\n  \x1b[2mpredicted from 3 files, Istio 1.31\x1b[0m\n",
            "\n  \x1b[32m✓\x1b[0m gateway    rcmd/external-test-gateway\n",
            "\n  \x1b[2m· listener, cluster, endpoints: not reached\x1b[0m\n",
            "\n\x1b[31merror\x1b[0m\x1b[1m[GW-VS-NONE]: no VirtualService is bound to this Gateway\x1b[0m\n",
            "\n  \x1b[2m-->\x1b[0m manifests/kafka-gateway.yaml:14:15\n",
            "\n\x1b[2m14 |\x1b[0m       number: 16354\n",
            "\n\x1b[2m   |\x1b[0m               \x1b[31m^^^^^ nothing leads on from here\x1b[0m\n",
            "\x1b[2m--- TCP opens only with a route; HTTP would answer 404\x1b[0m\n",
            "= fix (\x1b[32mproved\x1b[0m): add this",
            "\n--- a/manifests/kafka-gateway.yaml\n+++ b/manifests/kafka-gateway.yaml\n\x1b[2m@@ -15 +15,20 @@ \
             spec:\x1b[0m\n       protocol: TCP\n\x1b[32m+---\x1b[0m\n",
            "\nrun: \x1b[1mkubectl mesh why-no-listener 16354 -f manifests/ --fix | git apply\x1b[0m\n",
        ] {
            assert!(text.contains(piece), "no {piece:?} in {text:?}");
        }
        assert_eq!(strip(&text), format!("{CLOSED}\n{KAFKA_DIFF}\n{RUN_FILES}"));

        let (scene, answer) = samples::unread();
        let text = scene.render(&answer, UNREAD_BASIS, &coloured);
        assert!(text.contains("\x1b[33munknown\x1b[0m\x1b[1m: whether"));
        assert!(text.contains("\n  \x1b[33m?\x1b[0m listener   on 31400"));
        assert_eq!(strip(&text), UNREAD);

        let (scene, answer) = samples::diverted();
        let text = scene.render_bodies(&answer, OBSERVED, &coloured, &steps);
        assert!(text.contains("\n  \x1b[2m→ cluster    media/stream:9000\x1b[0m\n"));
        assert_eq!(strip(&text), DIVERTED);
    }

    #[test]
    fn no_escape_without_colour_and_no_foreign_glyph_without_utf8() {
        let ascii = Layout {
            unicode: false,
            ..Layout::default()
        };
        for (scene, answer) in [
            samples::closed(),
            samples::two_causes(),
            samples::diverted(),
            samples::unread(),
        ] {
            let text = scene.render(&answer, OBSERVED, &Layout::default());
            assert!(!text.contains('\x1b'));
            let text = scene.render(&answer, OBSERVED, &ascii);
            assert!(text.is_ascii(), "{text}");
        }
        let (scene, answer) = samples::diverted();
        let text = scene.render(&answer, OBSERVED, &ascii);
        assert!(text.starts_with("x port 31400 is diverted"));
        assert!(
            text.contains("  + service    istio-system/istio-ingressgateway  31400 -> 31400\n")
        );
        assert!(text.contains("  -> listener   0.0.0.0:31400 of media/stream-gateway\n"));
        let (scene, answer) = samples::closed();
        let text = scene.render(&answer, OBSERVED, &ascii);
        assert!(text.contains("  - listener, cluster, endpoints: not reached\n"));
    }

    /// The words are the same at any width, and only what may not be broken sticks out.
    #[test]
    fn widths() {
        let (scene, answer) = samples::closed();
        let narrow = Layout {
            width: 60,
            ..Layout::default()
        };
        let text = scene.render(&answer, CLOSED_BASIS, &narrow);
        assert!(
            text.contains(
                "
   = why: istiod builds a TCP listener from its routes.
     Without one it leaves the listener out, and says so
     only in its own log.
   = fix (proved): add this VirtualService. 16354 opens,
     leads to 1 endpoint, nothing else changes.
     (kafka-broker0:9092 is the only TCP port in rcmd.)
"
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "
  ✓ service    istio-system/istio-ingressgateway-external
               16354 → 16354
"
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "
15 |       protocol: TCP
   |                 --- TCP opens only with a route; HTTP
   |                     would answer 404
"
            ),
            "{text}"
        );
        assert!(
            text.ends_with(
                "
run: kubectl mesh why-no-listener 16354 -f manifests/ \\
       --fix | git apply
"
            ),
            "{text}"
        );
        let wide = Layout {
            width: 100,
            ..Layout::default()
        };
        let text = scene.render(&answer, CLOSED_BASIS, &wide);
        assert!(
            text.contains(
                "
   = why: istiod builds a TCP listener from its routes. Without one it leaves the listener out, and
     says so only in its own log.
"
            ),
            "{text}"
        );
        let words = |text: &str| {
            text.replace("\\\n", "\n")
                .replace("|  ", "")
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let joined = |text: &str| words(text).join(" ").replace(" | ", " ");
        assert_eq!(
            joined(&scene.render(&answer, CLOSED_BASIS, &narrow)),
            joined(&text)
        );
    }

    #[test]
    fn a_second_object_of_the_same_file_is_named() {
        let text = "kind: Gateway\nname: a\n---\nkind: Gateway\nname: b\n";
        let scene = World::default()
            .source("two.yaml", text)
            .object(Kind::Gateway, "x", "a")
            .field("metadata.name", "a\n---", 1)
            .object(Kind::Gateway, "x", "b")
            .field("metadata.name", "b\n", 1)
            .build();
        let mut cause = finding(
            page("GW-SRV-L4-DUP", "two"),
            scene.mark(Kind::Gateway, "x/a", "metadata.name", "this"),
            "",
        );
        cause.related = vec![scene.mark(Kind::Gateway, "x/b", "metadata.name", "that")];
        cause.severity = Severity::Warning;
        let mut asked = answer(1, Verdict::Missing, "x");
        asked.findings = vec![cause];
        let text = scene.render(&asked, "", &Layout::default());
        assert!(
            text.ends_with(
                "
warning[GW-SRV-L4-DUP]: two
  --> two.yaml:2:7
      Gateway x/a  .metadata.name
   |
 2 | name: a
   |       ^ this
  ::: two.yaml:5:7
      Gateway x/b  .metadata.name
   |
 5 | name: b
   |       - that
"
            ),
            "{text}"
        );
    }

    #[test]
    fn an_object_cannot_drive_the_terminal() {
        let scene = World::default()
            .object(Kind::Gateway, "x", "\x1b[2Jevil")
            .build();
        let mut asked: Answer = answer(1, Verdict::Missing, "a\x07b");
        asked.findings = vec![finding(
            page("C", "t"),
            scene.live(Kind::Gateway, "x/\x1b[2Jevil", "spec", "a\rb"),
            "\x1b]0;title\x07",
        )];
        asked.findings[0].seen = vec!["网关\u{9b}31m".to_owned()];
        let bodies = |_: &Finding, _: &Fix| diff("+a\x1bb\tc\r");
        asked.findings[0].fixes = vec![fix("f", Proof::Proved)];
        for color in [false, true] {
            let layout = Layout {
                color,
                ..Layout::default()
            };
            let text = strip(&scene.render_bodies(&asked, "b\x08", &layout, &bodies));
            assert!(text.contains("✗ a\\x07b\n  b\\x08\n"), "{text}");
            assert!(text.contains("--> Gateway x/\\x1b[2Jevil  .spec: a\\x0db\n"));
            assert!(text.contains("= why: \\x1b]0;title\\x07\n"));
            assert!(text.contains("= seen: 网关\\x9b31m\n"));
            assert!(text.contains("\n+a\\x1bb\tc\\x0d\n"));
        }
    }

    #[test]
    fn a_diff_keeps_its_lines() {
        let layout = Layout {
            color: true,
            ..Layout::default()
        };
        let text = super::super::style::print(
            &diff_lines("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n -- \n--- a\n+ b \n"),
            &layout,
        );
        assert_eq!(
            text,
            "--- a/x\n+++ b/x\n\x1b[2m@@ -1,2 +1,2 @@\x1b[0m\n -- \n\x1b[31m--- a\x1b[0m\n\x1b[32m+ b \x1b[0m\n"
        );
    }
}
