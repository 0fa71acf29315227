//! How plans and refusals look: section 11 of the specification by example.

use mesh_core::change::FileDiff;
use mesh_core::plan::expose::{Edit, Exposure, Next, Plan, Removal, Stop};
use mesh_core::report::{FixBody, Layout, Proof, Style, text::render_finding};
use mesh_core::snapshot::Snapshot;
use mesh_live::load::counted;

/// The words before the arguments, as a person types them.
pub(crate) const COMMAND: &str = "kubectl mesh expose-tcp";

/// How far the second and later lines of a labelled line hang.
const LABEL: usize = 11;

/// Wraps prose at spaces, hanging under its text.
pub(crate) fn wrapped(first: &str, hang: usize, text: &str, layout: &Layout) -> String {
    let mut lines = vec![layout.clean(first)];
    let mut fresh = true;
    for word in text.split(' ') {
        let word = layout.clean(word);
        let Some(line) = lines.last_mut() else { break };
        if !fresh && layout.columns(line) + 1 + layout.columns(&word) > layout.width {
            lines.push(format!("{}{word}", " ".repeat(hang)));
        } else {
            if !fresh {
                line.push(' ');
            }
            line.push_str(&word);
        }
        fresh = false;
    }
    lines.join("\n") + "\n"
}

fn labelled(label: &str, text: &str, layout: &Layout) -> String {
    wrapped(&format!("  {label:<9}"), LABEL, text, layout)
}

/// The plan, for stderr.
pub(crate) fn plan(
    plan: &Plan,
    address: Option<&str>,
    reach: Option<&str>,
    layout: &Layout,
) -> String {
    let mut out = String::new();
    for exposure in &plan.exposures {
        let place = match address {
            Some(address) => format!("at {address}:{}", exposure.number),
            None => format!("at port {} of {}", exposure.number, plan.gateway.called()),
        };
        let leads = format!(
            "{}/{}:{}",
            exposure.namespace, exposure.service, exposure.port
        );
        out.push_str(&whole_line(&format!("plan: {leads} {place}"), layout));
    }
    for (n, step) in plan.writes.iter().enumerate() {
        out.push_str(&whole_line(
            &format!("  {}  {:<6}  {}", n + 1, step.verb, step.what),
            layout,
        ));
    }
    if !plan.elsewhere.is_empty() {
        let n = plan.writes.len() + 1;
        out.push_str(&whole_line(
            &format!("  {n}  ask     whoever owns the gateway's Service; it is in no file"),
            layout,
        ));
    }
    out.push_str(&proof(
        &plan.proof,
        &in_words(&plan.exposures, plan),
        layout,
    ));
    if !plan.added.is_empty() {
        out.push_str(&labelled("also", &plan.added.join(", "), layout));
    }
    if let Some(reach) = reach {
        out.push_str(&labelled("reach", reach, layout));
    }
    for warning in &plan.warnings {
        out.push_str(&wrapped("warning: ", 9, warning, layout));
    }
    out
}

/// A line that is never wrapped: its names stay in one piece.
fn whole_line(text: &str, layout: &Layout) -> String {
    layout.clean(text) + "\n"
}

fn proof(proof: &Proof, what: &str, layout: &Layout) -> String {
    let paint = layout.paint();
    match proof {
        Proof::Proved => labelled("proved", what, layout).replacen(
            "proved",
            &paint.apply(Style::Good, "proved"),
            1,
        ),
        Proof::Conditional(conditions) => {
            let text = format!("if {}: {what}", conditions.join(", and "));
            labelled("proved", &text, layout).replacen(
                "proved",
                &paint.apply(Style::Unsure, "proved"),
                1,
            )
        }
        Proof::Unproved(why) => labelled("unproved", why, layout),
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
    let mut out = String::new();
    for one in called {
        out.push_str(&whole_line(&format!("plan: {one} closes"), layout));
    }
    for (n, (verb, what)) in removal.steps.iter().enumerate() {
        out.push_str(&whole_line(
            &format!("  {}  {verb:<6}  {what}", n + 1),
            layout,
        ));
    }
    out.push_str(&proof(
        &removal.proof,
        "nothing else that is open closes or changes",
        layout,
    ));
    for note in &removal.notes {
        out.push_str(&wrapped("note: ", 6, note, layout));
    }
    out
}

/// Why there is no plan, for stderr.
pub(crate) fn stop(stop: &Stop, snapshot: &Snapshot, typed: &[String], layout: &Layout) -> String {
    let paint = layout.paint();
    let mut out = String::new();
    if stop.cannot_work {
        out.push_str(&wrapped("error: ", 0, &stop.sentence, layout));
    } else {
        let text = format!("{}; nothing written", stop.sentence);
        let line = wrapped("✗ refused: ", 2, &text, layout);
        out.push_str(&line.replacen("refused", &paint.apply(Style::Bad, "refused"), 1));
    }
    let told = stop.after.as_deref().unwrap_or(snapshot);
    for finding in &stop.findings {
        out.push('\n');
        out.push_str(&render_finding(finding, told, layout, &|_, _| {
            FixBody::default()
        }));
    }
    let indent = if stop.findings.is_empty() {
        "  "
    } else {
        "   "
    };
    for (label, text) in [("why", &stop.why), ("fix", &stop.fix)] {
        if let Some(text) = text {
            let label = format!("{indent}= {label}: ");
            let hang = indent.len() + 2;
            out.push_str(&wrapped(&label, hang, text, layout));
        }
    }
    if !stop.next.is_empty() && !stop.cannot_work {
        out.push('\n');
    }
    for (n, next) in stop.next.iter().enumerate() {
        out.push_str(&command(n, next, typed, layout));
    }
    out
}

fn command(n: usize, next: &Next, typed: &[String], layout: &Layout) -> String {
    let label = match (&next.remark, n) {
        (_, 0) => "run: ".to_owned(),
        (Some(remark), _) => format!("or, {remark}: "),
        (None, _) => "or: ".to_owned(),
    };
    let words = edited(&next.edit, typed);
    broken(&label, &words, layout)
}

/// A command behind its label, broken before flags.
pub(crate) fn broken(label: &str, words: &[String], layout: &Layout) -> String {
    let mut units: Vec<String> = Vec::new();
    for word in words {
        match units.last_mut() {
            Some(unit) if !word.starts_with('-') => {
                unit.push(' ');
                unit.push_str(word);
            }
            _ => units.push(word.clone()),
        }
    }
    let mut rows = vec![label.to_owned()];
    let count = units.len();
    for (n, unit) in units.into_iter().enumerate() {
        let tail = if n + 1 < count { 2 } else { 0 };
        let Some(row) = rows.last_mut() else { break };
        let fits = layout.columns(row) + 1 + layout.columns(&unit) + tail <= layout.width;
        if n == 0 {
            row.push_str(&unit);
        } else if fits {
            row.push(' ');
            row.push_str(&unit);
        } else {
            row.push_str(" \\");
            rows.push(format!("       {unit}"));
        }
    }
    let rows: Vec<String> = rows.iter().map(|row| layout.clean(row)).collect();
    rows.join("\n") + "\n"
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
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
            .chain(typed.iter().map(|w| quoted(w)))
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
                .chain(files.iter().map(|w| quoted(w)))
                .collect()
        }
        Edit::Other(words) => {
            let mut words = words.clone();
            if !words.iter().any(|w| w == "--explain") {
                words.extend(files(typed).iter().map(|w| quoted(w)));
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
