//! `kubectl mesh expose-tcp`: opens a TCP port on a gateway for a Service.

pub mod cli;
mod forms;
mod text;

use std::ffi::OsString;
use std::io::{self, Write};

use cli::{Cli, Format, Part as Only};
use mesh_core::change::taken_by;
use mesh_core::plan::expose::{self, Listed, Options, Part, Plan, Remove, Stop, Wanted};
use mesh_core::predict::store::Store;
use mesh_core::report::plan::shell_word;
use mesh_core::report::{Layout, Verdict};
use mesh_core::snapshot::Snapshot;
use mesh_core::snapshot::reader::ReadOptions;
use mesh_core::walk;
use mesh_live::cli::ServiceRef;
use mesh_live::exit::Exit;
use mesh_live::io::Io;
use mesh_live::load::{Read, counted, from_files};
use mesh_live::run::{cannot_work, cannot_write, parse};
use text::COMMAND;

/// Lines around a change: what `git apply` finds its place by.
const CONTEXT: usize = 3;

/// Does what the arguments say (without the program's name).
pub fn run(args: Vec<OsString>, io: &mut Io) -> Exit {
    let typed: Vec<String> = args
        .iter()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let cli = match parse::<Cli>(args, io) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    match act(&cli, &typed, io) {
        Ok(exit) => exit,
        Err(error) => cannot_write(io, &error),
    }
}

fn act(cli: &Cli, typed: &[String], io: &mut Io) -> io::Result<Exit> {
    if cli.input.filename.is_empty() {
        return Ok(cannot_work(
            io,
            "writing to a live cluster is not built yet: give the mesh's files with -f; nothing written",
        ));
    }
    let not_built = [
        (cli.into_gateway.is_some(), "--into-gateway"),
        (cli.into_virtualservice.is_some(), "--into-virtualservice"),
    ];
    if let Some((_, flag)) = not_built.iter().find(|(asked, _)| *asked) {
        return Ok(cannot_work(
            io,
            &format!("{flag} is not built yet; nothing written"),
        ));
    }
    if cli.probe {
        return Ok(cannot_work(
            io,
            "--probe needs a cluster: with -f nothing is written",
        ));
    }
    let reading = ReadOptions {
        default_namespace: default_namespace(cli).to_owned(),
        command: COMMAND.to_owned(),
    };
    let mut files = from_files(&cli.input, reading.clone(), cli.output.quiet, io)?;
    files.loaded.snapshot.istio_version = cli.istio.istio_version;
    let files = files;
    let run = Run {
        cli,
        typed,
        files: &files,
        snapshot: &files.loaded.snapshot,
    };
    let exit = if cli.list {
        run.list(io)?
    } else if cli.remove {
        run.remove(reading, io)?
    } else {
        run.plan(io)?
    };
    Ok(if files.incomplete {
        Exit::CannotWork
    } else {
        exit
    })
}

fn default_namespace(cli: &Cli) -> &str {
    cli.connect.only_namespace().unwrap_or("default")
}

struct Run<'r> {
    cli: &'r Cli,
    typed: &'r [String],
    files: &'r Read,
    snapshot: &'r Snapshot,
}

