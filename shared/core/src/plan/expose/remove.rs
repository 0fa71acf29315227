//! Taking an exposure back: our documents leave their files, our item leaves the Service.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::objects::{MANAGED_BY, MANAGER, is_ours, port_name};
use super::{Edit, Stop, Wanted};
use crate::change::{
    Effect as Disturbance, FileDiff, apply, compare, compare_sidecars, file_diffs, unread,
    without_items,
};
use crate::ledger::{Effect, Fate, Step};
use crate::predict::selects;
use crate::predict::store::Store;
use crate::report::Proof;
use crate::snapshot::reader::{Loader, ReadOptions};
use crate::snapshot::views::{self, AsView};
use crate::snapshot::{Change, Kind, Object, ObjectId, Operation, Snapshot, SourceId};
use crate::walk::{self, Class};

/// What is taken back.
#[derive(Clone, Debug, Default)]
pub struct Remove {
    /// The exposures.
    pub wanted: Vec<Wanted>,
    /// How the files were read.
    pub reading: ReadOptions,
}

/// How it is taken back.
#[derive(Debug)]
pub struct Removal {
    /// `delete` or `change`, and the object; in order.
    pub steps: Vec<(&'static str, String)>,
    /// The files.
    pub diffs: Vec<FileDiff>,
    /// How far it was proved that nothing else closes.
    pub proof: Proof,
    /// What stays, and why.
    pub notes: Vec<String>,
}

/// What will go.
#[derive(Default)]
struct Going {
    documents: Vec<ObjectId>,
    ports: Vec<(ObjectId, usize)>,
    notes: Vec<String>,
}

/// Plans the removal of exposures, and proves that nothing else closes.
///
/// # Errors
/// What is not ours, or cannot be taken out of its file.
pub fn remove(snapshot: &Snapshot, remove: &Remove) -> Result<Removal, Stop> {
    let store = Store::new(snapshot);
    let mut going = Going::default();
    for wanted in &remove.wanted {
        going.find(&store, wanted)?;
    }
    let texts = without(snapshot, &going.documents)?;
    let mut loader = Loader::new(remove.reading.clone());
    for (n, source) in snapshot.sources().iter().enumerate() {
        let id = SourceId(u32::try_from(n).unwrap_or(u32::MAX));
        let text = texts
            .get(&id)
            .map_or_else(|| source.text.to_string(), Clone::clone);
        loader.read(&source.name, text);
    }
    let mut rest = loader.finish().snapshot;
    rest.istio_version = snapshot.istio_version;
    let rest = rest;
    let changes = going.changes(snapshot, &rest);
    let after = apply(&rest, &changes)?;

    let classes = walk::gateway_classes(&store);
    let proof = prove(&store, &classes, (&rest, &after), &going, &changes)?;

    let patched = file_diffs(&rest, &changes)?;
    if !patched.without_file.is_empty() {
        return Err(no_file("the gateway's Service"));
    }
    let mut diffs = Vec::new();
    for (n, source) in snapshot.sources().iter().enumerate() {
        let id = SourceId(u32::try_from(n).unwrap_or(u32::MAX));
        let new = patched
            .diffs
            .iter()
            .find(|d| d.path == source.name)
            .map(|d| d.new.clone())
            .or_else(|| texts.get(&id).cloned());
        if let Some(new) = new {
            diffs.push(FileDiff::between(
                &source.name,
                Arc::clone(&source.text),
                new,
            ));
        }
    }
    let name = |id: &ObjectId| {
        snapshot
            .get(*id)
            .map(|o| o.key.to_string())
            .unwrap_or_default()
    };
    let mut steps: Vec<(&'static str, String)> = going
        .ports
        .iter()
        .map(|(id, _)| ("change", format!("{}, one port less", name(id))))
        .collect();
    steps.extend(going.documents.iter().rev().map(|id| ("delete", name(id))));
    Ok(Removal {
        steps,
        diffs,
        proof,
        notes: going.notes,
    })
}

impl Going {
    fn find(&mut self, store: &Store<'_>, wanted: &Wanted) -> Result<(), Stop> {
        let name = format!("{}-{}", wanted.service, wanted.number);
        for kind in [Kind::Gateway, Kind::VirtualService] {
            let Some(object) = store.snapshot.find(kind, &wanted.namespace, &name) else {
                continue;
            };
            if !is_ours(object) {
                return Err(
                    Stop::refused(format!("{} was not made by kubectl mesh", object.key))
                        .why(format!("it has not the label {MANAGED_BY}={MANAGER}"))
                        .next(Edit::Other(
                            ["kubectl", "mesh", "expose-tcp", "--list", "-A"]
                                .map(str::to_owned)
                                .to_vec(),
                        )),
                );
            }
            self.documents.push(object.id);
        }
        let item = port_name(&wanted.namespace, &wanted.service, wanted.number);
        for object in store.snapshot.of_kind(Kind::Service) {
            let ports = views::Service::of(&object.view).map(|s| s.spec.ports.as_slice());
            let index = ports
                .unwrap_or_default()
                .iter()
                .position(|p| p.name == item);
            let Some(index) = index else { continue };
            match self.other_user(store, object, wanted.number) {
                Some(other) => self.notes.push(format!(
                    "port {} of {} stays: {other} needs it",
                    wanted.number, object.key
                )),
                None => self.ports.push((object.id, index)),
            }
        }
        Ok(())
    }

    /// Another Gateway that is reached through a port of this Service: TLS servers can share one.
    fn other_user(&self, store: &Store<'_>, service: &Object, number: u32) -> Option<String> {
        let view = views::Service::of(&service.view)?;
        let declares = |g: &&crate::predict::store::Gateway<'_>| {
            let mut ports = g.spec.servers.iter().filter_map(|s| s.port.as_ref());
            ports.any(|p| p.number == number)
        };
        store
            .gateways
            .iter()
            .filter(declares)
            .filter(|g| !self.documents.contains(&g.object.id))
            .find(|g| selects(&g.spec.selector, &view.spec.selector))
            .map(|g| g.object.key.to_string())
    }

    /// The numbers of the Service's items: sidecars have listeners for them, which go too.
    fn numbers(&self, snapshot: &Snapshot) -> BTreeSet<String> {
        let items = self.ports.iter().filter_map(|(id, index)| {
            let view = views::Service::of(&snapshot.get(*id)?.view)?;
            view.spec.ports.get(*index)
        });
        items.map(|item| item.port.to_string()).collect()
    }

    /// The Service's items as changes of the snapshot in which our documents are gone already.
    fn changes(&self, snapshot: &Snapshot, rest: &Snapshot) -> Vec<Change> {
        let mut by_service: BTreeMap<ObjectId, Vec<usize>> = BTreeMap::new();
        for (service, index) in &self.ports {
            by_service.entry(*service).or_default().push(*index);
        }
        by_service
            .into_iter()
            .filter_map(|(id, mut indices)| {
                let key = &snapshot.get(id)?.key;
                let object = rest.find(key.kind, &key.namespace, &key.name)?.id;
                // From the last, so that the others keep their place.
                indices.sort_unstable_by(|a, b| b.cmp(a));
                let operations = indices
                    .into_iter()
                    .map(|n| Operation::Remove {
                        path: format!("/spec/ports/{n}"),
                    })
                    .collect();
                Some(Change::Patch { object, operations })
            })
            .collect()
    }
}

/// The port of a listener that a sidecar would lose, as the comparison says it.
fn listener_gone(what: &str) -> Option<&str> {
    let (name, _) = what.strip_prefix("listener ")?.rsplit_once(" of ")?;
    name.rsplit_once('_').map(|(_, port)| port)
}

fn no_file(what: &str) -> Stop {
    Stop::cannot_work(format!("{what} is in no file that could be changed"))
        .fix("give files with -f, not standard input")
}

/// The texts without some documents.
fn without(
    snapshot: &Snapshot,
    documents: &[ObjectId],
) -> Result<BTreeMap<SourceId, String>, Stop> {
    let mut ranges: BTreeMap<SourceId, Vec<Range<usize>>> = BTreeMap::new();
    for object in documents.iter().filter_map(|id| snapshot.get(*id)) {
        let origin = object.origin.as_ref();
        let origin = origin.ok_or_else(|| no_file(&object.key.to_string()))?;
        let source = snapshot.source(origin.source);
        if source.is_none_or(|s| s.name == "<stdin>") {
            return Err(no_file(&object.key.to_string()));
        }
        if !origin.root.0.is_empty() {
            continue;
        }
        ranges
            .entry(origin.source)
            .or_default()
            .push(origin.document.clone());
    }
    let mut texts = without_items(snapshot, documents)?;
    for (id, mut ranges) in ranges {
        if texts.contains_key(&id) {
            return Err(Stop::cannot_work(
                "one of our objects is a document and another an item of a list",
            )
            .fix("take one of them out of the file by hand, then run this again"));
        }
        let Some(source) = snapshot.source(id) else {
            continue;
        };
        ranges.sort_by_key(|range| std::cmp::Reverse(range.start));
        let mut text = source.text.to_string();
        for range in ranges {
            cut(&mut text, range);
        }
        texts.insert(id, text);
    }
    Ok(texts)
}

/// Cuts a document with the separator that made it one.
fn cut(text: &mut String, document: Range<usize>) {
    let Range { mut start, mut end } = document;
    let is_separator = |line: &str| line.trim_end() == "---";
    let line_before = |at: usize| -> usize {
        let before = text.get(..at).unwrap_or("");
        let before = before.strip_suffix('\n').unwrap_or(before);
        before.rfind('\n').map_or(0, |n| n + 1)
    };
    let line_end = |at: usize| -> usize {
        let after = text.get(at..).unwrap_or("");
        after.find('\n').map_or(text.len(), |n| at + n + 1)
    };
    let first_line = text.get(start..line_end(start)).unwrap_or("");
    let separated = if is_separator(first_line) {
        true
    } else {
        let before = line_before(start);
        let is = start > 0 && is_separator(text.get(before..start).unwrap_or(""));
        if is {
            start = before;
        }
        is
    };
    // The first of a file has its separator behind it.
    if !separated && is_separator(text.get(end..line_end(end)).unwrap_or("")) {
        end = line_end(end);
    }
    text.replace_range(start..end.max(start), "");
}

/// Nothing closes but what is ours. `rest`: without our documents, which are for gateways alone; `after`: without the
/// Service's items too.
fn prove(
    store: &Store<'_>,
    classes: &[Class],
    (rest, after): (&Snapshot, &Snapshot),
    going: &Going,
    changes: &[Change],
) -> Result<Proof, Stop> {
    let ours: Vec<String> = classes
        .iter()
        .flat_map(|c| c.prediction.ledger.entries())
        .filter_map(|(_, entry)| match (&entry.step, &entry.fate) {
            (Step::Chains { gateway, .. }, Fate::Effective(Effect::Chains { listener, .. }))
                if going.documents.contains(gateway) =>
            {
                Some(listener.clone())
            }
            _ => None,
        })
        .collect();
    let store_after = Store::new(after);
    let again: Vec<Class> = classes
        .iter()
        .map(|class| Class::of(&store_after, class.proxy.clone()))
        .collect();
    let mut effect = compare(store, classes, &again, 0);
    let mut in_sidecars = Disturbance::default();
    let store_rest = Store::new(rest);
    compare_sidecars(&store_rest, &store_after, changes, None, &mut in_sidecars);
    let numbers = going.numbers(store.snapshot);
    in_sidecars
        .disturbed
        .retain(|what| !listener_gone(what).is_some_and(|port| numbers.contains(port)));
    effect.disturbed.extend(in_sidecars.disturbed);
    let other = effect.disturbed.iter().find(|what| {
        !ours.iter().any(|l| {
            what.starts_with(&format!("listener {l} of "))
                || what.starts_with(&format!("a filter chain of {l} on "))
        })
    });
    if let Some(other) = other {
        return Err(
            Stop::refused(other.clone()).why("nothing else that is open may close or change")
        );
    }
    let mut conditions = in_sidecars.assumptions;
    conditions.extend(unread(after));
    Ok(if conditions.is_empty() {
        Proof::Proved
    } else {
        Proof::Conditional(conditions)
    })
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_document_goes_with_its_separator() {
        let cases = [
            ("a: 1\n---\nb: 2\n", 9..14, "a: 1\n"),
            ("a: 1\n---\nb: 2\n---\nc: 3\n", 9..14, "a: 1\n---\nc: 3\n"),
            ("a: 1\n---\nb: 2\n", 0..5, "b: 2\n"),
            ("---\na: 1\n---\nb: 2\n", 4..9, "---\nb: 2\n"),
            ("a: 1\n", 0..5, ""),
        ];
        for (text, range, rest) in cases {
            let mut text = text.to_owned();
            cut(&mut text, range);
            assert_eq!(text, rest);
        }
    }
}
