//! What a change does to a mesh: text, Markdown for a pull request, JSON.

use serde::Serialize;

use super::json::{FindingWithPort, ObjectName, findings_with_port, to_json};
use super::model::{Command, Finding};
use super::style::{Layout, Line, Style, print_blocks};
use super::text::{Bodies, commands, render_finding};
use super::wrap::wrap;
use crate::causes::Severity;
use crate::change::effect::{Clusters, Cuts, Group, MeshEffect, PortEffect, Proxies, What};
use crate::snapshot::Snapshot;
use crate::walk::{cluster_name, cluster_parts, counted, percentages};

/// How an effect is told.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// The effect.
    pub effect: &'a MeshEffect,
    /// The objects after the change.
    pub snapshot: &'a Snapshot,
    /// The domain of Services.
    pub domain: &'a str,
    /// The cluster.
    pub cluster: &'a str,
    /// Whether an introduced finding of this severity makes it a failure.
    pub least: Severity,
}

/// Columns of an effect's word, and of what stands before it.
const WORD: usize = 8;
const INDENT: usize = 4;

/// On to where the connection was going.
const PASSTHROUGH: &str = "PassthroughCluster";

impl Telling<'_> {
    /// Whether the change introduces a failure.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.errors() > 0
    }

    fn introduced(&self) -> impl Iterator<Item = (u32, &Finding)> {
        let answers = self.effect.introduced.answers.iter();
        answers.flat_map(|a| a.findings.iter().map(|f| (a.asked.port, f)))
    }

    fn errors(&self) -> usize {
        let failing = self.introduced().filter(|(_, f)| f.severity >= self.least);
        failing.count() + self.effect.refused.len()
    }

    const fn glyph(failed: bool) -> (&'static str, Style) {
        if failed {
            ("✗", Style::Bad)
        } else {
            ("✓", Style::Good)
        }
    }

    /// `opens 1 port`, `captures 1`, `will cut 17 connections`: the noun stands once.
    fn parts(&self) -> Vec<String> {
        let cut = |effect: &PortEffect| effect.cuts != Cuts::Nothing && !none_open(effect.cuts);
        let mut parts: Vec<String> = Vec::new();
        for (what, verb) in [
            (What::Opened, "opens"),
            (What::Closed, "closes"),
            (What::Changed, "alters"),
            (What::Captured, "captures"),
        ] {
            // That a change cuts connections is said by their number.
            let told = |e: &&PortEffect| e.what == what && (what != What::Changed || !cut(e));
            let of_group = |g: &Group| {
                let mut ports: Vec<u32> = g.effects.iter().filter(told).map(|e| e.port).collect();
                ports.sort_unstable();
                ports.dedup();
                ports.len()
            };
            let number: usize = self.effect.groups.iter().map(of_group).sum();
            match (number, parts.is_empty()) {
                (0, _) => {}
                (n, true) => parts.push(format!("{verb} {}", counted(n, "port"))),
                (n, false) => parts.push(format!("{verb} {n}")),
            }
        }
        match self.effect.cuts() {
            Cuts::Nothing => {}
            Cuts::Counted { open: 0, .. } => {}
            Cuts::Unknown => parts.push("will cut an unknown number of connections".to_owned()),
            Cuts::Counted { open, at_most } => {
                let most = if at_most { "at most " } else { "" };
                let open = usize::try_from(open).unwrap_or(usize::MAX);
                parts.push(format!("will cut {most}{}", counted(open, "connection")));
            }
        }
        parts
    }

    /// The first line without its glyph.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.parts().as_slice() {
            [] if self.fails() => format!(
                "the change alters no listener, chain, route or cluster; it introduces {}",
                counted(self.errors(), "error")
            ),
            [] => "the change alters no listener, chain, route or cluster".to_owned(),
            [one] => format!("the change {one}"),
            [first @ .., last] => format!("the change {} and {last}", first.join(", ")),
        }
    }

    /// The last line on stderr.
    #[must_use]
    pub fn counts(&self) -> String {
        let errors = |severity| severity == Severity::Error;
        let new = self
            .introduced()
            .filter(|(_, f)| errors(f.severity))
            .count();
        let new = new + self.effect.refused.len();
        let others = self
            .introduced()
            .filter(|(_, f)| !errors(f.severity))
            .count();
        let mut parts = vec![format!("{} introduced", counted(new, "error"))];
        if others > 0 {
            parts.push(format!("{} introduced", counted(others, "warning")));
        }
        parts.push(format!("{} fixed", self.effect.fixed.len()));
        parts.push(format!("{} as before", self.effect.as_before));
        parts.join(", ")
    }

    /// The effect as text; `basis` is its second line.
    #[must_use]
    pub fn text(
        &self,
        basis: &str,
        run: Option<&Command>,
        layout: &Layout,
        bodies: Bodies<'_>,
    ) -> String {
        let (glyph, style) = Self::glyph(self.fails());
        let first = Line::new()
            .with(style, glyph)
            .with(Style::Strong, format!(" {}", self.summary()));
        let mut head = wrap(&first, 2, layout);
        let second = Line::new().plain("  ").with(Style::Faint, basis.to_owned());
        head.extend(wrap(&second, 2, layout));
        for assumption in &self.effect.assumptions {
            let line = Line::new().plain("  ").with(Style::Unsure, "if");
            head.extend(wrap(&line.plain(format!(" {assumption}")), 2, layout));
        }
        let mut text = print_blocks(&[head, self.ports(layout)], layout);
        let mut failing = Vec::new();
        for refused in &self.effect.refused {
            let line = Line::new().with(Style::Bad, "error");
            failing.extend(wrap(&line.plain(format!(": {refused}")), 2, layout));
        }
        let findings: Vec<String> = self
            .introduced()
            .map(|(_, finding)| render_finding(finding, self.snapshot, layout, bodies))
            .collect();
        if !failing.is_empty() || !findings.is_empty() {
            text.push_str("\nintroduced\n");
            text.push_str(&print_blocks(&[failing.clone()], layout));
            if !failing.is_empty() && !findings.is_empty() {
                text.push('\n');
            }
            text.push_str(&findings.join("\n"));
        }
        if !self.effect.fixed.is_empty() {
            let mut block = vec![Line::new().plain("fixed")];
            block.extend(self.fixed_lines());
            let gap = if failing.is_empty() && findings.is_empty() {
                "\n"
            } else {
                ""
            };
            text.push_str(gap);
            text.push_str(&print_blocks(&[block], layout));
        }
        if let Some(run) = run {
            text.push('\n');
            text.push_str(&print_blocks(
                &[commands(std::slice::from_ref(run), layout)],
                layout,
            ));
        }
        text
    }

    fn fixed_lines(&self) -> Vec<Line> {
        let fixed = &self.effect.fixed;
        let widest = fixed.iter().map(|f| f.code.len()).max().unwrap_or(0);
        let line = |one: &crate::change::effect::Fixed| {
            let port = match one.port {
                0 => String::new(),
                port => format!(", port {port}"),
            };
            let pad = " ".repeat(widest - one.code.len() + 2);
            Line::new().plain(format!("  {}{pad}{}{port}", one.code, one.object))
        };
        fixed.iter().map(line).collect()
    }

    fn ports(&self, layout: &Layout) -> Vec<Line> {
        let mut lines = Vec::new();
        let port = |e: &PortEffect| e.port.to_string().len();
        let widest = self.effect.effects().map(port).max().unwrap_or(0);
        for group in &self.effect.groups {
            lines.push(Line::new().plain(format!("  {}", who(&group.proxies, ", "))));
            for effect in &group.effects {
                let style = match effect.what {
                    What::Opened => Style::Good,
                    What::Closed | What::Captured => Style::Bad,
                    What::Changed => Style::Plain,
                };
                let word = effect.what.word();
                let pad = " ".repeat(WORD.saturating_sub(word.len()) + 2);
                let mut line = Line::new()
                    .plain(" ".repeat(INDENT))
                    .with(style, word)
                    .plain(format!("{pad}{:<widest$}  ", effect.port));
                line = line.plain(self.detail(effect));
                if let Some(cuts) = cuts(effect.cuts) {
                    line = line.plain("; ").with(Style::Bad, cuts);
                }
                lines.extend(wrap(&line, INDENT + WORD + 2 + widest + 2, layout));
            }
        }
        if !self.effect.groups.is_empty() {
            let ports = counted(self.effect.unchanged, "port");
            lines.push(Line::new().plain(format!("  unchanged   {ports}")));
        }
        lines
    }

    /// What stands behind the port, without what is cut.
    fn detail(&self, effect: &PortEffect) -> String {
        let mut about: Vec<String> = Vec::new();
        about.extend(effect.address.iter().map(|a| format!("at {a}")));
        if !effect.of.is_empty() {
            about.push(format!("for {}", effect.of.join(", ")));
        }
        about.extend(effect.requests.iter().map(|r| format!("requests for {r}")));
        let way = match effect.what {
            What::Opened if effect.after.is_empty() => String::new(),
            What::Opened => format!("→ {}", self.leads(&effect.after)),
            What::Closed if effect.before.is_empty() => String::new(),
            What::Closed => format!("led to {}", self.leads(&effect.before)),
            What::Changed => self.changed(effect),
            What::Captured => {
                about.push("IPs without a listener".to_owned());
                let to = match self.leads(&effect.after) {
                    to if to.is_empty() => "HTTP".to_owned(),
                    to => to,
                };
                format!("passthrough → {to}")
            }
        };
        let mut text = match (about.is_empty(), way.is_empty()) {
            (true, _) => way,
            (false, true) => about.join(" "),
            (false, false) if way.starts_with("→") => format!("{} {way}", about.join(" ")),
            (false, false) => format!("{}: {way}", about.join(" ")),
        };
        if let Some(note) = &effect.note {
            let gap = if text.is_empty() { "" } else { ": " };
            let gap = if effect.what == What::Opened && !text.is_empty() {
                ", "
            } else {
                gap
            };
            text = format!("{text}{gap}{note}");
        }
        text
    }

    fn changed(&self, effect: &PortEffect) -> String {
        let (before, after) = (&effect.before, &effect.after);
        if before == after && (after.len() < 2 || !Self::by_subsets(&names(after))) {
            return self.leads(after);
        }
        if let ([(a, _)], [(b, _)]) = (before.as_slice(), after.as_slice())
            && a != b
        {
            return format!("{} → {}", self.name(a), self.name(b));
        }
        if before.is_empty() || after.is_empty() {
            let or = |side: &Clusters| match self.leads(side) {
                text if text.is_empty() => "none".to_owned(),
                text => text,
            };
            return format!("{} → {}", or(before), or(after));
        }
        let mut all = names(before);
        for name in names(after) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        let share = |side: &Clusters, name: &String| {
            let all = side.iter().zip(percentages(side));
            all.filter(|((n, _), _)| n == name)
                .map(|(_, p)| p)
                .sum::<u32>()
        };
        let short = Self::by_subsets(&all);
        let one = |name: &&String| {
            let (was, now) = (share(before, name), share(after, name));
            let shown = if short {
                cluster_parts(name).map_or_else(String::new, |(_, subset, _)| subset.to_owned())
            } else {
                self.name(name)
            };
            if was == now {
                format!("{shown} {now}%")
            } else {
                format!("{shown} {was}% → {now}%")
            }
        };
        all.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// Whether all are subsets of one host and port: then the subset alone says which.
    fn by_subsets(names: &[&String]) -> bool {
        let mut of = names.iter().map(|n| cluster_parts(n));
        let Some(Some((port, _, host))) = of.clone().next() else {
            return false;
        };
        of.all(|parts| {
            parts.is_some_and(|(p, subset, h)| !subset.is_empty() && (p, h) == (port, host))
        })
    }

    fn leads(&self, clusters: &Clusters) -> String {
        match clusters.as_slice() {
            [(one, _)] => self.name(one),
            several if several.iter().all(|(_, weight)| *weight == 0) => {
                let names: Vec<String> = several.iter().map(|(n, _)| self.name(n)).collect();
                match names.as_slice() {
                    [first, second] => format!("{first} and {second}"),
                    [first, rest @ ..] => format!("{first} and {} more", rest.len()),
                    [] => String::new(),
                }
            }
            several => {
                let shares = several.iter().zip(percentages(several));
                let one = |((name, _), percent): (&(String, u32), u32)| {
                    format!("{} {percent}%", self.name(name))
                };
                shares.map(one).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn name(&self, cluster: &str) -> String {
        match cluster {
            PASSTHROUGH => "passthrough".to_owned(),
            "BlackHoleCluster" => "nowhere".to_owned(),
            "InboundPassthroughCluster" => "other ports of the pod".to_owned(),
            inbound if inbound.starts_with("inbound|") => {
                let port = cluster_parts(inbound).map_or("", |(port, ..)| port);
                format!("port {port} of the pod")
            }
            name => cluster_name(name, self.domain).replace("  ", " "),
        }
    }

    /// For a pull request; a bot finds its own comment by the first line.
    #[must_use]
    pub fn markdown(&self) -> String {
        let (glyph, _) = Self::glyph(self.fails());
        let parts = self.parts();
        let title = match parts.is_empty() {
            true => "Alters no listener, chain, route or cluster".to_owned(),
            false => first_upper(&parts.join(", ")),
        };
        let mut text = format!("<!-- kubectl mesh: effect -->\n### {glyph} {title}\n");
        if !self.effect.groups.is_empty() {
            text.push_str("\n| proxies | effect | port | |\n|---|---|---|---|\n");
        }
        for group in &self.effect.groups {
            let who = cell(&who_in_brackets(&group.proxies));
            for effect in &group.effects {
                // A table is narrow: where it led is left to the text.
                let after = match effect.what {
                    What::Captured => format!("→ {}", self.leads(&effect.after)),
                    What::Changed if Self::by_subsets(&names(&effect.after)) => {
                        let alone = PortEffect {
                            before: effect.after.clone(),
                            ..effect.clone()
                        };
                        self.detail(&alone)
                    }
                    _ => self.detail(effect),
                };
                let cuts = match cuts(effect.cuts) {
                    None => String::new(),
                    Some(words) => {
                        let words = words.strip_suffix(" connections").unwrap_or(&words);
                        format!("; **{words}**")
                    }
                };
                let (word, port) = (effect.what.word(), effect.port);
                text.push_str(&format!(
                    "| {who} | {word} | {port} | {}{cuts} |\n",
                    cell(&after)
                ));
            }
        }
        let mut introduced: Vec<String> = Vec::new();
        introduced.extend(self.effect.refused.iter().map(|line| cell(line)));
        introduced.extend(self.introduced().map(|(_, finding)| self.linked(finding)));
        let port = |port: u32| match port {
            0 => String::new(),
            port => format!(" on {port}"),
        };
        let fixed = self.effect.fixed.iter();
        let fixed: Vec<String> = fixed
            .map(|one| format!("`{}`{}", one.code, port(one.port)))
            .collect();
        let mut last = Vec::new();
        for (word, all) in [("Introduced", introduced), ("Fixed", fixed)] {
            if !all.is_empty() {
                last.push(format!("**{word}:** {}", all.join(", ")));
            }
        }
        if !last.is_empty() {
            text.push_str(&format!("\n{}\n", last.join(" · ")));
        }
        text
    }

    /// A finding in a line of Markdown, with its place.
    fn linked(&self, finding: &Finding) -> String {
        let mark = &finding.primary;
        let place = self
            .snapshot
            .locate(mark.object, &mark.field)
            .and_then(|at| {
                let source = self.snapshot.source(at.source)?;
                Some(format!("{}:{}", source.name, at.line))
            })
            .or_else(|| Some(self.snapshot.get(mark.object)?.key.to_string()))
            .unwrap_or_default();
        let page = finding.page;
        format!("`{}` {} (`{}`)", page.code, cell(page.title), cell(&place))
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> String {
        let effect = self.effect;
        let fixed = |one: &crate::change::effect::Fixed| JsonFixed {
            code: one.code,
            title: one.title,
            severity: one.severity.word(),
            object: ObjectName {
                kind: one.object.kind.name(),
                namespace: one.object.namespace.clone(),
                name: one.object.name.clone(),
            },
            port: (one.port > 0).then_some(one.port),
        };
        to_json(&JsonEffect {
            summary: self.summary(),
            cluster: self.cluster,
            failed: self.fails(),
            groups: effect.groups.iter().map(|g| self.group_json(g)).collect(),
            unchanged_ports: effect.unchanged,
            cuts: cuts_json(effect.cuts()),
            introduced: findings_with_port(&effect.introduced.answers, self.snapshot),
            refused: &effect.refused,
            fixed: effect.fixed.iter().map(fixed).collect(),
            as_before: effect.as_before,
            assumptions: &effect.assumptions,
        })
    }

    fn group_json<'e>(&self, group: &'e Group) -> JsonGroup<'e> {
        JsonGroup {
            proxies: match &group.proxies {
                Proxies::Gateway {
                    namespace,
                    name,
                    pods,
                } => JsonProxies {
                    r#type: "router",
                    namespace: namespace.clone(),
                    name: name.clone(),
                    count: *pods,
                },
                Proxies::Sidecars {
                    count,
                    namespace,
                    name,
                } => JsonProxies {
                    r#type: "sidecar",
                    namespace: namespace.clone(),
                    name: name.clone(),
                    count: *count,
                },
            },
            effects: group.effects.iter().map(|e| self.effect_json(e)).collect(),
        }
    }

    fn effect_json<'e>(&self, effect: &'e PortEffect) -> JsonPort<'e> {
        let side = |clusters: &Clusters| -> Vec<JsonCluster> {
            let shares = clusters.iter().zip(percentages(clusters));
            let one = |((name, weight), percent): (&(String, u32), u32)| JsonCluster {
                cluster: name.clone(),
                percent: (*weight > 0).then_some(percent),
            };
            shares.map(one).collect()
        };
        JsonPort {
            effect: effect.what.word(),
            port: effect.port,
            listener: Some(effect.listener.as_str()).filter(|name| !name.is_empty()),
            of: &effect.of,
            requests: effect.requests.as_deref(),
            before: side(&effect.before),
            after: side(&effect.after),
            detail: self.detail(effect),
            cuts: cuts_json(effect.cuts),
        }
    }
}

