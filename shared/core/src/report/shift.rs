//! What `kubectl mesh shift` prints of a plan, a refusal and a status.

use serde::Serialize;

use super::json::{self, JsonChange, JsonProof, ObjectRef, to_json};
use super::model::Proof;
use super::plan::{Cell, Note, PlanLines};
use crate::ledger::Block;
use crate::plan::shift::{Candidate, Plan, Reach, Ready, Refusal, Row};
use crate::plan::weights::WeightError;
use crate::snapshot::{ObjectKey, Snapshot};
use crate::walk::counted;

/// What cannot be known of connections without a cluster.
const CUTS_UNKNOWN: &str = "unknown: files do not show connections";

/// What HTTP routes cut.
const CUTS_NOTHING: &str = "nothing: HTTP routes keep their listener";

/// The plan for stderr.
#[must_use]
pub fn plan_lines(plan: &Plan) -> PlanLines {
    let mut notes = vec![Note::new("reach", reach(plan))];
    if plan
        .rows
        .iter()
        .any(|row| matches!(row.ready, Ready::Replicas(_)))
    {
        let text = "unknown: files show replicas, not pods";
        notes.push(Note::new("ready", text));
    }
    if plan.cuts() {
        notes.push(Note::new("cuts", CUTS_UNKNOWN));
        notes.push(Note::new("why", why_cut(plan)));
    } else {
        notes.push(Note::new("cuts", CUTS_NOTHING));
    }
    notes.extend(plan.notes.iter().map(|note| Note::new("note", note)));
    notes.extend(plan.added.iter().map(|what| Note::new("opens", what)));
    PlanLines {
        title: title(&plan.key, &plan.rule.name(), &plan.ports),
        rows: table(plan),
        notes,
    }
}

/// The plan under a refusal: what would be cut is no matter then.
#[must_use]
pub fn draft_lines(plan: &Plan) -> PlanLines {
    let mut lines = plan_lines(plan);
    let told = |note: &Note| matches!(note.word, "reach" | "ready" | "note");
    lines.notes.retain(told);
    lines
}

/// `VirtualService a/b, tcp[0], port 31400`.
fn title(key: &ObjectKey, rule: &str, ports: &[u32]) -> String {
    let numbers: Vec<String> = ports.iter().map(u32::to_string).collect();
    match numbers.as_slice() {
        [] => format!("{key}, {rule}"),
        [one] => format!("{key}, {rule}, port {one}"),
        [first @ .., last] => format!("{key}, {rule}, ports {} and {last}", first.join(", ")),
    }
}

/// What the first column names.
fn header(rows: &[Row]) -> &'static str {
    let subsets = rows.iter().filter(|row| !row.subset.is_empty()).count();
    match subsets {
        0 => "HOST",
        n if n == rows.len() => "SUBSET",
        _ => "DESTINATION",
    }
}

fn table(plan: &Plan) -> Vec<Vec<Cell>> {
    let after = |text: String| plan.decided.then(|| Cell::right(text));
    let head = [Cell::left(header(&plan.rows)), Cell::right("NOW")];
    let head = head
        .into_iter()
        .chain(after("AFTER".to_owned()))
        .chain([Cell::right("READY")]);
    let body = plan.rows.iter().map(|row| {
        let cells = [Cell::left(&row.label), Cell::right(format!("{}%", row.now))];
        cells
            .into_iter()
            .chain(after(format!("{}%", row.after)))
            .chain([Cell::right(ready(&row.ready))])
            .collect()
    });
    std::iter::once(head.collect()).chain(body).collect()
}

/// Ready ones of all; `?` where no file says.
fn ready(ready: &Ready) -> String {
    match ready {
        Ready::Pods { ready, all } => format!("{ready}/{all}"),
        Ready::Replicas(count) => format!("?/{count}"),
        Ready::None(_) => "none".to_owned(),
    }
}

