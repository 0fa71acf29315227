//! How causes of sidecars are told: the field of the decision, and what came before it.

use super::{Symptom, Tale, Told};
use crate::ledger::{EntryId, Reason};

/// At the field that was decided about; beside it the one that was there before.
pub(super) fn told(tale: &Tale<'_, '_>, label: &str) -> Option<Told> {
    let step = tale.step()?;
    let told = Told::at(step.object(), step.field(), label);
    let before = holder(tale).and_then(|by| tale.ledger.get(by));
    Some(match before {
        Some(entry) => told.beside(
            entry.step.object(),
            entry.step.field(),
            "this one comes first",
        ),
        None => told,
    })
}

/// What was there before.
const fn holder(tale: &Tale<'_, '_>) -> Option<EntryId> {
    match tale.symptom {
        Symptom::Reason(
            Reason::HostnameElsewhere { by }
            | Reason::OnlyOneFound { by }
            | Reason::ListenerLocked { by }
            | Reason::WellKnownProtocol { by }
            | Reason::SniffedAlready { by }
            | Reason::ChainTaken { by }
            | Reason::InboundTaken { by }
            | Reason::TargetPortRepeated { by },
        ) => Some(*by),
        _ => None,
    }
}
