//! `kubectl mesh why-no-listener`: why a port is closed, and what opens it. Writes nothing.

pub mod cli;

use std::ffi::OsString;
use std::io::{self, Write};

use cli::{Cli, FailOn, Format, Show};
use mesh_core::causes::{PAGES, Severity};
use mesh_core::predict::store::Store;
use mesh_core::predict::{ProxyFacts, ProxyKind, WORKLOAD_KINDS};
use mesh_core::report::{
    self, Answer, Basis, Command, FixBody, Layout, Verdict, explain, predicted, render_answers,
};
use mesh_core::snapshot::reader::ReadOptions;
use mesh_core::snapshot::{Kind, Snapshot};
use mesh_core::walk::{self, Class, Question};
use mesh_live::cli::{TargetKind, TargetRef};
use mesh_live::exit::Exit;
use mesh_live::io::Io;
use mesh_live::load::{FromFiles, counted, from_files};
use mesh_live::run::{cannot_work, cannot_write, parse};

/// The release of Istio whose behaviour is predicted.
const ISTIO_VERSION: &str = "1.31";

/// The words before the arguments, as a person types them.
const COMMAND: &str = "kubectl mesh why-no-listener";

/// Answers the question in the arguments (without the program's name).
pub fn run(args: Vec<OsString>, io: &mut Io) -> Exit {
    let typed: Vec<String> = args
        .iter()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let cli = match parse::<Cli>(args, io) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    match answer(&cli, &typed, io) {
        Ok(exit) => exit,
        Err(error) => cannot_write(io, &error),
    }
}

fn answer(cli: &Cli, typed: &[String], io: &mut Io) -> io::Result<Exit> {
    if let Some(code) = &cli.explain {
        return explain_code(cli, code, io);
    }
    if cli.input.filename.is_empty() {
        return Ok(cannot_work(
            io,
            "a live cluster is not read yet: give the mesh's files with -f",
        ));
    }
    if cli.with_cluster {
        return Ok(cannot_work(
            io,
            "--with-cluster is not built yet: give all files of the mesh with -f",
        ));
    }
    let namespace = cli.connect.only_namespace().map(str::to_owned);
    let options = ReadOptions {
        default_namespace: namespace.clone().unwrap_or_else(|| "default".to_owned()),
        command: COMMAND.to_owned(),
    };
    let files = from_files(&cli.input, options, cli.output.quiet, io)?;
    let store = Store::new(&files.loaded.snapshot);
    let proxy = match cli
        .proxy
        .as_ref()
        .map(|target| find_proxy(&store, target, namespace.as_deref()))
    {
        None => None,
        Some(Ok(proxy)) => Some(proxy),
        Some(Err(sentence)) => return Ok(cannot_work(io, &sentence)),
    };
    match cli.shown() {
        Some(Show::Predicted) => return show_predicted(cli, &store, proxy, &files, io),
        Some(Show::Observed | Show::Diff) => {
            return Ok(cannot_work(
                io,
                "what the Envoys hold is not read yet: --show predicted works",
            ));
        }
        None => {}
    }
    let classes = match proxy {
        Some(proxy) => vec![Class::of(&store, proxy)],
        None => walk::gateway_classes(&store),
    };
    let Some(asked) = &cli.question else {
        return Ok(cannot_work(
            io,
            "a scan of every port is not built yet: ask about one port",
        ));
    };
    if asked.host.is_some() {
        return Ok(cannot_work(
            io,
            "a connection from a pod is not walked yet: ask about a gateway's port",
        ));
    }
    let question = Question {
        port: u32::from(asked.port),
        sni: cli.sni.clone(),
        http_host: cli.http_host.clone(),
        // With a proxy, -n says where that one lives: its Gateways may be anywhere.
        namespace: namespace.filter(|_| cli.proxy.is_none()),
    };
    let mut answers = walk::ask(&store, &classes, &question);
    for answer in &mut answers {
        suggest(answer);
    }
    print_answers(cli, &answers, &basis(&files, typed), &files, io)
}

fn explain_code(cli: &Cli, code: &str, io: &mut Io) -> io::Result<Exit> {
    let layout = layout(cli, io);
    match explain::find(code, PAGES) {
        Some(page) => {
            write!(io.stdout, "{}", explain::explain(page, &layout))?;
            Ok(Exit::Fine)
        }
        None => {
            write!(io.stderr, "{}", explain::unknown_code(code, PAGES, &layout))?;
            Ok(Exit::CannotWork)
        }
    }
}

fn layout(cli: &Cli, io: &Io) -> Layout {
    let look = io.stdout_look(cli.output.color);
    Layout {
        width: look.width,
        table_width: look.table_width,
        unicode: look.unicode,
        color: look.color,
        ..Layout::default()
    }
}