fn reach(plan: &Plan) -> String {
    let pods: u32 = plan.gateways.iter().map(|g| g.pods).sum();
    let pods = counted(pods as usize, "pod");
    let gateways = match plan.gateways.as_slice() {
        [] => None,
        [one] if one.assumed => Some("a gateway that is assumed".to_owned()),
        [one] => Some(format!("gateway {}/{}, {pods}", one.namespace, one.name)),
        several => Some(format!("{} gateways, {pods}", several.len())),
    };
    let sidecars = (plan.sidecars > 0).then(|| counted(plan.sidecars as usize, "sidecar"));
    let reach: Vec<String> = gateways.into_iter().chain(sidecars).collect();
    let reach = if reach.is_empty() {
        "no proxy".to_owned()
    } else {
        reach.join(" and ")
    };
    let holds = match (plan.gateways.as_slice(), plan.sidecars) {
        ([_], 0) | ([], 1) => "it holds",
        _ => "they hold",
    };
    let rest = if plan.added.is_empty() {
        "nothing else changes"
    } else {
        "nothing that is there changes"
    };
    let held = || format!("{holds} {} then, {rest}", weights(&plan.rows));
    match &plan.proof {
        Proof::Proved => format!("{reach}; proved: {}", held()),
        Proof::Conditional(all) => format!("{reach}; proved if {}: {}", all.join(" and "), held()),
        Proof::Unproved(why) if why.is_empty() => reach,
        Proof::Unproved(why) => format!("{reach}; not proved: {why}"),
    }
}

/// `v1=60 v2=40`.
#[must_use]
pub fn weights(rows: &[Row]) -> String {
    let each: Vec<String> = rows
        .iter()
        .map(|row| format!("{}={}", row.label, row.after))
        .collect();
    each.join(" ")
}

fn why_cut(plan: &Plan) -> String {
    let kind = match plan.rule.block {
        Block::Tls => "TLS",
        _ => "TCP",
    };
    let stays = plan.rows.iter().find(|row| row.now > 0 && row.after > 0);
    let also = stays.map_or_else(String::new, |row| format!(", also those to {}", row.label));
    format!(
        "a changed {kind} route is a new filter chain; 45s later Envoy closes every connection of the old one{also}"
    )
}

/// What stands already, as one line.
#[must_use]
pub fn unchanged(plan: &Plan) -> String {
    let title = title(&plan.key, &plan.rule.name(), &plan.ports);
    format!("{title} has {}", weights(&plan.rows))
}

/// Why nothing is written, as one sentence.
#[must_use]
pub fn refusal(refusal: &Refusal, plan: &Plan) -> String {
    let rule = plan.rule.name();
    match refusal {
        Refusal::NotUsed { why, .. } => format!("no proxy uses {rule}: {why}"),
        Refusal::UnknownSubset {
            name, host, known, ..
        } if known.is_empty() => format!("{host} has no subset {name}, nor any other"),
        Refusal::UnknownSubset {
            name, host, known, ..
        } => format!("{host} has no subset {name}, only {}", known.join(", ")),
        Refusal::LeadsNowhere { name, why } => format!("{name} leads nowhere: {why}"),
        Refusal::Empty(names) if names.len() == 1 => {
            format!("{} has no ready endpoint", names.concat())
        }
        Refusal::Empty(names) => format!("{} have no ready endpoint", names.join(", ")),
        Refusal::Weights { error, .. } => error.to_string(),
        Refusal::Unproved(what) => what.clone(),
    }
}

const fn refusal_code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotUsed { .. } => "not-used",
        Refusal::UnknownSubset { .. } => "unknown-subset",
        Refusal::LeadsNowhere { .. } => "leads-nowhere",
        Refusal::Empty(_) => "no-endpoints",
        Refusal::Weights {
            error: WeightError::Sum { .. },
            ..
        } => "sum",
        Refusal::Weights {
            error: WeightError::TooMuch { .. },
            ..
        } => "too-much",
        Refusal::Weights {
            error: WeightError::NotTwo { .. },
            ..
        } => "not-two",
        Refusal::Unproved(_) => "unproved",
    }
}

