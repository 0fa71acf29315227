//! `kubectl mesh why-no-listener`: why a port is closed, and what opens it. Writes nothing.

pub mod cli;
mod effect;
mod observe;
mod watch;

use std::ffi::OsString;
use std::io::{self, Write};

use cli::{Cli, FailOn, Format, Show};
use mesh_core::causes::{Destination, PAGES, Severity, Wish};
use mesh_core::change;
use mesh_core::predict::store::Store;
use mesh_core::predict::{ProxyFacts, ProxyKind, WORKLOAD_KINDS};
use mesh_core::report::ignore::{Baseline, Ignore, Ignored};
use mesh_core::report::plan::shell_word;
use mesh_core::report::table::{Row, render_rows};
use mesh_core::report::{
    self, Answer, Basis, Command, Finding, Fix, FixBody, Layout, Proof, Verdict, explain,
    predicted, render_answer,
};
use mesh_core::snapshot::reader::{ReadOptions, render_problem};
use mesh_core::snapshot::{Kind, Snapshot};
use mesh_core::walk::{self, Class, Question, Rests, Scan};
use mesh_live::cli::{ServiceRef, TargetKind, TargetRef};
use mesh_live::cluster::{Fresh, Pods};
use mesh_live::exit::Exit;
use mesh_live::files;
use mesh_live::io::Io;
use mesh_live::load::{Read, counted, from_cluster, from_files, over_cluster, with_all_pods};
use mesh_live::run::{cannot_work, cannot_write, parse};

/// The words before the arguments, as a person types them.
const COMMAND: &str = "kubectl mesh why-no-listener";

/// Lines around a change in `--fix`: what `git apply` finds its place by.
const FIX_CONTEXT: usize = 3;

/// Lines around a change in an answer.
const SHOWN_CONTEXT: usize = 1;

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
    let answered = if cli.watch {
        watch::until_open(&cli, io, |io| answer(&cli, &typed, io))
    } else {
        answer(&cli, &typed, io)
    };
    match answered {
        Ok(exit) => exit,
        Err(error) => cannot_write(io, &error),
    }
}

