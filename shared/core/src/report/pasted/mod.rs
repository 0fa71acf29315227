//! What a pasted line of a log says, which causes it can have, and what to ask next.

mod access;
mod pattern;

use std::fmt::Write as _;

use access::{Access, Cluster};
use pattern::{Found, Values};

use super::explain::labelled;
use super::model::Command;
use super::plan::shell_word;
use super::style::{Layout, Line, Style, print, print_blocks};
use super::table::columns;
use super::text::commands;
use super::wrap::wrap;
use crate::causes::Page;
use crate::causes::lines::{CATCH_ALLS, OWN_CLUSTERS, OwnCluster, Row, SAYINGS, Saying, When};

/// The answer to pasted text; `None` when nothing in it is known.
#[must_use]
pub fn explain(text: &str, layout: &Layout) -> Option<String> {
    let answers: Vec<String> = read(text)
        .iter()
        .map(|told| match told {
            Told::Saying(said) => saying(said, layout),
            Told::Access(access) => access_line(access, layout),
        })
        .collect();
    (!answers.is_empty()).then(|| answers.join("\n"))
}

/// The causes that pasted text can have, in the order of the answer.
#[must_use]
pub fn causes(text: &str) -> Vec<&'static Page> {
    let mut pages: Vec<&'static Page> = Vec::new();
    for told in read(text) {
        let found: Vec<&Page> = match told {
            Told::Saying(Said { row: Some(row), .. }) => row.can_be.to_vec(),
            Told::Saying(Said { saying, .. }) => {
                let rows = saying.rows.iter().flat_map(|row| row.can_be);
                saying.can_be.iter().chain(rows).copied().collect()
            }
            Told::Access(access) => {
                let own = own_cluster(&access).into_iter().flat_map(|own| own.can_be);
                let by_flags = conditions(&access).into_iter().flat_map(|(_, pages)| pages);
                own.copied().chain(by_flags).collect()
            }
        };
        for page in found {
            if !pages.contains(&page) {
                pages.push(page);
            }
        }
    }
    pages
}

/// Something that was understood.
enum Told {
    Saying(Said),
    Access(Box<Access>),
}

/// A known line, with what changes in it.
struct Said {
    saying: &'static Saying,
    values: Values,
    /// The condition that another pasted line makes true.
    row: Option<&'static Row>,
}

fn read(text: &str) -> Vec<Told> {
    let mut accesses: Vec<Access> = Vec::new();
    let mut others = String::new();
    for line in text.lines() {
        match access::line(line) {
            Some(access) => accesses.push(access),
            None => {
                others.push_str(line);
                others.push('\n');
            }
        }
    }
    if accesses.is_empty() {
        // One line that a terminal broke, or the flags alone.
        let whole = access::line(&text.replace(['\n', '\r'], " "));
        accesses.extend(whole.or_else(|| access::flags_alone(text)));
        if !accesses.is_empty() {
            others.clear();
        }
    }
    let mut distinct: Vec<Access> = Vec::new();
    for access in accesses {
        if !distinct.iter().any(|other| other.like(&access)) {
            distinct.push(access);
        }
    }
    let said = sayings(&pattern::plain(&others)).into_iter();
    said.map(Told::Saying)
        .chain(distinct.into_iter().map(|a| Told::Access(Box::new(a))))
        .collect()
}

/// The known lines of a text in their order, each once; those that only complete another one are left out.
fn sayings(text: &str) -> Vec<Said> {
    let mut said: Vec<Said> = Vec::new();
    // What a line holds has no more than the line around it tells.
    let mut around: Values = Vec::new();
    let places = places(text);
    for (n, (saying, found)) in places.iter().enumerate() {
        let mut values = with_parts(&found.values);
        let holds = places
            .get(n + 1)
            .is_some_and(|(next, _)| next.by == saying.by);
        if saying.outer && holds {
            around.extend(values);
            continue;
        }
        for (name, value) in std::mem::take(&mut around) {
            if of(&values, name).is_none() {
                values.push((name, value));
            }
        }
        let again = |other: &Said| std::ptr::eq(other.saying, *saying) && other.values == values;
        if !said.iter().any(again) {
            said.push(Said {
                saying,
                values,
                row: None,
            });
        }
    }
    combined(said)
}

