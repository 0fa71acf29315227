//! `kubectl mesh shift`: moves weights between versions. So far it plans and proves on files, and writes nothing.

pub mod cli;

use std::ffi::OsString;
use std::io::{self, Write};

use cli::{Cli, Format};
use mesh_core::change;
use mesh_core::plan::shift::{
    self as planning, Ask, Candidate, Plan, Refusal, Request, Stop, Unclear,
};
use mesh_core::plan::weights::WeightError;
use mesh_core::predict::store::Store;
use mesh_core::report::name::resource_name;
use mesh_core::report::plan::{
    Cell, Failure, Refusal as Refused, render_diff, render_failure, render_plan, render_refusal,
    render_table, render_unchanged, shell_word,
};
use mesh_core::report::{Command, Layout, shift as report, yaml};
use mesh_core::snapshot::Snapshot;
use mesh_core::snapshot::reader::ReadOptions;
use mesh_core::walk;
use mesh_live::color::Look;
use mesh_live::exit::Exit;
use mesh_live::io::Io;
use mesh_live::load::{Read, from_files};
use mesh_live::run::{cannot_work, cannot_write, parse};

/// The words before the arguments, as a person types them.
const COMMAND: &str = "kubectl mesh shift";

/// Lines around a change: what `git apply` finds its place by.
const CONTEXT: usize = 3;

/// How many commands are offered where several rules could be meant.
const OFFERED: usize = 3;

/// How many names are listed where none fits.
const LISTED: usize = 8;

/// Runs with these arguments (without the program's name).
pub fn run(args: Vec<OsString>, io: &mut Io) -> Exit {
    let cli = match parse::<Cli>(args, io) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    match answer(&cli, io) {
        Ok(exit) => exit,
        Err(error) => cannot_write(io, &error),
    }
}

fn answer(cli: &Cli, io: &mut Io) -> io::Result<Exit> {
    if cli.input.filename.is_empty() {
        return Ok(cannot_work(
            io,
            "changing a live cluster is not built yet: give the mesh's files with -f; nothing written",
        ));
    }
    if let Some(sentence) = only_live(cli) {
        return Ok(cannot_work(io, sentence));
    }
    let Some(ask) = ask(cli) else {
        return Ok(cannot_work(
            io,
            "say which weights: v1=80 v2=20, or --by, --all-to, --swap, or --status",
        ));
    };
    let namespace = cli.connect.only_namespace().map(str::to_owned);
    let options = ReadOptions {
        default_namespace: namespace.clone().unwrap_or_else(|| "default".to_owned()),
        command: COMMAND.to_owned(),
    };
    let mut files = from_files(&cli.input, options, cli.output.quiet, io)?;
    files.loaded.snapshot.istio_version = cli.istio.istio_version;
    let files = files;
    let store = Store::new(&files.loaded.snapshot);
    let request = Request {
        target: cli.host.clone(),
        namespace,
        port: cli.port.map(u32::from),
        sni: cli.sni.clone(),
        rule: cli.r#match.map(|m| (m.block, m.index)),
        ask,
        create_subsets: cli.create_subsets,
        allow_empty: cli.allow_empty,
    };
    let classes = walk::gateway_classes(&store);
    let run = Run { cli, files: &files };
    let exit = if cli.status {
        match planning::find(&store, &classes, &request) {
            Ok(found) => run.status(&found, io)?,
            Err(unclear) => run.unclear(&unclear, io)?,
        }
    } else {
        match planning::plan(&store, &classes, &request) {
            Ok(plan) => run.planned(&plan, io)?,
            Err(Stop::Unclear(unclear)) => run.unclear(&unclear, io)?,
            Err(Stop::Refused(refusal, plan)) => run.refused(&refusal, &plan, io)?,
        }
    };
    // An answer from half the files is never a calm one.
    Ok(if files.incomplete {
        exit.and(Exit::CannotWork)
    } else {
        exit
    })
}

/// What has no meaning for files.
fn only_live(cli: &Cli) -> Option<&'static str> {
    if cli.undo {
        Some("--undo needs a cluster: the history of files is in Git")
    } else if cli.watch {
        Some("--watch needs a cluster: files do not change by themselves")
    } else if !cli.steps.is_empty() {
        Some("--steps needs a cluster: files do not show whether a step works")
    } else {
        None
    }
}

/// What is asked for; nothing was, and no status either: `None`.
fn ask(cli: &Cli) -> Option<Ask> {
    if let (Some(percent), Some(to)) = (cli.by, &cli.to) {
        let percent = u32::from(percent);
        let to = to.clone();
        return Some(Ask::By { percent, to });
    }
    if let Some(to) = &cli.all_to {
        return Some(Ask::AllTo(to.clone()));
    }
    if cli.swap {
        return Some(Ask::Swap);
    }
    let set: Vec<(String, u32)> = cli
        .weights
        .iter()
        .map(|w| (w.destination.clone(), u32::from(w.percent)))
        .collect();
    (cli.status || !set.is_empty()).then_some(Ask::Set(set))
}