/// Rows of a list of rules: object, rule, port, weights.
#[must_use]
pub fn candidate_row(candidate: &Candidate) -> Vec<Cell> {
    let ports: Vec<String> = candidate.ports.iter().map(u32::to_string).collect();
    let ports = match ports.as_slice() {
        [] => "any port".to_owned(),
        [one] => format!("port {one}"),
        several => format!("ports {}", several.join(", ")),
    };
    let weights: Vec<String> = candidate
        .rows
        .iter()
        .map(|row| format!("{} {}%", row.label, row.now))
        .collect();
    let used = match &candidate.shadowed_by {
        _ if candidate.used => String::new(),
        Some(first) => format!("; never used, {first} comes first"),
        None => "; no proxy uses it".to_owned(),
    };
    vec![
        Cell::left(candidate.key.to_string()),
        Cell::left(candidate.rule.name()),
        Cell::left(ports),
        Cell::left(format!("{}{used}", weights.join(", "))),
    ]
}

/// The table of `--status`, with the columns that files know; the VirtualService only where there are several.
#[must_use]
pub fn status_rows(candidates: &[Candidate]) -> Vec<Vec<Cell>> {
    let several = candidates.windows(2).any(|pair| match pair {
        [a, b] => a.key != b.key,
        _ => false,
    });
    let rows: Vec<Row> = candidates.iter().flat_map(|c| c.rows.clone()).collect();
    let mut head: Vec<Cell> = several.then(|| Cell::left("OBJECT")).into_iter().collect();
    head.extend(["ROUTE", "PORT", header(&rows)].map(Cell::left));
    head.extend(["WEIGHT", "READY"].map(Cell::right));
    let mut table = vec![head];
    for candidate in candidates {
        let ports: Vec<String> = candidate.ports.iter().map(u32::to_string).collect();
        let ports = if ports.is_empty() {
            "<any>".to_owned()
        } else {
            ports.join(",")
        };
        for row in &candidate.rows {
            let mut cells: Vec<Cell> = several
                .then(|| Cell::left(super::table::short(&candidate.key)))
                .into_iter()
                .collect();
            cells.push(Cell::left(candidate.rule.name()));
            cells.push(Cell::left(&ports));
            cells.push(Cell::left(&row.label));
            cells.push(Cell::right(format!("{}%", row.now)));
            cells.push(Cell::right(ready(&row.ready)));
            table.push(cells);
        }
    }
    table
}

/// The last lines of `--status`: what is stored, and what is never used.
#[must_use]
pub fn status_notes(candidates: &[Candidate]) -> Vec<String> {
    let mut notes = Vec::new();
    for candidate in candidates {
        let name = match candidates {
            [_] => String::new(),
            _ => format!("{} {}: ", candidate.key, candidate.rule.name()),
        };
        let percentages: Vec<i64> = candidate.rows.iter().map(|r| i64::from(r.now)).collect();
        let written: Vec<i64> = candidate
            .written
            .iter()
            .map(|w| i64::from(w.unwrap_or(0)))
            .collect();
        let as_written = if written == percentages || candidate.written.len() == 1 {
            String::new()
        } else {
            let each: Vec<String> = candidate
                .written
                .iter()
                .map(|w| w.map_or_else(|| "none".to_owned(), |w| w.to_string()))
                .collect();
            format!(", written as {}", each.join(", "))
        };
        notes.push(format!(
            "{name}stored {}{as_written}",
            weights(&candidate.rows)
        ));
        if !candidate.used {
            let rule = candidate.rule.name();
            notes.push(match &candidate.shadowed_by {
                Some(first) => format!("{rule} is never used: {first} comes first"),
                None => format!("no proxy uses {rule}"),
            });
        }
    }
    notes
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonShift<'a> {
    object: Option<ObjectRef>,
    rule: String,
    ports: &'a [u32],
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<JsonRefusal>,
    destinations: Vec<JsonRow<'a>>,
    reach: JsonReach<'a>,
    cuts: &'static str,
    proof: JsonProof<'a>,
    also_changes: &'a [String],
    notes: &'a [String],
    changes: Vec<JsonChange<'a>>,
}

