//! Which of the things left out is the reason that a server has no chain.

use crate::causes;
use crate::ledger::{Entry, EntryId, Fate, Ledger, Reason, Step};
use crate::predict::hosts::overlap;
use crate::predict::store::Store;
use crate::snapshot::ObjectId;
use crate::snapshot::views::{self, AsView};

/// How many VirtualServices are named for one server.
const MOST: usize = 3;

/// What to tell about a server without a chain.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// What came closest to giving it one, or was probably meant for it.
    pub(super) culprits: Vec<EntryId>,
    /// Nothing is wrong with what was offered: it serves other servers of the Gateway. This is the nearest.
    pub(super) serves_others: Option<EntryId>,
}

/// The entries to tell for a server without a chain. A rule that serves another server is innocent; with nothing
/// offered, names that were probably meant for this Gateway.
pub(super) fn of_missing_route(store: &Store<'_>, ledger: &Ledger, chains: EntryId) -> Missing {
    let leaves = leaves(ledger, chains);
    let guilty: Vec<_> = leaves
        .iter()
        .filter(|(id, _)| !innocent(ledger, *id))
        .copied()
        .collect();
    let Some(nearest) = guilty.iter().map(|(_, rank)| *rank).min() else {
        let culprits = near_misses(store, ledger, chains);
        let innocent = leaves
            .iter()
            .min_by_key(|(_, rank)| *rank)
            .map(|(id, _)| *id);
        return Missing {
            serves_others: innocent.filter(|_| culprits.is_empty()),
            culprits,
        };
    };
    let mut told: Vec<(ObjectId, EntryId)> = Vec::new();
    for (id, rank) in guilty {
        let Some(entry) = ledger.get(id).filter(|_| rank == nearest) else {
            continue;
        };
        let object = entry.step.object();
        if !told.iter().any(|(o, _)| *o == object) {
            told.push((object, id));
        }
    }
    told.truncate(MOST);
    Missing {
        culprits: told.into_iter().map(|(_, id)| id).collect(),
        serves_others: None,
    }
}

/// What was offered under a `Chains` entry and left out, with how far it was from giving a chain: 0 is nearest.
fn leaves(ledger: &Ledger, chains: EntryId) -> Vec<(EntryId, u8)> {
    let mut found = Vec::new();
    for (id, entry) in ledger.under(chains) {
        match &entry.fate {
            // It names the Gateway and is in the way of every other answer.
            Fate::Dropped(Reason::NotStored { .. }) => found.push((id, 0)),
            Fate::Dropped(Reason::NoBlock { .. }) => found.push((id, 1)),
            Fate::Dropped(Reason::NotExported) => found.push((id, 3)),
            Fate::Dropped(_) => found.push((id, 2)),
            _ => found.extend(
                ledger
                    .under(id)
                    .filter(|(_, e)| matches!(e.fate, Fate::Dropped(_)))
                    .map(|(id, _)| (id, 0)),
            ),
        }
    }
    found
}

/// Whether the rule, or the VirtualService, gives another server its chain.
fn innocent(ledger: &Ledger, id: EntryId) -> bool {
    match ledger.get(id).map(|e| &e.step) {
        Some(Step::Clause {
            virtual_service,
            block,
            rule,
            ..
        }) => ledger.uses_rule(*virtual_service, *block, *rule),
        Some(Step::Attachment { virtual_service }) => ledger.uses(*virtual_service),
        _ => false,
    }
}

/// VirtualServices that were probably meant for this Gateway: they name one of the same name elsewhere, or none.
fn near_misses(store: &Store<'_>, ledger: &Ledger, chains: EntryId) -> Vec<EntryId> {
    let Some(Step::Chains { gateway, index, .. }) = ledger.get(chains).map(|e| &e.step) else {
        return Vec::new();
    };
    let Some(object) = store.snapshot.get(*gateway) else {
        return Vec::new();
    };
    let server = views::Gateway::of(&object.view).and_then(|g| g.spec.servers.get(*index));
    let hosts: Vec<&str> = server
        .iter()
        .flat_map(|s| &s.hosts)
        .map(|h| h.rsplit('/').next().unwrap_or(h))
        .collect();
    let number = server.and_then(|s| s.port.as_ref()).map_or(0, |p| p.number);
    let meant = |entry: &Entry| {
        let vs = store.snapshot.get(entry.step.object());
        let Some(spec) = vs
            .and_then(|o| views::VirtualService::of(&o.view))
            .map(|v| &v.spec)
        else {
            return false;
        };
        let names_port = |m: &[views::L4Match]| m.iter().any(|m| m.port == number);
        // A host of the mesh's own is meant for sidecars, whatever a Gateway's `*` takes in.
        let outside = |wanted: &String| {
            hosts.iter().any(|h| *h != "*" && overlap(h, wanted))
                && store.services_named(wanted).next().is_none()
        };
        match &entry.fate {
            Fate::Dropped(Reason::UnknownGateway { name }) => {
                let own = &object.key;
                name.split_once('/').is_some_and(|(namespace, name)| {
                    name == own.name
                        || (namespace == own.namespace && causes::slip(name, &own.name).is_some())
                })
            }
            Fate::Dropped(Reason::MeshOnly) => {
                let rules = spec.tcp.iter().map(|r| &r.r#match);
                let mut rules = rules.chain(spec.tls.iter().map(|r| &r.r#match));
                rules.any(|m| names_port(m))
                    || (spec.gateways.is_empty() && spec.hosts.iter().any(outside))
            }
            _ => false,
        }
    };
    let mut found: Vec<EntryId> = ledger
        .entries()
        .filter(|(_, e)| matches!(e.step, Step::Binding { .. }) && meant(e))
        .map(|(id, _)| id)
        .collect();
    found.truncate(MOST);
    found
}

/// Rules that would have been used, were another one not first; those that are used for another server are no news.
pub(super) fn displaced(ledger: &Ledger, chains: EntryId) -> Vec<(EntryId, EntryId)> {
    ledger
        .under(chains)
        .flat_map(|(attachment, _)| ledger.under(attachment))
        .filter_map(|(id, e)| match e.fate {
            Fate::Displaced { by } if !innocent(ledger, id) => Some((id, by)),
            _ => None,
        })
        .collect()
}