fn names(clusters: &Clusters) -> Vec<&String> {
    clusters.iter().map(|(name, _)| name).collect()
}

/// Counted, and nothing was open.
const fn none_open(cuts: Cuts) -> bool {
    matches!(cuts, Cuts::Counted { open: 0, .. })
}

fn cuts(cuts: Cuts) -> Option<String> {
    match cuts {
        Cuts::Nothing => None,
        Cuts::Unknown => Some("cuts an unknown number".to_owned()),
        Cuts::Counted { open: 0, .. } => Some("cuts nothing, none is open".to_owned()),
        Cuts::Counted { open, at_most } => {
            let most = if at_most { "at most " } else { "" };
            let open = usize::try_from(open).unwrap_or(usize::MAX);
            Some(format!("cuts {most}{}", counted(open, "connection")))
        }
    }
}

const fn cuts_json(cuts: Cuts) -> JsonCuts {
    match cuts {
        Cuts::Nothing => JsonCuts {
            status: "nothing",
            open: None,
        },
        Cuts::Unknown => JsonCuts {
            status: "unknown",
            open: None,
        },
        Cuts::Counted { open, at_most } => JsonCuts {
            status: if at_most { "at-most" } else { "counted" },
            open: Some(open),
        },
    }
}

fn who(proxies: &Proxies, between: &str) -> String {
    match proxies {
        Proxies::Gateway {
            namespace,
            name,
            pods,
        } => format!(
            "{namespace}/{name}{between}{}",
            counted(*pods as usize, "pod")
        ),
        Proxies::Sidecars {
            count: 1,
            namespace,
            name,
        } => format!("the sidecar of {namespace}/{name}"),
        Proxies::Sidecars { count, .. } => counted(*count as usize, "sidecar"),
    }
}

