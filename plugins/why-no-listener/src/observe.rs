//! What the Envoys of a cluster hold.

use std::io::{self, Write};

use mesh_core::change::FileDiff;
use mesh_core::observed::{Envoy, Shape};
use mesh_core::predict::store::Store;
use mesh_core::predict::{ProxyFacts, ProxySource};
use mesh_core::report::{observed, yaml};
use mesh_core::snapshot::{ObjectId, Snapshot};
use mesh_core::walk::{Class, gateway_classes};
use mesh_live::cluster::{PodName, Question, Refused};
use mesh_live::exit::Exit;
use mesh_live::io::Io;
use mesh_live::load::Read;
use mesh_live::run::cannot_work;

use super::FIX_CONTEXT;
use super::cli::{Cli, Format};

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

/// `--show observed`, and `--show diff`: from what was predicted to what each Envoy holds.
pub(super) fn show(
    cli: &Cli,
    store: &Store<'_>,
    proxy: Option<ProxyFacts>,
    files: &Read,
    compared: bool,
    io: &mut Io,
) -> io::Result<Exit> {
    let Some(session) = &files.cluster else {
        let sentence = "files hold no Envoy: leave -f away, or ask with --show predicted";
        return Ok(cannot_work(io, sentence));
    };
    let classes = match proxy {
        Some(proxy) => vec![Class::of(store, proxy)],
        None => gateway_classes(store),
    };
    let question = Question { port: None };
    let mut exit = Exit::Fine;
    let mut shown: Vec<(PodName, Shape)> = Vec::new();
    let mut alike = 0;
    for class in &classes {
        let pods = pods(store.snapshot, &class.proxy);
        let answers = session.envoys(pods, &question, cli.output.quiet, io);
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