fn layout(look: Look) -> Layout {
    Layout {
        width: look.width,
        table_width: look.table_width,
        unicode: look.unicode,
        color: look.color,
        command: COMMAND,
    }
}

/// One run over one set of files.
struct Run<'r> {
    cli: &'r Cli,
    files: &'r Read,
}

impl Run<'_> {
    fn snapshot(&self) -> &Snapshot {
        &self.files.loaded.snapshot
    }

    /// Prints a plan on stderr and the change on stdout.
    fn planned(&self, plan: &Plan, io: &mut Io) -> io::Result<Exit> {
        let stderr = layout(io.stderr_look(self.cli.output.color));
        if !self.cli.output.quiet {
            if plan.unchanged() {
                let text = render_unchanged(&report::unchanged(plan), &stderr);
                io.stderr.write_all(text.as_bytes())?;
                for note in &plan.notes {
                    writeln!(io.stderr, "  note   {}", stderr.clean(note))?;
                }
            } else {
                let text = render_plan(&report::plan_lines(plan), &stderr);
                io.stderr.write_all(text.as_bytes())?;
            }
        }
        match self.cli.output.format {
            Format::Text if plan.unchanged() => {}
            Format::Text => {
                let stdout = layout(io.stdout_look(self.cli.output.color));
                match change::as_text(self.snapshot(), &plan.changes, CONTEXT) {
                    Ok(text) => io
                        .stdout
                        .write_all(render_diff(&text, &stdout).as_bytes())?,
                    Err(error) => return Ok(cannot_work(io, &error.to_string())),
                }
            }
            _ => self.document(plan, None, io)?,
        }
        Ok(if self.cli.writing.diff && !plan.unchanged() {
            Exit::Findings
        } else {
            Exit::Fine
        })
    }

    /// Prints why nothing is written.
    fn refused(&self, refusal: &Refusal, plan: &Plan, io: &mut Io) -> io::Result<Exit> {
        let stderr = layout(io.stderr_look(self.cli.output.color));
        let refused = Refused {
            reason: report::refusal(refusal, plan),
            finding: None,
            plan: Some(report::draft_lines(plan)),
            commands: self.instead(refusal, plan),
        };
        let text = render_refusal(&refused, &stderr);
        io.stderr.write_all(text.as_bytes())?;
        if !matches!(self.cli.output.format, Format::Text | Format::Name) {
            self.document(plan, Some(refusal), io)?;
        }
        Ok(Exit::Findings)
    }

    fn document(&self, plan: &Plan, refusal: Option<&Refusal>, io: &mut Io) -> io::Result<()> {
        let text = match self.cli.output.format {
            Format::Name => format!("{}\n", resource_name(&plan.key)),
            Format::Yaml => yaml::from_json(&report::plan_json(plan, refusal, self.snapshot())),
            _ => report::plan_json(plan, refusal, self.snapshot()),
        };
        io.stdout.write_all(text.as_bytes())
    }

    /// Prints the weights of all rules that are meant.
    fn status(&self, found: &[Candidate], io: &mut Io) -> io::Result<Exit> {
        let text = match self.cli.output.format {
            Format::Text => {
                let stdout = layout(io.stdout_look(self.cli.output.color));
                render_table(&report::status_rows(found), &stdout)
            }
            Format::Json => report::status_json(found, self.snapshot()),
            Format::Yaml => yaml::from_json(&report::status_json(found, self.snapshot())),
            Format::Name => {
                let mut names: Vec<String> = found.iter().map(|c| resource_name(&c.key)).collect();
                names.dedup();
                names.into_iter().map(|name| name + "\n").collect()
            }
        };
        io.stdout.write_all(text.as_bytes())?;
        if !self.cli.output.quiet {
            let stderr = layout(io.stderr_look(self.cli.output.color));
            for note in report::status_notes(found) {
                writeln!(io.stderr, "{}", stderr.clean(&note))?;
            }
        }
        Ok(Exit::Fine)
    }

    /// Says what could be meant.
    fn unclear(&self, unclear: &Unclear, io: &mut Io) -> io::Result<Exit> {
        let stderr = layout(io.stderr_look(self.cli.output.color));
        let target = &self.cli.host;
        let failure = match unclear {
            Unclear::Unknown {
                known,
                virtual_service,
            } => {
                let mut commands = Vec::new();
                if *virtual_service {
                    let name = format!("virtualservice/{target}");
                    commands.push(self.command(&name, &self.mode(), &[]));
                } else if let [only] = known.as_slice() {
                    commands.push(self.command(only, &self.mode(), &[]));
                }
                let listed: Vec<&str> = known.iter().take(LISTED).map(String::as_str).collect();
                let more = known.len().saturating_sub(LISTED);
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                let why = match (known.is_empty(), *virtual_service) {
                    (_, true) => format!("{target} is the name of a VirtualService"),
                    (true, _) => match self.cli.connect.only_namespace() {
                        Some(ns) => format!("no VirtualService of namespace {ns} leads anywhere"),
                        None => "no VirtualService that was read leads anywhere".to_owned(),
                    },
                    (false, _) => format!("routes lead to {}{more}", listed.join(", ")),
                };
                Failure {
                    sentence: format!("no route is for {target}, and none leads there"),
                    why: Some(why),
                    commands,
                    ..Failure::default()
                }
            }
            Unclear::NoneLeft(candidates) => Failure {
                sentence: format!("no rule for {target} fits {}", self.narrowing().join(" ")),
                rows: candidates.iter().map(report::candidate_row).collect(),
                commands: self.each(candidates),
                ..Failure::default()
            },
            Unclear::Several(candidates) => Failure {
                sentence: format!("{target} is in {} rules: say which", candidates.len()),
                rows: candidates.iter().map(report::candidate_row).collect(),
                commands: self.each(candidates),
                ..Failure::default()
            },
            Unclear::Destination { name, labels } => Failure {
                sentence: format!("{name} could be several destinations: say which"),
                rows: labels.iter().map(|l| vec![Cell::left(l)]).collect(),
                ..Failure::default()
            },
            Unclear::Unfit(error) => Failure {
                sentence: error.clone(),
                ..Failure::default()
            },
        };
        let text = render_failure(&failure, &stderr);
        io.stderr.write_all(text.as_bytes())?;
        Ok(Exit::CannotWork)
    }

    /// A command for each candidate that selects it and no other.
    fn each(&self, candidates: &[Candidate]) -> Vec<Command> {
        let shown = candidates.iter().take(OFFERED);
        shown
            .map(|candidate| {
                let (target, flags) = self.only(candidate, candidates);
                let command = self.command(&target, &self.mode(), &flags);
                command.remarked(&format!("for {}", candidate.rule.name()))
            })
            .collect()
    }

    /// The target and the flags that mean one candidate of several.
    fn only(&self, candidate: &Candidate, all: &[Candidate]) -> (String, Vec<String>) {
        let others = || all.iter().filter(|c| c.rule != candidate.rule);
        let port = candidate.ports.first();
        if let Some(port) = port
            && others().all(|c| !c.ports.is_empty() && !c.ports.contains(port))
        {
            return (self.cli.host.clone(), vec![format!("--port {port}")]);
        }
        let same_index = || others().any(|c| c.rule.index == candidate.rule.index);
        let mut target = self.cli.host.clone();
        let mut flags = Vec::new();
        if others().any(|c| c.key != candidate.key) {
            target = format!("virtualservice/{}", candidate.key.name);
            if others().any(|c| c.key.name == candidate.key.name && c.key != candidate.key) {
                flags.push(format!("-n {}", shell_word(&candidate.key.namespace)));
            }
        }
        let rule = if same_index() || target != self.cli.host {
            candidate.rule.name()
        } else {
            candidate.rule.index.to_string()
        };
        flags.push(format!("--match {}", shell_word(&rule)));
        (target, flags)
    }

    /// What to type instead of what is refused.
    fn instead(&self, refusal: &Refusal, plan: &Plan) -> Vec<Command> {
        let target = self.cli.host.as_str();
        let narrowing = self.narrowing();
        let with = |flag: &str| {
            let mut flags = narrowing.clone();
            flags.push(flag.to_owned());
            self.command(target, &self.mode(), &flags)
        };
        let weights = |set: &[(String, u32)]| {
            let words: Vec<String> = set
                .iter()
                .map(|(label, percent)| shell_word(&format!("{label}={percent}")))
                .collect();
            self.command(target, &words, &narrowing)
        };
        let status = || self.command(target, &["--status".to_owned()], &narrowing);
        match refusal {
            Refusal::UnknownSubset {
                creatable: true, ..
            } if !self.cli.create_subsets => vec![with("--create-subsets")],
            Refusal::Empty(_) => vec![
                with("--allow-empty"),
                status().remarked("to see what is ready"),
            ],
            Refusal::Weights {
                error: WeightError::TooMuch { left },
                ..
            } => {
                let to = self.cli.to.as_deref().unwrap_or_default();
                if *left == 0 {
                    vec![status()]
                } else {
                    vec![self.command(
                        target,
                        &[format!("--all-to {}", shell_word(to))],
                        &narrowing,
                    )]
                }
            }
            Refusal::Weights { instead, .. } if !instead.is_empty() => vec![weights(instead)],
            Refusal::Weights { .. } => {
                // Which two were meant is not known: the first ones.
                let mut rows: Vec<(String, u32)> =
                    plan.rows.iter().map(|r| (r.label.clone(), r.now)).collect();
                match rows.as_mut_slice() {
                    [(_, a), (_, b), ..] => {
                        std::mem::swap(a, b);
                        vec![weights(&rows)]
                    }
                    _ => vec![status()],
                }
            }
            Refusal::NotUsed {
                shadowed_by: Some((first, key)),
                ..
            } => {
                let name = format!("virtualservice/{}", key.name);
                let rule = format!("--match {}", shell_word(&first.name()));
                vec![self.command(&name, &self.mode(), &[rule])]
            }
            Refusal::NotUsed {
                port: Some(port), ..
            } => {
                let words = format!("kubectl mesh why-no-listener {port}");
                let mut words: Vec<String> = words.split(' ').map(str::to_owned).collect();
                words.extend(self.files_words());
                vec![Command {
                    remark: None,
                    words,
                }]
            }
            _ => vec![status()],
        }
    }

    /// What was asked for, as words to type.
    fn mode(&self) -> Vec<String> {
        let cli = self.cli;
        let mut words: Vec<String> = cli
            .weights
            .iter()
            .map(|w| shell_word(&format!("{}={}", w.destination, w.percent)))
            .collect();
        if let (Some(percent), Some(to)) = (cli.by, &cli.to) {
            words.push(format!("--by {percent}"));
            words.push(format!("--to {}", shell_word(to)));
        }
        if let Some(to) = &cli.all_to {
            words.push(format!("--all-to {}", shell_word(to)));
        }
        if cli.swap {
            words.push("--swap".to_owned());
        }
        if cli.status {
            words.push("--status".to_owned());
        }
        words
    }

    /// The flags that say which rule.
    fn narrowing(&self) -> Vec<String> {
        let cli = self.cli;
        let mut words = Vec::new();
        words.extend(cli.port.map(|port| format!("--port {port}")));
        words.extend(
            cli.sni
                .as_ref()
                .map(|sni| format!("--sni {}", shell_word(sni))),
        );
        words.extend(cli.r#match.map(|rule| {
            let rule = match rule.block {
                Some(block) => format!("{}[{}]", block.field(), rule.index),
                None => rule.index.to_string(),
            };
            format!("--match {}", shell_word(&rule))
        }));
        words
    }

    /// `-n`, `-f` and `-R` as they were typed.
    fn files_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(namespace) = self.cli.connect.only_namespace() {
            words.push(format!("-n {}", shell_word(namespace)));
        }
        for file in &self.cli.input.filename {
            words.push(format!("-f {}", shell_word(&file.to_string_lossy())));
        }
        if self.cli.input.recursive {
            words.push("-R".to_owned());
        }
        words
    }

    /// A command over the same files.
    fn command(&self, target: &str, mode: &[String], flags: &[String]) -> Command {
        let mut words: Vec<String> = COMMAND.split(' ').map(str::to_owned).collect();
        words.push(shell_word(target));
        words.extend(mode.iter().cloned());
        words.extend(flags.iter().cloned());
        let plans = !words.iter().any(|word| word == "--status");
        for (set, flag) in [
            (self.cli.create_subsets, "--create-subsets"),
            (self.cli.allow_empty, "--allow-empty"),
        ] {
            if set && plans && !words.iter().any(|word| word == flag) {
                words.push(flag.to_owned());
            }
        }
        let own_namespace = flags.iter().any(|flag| flag.starts_with("-n "));
        let files = self.files_words();
        words.extend(
            files
                .into_iter()
                .filter(|w| !(own_namespace && w.starts_with("-n "))),
        );
        Command {
            remark: None,
            words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::run;
    use mesh_live::exit::Exit;
    use mesh_live::io::Io;

    #[test]
    fn help_is_a_result() {
        let (mut io, captured) = Io::captured("");
        assert_eq!(run(vec!["--help".into()], &mut io), Exit::Fine);
        assert!(captured.stdout().contains("Usage: kubectl mesh shift"));
        assert!(captured.stdout().contains("Examples:"));
        assert!(captured.stdout().contains("Exit codes:"));
    }

    #[test]
    fn without_files_it_is_one_line_and_nothing_is_written() {
        let (mut io, captured) = Io::captured("");
        let args = ["echo", "v1=100"].map(Into::into).to_vec();
        assert_eq!(run(args, &mut io), Exit::CannotWork);
        assert_eq!(captured.stdout(), "");
        assert_eq!(
            captured.stderr(),
            "error: changing a live cluster is not built yet: give the mesh's files with -f; nothing written\n"
        );
    }
}
