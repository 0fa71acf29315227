//! `-f change/ --with-cluster` without a port: what the change does to the mesh.

use std::io::{self, Write};

use mesh_core::causes::Severity;
use mesh_core::change;
use mesh_core::change::effect::{Group, MeshEffect, State, effect, judge};
use mesh_core::observed::Envoy;
use mesh_core::predict::store::Store;
use mesh_core::report::effect::Telling;
use mesh_core::report::ignore::Ignore;
use mesh_core::report::{Command, Finding, Fix, yaml};
use mesh_core::walk::{self, Class, gateway_classes};
use mesh_live::cluster::Question;
use mesh_live::exit::Exit;
use mesh_live::io::Io;
use mesh_live::load::{Over, Read};
use mesh_live::run::cannot_work;

use super::cli::{Cli, FailOn, Format};
use super::{COMMAND, FIX_CONTEXT, body, layout, observe, question_words};

/// How many Envoys of one group are asked for their open connections; of more the number stays unknown.
const MOST_ENVOYS: usize = 200;

/// Whether the effect of a change is asked for.
pub(super) const fn is_asked(cli: &Cli) -> bool {
    cli.with_cluster && cli.question.is_none()
}

/// Why these arguments do not go together.
pub(super) fn cannot_be_asked(cli: &Cli) -> Option<&'static str> {
    let asked = is_asked(cli) && cli.shown().is_none();
    if asked && cli.proxy.is_some() {
        return Some(
            "the effect of a change is about all proxies: leave --proxy away, or ask about a port",
        );
    }
    if cli.output.format == Format::Markdown && !asked {
        return Some(
            "-o markdown tells the effect of a change: -f FILES --with-cluster, without a port",
        );
    }
    None
}

/// Tells what the files do to the cluster.
pub(super) fn tell(
    cli: &Cli,
    typed: &[String],
    files: &Read,
    after: &Store<'_>,
    ignore: &Ignore,
    io: &mut Io,
) -> io::Result<Exit> {
    let Some(over) = &files.over else {
        return Ok(cannot_work(io, "--with-cluster needs a cluster"));
    };
    let mut before = over.before.clone();
    before.istio_version = cli.istio.istio_version;
    let before = Store::new(&before);
    let (old, new) = (gateway_classes(&before), gateway_classes(after));
    let judged = |store: &Store<'_>, classes: &[Class]| {
        let mut judged = judge(store, classes);
        let ignored = ignore.apply(&mut judged.answers, store.snapshot, true);
        (judged, ignored)
    };
    let was = State {
        store: &before,
        classes: &old,
        judged: judged(&before, &old).0,
    };
    let (findings, ignored) = judged(after, &new);
    let now = State {
        store: after,
        classes: &new,
        judged: findings,
    };
    if !cli.output.quiet {
        for warning in &ignored.warnings {
            writeln!(io.stderr, "warning: {warning}")?;
        }
    }
    let mut found = effect(&was, now, &over.touched);
    found.refused.clone_from(&over.refused);
    found.introduced.repair(after, &new);
    let introduced = &found.introduced.answers;
    if let Some(nth) = cli.fix {
        return print_fix(cli, files, &found, nth.get(), io);
    }
    let changes = change::chosen(introduced, 1);
    let run = (!changes.is_empty()).then(|| {
        let mut words: Vec<String> = COMMAND.split(' ').map(str::to_owned).collect();
        words.extend(question_words(typed));
        words.push(change::piped(after.snapshot, &changes));
        Command {
            remark: None,
            words,
        }
    });
    for group in found.groups.iter_mut().filter(|g| g.cuts()) {
        count(over, group, cli.output.quiet, io);
    }
    let versions = walk::versions(after, &new);
    let telling = Telling {
        effect: &found,
        snapshot: after.snapshot,
        domain: &after.mesh.domain,
        cluster: over.session.name(),
        least: least(cli),
    };
    let text = match cli.output.format {
        Format::Text | Format::Wide => {
            let bodies = |_: &Finding, fix: &Fix| body(after.snapshot, fix);
            let basis = super::basis(files, &versions, &ignored, typed).line;
            telling.text(&basis, run.as_ref(), &layout(cli, io), &bodies)
        }
        Format::Markdown => telling.markdown(),
        Format::Json => telling.json(),
        Format::Yaml => yaml::from_json(&telling.json()),
        Format::Name => {
            mesh_core::report::name::render_names(&found.introduced.answers, after.snapshot)
        }
    };
    io.stdout.write_all(text.as_bytes())?;
    if !cli.output.quiet {
        let mut rest = String::new();
        for words in [ignored.in_words(), files.forbidden_in_words()] {
            if !words.is_empty() {
                rest.push_str(&format!("; {words}"));
            }
        }
        writeln!(io.stderr, "{}{rest}", telling.counts())?;
    }
    Ok(exit_code(files, telling.fails()))
}

const fn exit_code(files: &Read, fails: bool) -> Exit {
    if files.incomplete {
        Exit::CannotWork
    } else if fails {
        Exit::Findings
    } else {
        Exit::Fine
    }
}

/// The least severity of an introduced finding that makes the change a failure.
const fn least(cli: &Cli) -> Severity {
    match cli.fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning | FailOn::Unknown => Severity::Warning,
    }
}

/// Asks the Envoys of a group how many connections are open. Where one of them does not answer, the number is unknown.
fn count(over: &Over, group: &mut Group, quiet: bool, io: &mut Io) {
    if group.pods.is_empty() || group.pods.len() > MOST_ENVOYS {
        return;
    }
    let pods = observe::names(&over.before, group.pods.iter().copied());
    // One listener that is hardly there: only the counts are wanted.
    let question = Question { port: Some(0) };
    let answers = over.session.envoys(pods, &question, quiet, io);
    let answers: Result<Vec<Envoy>, _> = answers.into_values().collect();
    // A pod without an answer may have the most of them.
    if let Ok(envoys) = answers
        && envoys.len() == group.pods.len()
    {
        group.count(&envoys);
    }
}

/// The fix of what the change introduces, alone on stdout.
fn print_fix(
    cli: &Cli,
    files: &Read,
    found: &MeshEffect,
    nth: usize,
    io: &mut Io,
) -> io::Result<Exit> {
    let answers = &found.introduced.answers;
    let failing = answers.iter().flat_map(|a| &a.findings);
    let fails = failing.clone().any(|f| f.severity >= least(cli)) || !found.refused.is_empty();
    let changes = change::chosen(answers, nth);
    if changes.is_empty() {
        let mut failing = failing;
        let why = if fails {
            let why = failing.find_map(change::why_not);
            let why =
                why.unwrap_or_else(|| "no change of these objects was found that helps".to_owned());
            format!("error: no fix was proved: {why}")
        } else {
            "nothing to fix".to_owned()
        };
        writeln!(io.stderr, "{why}")?;
        return Ok(exit_code(files, fails));
    }
    match change::as_text(&files.loaded.snapshot, &changes, FIX_CONTEXT) {
        Ok(text) => io.stdout.write_all(text.as_bytes())?,
        Err(error) => return Ok(cannot_work(io, &error.to_string())),
    }
    Ok(exit_code(files, fails))
}