fn basis(files: &FromFiles, typed: &[String]) -> Basis {
    let counts = &files.loaded.counts;
    let unread = files.loaded.snapshot.coverage.unread_documents;
    let not_read = if unread > 0 {
        format!(", {} not read", counted(unread, "document"))
    } else {
        String::new()
    };
    Basis {
        line: format!(
            "predicted from {}, Istio {ISTIO_VERSION}{not_read}",
            counted(counts.texts, "file")
        ),
        read: files.in_words(),
        command: format!("{COMMAND} {}", typed.join(" ")),
    }
}

/// Until a fix is known, the next step is the page of the first cause.
fn suggest(answer: &mut Answer) {
    if let Some(finding) = answer.findings.first() {
        answer.commands = vec![Command::new([
            "kubectl",
            "mesh",
            "why-no-listener",
            "--explain",
            finding.page.code,
        ])];
    }
}

/// The proxy that `--proxy` names.
fn find_proxy(
    store: &Store<'_>,
    target: &TargetRef,
    namespace: Option<&str>,
) -> Result<ProxyFacts, String> {
    let namespace = namespace.unwrap_or("default");
    let name = target.name.as_str();
    let snapshot: &Snapshot = store.snapshot;
    let found = match target.kind {
        TargetKind::Pod => snapshot
            .find(Kind::Pod, namespace, name)
            .and_then(ProxyFacts::of_pod),
        TargetKind::Service => store
            .kubernetes_services(namespace)
            .find(|(object, _)| object.key.name == name)
            .and_then(|(_, service)| {
                let selected = |p: &ProxyFacts| {
                    service
                        .spec
                        .selector
                        .iter()
                        .all(|(k, v)| p.labels.get(k) == Some(v))
                };
                mesh_core::predict::routers(snapshot)
                    .into_iter()
                    .find(|p| p.namespace == namespace && selected(p))
            }),
        _ => WORKLOAD_KINDS
            .into_iter()
            .find_map(|kind| snapshot.find(kind, namespace, name))
            .and_then(ProxyFacts::of_workload),
    };
    found.ok_or_else(|| {
        format!(
            "no {} {name} in namespace {namespace}, or it runs no proxy",
            target.kind.word()
        )
    })
}

fn show_predicted(
    cli: &Cli,
    store: &Store<'_>,
    proxy: Option<ProxyFacts>,
    files: &FromFiles,
    io: &mut Io,
) -> io::Result<Exit> {
    if proxy.as_ref().is_some_and(|p| p.kind == ProxyKind::Sidecar) {
        return Ok(cannot_work(
            io,
            "sidecars are not predicted yet: ask about a gateway's pod",
        ));
    }
    let text = match proxy {
        Some(proxy) => predicted::one(&Class::of(store, proxy)),
        None => predicted::all(&walk::gateway_classes(store)),
    };
    let text = match cli.output.format {
        Format::Json => text,
        _ => report::yaml::from_json(&text),
    };
    io.stdout.write_all(text.as_bytes())?;
    Ok(if files.incomplete {
        Exit::CannotWork
    } else {
        Exit::Fine
    })
}

fn print_answers(
    cli: &Cli,
    answers: &[Answer],
    basis: &Basis,
    files: &FromFiles,
    io: &mut Io,
) -> io::Result<Exit> {
    let snapshot = &files.loaded.snapshot;
    let text = match cli.output.format {
        Format::Text | Format::Wide => {
            let layout = layout(cli, io);
            render_answers(answers, basis, snapshot, &layout, &|_, _| {
                FixBody::default()
            })
        }
        Format::Json => report::json::render_json(answers, snapshot),
        Format::Yaml => report::yaml::render_yaml(answers, snapshot),
        Format::Name => report::name::render_names(answers, snapshot),
    };
    io.stdout.write_all(text.as_bytes())?;
    let calm = answers
        .iter()
        .all(|a| a.findings.is_empty() && a.unknowns.is_empty())
        && !files.incomplete;
    if !cli.output.quiet && !calm {
        writeln!(io.stderr, "{}", report::text::summary(answers, basis))?;
    }
    Ok(exit_code(cli.fail_on, answers, files.incomplete))
}

fn exit_code(fail_on: FailOn, answers: &[Answer], incomplete: bool) -> Exit {
    if incomplete {
        return Exit::CannotWork;
    }
    let least = match fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning | FailOn::Unknown => Severity::Warning,
    };
    let failed = answers.iter().any(|answer| {
        answer.verdict != Verdict::Open
            || answer.findings.iter().any(|f| f.severity >= least)
            || (fail_on == FailOn::Unknown && !answer.unknowns.is_empty())
    });
    if failed { Exit::Findings } else { Exit::Fine }
}