/// Where known lines stand. Of two that overlap the one with more constant text is meant.
fn places(text: &str) -> Vec<(&'static Saying, Found)> {
    let mut all: Vec<(&'static Saying, Found)> = Vec::new();
    for saying in SAYINGS {
        for pattern in saying.patterns {
            all.extend(
                pattern::find(pattern, text)
                    .into_iter()
                    .map(|f| (*saying, f)),
            );
        }
    }
    all.sort_by_key(|(_, found)| (std::cmp::Reverse(found.weight), found.start));
    let mut kept: Vec<(&'static Saying, Found)> = Vec::new();
    for (saying, found) in all {
        let apart = |other: &Found| found.end <= other.start || other.end <= found.start;
        if kept.iter().all(|(_, other)| apart(other)) {
            kept.push((saying, found));
        }
    }
    kept.sort_by_key(|(_, found)| found.start);
    kept
}

/// A line whose causes depend on the lines before it, pasted with them: one answer for all of them. Two such lines, or
/// lines of several Gateways, are answered one by one: which belongs to which is not in a log.
fn combined(mut said: Vec<Said>) -> Vec<Said> {
    for saying in SAYINGS {
        let is = |other: &&Said| std::ptr::eq(other.saying, *saying);
        if said.iter().filter(is).count() != 1 {
            continue;
        }
        let completes = |other: &Said| {
            let after = |row: &Row| row.after.is_some_and(|a| std::ptr::eq(a, other.saying));
            saying.rows.iter().any(after)
        };
        let mut gateways: Vec<&str> = said
            .iter()
            .filter(|s| completes(s) || std::ptr::eq(s.saying, *saying))
            .filter_map(|s| of(&s.values, "gateway"))
            .collect();
        gateways.dedup();
        let row = saying.rows.iter().find(|row| {
            let after = |s: &Said| row.after.is_some_and(|a| std::ptr::eq(a, s.saying));
            said.iter().any(after)
        });
        let Some(row) = row.filter(|_| gateways.len() <= 1) else {
            continue;
        };
        let mut more: Values = Vec::new();
        said.retain(|other| {
            let goes = completes(other);
            if goes {
                more.extend(other.values.clone());
            }
            !goes
        });
        if let Some(kept) = said
            .iter_mut()
            .find(|other| std::ptr::eq(other.saying, *saying))
        {
            kept.row = Some(row);
            for (name, value) in more {
                if of(&kept.values, name).is_none() {
                    kept.values.push((name, value));
                }
            }
        }
    }
    said
}

fn of<'v>(values: &'v Values, name: &str) -> Option<&'v str> {
    values
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.as_str())
}

/// The values, and the parts of those that have some: a listener's port, a Gateway's namespace, a node's pod.
fn with_parts(values: &Values) -> Values {
    let mut all = values.clone();
    for (name, value) in values {
        match *name {
            "listener" => {
                let port = value.rsplit_once('_').map(|(_, port)| port);
                all.extend(port.map(|port| ("port", port.to_owned())));
            }
            "address" => {
                let port = value.rsplit_once(':').map(|(_, port)| port);
                all.extend(port.map(|port| ("port", port.to_owned())));
            }
            "gateway" | "object" => {
                let namespace = value.split_once('/').map(|(namespace, _)| namespace);
                all.extend(namespace.map(|ns| ("namespace", ns.to_owned())));
            }
            "node" => {
                // `pod.namespace`, or whole: `router~IP~pod.namespace~domain`.
                let id = value.split('~').nth(2).unwrap_or(value);
                if let Some((pod, namespace)) = id.rsplit_once('.') {
                    all.push(("pod", pod.to_owned()));
                    all.push(("podnamespace", namespace.to_owned()));
                }
            }
            _ => {}
        }
    }
    all
}

/// A text with its holes filled; what the line does not tell is `…`.
fn filled(template: &str, values: &Values) -> String {
    let mut out = String::new();
    for (n, part) in template.split('<').enumerate() {
        match part.split_once('>').filter(|_| n > 0) {
            Some((name, rest)) => {
                let _ = write!(out, "{}{rest}", of(values, name).unwrap_or("…"));
            }
            None => out.push_str(part),
        }
    }
    out
}

