//! How plans and refusals look: section 11 of the specification by example.

use mesh_core::change::FileDiff;
use mesh_core::plan::expose::{Edit, Exposure, Plan, Removal, Stop};
use mesh_core::report::plan::{
    Cell, Failure, Note, PlanLines, Refusal, render_failure, render_plan, render_refusal,
    shell_word,
};
use mesh_core::report::{Command, FixBody, Layout, Proof, text::render_finding};
use mesh_core::snapshot::Snapshot;
use mesh_live::load::counted;

/// The words before the arguments, as a person types them.
pub(crate) const COMMAND: &str = "kubectl mesh expose-tcp";

/// The plan, for stderr.
pub(crate) fn plan(
    plan: &Plan,
    address: Option<&str>,
    reach: Option<&str>,
    layout: &Layout,
) -> String {
    let title = |exposure: &Exposure| {
        let place = match address {
            Some(address) => format!("at {address}:{}", exposure.number),
            None => format!("at port {} of {}", exposure.number, plan.gateway.called()),
        };
        format!(
            "{}/{}:{} {place}",
            exposure.namespace, exposure.service, exposure.port
        )
    };
    let mut titles = plan.exposures.iter().map(title);
    let last = titles.next_back().unwrap_or_default();
    let mut out: String = titles
        .map(|title| {
            let lines = PlanLines {
                title,
                ..PlanLines::default()
            };
            render_plan(&lines, layout)
        })
        .collect();
    let mut rows: Vec<Vec<Cell>> = plan
        .writes
        .iter()
        .enumerate()
        .map(|(n, write)| step(n + 1, write.verb, &write.what))
        .collect();
    if !plan.elsewhere.is_empty() {
        let owner = "whoever owns the gateway's Service: it is in none of the files";
        rows.push(step(rows.len() + 1, "ask", owner));
    }
    let mut notes = vec![proof(&plan.proof, &in_words(&plan.exposures, plan))];
    if !plan.added.is_empty() {
        notes.push(Note::new("also", plan.added.join(", ")));
    }
    notes.extend(reach.map(|reach| Note::new("reach", reach)));
    let lines = PlanLines {
        title: last,
        rows,
        notes,
    };
    out.push_str(&render_plan(&lines, layout));
    for warning in &plan.warnings {
        out.push_str(&layout.clean(&format!("warning: {warning}")));
        out.push('\n');
    }
    out
}

fn step(n: usize, verb: &str, what: &str) -> Vec<Cell> {
    vec![
        Cell::right(n.to_string()),
        Cell::left(verb),
        Cell::left(what),
    ]
}

fn proof(proof: &Proof, what: &str) -> Note {
    match proof {
        Proof::Proved => Note::new("proved", what),
        // The word in front is all that differs, so that the condition cannot be overlooked.
        Proof::Conditional(conditions) => Note::new(
            "proof",
            format!("proved if {}: {what}", conditions.join(", and ")),
        ),
        Proof::Unproved(why) => Note::new("proof", format!("not proved: {why}")),
    }
}

/// What the proof shows.
fn in_words(exposures: &[Exposure], plan: &Plan) -> String {
    let pods = plan.gateway.pods();
    let on = if plan.gateway.is_assumed() {
        String::new()
    } else {
        format!(" on {pods} of {pods} pods")
    };
    let ports: Vec<String> = exposures
        .iter()
        .map(|e| {
            let leads = if e.endpoints == 0 {
                String::new()
            } else {
                format!(
                    " and leads to {}",
                    counted(e.endpoints as usize, "endpoint")
                )
            };
            let on = if e.target_port == e.number {
                on.clone()
            } else {
                format!(" as {}{on}", e.target_port)
            };
            format!("{} opens{on}{leads}", e.number)
        })
        .collect();
    format!(
        "{}; nothing that is open closes or changes, after any of the writes",
        ports.join(", ")
    )
}

/// A removal, for stderr.
pub(crate) fn removal(removal: &Removal, called: &[String], layout: &Layout) -> String {
    let rows = removal.steps.iter().enumerate();
    let lines = PlanLines {
        title: format!("close {}", called.join(", ")),
        rows: rows
            .map(|(n, (verb, what))| step(n + 1, verb, what))
            .collect(),
        notes: vec![proof(
            &removal.proof,
            "nothing else that is open closes or changes",
        )],
    };
    let mut out = render_plan(&lines, layout);
    for note in &removal.notes {
        out.push_str(&layout.clean(&format!("note: {note}")));
        out.push('\n');
    }
    out
}

/// Why there is no plan, for stderr.
pub(crate) fn stop(stop: &Stop, snapshot: &Snapshot, typed: &[String], layout: &Layout) -> String {
    let commands: Vec<Command> = stop
        .next
        .iter()
        .map(|next| Command {
            remark: next.remark.clone(),
            words: edited(&next.edit, typed),
        })
        .collect();
    if stop.cannot_work {
        let failure = Failure {
            sentence: stop.sentence.clone(),
            rows: Vec::new(),
            why: stop.why.clone(),
            commands: Vec::new(),
        };
        let mut out = render_failure(&failure, layout);
        if let Some(fix) = &stop.fix {
            out.push_str(&hanging("  = fix: ", fix, layout));
        }
        out.push_str(&commands_alone(commands, layout));
        return out;
    }
    let told = stop.after.as_deref().unwrap_or(snapshot);
    let findings: Vec<String> = stop
        .findings
        .iter()
        .map(|finding| render_finding(finding, told, layout, &|_, _| FixBody::default()))
        .collect();
    let mut found = findings.join("\n");
    for (label, text) in [("why", &stop.why), ("fix", &stop.fix)] {
        if let Some(text) = text {
            let indent = if stop.findings.is_empty() {
                "  "
            } else {
                "   "
            };
            found.push_str(&hanging(&format!("{indent}= {label}: "), text, layout));
        }
    }
    render_refusal(
        &Refusal {
            reason: stop.sentence.clone(),
            finding: (!found.is_empty()).then_some(found),
            plan: None,
            commands,
        },
        layout,
    )
}

