//! What the causes have in common that are about objects which do not exist for an istiod.

use super::{Tale, Told};
use crate::ledger::Step;
use crate::predict::hosts::resolve_short_name;
use crate::predict::pod_spec;
use crate::snapshot::{FieldPath, Kind, Object};

/// The object that istiod does not see: the one decided about, or what a rule of it means: a delegate, or the service
/// of a destination.
pub(super) fn object<'t>(tale: &Tale<'t, '_>) -> Option<&'t Object> {
    let own = tale.object()?;
    match tale.step()? {
        Step::Clause { rule, .. } => {
            let delegate = tale.virtual_service()?.http.get(*rule)?.delegate.as_ref()?;
            let namespace = match delegate.namespace.as_str() {
                "" => &own.key.namespace,
                written => written,
            };
            let snapshot = tale.store.snapshot;
            snapshot.find(Kind::VirtualService, namespace, &delegate.name)
        }
        Step::Destination { .. } => {
            let written = &tale.destination()?.host;
            let domain = &tale.store.mesh.domain;
            let host = resolve_short_name(written, &own.key.namespace, domain);
            let (service, _) = tale.store.unseen_service(&host)?;
            tale.store.snapshot.get(service.object)
        }
        _ => Some(own),
    }
}

/// Also shows a variable of the istiod that decides, where that was read.
pub(super) fn beside_istiod(told: Told, tale: &Tale<'_, '_>, variable: &str) -> Told {
    let istiod = tale.store.istiod.object;
    let Some((object, spec)) =
        istiod.and_then(|id| Some((id, pod_spec(tale.store.snapshot.get(id)?)?)))
    else {
        return told;
    };
    let places = spec
        .containers
        .iter()
        .enumerate()
        .flat_map(|(c, container)| {
            let variables = container.env.iter().enumerate();
            variables.map(move |(e, set)| (c, e, set))
        });
    let Some((c, e, set)) = places.into_iter().find(|(_, _, set)| set.name == variable) else {
        return told;
    };
    let containers = FieldPath::of("spec.template.spec.containers").index(c);
    let field = containers.key("env").index(e).key("value");
    told.beside(object, field, format!("{variable} is {} here", set.value))
}