/// A command whose holes are all filled with what they should be.
fn command(template: &str, values: &Values) -> Option<Command> {
    let words = template.split(' ').map(|word| {
        let Some((before, name)) = word.strip_suffix('>').and_then(|w| w.split_once('<')) else {
            return Some(word.to_owned());
        };
        let value = of(values, name)?;
        let fits = if name == "port" {
            value.parse::<u16>().is_ok_and(|port| port > 0)
        } else {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            !value.is_empty() && value.chars().all(plain)
        };
        fits.then(|| format!("{before}{value}"))
    });
    let words: Vec<String> = words.collect::<Option<_>>()?;
    Some(Command::new(joined(&words).iter().map(String::as_str)))
}

/// A flag and its value are one word: a command is not broken between them.
fn joined(words: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in words {
        match out.last_mut() {
            Some(flag) if flag.starts_with('-') && !flag.contains(' ') => {
                flag.push(' ');
                flag.push_str(word);
            }
            _ => out.push(word.clone()),
        }
    }
    out
}

fn saying(said: &Said, layout: &Layout) -> String {
    let Said {
        saying,
        values,
        row,
    } = said;
    let head = heading(saying.by, &filled(saying.says, values), layout);
    let means = saying.means.iter().flat_map(|text| {
        let line = Line::new().plain(filled(text, values));
        wrap(&line, 0, layout)
    });
    let rows: Vec<(Vec<String>, &[&Page])> = match row {
        Some(row) => vec![(owned(row.left), row.can_be)],
        None => saying
            .rows
            .iter()
            .map(|row| (owned(row.left), row.can_be))
            .collect(),
    };
    let table = if rows.is_empty() {
        titles(saying.can_be, layout)
    } else {
        codes(saying.heading, &rows, layout)
    };
    let run = saying
        .ask
        .iter()
        .find_map(|ask| command(ask, values))
        .unwrap_or_else(|| Command::new(layout.command.split(' ')));
    assembled(&[head, means.collect()], table, &[run], layout)
}

fn owned(left: &[&str]) -> Vec<String> {
    left.iter().map(|line| (*line).to_owned()).collect()
}

fn heading(by: &str, says: &str, layout: &Layout) -> Vec<Line> {
    let line = Line::new()
        .plain(format!("{by}: "))
        .with(Style::Strong, says);
    wrap(&line, 2, layout)
}

fn assembled(blocks: &[Vec<Line>], table: String, run: &[Command], layout: &Layout) -> String {
    let parts = [
        print_blocks(blocks, layout),
        table,
        print(&commands(run, layout), layout),
    ];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n")
}

/// Causes with their titles.
fn titles(can_be: &[&Page], layout: &Layout) -> String {
    if can_be.is_empty() {
        return String::new();
    }
    let cell = |text: &str| (Style::Plain, text.to_owned());
    let mut cells = vec![vec![cell("IT CAN BE"), cell("WHICH MEANS")]];
    cells.extend(
        can_be
            .iter()
            .map(|page| vec![cell(page.code), cell(page.title)]),
    );
    columns(&cells, layout)
}

/// Conditions, and the codes under each.
fn codes(title: &str, rows: &[(Vec<String>, &[&Page])], layout: &Layout) -> String {
    let cell = |text: &str| (Style::Plain, text.to_owned());
    let widest = rows.iter().flat_map(|(left, _)| left);
    let widest = widest.map(|line| layout.columns(line)).max().unwrap_or(0);
    let before = widest.max(layout.columns(title)) + 2;
    // Two columns stay free, as a line that ends at the border reads like one that was cut.
    let narrow = Layout {
        width: layout.width.saturating_sub(before + 2),
        ..*layout
    };
    let mut cells = vec![vec![cell(title), cell("IT CAN BE")]];
    for (left, can_be) in rows {
        let all: Vec<&str> = can_be.iter().map(|page| page.code).collect();
        let right = wrap(&Line::new().plain(all.join(" ")), 0, &narrow);
        let plain = Layout {
            color: false,
            ..*layout
        };
        for n in 0..left.len().max(right.len()) {
            let right = right.get(n).map(|line| line.print(&plain));
            cells.push(vec![
                cell(left.get(n).map_or("", String::as_str)),
                cell(right.as_deref().unwrap_or_default()),
            ]);
        }
    }
    columns(&cells, layout)
}