#[derive(Serialize)]
struct JsonRefusal {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    name: &'a str,
    host: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subset: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u32>,
    now: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u32>,
    ready: Option<u32>,
    pods: u32,
}

impl<'a> JsonRow<'a> {
    fn of(row: &'a Row, planned: bool) -> Self {
        let (ready, pods) = match row.ready {
            Ready::Pods { ready, all } => (Some(ready), all),
            Ready::Replicas(count) => (None, count),
            Ready::None(_) => (Some(0), 0),
        };
        Self {
            name: &row.label,
            host: &row.host,
            subset: &row.subset,
            port: row.port,
            now: row.now,
            after: planned.then_some(row.after),
            ready,
            pods,
        }
    }
}

#[derive(Serialize)]
struct JsonReach<'a> {
    gateways: Vec<JsonGateway<'a>>,
    sidecars: u32,
}

#[derive(Serialize)]
struct JsonGateway<'a> {
    namespace: &'a str,
    name: &'a str,
    pods: u32,
    assumed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonStatus<'a> {
    object: Option<ObjectRef>,
    rule: String,
    ports: &'a [u32],
    used: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadowed_by: Option<&'a str>,
    stored: &'a [Option<i32>],
    destinations: Vec<JsonRow<'a>>,
}

/// A plan as JSON; with a refusal, as far as it got.
#[must_use]
pub fn plan_json(plan: &Plan, refused: Option<&Refusal>, snapshot: &Snapshot) -> String {
    let gateway = |g: &'_ Reach| -> (String, String) { (g.namespace.clone(), g.name.clone()) };
    let mut gateways: Vec<&Reach> = plan.gateways.iter().collect();
    gateways.sort_by_key(|g| gateway(g));
    let status = match refused {
        Some(_) => "refused",
        None if plan.unchanged() => "unchanged",
        None => "pending",
    };
    to_json(&JsonShift {
        object: snapshot.get(plan.rule.object).map(ObjectRef::of),
        rule: plan.rule.name(),
        ports: &plan.ports,
        status,
        refusal: refused.map(|why| JsonRefusal {
            code: refusal_code(why),
            message: refusal(why, plan),
        }),
        destinations: plan
            .rows
            .iter()
            .map(|r| JsonRow::of(r, plan.decided))
            .collect(),
        reach: JsonReach {
            gateways: gateways
                .into_iter()
                .map(|g| JsonGateway {
                    namespace: &g.namespace,
                    name: &g.name,
                    pods: g.pods,
                    assumed: g.assumed,
                })
                .collect(),
            sidecars: plan.sidecars,
        },
        cuts: if plan.cuts() && !plan.unchanged() {
            "unknown"
        } else {
            "nothing"
        },
        proof: json::proof(&plan.proof),
        also_changes: &plan.added,
        notes: &plan.notes,
        changes: json::changes(snapshot, &plan.changes),
    })
}

/// A status as JSON: one element a rule.
#[must_use]
pub fn status_json(candidates: &[Candidate], snapshot: &Snapshot) -> String {
    let each: Vec<JsonStatus<'_>> = candidates
        .iter()
        .map(|candidate| JsonStatus {
            object: snapshot.get(candidate.rule.object).map(ObjectRef::of),
            rule: candidate.rule.name(),
            ports: &candidate.ports,
            used: candidate.used,
            shadowed_by: candidate.shadowed_by.as_deref(),
            stored: &candidate.written,
            destinations: candidate
                .rows
                .iter()
                .map(|r| JsonRow::of(r, false))
                .collect(),
        })
        .collect();
    to_json(&each)
}