impl Run<'_> {
    fn wanted(&self) -> Vec<Wanted> {
        let one = |service: &ServiceRef, number: u16| Wanted {
            number: u32::from(number),
            namespace: service
                .namespace
                .clone()
                .unwrap_or_else(|| default_namespace(self.cli).to_owned()),
            service: service.name.clone(),
            port: service.port.map(u32::from),
        };
        let single = self.cli.service.iter().zip(self.cli.port);
        let single = single.map(|(service, number)| one(service, number));
        let maps = self.cli.map.iter().map(|map| one(&map.service, map.port));
        single.chain(maps).collect()
    }

    fn options(&self) -> Options {
        let cli = self.cli;
        Options {
            gateway: cli.gateway.clone(),
            sni: cli.sni.clone(),
            tls_secret: cli.tls_secret.clone(),
            weights: cli
                .weights
                .iter()
                .map(|w| (w.destination.clone(), u32::from(w.percent)))
                .collect(),
            target_port: cli.target_port.map(u32::from),
            node_port: cli.node_port.map(u32::from),
            selects_also_ok: cli.selects_also_ok,
        }
    }

    /// How stderr looks: plans and refusals go there.
    fn layout(&self, io: &Io) -> Layout {
        let look = io.stderr_look(self.cli.output.color);
        Layout {
            width: look.width,
            table_width: look.table_width,
            unicode: look.unicode,
            color: look.color,
            command: COMMAND,
        }
    }

    fn stop(&self, stop: &Stop, io: &mut Io) -> io::Result<Exit> {
        let text = text::stop(stop, self.snapshot, self.typed, &self.layout(io));
        io.stderr.write_all(text.as_bytes())?;
        Ok(if stop.cannot_work {
            Exit::CannotWork
        } else {
            Exit::Findings
        })
    }

    fn plan(&self, io: &mut Io) -> io::Result<Exit> {
        let plan = match expose::plan(self.snapshot, &self.wanted(), &self.options()) {
            Ok(plan) => plan,
            Err(stop) => return self.stop(&stop, io),
        };
        let only = self.cli.only.map(|only| match only {
            Only::Routes => Part::Routes,
            Only::Service => Part::Service,
        });
        let changes = plan.changes(only);
        let elsewhere = only != Some(Part::Routes) && !plan.elsewhere.is_empty();
        let pending = !changes.is_empty() || elsewhere;
        if !pending {
            return self.unchanged(&plan, io);
        }
        let layout = self.layout(io);
        if !self.cli.output.quiet {
            let address = plan.address();
            let told = text::plan(&plan, address.as_deref(), plan.reach().as_deref(), &layout);
            io.stderr.write_all(told.as_bytes())?;
            if let Some(only) = self.cli.only {
                let (part, other) = match only {
                    Only::Routes => ("routes", "service"),
                    Only::Service => ("Service", "routes"),
                };
                writeln!(
                    io.stderr,
                    "  only the {part} here; the rest is --only {other}"
                )?;
            }
        }
        let form = forms::Form {
            snapshot: self.snapshot,
            plan: &plan,
            only,
        };
        let text = match self.cli.output.format {
            Format::Text => form.text(CONTEXT),
            Format::Yaml => Ok(form.yaml()),
            Format::Json => {
                // JSON has no comments: the patch goes where plans go.
                let patch = form.patch();
                if !patch.is_empty() {
                    io.stderr.write_all(patch.as_bytes())?;
                }
                Ok(form.json())
            }
            Format::Name => Ok(form.names()),
            Format::Kustomize => Ok(form.kustomize()),
            Format::HelmValues => form.helm_values(),
        };
        let text = match text {
            Ok(text) => text,
            Err(error) => return Ok(cannot_work(io, &error)),
        };
        io.stdout.write_all(text.as_bytes())?;
        let text_form = self.cli.output.format == Format::Text;
        if text_form && !self.cli.output.quiet && !self.cli.writing.diff && only.is_none() {
            let mut words = self.own_words();
            words.push(format!("--remove | {}", taken_by(self.snapshot, &changes)));
            let undo = text::labelled("undo", words, &layout);
            io.stderr.write_all(undo.as_bytes())?;
        }
        Ok(if self.cli.writing.diff {
            Exit::Findings
        } else {
            Exit::Fine
        })
    }

    /// The command as it was typed.
    fn own_words(&self) -> Vec<String> {
        let own = COMMAND.split(' ').map(str::to_owned);
        own.chain(self.typed.iter().map(|w| shell_word(w)))
            .collect()
    }

    fn unchanged(&self, plan: &Plan, io: &mut Io) -> io::Result<Exit> {
        for exposure in &plan.exposures {
            let by = match &exposure.by {
                Some(by) => format!(", by {by}"),
                None => String::new(),
            };
            if !self.cli.output.quiet {
                writeln!(
                    io.stderr,
                    "unchanged: {}/{}:{} is at port {} of {} already{by}",
                    exposure.namespace,
                    exposure.service,
                    exposure.port,
                    exposure.number,
                    plan.gateway.called()
                )?;
            }
        }
        if self.cli.output.format == Format::Json {
            writeln!(io.stdout, "[]")?;
        }
        Ok(Exit::Fine)
    }

    fn remove(&self, reading: ReadOptions, io: &mut Io) -> io::Result<Exit> {
        if !matches!(self.cli.output.format, Format::Text) {
            return Ok(cannot_work(io, "--remove prints a diff of the files only"));
        }
        let wanted = self.wanted();
        let called: Vec<String> = wanted
            .iter()
            .map(|w| format!("{}/{} at port {}", w.namespace, w.service, w.number))
            .collect();
        let remove = Remove { wanted, reading };
        let removal = match expose::remove(self.snapshot, &remove) {
            Ok(removal) => removal,
            Err(stop) => return self.stop(&stop, io),
        };
        let layout = self.layout(io);
        if removal.steps.is_empty() {
            for one in &called {
                writeln!(io.stderr, "unchanged: nothing exposes {one}")?;
            }
            return Ok(Exit::Fine);
        }
        if !self.cli.output.quiet {
            let told = text::removal(&removal, &called, &layout);
            io.stderr.write_all(told.as_bytes())?;
        }
        for diff in &removal.diffs {
            io.stdout.write_all(text::diff(diff, CONTEXT).as_bytes())?;
        }
        Ok(if self.cli.writing.diff {
            Exit::Findings
        } else {
            Exit::Fine
        })
    }

    fn list(&self, io: &mut Io) -> io::Result<Exit> {
        let store = Store::new(self.snapshot);
        let rows = expose::listed(&store, self.cli.connect.only_namespace());
        let look = io.stdout_look(self.cli.output.color);
        let layout = Layout {
            table_width: look.table_width,
            unicode: look.unicode,
            color: look.color,
            ..self.layout(io)
        };
        let text = match self.cli.output.format {
            Format::Json => forms::list_json(&rows),
            Format::Yaml => mesh_core::report::yaml::from_json(&forms::list_json(&rows)),
            Format::Name => forms::list_names(&rows),
            _ => forms::list_table(&rows, &layout),
        };
        io.stdout.write_all(text.as_bytes())?;
        if !self.cli.output.quiet {
            if rows.is_empty() {
                writeln!(
                    io.stderr,
                    "nothing is exposed by kubectl mesh in these files"
                )?;
            } else {
                let files = counted(self.files.loaded.counts.texts, "file");
                let versions = walk::versions(&store, &walk::gateway_classes(&store));
                writeln!(io.stderr, "predicted from {files}, Istio {versions}")?;
            }
        }
        let closed = |row: &&Listed| row.status != Verdict::Open;
        if let Some(row) = rows.iter().find(closed)
            && !self.cli.output.quiet
        {
            let next = text::edited(&expose::Edit::Ask(row.number), self.typed);
            let line = text::labelled("next", next, &self.layout(io));
            io.stderr.write_all(line.as_bytes())?;
        }
        Ok(Exit::Fine)
    }
}

#[cfg(test)]
mod tests {
    use super::run;
    use mesh_live::exit::Exit;
    use mesh_live::io::Io;

    #[test]
    fn help_tells_all() {
        let (mut io, captured) = Io::captured("");
        assert_eq!(run(vec!["--help".into()], &mut io), Exit::Fine);
        assert!(captured.stdout().contains("Usage: kubectl mesh expose-tcp"));
        assert!(captured.stdout().contains("Examples:"));
        assert!(captured.stdout().contains("Exit codes:"));
    }

    #[test]
    fn without_files_it_is_one_line_on_stderr() {
        let (mut io, captured) = Io::captured("");
        let args = ["kafka", "--port", "16354"].map(Into::into).to_vec();
        assert_eq!(run(args, &mut io), Exit::CannotWork);
        assert_eq!(captured.stdout(), "");
        assert_eq!(
            captured.stderr(),
            "error: writing to a live cluster is not built yet: give the mesh's files with -f; nothing written\n"
        );
    }
}