/// The causes of the flags, by condition; those whose condition the line rules out are left out. What always can be is
/// said once.
fn conditions(access: &Access) -> Vec<(&'static str, Vec<&'static Page>)> {
    let flags = access.known();
    let all = || flags.iter().flat_map(|flag| flag.can_be);
    let always = |page: &&Page| {
        let mut pages = all().filter(|(when, _)| *when == When::Always);
        pages.any(|(_, can_be)| can_be.contains(page))
    };
    let mut rows: Vec<(&'static str, Vec<&'static Page>)> = Vec::new();
    for (when, can_be) in all().filter(|(when, _)| access.can_be(*when)) {
        let known = rows.iter().find(|(words, _)| *words == when.words());
        let new: Vec<&Page> = can_be
            .iter()
            .filter(|page| *when == When::Always || !always(page))
            .filter(|page| known.is_none_or(|(_, told)| !told.contains(page)))
            .copied()
            .collect();
        match rows.iter_mut().find(|(words, _)| *words == when.words()) {
            Some((_, told)) => told.extend(new),
            None if new.is_empty() => {}
            None => rows.push((when.words(), new)),
        }
    }
    if is_of_any_ip(access)
        && let Some((_, pages)) = rows.first_mut()
    {
        pages.extend(CATCH_ALLS);
    }
    rows
}

/// The cluster, where it is one that no service has.
fn own_cluster(access: &Access) -> Option<&'static OwnCluster> {
    let name = access.cluster.as_deref()?;
    OWN_CLUSTERS.iter().find(|cluster| cluster.name == name)
}

fn access_line(access: &Access, layout: &Layout) -> String {
    let flags = access.known();
    let own = own_cluster(access);
    let says = match (own, access.code) {
        _ if !flags.is_empty() => {
            let says: Vec<&str> = flags.iter().map(|flag| flag.says).collect();
            format!("{} ({})", says.join(", "), access.flags.join(","))
        }
        _ if !access.flags.is_empty() => format!("not known: {}", access.flags.join(",")),
        (_, Some(code)) if code >= 400 => format!("the endpoint itself answered {code}"),
        (Some(own), _) if access.to.is_none() => format!("a connection of {}", own.name),
        _ => "Envoy has nothing to complain of".to_owned(),
    };
    let cluster = access.cluster.as_deref().and_then(Cluster::parse);
    let rows = if own.is_some() || cluster.is_some_and(|c| c.inbound) {
        Vec::new()
    } else {
        conditions(access)
    };
    let table = match rows.as_slice() {
        [(_, can_be)] => titles(can_be, layout),
        [] => titles(own.map_or(&[], |own| own.can_be), layout),
        several => {
            let rows: Vec<(Vec<String>, &[&Page])> = several
                .iter()
                .map(|(words, can_be)| (vec![(*words).to_owned()], can_be.as_slice()))
                .collect();
            codes("IF", &rows, layout)
        }
    };
    let means = match (own, cluster) {
        (Some(own), _) => Some(own.means.to_owned()),
        (_, Some(cluster)) if cluster.inbound => Some(format!(
            "It is the side of the server: the sidecar of a pod and what runs there on port {}. Gateways and routes are not involved.",
            cluster.port
        )),
        _ if rows.is_empty() && !flags.is_empty() => {
            Some("It is not a matter of listeners or routes.".to_owned())
        }
        (_, Some(cluster)) => taken_by_any_ip(access, &cluster),
        _ => None,
    };
    let means = means
        .map(|text| wrap(&Line::new().plain(text), 0, layout))
        .unwrap_or_default();
    assembled(
        &[
            heading("access log", &says, layout),
            way(access, layout),
            means,
        ],
        table,
        &next(access, layout),
        layout,
    )
}

/// A sidecar's listener without an address takes every IP on its port that has no listener of its own (istio
/// `pilot/pkg/networking/core/listener.go:buildSidecarOutboundListeners`).
fn taken_by_any_ip(access: &Access, cluster: &Cluster<'_>) -> Option<String> {
    let to = access.to.as_deref()?;
    is_of_any_ip(access).then(|| {
        format!(
            "In a sidecar's log: the client asked for {to}. If that is no address of {}, a listener for every IP on \
             port {} took the connection. A ServiceEntry without addresses makes one, and before Istio 1.21 a Service \
             of type ExternalName did.",
            cluster.host, cluster.port
        )
    })
}

