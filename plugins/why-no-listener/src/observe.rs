//! What the Envoys of a cluster hold.

use std::collections::BTreeMap;
use std::io::{self, Write};

use mesh_core::change::FileDiff;
use mesh_core::observed::{Envoy, Saved, Shape, saved};
use mesh_core::predict::store::Store;
use mesh_core::predict::{ProxyFacts, ProxySource};
use mesh_core::report::{Answer, observed, yaml};
use mesh_core::snapshot::{ObjectId, Snapshot};
use mesh_core::walk::{
    self, Class, PodEnvoy, Rests, concerned_port, gateway_classes, note_observed, rests_on_envoy,
};
use mesh_live::cluster::{PodName, Question, Refused};
use mesh_live::exit::Exit;
use mesh_live::files;
use mesh_live::io::Io;
use mesh_live::load::Read;
use mesh_live::run::cannot_work;

use super::cli::{Cli, Format};
use super::{COMMAND, FIX_CONTEXT, Run, question_words};

/// The pods of these numbers.
pub(super) fn names(snapshot: &Snapshot, ids: impl Iterator<Item = ObjectId>) -> Vec<PodName> {
    let found = ids.filter_map(|id| snapshot.get(id));
    found
        .map(|pod| PodName {
            namespace: pod.key.namespace.clone(),
            name: pod.key.name.clone(),
        })
        .collect()
}

/// The pods of a class that run now.
fn pods(snapshot: &Snapshot, proxy: &ProxyFacts) -> Vec<PodName> {
    let ids = match &proxy.source {
        ProxySource::Workload { pods, .. } => pods.as_slice(),
        ProxySource::Pod(id) => std::slice::from_ref(id),
        ProxySource::Assumed => &[],
    };
    names(snapshot, ids.iter().copied())
}

/// The dumps of `--config-dump`.
pub(super) fn dumps(cli: &Cli, io: &mut Io) -> Result<Vec<Saved>, String> {
    let named = cli.config_dump.iter();
    let items: Vec<String> = named.map(|f| f.to_string_lossy().into_owned()).collect();
    let read = files::read(&items, false, &io.cwd, &mut io::empty());
    if let Some(error) = read.errors.first() {
        return Err(format!("--config-dump: {error}"));
    }
    let texts = read.texts.iter();
    saved(texts.map(|t| (t.name.as_str(), t.text.as_ref())))
        .map_err(|error| format!("--config-dump: {error}"))
}

/// Asks the Envoys that answers rest on, or reads what was saved of them, and completes the answers. Gives what each
/// answer rests on now, or a sentence why that cannot be done.
pub(super) fn complete(
    run: &Run<'_, '_>,
    question: &walk::Question,
    answers: &mut [Answer],
    io: &mut Io,
) -> Result<Vec<Option<Rests>>, String> {
    let Run {
        cli,
        store,
        classes,
        files,
        typed,
        ..
    } = *run;
    let mut saved = dumps(cli, io)?;
    if files.cluster.is_none() && saved.is_empty() {
        return Ok(vec![None; answers.len()]);
    }
    let only = answers.len() == 1;
    let mut rests = Vec::new();
    for answer in answers {
        let Some(class) = classes.iter().find(|c| rests_on_envoy(c, answer)) else {
            rests.push(None);
            continue;
        };
        let port = concerned_port(store, class, question);
        let asked = ask(cli, (store, class), files, (&mut saved, only), port, io);
        if asked.is_empty() && files.cluster.is_none() {
            rests.push(None);
            continue;
        }
        let mut found: Vec<PodEnvoy> = asked
            .into_iter()
            .map(|(pod, held)| PodEnvoy {
                namespace: pod.namespace,
                name: pod.name,
                held: held.map_err(|why| in_words(&why, files.cluster.is_none())),
            })
            .collect();
        found.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        rests.push(Some(note_observed(store, class, question, &found, answer)));
        if files.cluster.is_none() {
            show_from_the_same_files(&question_words(typed), answer);
        }
    }
    match saved.first() {
        Some(dump) => Err(format!(
            "--config-dump: {} is of no pod that this answer is about",
            dump.file
        )),
        None => Ok(rests),
    }
}

/// What a command shown asks of a cluster asks it of the files that were given.
fn show_from_the_same_files(words: &[String], answer: &mut Answer) {
    for command in &mut answer.commands {
        if command.words.iter().any(|word| word == "--show diff") {
            command.words = COMMAND.split(' ').map(str::to_owned).collect();
            command.words.extend(words.iter().cloned());
            command.words.push("--show diff".to_owned());
        }
    }
}