fn who_in_brackets(proxies: &Proxies) -> String {
    match proxies {
        Proxies::Gateway { .. } => format!("{})", who(proxies, " (")),
        Proxies::Sidecars { .. } => who(proxies, ""),
    }
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// Text of a table's cell: no name ends the cell or the line, or begins markup.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in super::style::visible(text).chars() {
        if matches!(c, '|' | '*' | '_' | '`' | '<' | '[' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonEffect<'a> {
    summary: String,
    cluster: &'a str,
    failed: bool,
    groups: Vec<JsonGroup<'a>>,
    unchanged_ports: usize,
    cuts: JsonCuts,
    introduced: Vec<FindingWithPort<'a>>,
    refused: &'a [String],
    fixed: Vec<JsonFixed>,
    as_before: usize,
    assumptions: &'a [String],
}

#[derive(Serialize)]
struct JsonGroup<'a> {
    proxies: JsonProxies,
    effects: Vec<JsonPort<'a>>,
}

#[derive(Serialize)]
struct JsonProxies {
    namespace: String,
    name: String,
    r#type: &'static str,
    count: u32,
}

#[derive(Serialize)]
struct JsonPort<'a> {
    effect: &'static str,
    port: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    listener: Option<&'a str>,
    #[serde(rename = "for", skip_serializing_if = "<[_]>::is_empty")]
    of: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<&'a str>,
    before: Vec<JsonCluster>,
    after: Vec<JsonCluster>,
    detail: String,
    cuts: JsonCuts,
}

#[derive(Serialize)]
struct JsonCluster {
    cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u32>,
}

#[derive(Serialize)]
struct JsonCuts {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<u64>,
}

#[derive(Serialize)]
struct JsonFixed {
    code: &'static str,
    title: &'static str,
    severity: &'static str,
    object: ObjectName,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u32>,
}