/// Whether a connection that failed was for another IP than it was sent to, on the cluster's own port.
fn is_of_any_ip(access: &Access) -> bool {
    let other = || {
        let cluster = Cluster::parse(access.cluster.as_deref()?).filter(|c| !c.inbound)?;
        let (to, upstream) = (access.to.as_deref()?, access.upstream.as_deref()?);
        let same_port = access::port(to)?.to_string() == cluster.port;
        Some(same_port && access::ip(to)? != access::ip(upstream)?)
    };
    access.request == Some(false) && !access.flags.is_empty() && other() == Some(true)
}

/// The way that the line tells of.
fn way(access: &Access, layout: &Layout) -> Vec<Line> {
    let mut out = Vec::new();
    let mut row = |label: &str, value: Option<String>| {
        labelled(
            &mut out,
            label,
            &[value.unwrap_or_default().as_str()],
            layout,
        );
    };
    row("from", access.from.clone());
    row("to", access.to.clone());
    row("sni", access.sni.clone());
    row("host", access.host.clone());
    row("route", access.route.clone());
    row("cluster", access.cluster.clone());
    row("endpoint", access.upstream.clone());
    row("because", access.failure.clone());
    out
}

/// What to ask next, with what the line tells.
fn next(access: &Access, layout: &Layout) -> Vec<Command> {
    let whole = || Command::new(layout.command.split(' '));
    let port = access.to.as_deref().and_then(access::port);
    let gateway = port.map_or_else(whole, |port| {
        let port = port.to_string();
        let narrow = narrowed(access);
        let words = layout.command.split(' ').chain([port.as_str()]);
        Command::new(words.chain(narrow.as_deref()))
    });
    let cluster = access.cluster.as_deref().and_then(Cluster::parse);
    let strange = own_cluster(access).is_some();
    let inbound = cluster.is_some_and(|c| c.inbound);
    let connection = access.to.as_deref().map(|to| {
        let pod = access.pod.as_deref().unwrap_or("POD");
        let words = layout.command.split(' ').chain([to]);
        let proxy = format!("--proxy pod/{pod}");
        Command::new(words.chain([proxy.as_str(), "-n NAMESPACE"]))
    });
    if strange || inbound {
        let ip = access.to.as_deref().and_then(access::ip);
        let whose = ip.map(|ip| {
            Command::new([
                "kubectl",
                "get",
                "pods",
                "-A",
                "-o wide",
                &format!("--field-selector status.podIP={ip}"),
            ])
        });
        let Some(whose) = whose else {
            return vec![whole()];
        };
        let passed = access.cluster.as_deref() == Some("InboundPassthroughCluster");
        let why = connection.filter(|_| !inbound && !passed);
        let why = why.map(|c| c.remarked("for the reason"));
        return std::iter::once(whose).chain(why).collect();
    }
    let endpoints = access
        .flags
        .iter()
        .any(|f| ["UF", "UH", "UC", "URX"].contains(&f.as_str()));
    match cluster.and_then(|c| c.service()).filter(|_| endpoints) {
        Some((name, namespace)) => {
            let endpoints = Command::new([
                "kubectl",
                "get",
                "endpointslices",
                &format!("-n {}", shell_word(namespace)),
                &format!(
                    "-l {}",
                    shell_word(&format!("kubernetes.io/service-name={name}"))
                ),
            ]);
            let sidecar = connection.filter(|_| is_of_any_ip(access));
            let sidecar = sidecar.map(|c| c.remarked("if a sidecar wrote it"));
            let gateway = gateway.remarked("if a gateway wrote it");
            let all = std::iter::once(endpoints).chain(sidecar);
            all.chain(std::iter::once(gateway)).collect()
        }
        None => vec![gateway],
    }
}

/// The flag that narrows the question to what this client asked for, where that decides.
fn narrowed(access: &Access) -> Option<String> {
    if !access.flags.iter().any(|flag| flag == "NR") {
        return None;
    }
    let (flag, name) = match access.request? {
        true => ("--http-host", access.host.as_deref()?),
        false => ("--sni", access.sni.as_deref()?),
    };
    let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then(|| format!("{flag} {name}"))
}

#[cfg(test)]
mod tests;