fn answer(cli: &Cli, typed: &[String], io: &mut Io) -> io::Result<Exit> {
    if let Some(asked) = &cli.explain {
        return explain_asked(cli, asked, io);
    }
    if let Some(sentence) = effect::cannot_be_asked(cli) {
        return Ok(cannot_work(io, sentence));
    }
    let ignore = match ignored(cli, io) {
        Ok(ignore) => ignore,
        Err(sentence) => return Ok(cannot_work(io, &sentence)),
    };
    let namespace = cli.connect.only_namespace().map(str::to_owned);
    let read = if cli.with_cluster {
        over_cluster(&cli.input, &cli.connect, COMMAND, cli.output.quiet, io)?
    } else if cli.input.filename.is_empty() {
        let pods = pods_needed(cli);
        let read = from_cluster(&cli.connect, Fresh::Cached, pods, cli.output.quiet, io)?;
        match (read, pods) {
            (Ok(read), Pods::BehindPort(_)) if !is_open(cli, &read) => {
                with_all_pods(read, Fresh::Cached, cli.output.quiet, io)?
            }
            (read, _) => read,
        }
    } else {
        let options = ReadOptions {
            default_namespace: namespace.clone().unwrap_or_else(|| "default".to_owned()),
            command: COMMAND.to_owned(),
        };
        Ok(from_files(&cli.input, options, cli.output.quiet, io)?)
    };
    let mut files = match read {
        Ok(read) => read,
        Err(mut problem) => {
            let asked = cli
                .question
                .as_ref()
                .map_or_else(String::new, |q| format!(" {q}"));
            problem.or = problem.run.is_some().then(|| {
                let command = format!("{COMMAND}{asked} -f manifests/");
                ("without a cluster".to_owned(), command)
            });
            io.stderr.write_all(render_problem(&problem).as_bytes())?;
            return Ok(Exit::CannotWork);
        }
    };
    files.loaded.snapshot.istio_version = cli.istio.istio_version;
    let files = files;
    let store = Store::new(&files.loaded.snapshot);
    let proxy = match cli
        .proxy
        .as_ref()
        .map(|target| find_proxy(&store, target, &files.namespace))
    {
        None => None,
        Some(Ok(proxy)) => Some(proxy),
        Some(Err(sentence)) => return Ok(cannot_work(io, &sentence)),
    };
    match cli.shown() {
        Some(Show::Predicted) => return show_predicted(cli, &store, proxy, &files, io),
        Some(Show::Observed) => return observe::show(cli, &store, proxy, &files, false, io),
        Some(Show::Diff) => return observe::show(cli, &store, proxy, &files, true, io),
        None => {}
    }
    if effect::is_asked(cli) {
        return effect::tell(cli, typed, &files, &store, &ignore, io);
    }
    let classes = match proxy {
        Some(proxy) => vec![Class::of(&store, proxy)],
        None => walk::gateway_classes(&store),
    };
    let to = match &cli.to {
        None => None,
        Some(to) => match find_service(&store, to, namespace.as_deref()) {
            Ok(to) => Some(to),
            Err(sentence) => return Ok(cannot_work(io, &sentence)),
        },
    };
    let wish = Wish { to };
    // With a proxy, -n says where that one lives: its Gateways may be anywhere.
    let namespace = namespace.filter(|_| cli.proxy.is_none());
    let mut run = Run {
        cli,
        typed,
        files: &files,
        store: &store,
        classes: &classes,
        ignore,
        ignored: Ignored::default(),
        rests: Vec::new(),
    };
    let Some(asked) = &cli.question else {
        return run.scan(namespace.as_deref(), &wish, io);
    };
    if asked.host.is_some()
        && let Some(sentence) = no_sidecar(&classes, cli.proxy.is_some())
    {
        return Ok(cannot_work(io, sentence));
    }
    let question = Question {
        port: u32::from(asked.port),
        host: asked.host.clone(),
        sni: cli.sni.clone(),
        http_host: cli.http_host.clone(),
        namespace,
        wish,
    };
    run.ask(&question, io)
}

/// An open port of a gateway needs the pods behind it alone. What is wrong with a closed one, and what mends it,
/// concerns all.
fn pods_needed(cli: &Cli) -> Pods {
    let plain = cli.proxy.is_none() && cli.shown().is_none() && cli.fix.is_none();
    match &cli.question {
        Some(asked) if plain && asked.host.is_none() => Pods::BehindPort(u32::from(asked.port)),
        _ => Pods::All,
    }
}

/// Whether the port is open on every gateway that should have it, and nothing is to be told about it.
fn is_open(cli: &Cli, read: &Read) -> bool {
    let store = Store::new(&read.loaded.snapshot);
    let question = Question {
        port: cli.question.as_ref().map_or(0, |q| u32::from(q.port)),
        namespace: cli.connect.only_namespace().map(str::to_owned),
        sni: cli.sni.clone(),
        http_host: cli.http_host.clone(),
        ..Question::default()
    };
    let answers = walk::ask(&store, &walk::gateway_classes(&store), &question);
    let calm = |a: &Answer| a.verdict == Verdict::Open && a.findings.is_empty();
    !answers.is_empty() && answers.iter().all(calm)
}

fn explain_asked(cli: &Cli, asked: &str, io: &mut Io) -> io::Result<Exit> {
    match explain::answer(asked, PAGES, &layout(cli, io)) {
        Ok(text) => {
            io.stdout.write_all(text.as_bytes())?;
            Ok(Exit::Fine)
        }
        Err(text) => {
            io.stderr.write_all(text.as_bytes())?;
            Ok(Exit::CannotWork)
        }
    }
}