/// What each pod's Envoy holds: from its dump where one was given, else asked in the cluster. The dumps that are used
/// are taken.
fn ask(
    cli: &Cli,
    (store, class): (&Store<'_>, &Class),
    files: &Read,
    (saved, only): (&mut Vec<Saved>, bool),
    port: Option<u32>,
    io: &mut Io,
) -> BTreeMap<PodName, Result<Envoy, Refused>> {
    let mut missing = pods(store.snapshot, &class.proxy);
    let mut found = BTreeMap::new();
    saved.retain(|dump| {
        let Some(pod) = whose(dump, class, &missing, only) else {
            return true;
        };
        missing.retain(|other| *other != pod);
        found.insert(pod, Ok(dump.envoy.clone()));
        false
    });
    match &files.cluster {
        Some(session) => {
            found.extend(session.envoys(missing, &Question { port }, cli.output.quiet, io));
        }
        None if found.is_empty() => {}
        None => {
            let not_given = || Err(Refused::Absent("dump of it".to_owned()));
            found.extend(missing.into_iter().map(|pod| (pod, not_given())));
        }
    }
    found
}

/// The pod of a class that a dump is of: by the node's name in it, else, where only one proxy is asked about, by the
/// file's name.
fn whose(dump: &Saved, class: &Class, pods: &[PodName], only: bool) -> Option<PodName> {
    let proxy = &class.proxy;
    let Some((name, namespace)) = dump.envoy.pod() else {
        let stem = std::path::Path::new(&dump.file).file_stem()?;
        return only.then(|| PodName {
            namespace: proxy.namespace.clone(),
            name: stem.to_string_lossy().into_owned(),
        });
    };
    let pod = PodName {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    // Of a workload without pods in the files only the beginning of their names is known.
    let made = || {
        name.strip_prefix(&proxy.name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    (pods.contains(&pod) || (pods.is_empty() && proxy.namespace == namespace && made()))
        .then_some(pod)
}

fn in_words(why: &Refused, from_files: bool) -> String {
    match why {
        Refused::Forbidden { who, .. } => format!("{who} may not port-forward"),
        Refused::Absent(what) if from_files => format!("no {what} was given"),
        other => other.to_string(),
    }
}

/// `--show observed`, and `--show diff`: from what was predicted to what each Envoy holds.
pub(super) fn show(
    cli: &Cli,
    store: &Store<'_>,
    proxy: Option<ProxyFacts>,
    files: &Read,
    compared: bool,
    io: &mut Io,
) -> io::Result<Exit> {
    let mut saved = match dumps(cli, io) {
        Ok(saved) => saved,
        Err(sentence) => return Ok(cannot_work(io, &sentence)),
    };
    if files.cluster.is_none() && saved.is_empty() {
        let sentence = "files hold no Envoy: leave -f away, or add its dump with --config-dump";
        return Ok(cannot_work(io, sentence));
    }
    let classes = match proxy {
        Some(proxy) => vec![Class::of(store, proxy)],
        None => gateway_classes(store),
    };
    let mut exit = Exit::Fine;
    let mut shown: Vec<(PodName, Shape)> = Vec::new();
    let mut alike = 0;
    for class in &classes {
        let only = classes.len() == 1;
        let answers = ask(cli, (store, class), files, (&mut saved, only), None, io);
        for (pod, answer) in answers {
            let envoy = match answer {
                Ok(envoy) => envoy,
                Err(why) => {
                    exit = exit.and(not_asked(&pod, &why, io)?);
                    continue;
                }
            };
            tell_refused(&pod, &envoy, io)?;
            let shape = envoy.shape().comparable();
            if !compared {
                shown.push((pod, shape));
                continue;
            }
            let predicted = Shape::of(&class.prediction.config).comparable();
            let diff = differing(&pod, &predicted, &shape);
            if diff.is_empty() {
                alike += 1;
            } else {
                exit = exit.and(Exit::Findings);
                io.stdout.write_all(diff.as_bytes())?;
            }
        }
    }
    if compared {
        if !cli.output.quiet {
            writeln!(io.stderr, "{alike} Envoys hold what is predicted")?;
        }
        return Ok(exit);
    }
    let each = shown
        .iter()
        .map(|(pod, shape)| (pod.namespace.as_str(), pod.name.as_str(), shape));
    let text = observed::all(each);
    let text = match cli.output.format {
        Format::Json => text,
        _ => yaml::from_json(&text),
    };
    io.stdout.write_all(text.as_bytes())?;
    Ok(exit)
}

/// A unified diff of both as YAML, from what was predicted to what is there; empty when they agree.
fn differing(pod: &PodName, predicted: &Shape, observed: &Shape) -> String {
    if predicted == observed {
        return String::new();
    }
    let text = |shape| yaml::from_json(&observed::one(shape));
    let name = format!("{}/{}", pod.namespace, pod.name);
    FileDiff::between(&name, text(predicted).into(), text(observed)).render(FIX_CONTEXT)
}

/// What Envoy did not take is not among its listeners; it is said beside them.
fn tell_refused(pod: &PodName, envoy: &Envoy, io: &mut Io) -> io::Result<()> {
    for (name, state) in &envoy.listeners {
        if let Some(words) = &state.refused {
            writeln!(io.stderr, "{}: {name} refused: {words}", pod.name)?;
        }
    }
    Ok(())
}

fn not_asked(pod: &PodName, why: &Refused, io: &mut Io) -> io::Result<Exit> {
    writeln!(io.stderr, "error: {}: {why}", pod.name)?;
    Ok(Exit::CannotWork)
}
