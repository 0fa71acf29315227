//! Causes that rest on age: which object came first.

use super::{Tale, Told};
use crate::ledger::{EntryId, Reason};
use crate::predict::ProxyFacts;
use crate::predict::store::{Service, Store, Visibility};
use crate::snapshot::ObjectId;

/// Why it is open which of two services comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecided {
    /// The older one does, and not both have a creation time.
    Age,
    /// Age, name and namespace are equal: what is left is the order of a Go map.
    Chance,
}

/// Whether it is open which of two services that istiod keeps in one list comes first. `reason`: why `own` lost.
/// After istio `pilot/pkg/model/push_context.go:SortServicesByCreationTime`.
pub(crate) fn undecided(
    store: &Store<'_>,
    proxy: &ProxyFacts,
    reason: &Reason,
    own: ObjectId,
    holder: ObjectId,
) -> Option<Undecided> {
    let find = |id: ObjectId| store.services.iter().find(|s| s.object == id);
    let (one, first) = (find(own)?, find(holder)?);
    let in_one_list = match reason {
        // Those that are exported to a namespace come before public ones.
        Reason::ChainTaken { .. }
        | Reason::SniffedAlready { .. }
        | Reason::WellKnownProtocol { .. } => {
            (one.visibility == Visibility::Public) == (first.visibility == Visibility::Public)
        }
        Reason::InboundTaken { .. } => true,
        Reason::HostnameElsewhere { .. } => {
            one.registry == first.registry && first.namespace != proxy.namespace
        }
        _ => false,
    };
    let key = |s: &Service| (s.age, s.sort_name.clone(), s.namespace.clone());
    let ageless = |id: ObjectId| {
        let object = store.snapshot.get(id);
        object.is_some_and(|o| o.meta.creation_timestamp.is_none())
    };
    if !in_one_list || own == holder {
        None
    } else if ageless(own) || ageless(holder) {
        Some(Undecided::Age)
    } else {
        (key(one) == key(first)).then_some(Undecided::Chance)
    }
}

/// What was there before, where a service was left out of a sidecar's configuration for it.
pub(crate) const fn holder(reason: &Reason) -> Option<EntryId> {
    match reason {
        Reason::HostnameElsewhere { by }
        | Reason::OnlyOneFound { by, .. }
        | Reason::ListenerLocked { by }
        | Reason::WellKnownProtocol { by }
        | Reason::SniffedAlready { by }
        | Reason::ChainTaken { by }
        | Reason::InboundTaken { by }
        | Reason::DomainsTaken { by }
        | Reason::TargetPortRepeated { by } => Some(*by),
        _ => None,
    }
}

/// The day an object was created.
pub(super) fn created(tale: &Tale<'_, '_>, id: ObjectId) -> Option<String> {
    let created = tale.store.snapshot.get(id)?.meta.creation_timestamp?;
    created.to_string().split('T').next().map(str::to_owned)
}

/// Whether which of two objects is older is unknown, because one has no creation time.
pub(super) fn unknown(tale: &Tale<'_, '_>, a: ObjectId, b: ObjectId) -> bool {
    a != b && (created(tale, a).is_none() || created(tale, b).is_none())
}

/// Without creation times the answer could be the other way round: names both outcomes.
pub(super) fn outcomes(tale: &Tale<'_, '_>, own: ObjectId, holder: ObjectId, told: Told) -> Told {
    if !unknown(tale, own, holder) {
        return told;
    }
    let (own, holder) = (tale.name_of(own), tale.name_of(holder));
    let mut told = told;
    told.assumes.push(format!("{holder} is older than {own}"));
    told.so(format!(
        "if {holder} is older than {own}, {own} is left out (assumed here)"
    ))
    .so(format!("if {own} is older, {holder} is left out instead"))
}