/// What is left out of the findings.
fn ignored(cli: &Cli, io: &Io) -> Result<Ignore, String> {
    let baseline = match &cli.baseline {
        None => Baseline::default(),
        Some(name) => {
            let items = std::slice::from_ref(name);
            let read = files::read(items, false, &io.cwd, &mut io::empty());
            if let Some(error) = read.errors.first() {
                return Err(format!("--baseline: {error}"));
            }
            let [only] = read.texts.as_slice() else {
                return Err(format!("--baseline: {name} is no file"));
            };
            Baseline::parse(&only.text)
                .map_err(|e| format!("--baseline: {name} does not hold what -o json prints: {e}"))?
        }
    };
    Ok(Ignore {
        rules: cli.ignore.clone(),
        baseline,
    })
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

fn basis(files: &Read, versions: &str, ignored: &Ignored, typed: &[String]) -> Basis {
    let unread = files.loaded.snapshot.coverage.unread_documents;
    let not_read = if unread > 0 {
        format!(", {} not read", counted(unread, "document"))
    } else {
        String::new()
    };
    Basis {
        line: format!(
            "predicted from {}, Istio {versions}{not_read}",
            files.source_in_words()
        ),
        read: files.in_words(),
        ignored: ignored.in_words(),
        command: format!("{COMMAND} {}", typed.join(" ")),
    }
}

/// Why a connection cannot be asked about: it begins at a pod with a sidecar.
fn no_sidecar(classes: &[Class], chosen: bool) -> Option<&'static str> {
    if !chosen {
        return Some("a connection begins at a pod: say which one with --proxy");
    }
    let sidecar = |c: &Class| c.proxy.kind == ProxyKind::Sidecar;
    if classes.iter().any(sidecar) {
        return None;
    }
    Some("a gateway opens no connections by itself: ask about its port without a host")
}

/// The Service that `--to` names: in its own namespace, in `-n`, else wherever the only one of that name is.
fn find_service(
    store: &Store<'_>,
    to: &ServiceRef,
    namespace: Option<&str>,
) -> Result<Destination, String> {
    let named: Vec<&str> = store
        .snapshot
        .of_kind(Kind::Service)
        .filter(|o| o.key.name == to.name)
        .map(|o| o.key.namespace.as_str())
        .collect();
    let wanted = match (to.namespace.as_deref().or(namespace), named.as_slice()) {
        (Some(wanted), _) => wanted,
        (None, [only]) => only,
        (None, _) => "default",
    };
    if !named.contains(&wanted) {
        let elsewhere = match named.as_slice() {
            [] => String::new(),
            others => format!(
                ", but in {}: write --to NAMESPACE/SERVICE:PORT",
                others.join(", ")
            ),
        };
        let name = &to.name;
        return Err(format!(
            "no Service {name} in namespace {wanted}{elsewhere}"
        ));
    }
    Ok(Destination {
        namespace: wanted.to_owned(),
        service: to.name.clone(),
        port: u32::from(to.port.unwrap_or_default()),
    })
}

