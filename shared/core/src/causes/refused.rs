//! Listeners that Envoy refuses: how two filter chains that collide are told.

use super::{Symptom, Tale, Told};
use crate::predict::envoy::Refusal;

/// The chain that Envoy stumbles over, and the one that was first.
pub(super) fn collision(tale: &Tale<'_, '_>) -> Option<Told> {
    let (first, second, what) = match tale.symptom {
        Symptom::Refused(Refusal::IdenticalChains { first, second }) => {
            (*first, *second, "takes the same connections".to_owned())
        }
        Symptom::Refused(Refusal::OverlappingNames {
            name,
            first,
            second,
        }) => (*first, *second, format!("takes {name} again")),
        _ => return None,
    };
    let servers = (tale.server_at(second.server), tale.server_at(first.server));
    if let (Some((object, index)), Some((other, other_index))) = servers
        && first.server != second.server
    {
        let told = Told::at(object, Tale::number_field(index), what);
        return Some(told.beside(other, Tale::number_field(other_index), "came first"));
    }
    let (object, field) = tale.origin(second)?;
    let told = Told::at(object, field.clone(), what);
    let (other, other_field) = tale.origin(first)?;
    if (other, &other_field) == (object, &field) {
        return Some(told);
    }
    Some(told.beside(other, other_field, "came first"))
}
