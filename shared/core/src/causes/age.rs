//! Causes that rest on age: which object came first.

use super::{Tale, Told};
use crate::snapshot::ObjectId;

/// The day an object was created.
pub(super) fn created(tale: &Tale<'_, '_>, id: ObjectId) -> Option<String> {
    let created = tale.store.snapshot.get(id)?.meta.creation_timestamp?;
    created.to_string().split('T').next().map(str::to_owned)
}

/// Whether which of two objects is older is unknown, because one has no creation time.
pub(super) fn unknown(tale: &Tale<'_, '_>, a: ObjectId, b: ObjectId) -> bool {
    let object = |id| tale.store.snapshot.get(id);
    let known = object(a)
        .zip(object(b))
        .is_some_and(|(a, b)| a.ages_known(b));
    a != b && !known
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