/// The proxy that `--proxy` names.
fn find_proxy(
    store: &Store<'_>,
    target: &TargetRef,
    namespace: &str,
) -> Result<ProxyFacts, String> {
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
                    .chain(mesh_core::predict::sidecars(store))
                    .find(|p| p.namespace == namespace && selected(p))
            }),
        _ => WORKLOAD_KINDS
            .into_iter()
            .find_map(|kind| snapshot.find(kind, namespace, name))
            .and_then(|workload| {
                // With the pods that it has, where they were read.
                let running = mesh_core::predict::routers(snapshot)
                    .into_iter()
                    .chain(mesh_core::predict::sidecars(store))
                    .find(|p| p.object() == Some(workload.id));
                running.or_else(|| ProxyFacts::of_workload(workload))
            }),
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
    files: &Read,
    io: &mut Io,
) -> io::Result<Exit> {
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

/// One run over one set of files.
struct Run<'r, 'a> {
    cli: &'r Cli,
    typed: &'r [String],
    files: &'r Read,
    store: &'r Store<'a>,
    classes: &'r [Class],
    ignore: Ignore,
    ignored: Ignored,
    /// What each answer rests on besides the prediction, where pods were asked.
    rests: Vec<Option<Rests>>,
}

impl Run<'_, '_> {
    /// One port.
    fn ask(&mut self, question: &Question, io: &mut Io) -> io::Result<Exit> {
        let mut answers = walk::ask(self.store, self.classes, question);
        walk::note_other_versions(self.store, self.classes, question, &mut answers);
        walk::note_unread(self.store, &mut answers);
        match observe::complete(self, question, &mut answers, io) {
            Ok(rests) => self.rests = rests,
            Err(sentence) => return Ok(cannot_work(io, &sentence)),
        }
        self.leave_out(&mut answers, false, io)?;
        change::repair(self.store, self.classes, question, &mut answers);
        if let Some(nth) = self.cli.fix {
            return self.print_fix(&answers, nth.get(), io);
        }
        for answer in answers.iter_mut().filter(|a| a.commands.is_empty()) {
            answer.commands = self.next_step(answer).into_iter().collect();
        }
        self.print(&answers, io)
    }

    /// Before anything is repaired: a finding that is left needs a fix of its own.
    fn leave_out(&mut self, answers: &mut [Answer], all: bool, io: &mut Io) -> io::Result<()> {
        let snapshot = &self.files.loaded.snapshot;
        self.ignored = self.ignore.apply(answers, snapshot, all);
        if self.cli.output.quiet {
            return Ok(());
        }
        for warning in &self.ignored.warnings {
            writeln!(io.stderr, "warning: {warning}")?;
        }
        Ok(())
    }

    /// Every port.
    fn scan(&mut self, namespace: Option<&str>, wish: &Wish, io: &mut Io) -> io::Result<Exit> {
        // With a sidecar alone it is its own surroundings that are asked about.
        let sidecar = |c: &Class| c.proxy.kind == ProxyKind::Sidecar;
        let chosen = !self.classes.is_empty() && self.classes.iter().all(sidecar);
        let mut scan = if chosen {
            Scan::default()
        } else {
            walk::scan(self.store, self.classes, namespace, wish)
        };
        let sidecars: Vec<ProxyFacts> = match &self.cli.proxy {
            Some(_) if chosen => self.classes.iter().map(|c| c.proxy.clone()).collect(),
            Some(_) => Vec::new(),
            None => {
                let asked = |p: &ProxyFacts| namespace.is_none_or(|ns| ns == p.namespace);
                let all = mesh_core::predict::sidecars(self.store).into_iter();
                all.filter(asked).collect()
            }
        };
        // What one sidecar reaches may be wrong at any other.
        let servers = if chosen {
            mesh_core::predict::sidecars(self.store)
        } else {
            sidecars.clone()
        };
        let mut around = walk::around(self.store, &sidecars, &servers, wish);
        let all = namespace.is_none() && self.cli.proxy.is_none();
        let of_gateways = scan.answers.len();
        let mut found = std::mem::take(&mut scan.answers);
        found.extend(around.iter().map(|one| one.answer.clone()));
        walk::note_unread(self.store, &mut found);
        self.leave_out(&mut found, all, io)?;
        for (one, left) in around.iter_mut().zip(found.split_off(of_gateways)) {
            one.answer = left;
        }
        scan.answers = found;
        scan.answers.retain(|answer| !answer.findings.is_empty());
        around.retain(|one| !one.answer.findings.is_empty());
        for answer in &mut scan.answers {
            let question = Question {
                port: answer.asked.port,
                namespace: namespace.map(str::to_owned),
                wish: wish.clone(),
                ..Question::default()
            };
            let answer = std::slice::from_mut(answer);
            walk::note_other_versions(self.store, self.classes, &question, answer);
            change::repair(self.store, self.classes, &question, answer);
        }
        for one in &mut around {
            change::repair(
                self.store,
                std::slice::from_ref(one.class.as_ref()),
                &one.question,
                std::slice::from_mut(&mut one.answer),
            );
        }
        let of_gateways = scan.answers.len();
        scan.answers
            .extend(around.iter().map(|one| one.answer.clone()));
        if let Some(nth) = self.cli.fix {
            return self.print_fix(&scan.answers, nth.get(), io);
        }
        if !matches!(self.cli.output.format, Format::Text | Format::Wide) {
            return self.print(&scan.answers, io);
        }
        let snapshot = &self.files.loaded.snapshot;
        let mut rows: Vec<Row> = scan
            .answers
            .iter()
            .take(of_gateways)
            .flat_map(|answer| answer.findings.iter().map(|f| Row::of(answer, f, snapshot)))
            .collect();
        for one in &around {
            let row = |f| Row::around(&one.answer, f, snapshot, one.sidecars);
            rows.extend(one.answer.findings.iter().map(row));
        }
        let ambient = chosen && self.classes.iter().all(walk::is_ambient);
        let word = if ambient { "pod" } else { "sidecar" };
        let sidecars: u32 = sidecars.iter().map(|p| p.replicas).sum();
        let wide = self.cli.output.format == Format::Wide;
        io.stdout
            .write_all(render_rows(&rows, wide, &layout(self.cli, io)).as_bytes())?;
        if !self.cli.output.quiet {
            self.scan_summary(&scan, &rows, (sidecars, word), io)?;
        }
        Ok(self.exit_code(&scan.answers, false))
    }

    fn scan_summary(
        &self,
        scan: &Scan,
        rows: &[Row],
        (sidecars, word): (u32, &str),
        io: &mut Io,
    ) -> io::Result<()> {
        let look = io.stderr_look(self.cli.output.color);
        if rows.is_empty() && !self.files.incomplete {
            let mark = if look.unicode { "✓" } else { "+" };
            if scan.ports == 0 && sidecars > 0 {
                let whose = counted(sidecars as usize, word);
                return writeln!(io.stderr, "{mark} nothing is wrong around {whose}");
            }
            if scan.ports == 0 {
                return writeln!(io.stderr, "{mark} no Gateway declares a port");
            }
            let unknown = if scan.unknown > 0 {
                format!(", {} unknown", scan.unknown)
            } else {
                String::new()
            };
            let all_open = if scan.unknown > 0 {
                "none known to be closed"
            } else {
                "all open"
            };
            let ports = counted(scan.ports, "port");
            if !self.ignored.is_empty() {
                let but = self.ignored.in_words();
                return writeln!(io.stderr, "{mark} {ports}, no problem but {but}{unknown}");
            }
            return writeln!(io.stderr, "{mark} {ports}, {all_open}{unknown}");
        }
        let proved = scan
            .answers
            .iter()
            .flat_map(|a| &a.findings)
            .filter(|f| {
                f.fixes
                    .iter()
                    .any(|fix| fix.part_of.is_none() && !matches!(fix.proof, Proof::Unproved(_)))
            })
            .count();
        let mut rest = String::new();
        if scan.unknown > 0 {
            rest.push_str(&format!("; {} unknown", counted(scan.unknown, "port")));
        }
        if !self.ignored.is_empty() {
            rest.push_str(&format!("; {}", self.ignored.in_words()));
        }
        let not_read = self.files.forbidden_in_words();
        if !not_read.is_empty() {
            rest.push_str(&format!("; {not_read}"));
        }
        let gateways = || {
            let ports = counted(scan.ports, "port");
            format!("in {ports} of {}", counted(scan.gateways, "gateway"))
        };
        let whose = match (scan.gateways, sidecars) {
            (_, 0) => gateways(),
            (0, n) => format!("around {}", counted(n as usize, word)),
            (_, n) => format!("{} and {}", gateways(), counted(n as usize, word)),
        };
        writeln!(
            io.stderr,
            "{} {whose}; {} proved{rest}",
            counted(rows.len(), "problem"),
            if proved == 1 {
                "1 fix".to_owned()
            } else {
                format!("{proved} fixes")
            },
        )?;
        match scan.answers.iter().find(|a| a.asked.port > 0) {
            Some(answer) => {
                let words = question_words(self.typed).join(" ");
                let port = answer.asked.port;
                let Some(host) = &answer.asked.host else {
                    return writeln!(io.stderr, "next: {COMMAND} {port} {words}");
                };
                let from = self.asked_from(answer).unwrap_or_default();
                writeln!(io.stderr, "next: {COMMAND} {host}:{port} {from}{words}")
            }
            None => match scan.answers.iter().flat_map(|a| &a.findings).next() {
                Some(finding) => {
                    writeln!(io.stderr, "next: {COMMAND} --explain {}", finding.page.code)
                }
                None => Ok(()),
            },
        }
    }

    /// The flags that name the sidecar of an answer, where none was typed.
    fn asked_from(&self, answer: &Answer) -> Option<String> {
        if self.cli.proxy.is_some() {
            return None;
        }
        let own = &answer.proxy;
        let is_pod = self
            .store
            .snapshot
            .find(Kind::Pod, &own.namespace, &own.name)
            .is_some();
        let kind = if is_pod { "pod" } else { "deploy" };
        Some(format!("--proxy {kind}/{} -n {} ", own.name, own.namespace))
    }

    /// The diff of the files, or the commands for what no file holds; alone on stdout.
    fn print_fix(&self, answers: &[Answer], nth: usize, io: &mut Io) -> io::Result<Exit> {
        let changes = change::chosen(answers, nth);
        if changes.is_empty() {
            let harmless = |f: &Finding| f.severity < Severity::Error;
            if answers.iter().flat_map(|a| &a.findings).all(harmless) {
                let but = self.ignored.in_words();
                let but = if but.is_empty() {
                    but
                } else {
                    format!(": {but}")
                };
                writeln!(io.stderr, "nothing to fix{but}")?;
                return Ok(self.exit_code(answers, self.cli.question.is_some()));
            }
            let why = answers
                .iter()
                .flat_map(|a| &a.findings)
                .find_map(change::why_not);
            let why =
                why.unwrap_or_else(|| "no change of these objects was found that helps".to_owned());
            writeln!(io.stderr, "error: no fix was proved: {why}")?;
            return Ok(Exit::Findings.and(self.exit_code(answers, self.cli.question.is_some())));
        }
        let snapshot = &self.files.loaded.snapshot;
        match change::as_text(snapshot, &changes, FIX_CONTEXT) {
            Ok(text) => io.stdout.write_all(text.as_bytes())?,
            Err(error) => return Ok(cannot_work(io, &error.to_string())),
        }
        Ok(self.exit_code(answers, self.cli.question.is_some()))
    }

    /// What to type next: the fix when one was proved, a choice that is left, else the page of the first cause.
    fn next_step(&self, answer: &Answer) -> Option<Command> {
        let Some(first) = answer.findings.first() else {
            return self.without_namespace(answer);
        };
        let choice = answer
            .findings
            .iter()
            .flat_map(|f| &f.fixes)
            .any(|fix| matches!(&fix.proof, Proof::Unproved(why) if why.starts_with("which ")));
        let mut words: Vec<String> = COMMAND.split(' ').map(str::to_owned).collect();
        let changes = change::chosen(std::slice::from_ref(answer), 1);
        if !changes.is_empty() {
            words.extend(question_words(self.typed));
            words.push(change::piped(&self.files.loaded.snapshot, &changes));
        } else if choice {
            words.extend(question_words(self.typed));
            words.extend(["--fix", "--to SERVICE:PORT"].map(str::to_owned));
        } else {
            words.push(format!("--explain {}", first.page.code));
        }
        Some(Command {
            remark: None,
            words,
        })
    }

    /// Nothing in the namespace that was asked about declares the port: the same question about all of them.
    fn without_namespace(&self, answer: &Answer) -> Option<Command> {
        // With a proxy, -n says where that one lives.
        let narrowed = self.cli.connect.only_namespace().is_some() && self.cli.proxy.is_none();
        if answer.verdict == Verdict::Open || !narrowed {
            return None;
        }
        let mut words: Vec<String> = COMMAND.split(' ').map(str::to_owned).collect();
        words.extend(question_words(self.typed));
        words.retain(|word| !word.starts_with("-n") && !word.starts_with("--namespace"));
        Some(Command {
            remark: None,
            words,
        })
    }

    /// The second line of an answer whose pods were asked.
    fn rests_in_words(&self, rests: &Rests, versions: &str) -> String {
        match rests {
            Rests::Observed(on) => format!("observed {on}, Istio {versions}"),
            Rests::NotAsked(why) => format!(
                "predicted from {}; pods not asked: {why}",
                self.files.source_in_words()
            ),
        }
    }

    fn print(&self, answers: &[Answer], io: &mut Io) -> io::Result<Exit> {
        let snapshot = &self.files.loaded.snapshot;
        let versions = walk::versions(self.store, self.classes);
        let basis = basis(self.files, &versions, &self.ignored, self.typed);
        let text = match self.cli.output.format {
            Format::Text | Format::Wide => {
                let bodies = |_: &Finding, fix: &Fix| body(snapshot, fix);
                let layout = layout(self.cli, io);
                let each = answers.iter().enumerate().map(|(n, answer)| {
                    let mut basis = basis.clone();
                    if let Some(Some(rests)) = self.rests.get(n) {
                        basis.line = self.rests_in_words(rests, &versions);
                    }
                    render_answer(answer, &basis, snapshot, &layout, &bodies)
                });
                each.collect::<Vec<_>>().join("\n")
            }
            Format::Json => report::json::render_json(answers, snapshot),
            Format::Yaml => report::yaml::render_yaml(answers, snapshot),
            // Markdown is refused here: it is for effects.
            Format::Name | Format::Markdown => report::name::render_names(answers, snapshot),
        };
        io.stdout.write_all(text.as_bytes())?;
        let calm = answers
            .iter()
            .all(|a| a.findings.is_empty() && a.unknowns.is_empty())
            && self.ignored.is_empty()
            && !self.files.incomplete;
        if !self.cli.output.quiet && !calm {
            writeln!(io.stderr, "{}", report::text::summary(answers, &basis))?;
        }
        Ok(self.exit_code(answers, self.cli.question.is_some()))
    }

    /// `asked`: a port was asked for, so anything but open is a failure.
    fn exit_code(&self, answers: &[Answer], asked: bool) -> Exit {
        if self.files.incomplete {
            return Exit::CannotWork;
        }
        let fail_on = self.cli.fail_on;
        let least = match fail_on {
            FailOn::Error => Severity::Error,
            FailOn::Warning | FailOn::Unknown => Severity::Warning,
        };
        let failed = answers.iter().any(|answer| {
            (asked && answer.verdict != Verdict::Open)
                || answer.findings.iter().any(|f| f.severity >= least)
                || (fail_on == FailOn::Unknown && !answer.unknowns.is_empty())
        });
        if failed { Exit::Findings } else { Exit::Fine }
    }
}

/// How a fix is shown under its finding: the diff of its files with one line around, else its steps in words.
fn body(snapshot: &Snapshot, fix: &Fix) -> FixBody {
    if matches!(fix.proof, Proof::Unproved(_)) {
        return FixBody::default();
    }
    match change::diff_text(snapshot, &fix.own, SHOWN_CONTEXT) {
        Some(diff) => FixBody {
            diff: Some(diff),
            steps: Vec::new(),
        },
        None => FixBody {
            diff: None,
            steps: change::steps(snapshot, &fix.own),
        },
    }
}

/// The arguments that make the question, without those that only say how the answer is printed.
fn question_words(typed: &[String]) -> Vec<String> {
    let mut words = shell_words(typed);
    let printing = [
        "-o",
        "--output",
        "--color",
        "-q",
        "--quiet",
        "--fix",
        "--fail-on",
    ];
    words.retain(|word| !printing.iter().any(|flag| word.starts_with(flag)));
    words
}

/// Arguments as a shell takes them; a flag and its value stay together.
fn shell_words(typed: &[String]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in typed {
        match words.last_mut() {
            Some(flag)
                if flag.starts_with('-')
                    && !flag.contains([' ', '='])
                    && !word.starts_with('-') =>
            {
                flag.push(' ');
                flag.push_str(&shell_word(word));
            }
            _ => words.push(shell_word(word)),
        }
    }
    words
}