/// Prose behind its label, wrapped at spaces under the label's own text.
fn hanging(label: &str, text: &str, layout: &Layout) -> String {
    let hang = label.find('=').map_or(0, |at| at + 2);
    let mut lines = vec![label.to_owned()];
    for (n, word) in layout.clean(text).split(' ').enumerate() {
        let Some(line) = lines.last_mut() else { break };
        if n > 0 && layout.columns(line) + 1 + layout.columns(word) > layout.width {
            lines.push(format!("{}{word}", " ".repeat(hang)));
            continue;
        }
        if n > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.join("\n") + "\n"
}

/// `run:` and `or:` lines.
fn commands_alone(commands: Vec<Command>, layout: &Layout) -> String {
    let failure = Failure {
        commands,
        ..Failure::default()
    };
    let text = render_failure(&failure, layout);
    // The line of the error itself was told already.
    text.split_once('\n')
        .map_or("", |(_, rest)| rest)
        .to_owned()
}

/// One command behind its label.
pub(crate) fn labelled(label: &str, words: Vec<String>, layout: &Layout) -> String {
    let command = Command {
        remark: None,
        words,
    };
    let text = commands_alone(vec![command], layout);
    let command = text.split_once("run: ").map_or("", |(_, rest)| rest);
    format!("{label}: {command}")
}

/// The files of a command.
fn files(typed: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-f" | "--filename" => {
                kept.push(word.clone());
                kept.extend(words.next().cloned());
            }
            "-R" | "--recursive" => kept.push(word.clone()),
            _ if word.starts_with("--filename=") => kept.push(word.clone()),
            _ => {}
        }
    }
    kept
}

/// The command that a person should type instead.
pub(crate) fn edited(edit: &Edit, typed: &[String]) -> Vec<String> {
    let own = |typed: Vec<String>| -> Vec<String> {
        COMMAND
            .split(' ')
            .map(str::to_owned)
            .chain(typed.iter().map(|w| shell_word(w)))
            .collect()
    };
    match edit {
        Edit::Port { from, to } => {
            let (from, to) = (from.to_string(), to.to_string());
            let mut before = "";
            let mut words = Vec::new();
            for word in typed {
                words.push(if before == "--port" && *word == from {
                    to.clone()
                } else if *word == format!("--port={from}") {
                    format!("--port={to}")
                } else if let Some(rest) = word.strip_prefix(&format!("{from}="))
                    && before == "--map"
                {
                    format!("{to}={rest}")
                } else if let Some(rest) = word.strip_prefix(&format!("--map={from}=")) {
                    format!("--map={to}={rest}")
                } else {
                    word.clone()
                });
                before = word;
            }
            own(words)
        }
        Edit::Gateway(gateway) => {
            let mut words = dropped(typed, "--gateway");
            words.extend(["--gateway".to_owned(), gateway.clone()]);
            own(words)
        }
        Edit::Target { from, to } => own(typed
            .iter()
            .map(|word| retargeted(word, from, to).unwrap_or_else(|| word.clone()))
            .collect()),
        Edit::Flag(flag) => own(typed.iter().cloned().chain([flag.clone()]).collect()),
        Edit::Without(flag) => own(dropped(typed, flag)),
        Edit::Ask(port) => {
            let words = ["kubectl", "mesh", "why-no-listener"].map(str::to_owned);
            let files = files(typed);
            words
                .into_iter()
                .chain([port.to_string()])
                .chain(files.iter().map(|w| shell_word(w)))
                .collect()
        }
        Edit::Other(words) => {
            let mut words = words.clone();
            if !words.iter().any(|w| w == "--explain") {
                words.extend(files(typed).iter().map(|w| shell_word(w)));
            }
            words
        }
    }
}

/// The Service of one word, replaced: `a`, `ns/a:1` or `16354=a:1`.
fn retargeted(word: &str, from: &str, to: &str) -> Option<String> {
    if word.starts_with('-') && !word.starts_with("--map=") {
        return None;
    }
    let (front, service) = match word.rsplit_once('=') {
        Some((front, service)) => (format!("{front}="), service),
        None => (String::new(), word),
    };
    let name = service.rsplit_once('/').map_or(service, |(_, name)| name);
    let (namespace, name) = (
        service.strip_suffix(name).unwrap_or(""),
        name.split_once(':').map_or(name, |(name, _)| name),
    );
    if name != from {
        return None;
    }
    let namespace = if to.contains('/') { "" } else { namespace };
    Some(format!("{front}{namespace}{to}"))
}

/// The words without a flag and its value.
fn dropped(typed: &[String], flag: &str) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        if word == flag {
            words.next();
        } else if !word.starts_with(&format!("{flag}=")) {
            kept.push(word.clone());
        }
    }
    kept
}

/// A diff, which deletes a file that nothing is left of.
pub(crate) fn diff(diff: &FileDiff, context: usize) -> String {
    let text = diff.render(context);
    if diff.created || !diff.new.is_empty() {
        return text;
    }
    text.lines()
        .map(|line| {
            if line.starts_with("+++ ") {
                "+++ /dev/null\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}
