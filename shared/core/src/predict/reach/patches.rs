//! What changes a listener behind istiod's own configuration: EnvoyFilters and WasmPlugins that reach the proxy.
//! After istio `pilot/pkg/model/push_context.go:EnvoyFilters` and
//! `pilot/pkg/networking/core/envoyfilter/listener_patch.go` (1.31). What they do in detail is not predicted.

use super::{Barrier, attaches, targets};
use crate::predict::ProxyFacts;
use crate::predict::config::Listener;
use crate::predict::store::Store;
use crate::snapshot::views::{AsView, ConfigPatch, EnvoyFilter, WasmPlugin};
use crate::snapshot::{Kind, Object, ObjectId};

/// A patch that takes a listener, or filter chains of it, away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patching {
    /// The EnvoyFilter.
    pub filter: ObjectId,
    /// Index in `configPatches`.
    pub patch: usize,
}

/// What reaches a listener of the proxy: all objects that may change it, and the first patch that takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaching {
    pub(crate) objects: Vec<ObjectId>,
    pub(crate) removed: Option<Barrier>,
}

/// The objects that reach a listener.
pub(crate) fn patches(store: &Store<'_>, proxy: &ProxyFacts, listener: &Listener) -> Reaching {
    let mut found = Reaching::default();
    for object in store.snapshot.of_kind(Kind::EnvoyFilter) {
        let Some(EnvoyFilter { spec }) = EnvoyFilter::of(&object.view) else {
            continue;
        };
        let selector = spec.workload_selector.as_ref().map(|s| &s.labels);
        let refs: Vec<_> = spec.target_refs.iter().collect();
        if !attaches(store, proxy, object, selector, &refs) {
            continue;
        }
        let mut matching = spec.config_patches.iter().enumerate();
        let mut matching = matching
            .by_ref()
            .filter(|(_, p)| is_for(p, listener))
            .peekable();
        if matching.peek().is_none() {
            continue;
        }
        found.objects.push(object.id);
        if found.removed.is_none() {
            let patch = matching
                .find(|(_, p)| takes_away(p))
                .map(|(patch, _)| patch);
            found.removed = patch.map(|patch| {
                Barrier::Removed(Patching {
                    filter: object.id,
                    patch,
                })
            });
        }
    }
    for object in store.snapshot.of_kind(Kind::WasmPlugin) {
        let Some(WasmPlugin { spec }) = WasmPlugin::of(&object.view) else {
            continue;
        };
        let selector = spec.selector.as_ref().map(|s| &s.match_labels);
        let refs = targets(&spec.target_refs, spec.target_ref.as_ref());
        if attaches(store, proxy, object, selector, &refs) {
            found.objects.push(object.id);
        }
    }
    found
}

/// The EnvoyFilters that reach a proxy, whatever they patch.
pub(crate) fn envoy_filters<'s>(store: &'s Store<'_>, proxy: &ProxyFacts) -> Vec<&'s Object> {
    let reaches = |object: &&Object| {
        EnvoyFilter::of(&object.view).is_some_and(|EnvoyFilter { spec }| {
            let selector = spec.workload_selector.as_ref().map(|s| &s.labels);
            let refs: Vec<_> = spec.target_refs.iter().collect();
            attaches(store, proxy, object, selector, &refs)
        })
    };
    let all = store.snapshot.of_kind(Kind::EnvoyFilter);
    all.filter(reaches).collect()
}

/// After `listener_patch.go:patchContextMatch` and `listenerMatch`.
fn is_for(patch: &ConfigPatch, listener: &Listener) -> bool {
    let context = matches!(patch.r#match.context.as_str(), "" | "ANY" | "GATEWAY");
    context
        && patch.r#match.listener.as_ref().is_none_or(|m| {
            (m.name.is_empty() || m.name == listener.name)
                && (m.port_number == 0 || m.port_number == listener.port)
        })
}

fn takes_away(patch: &ConfigPatch) -> bool {
    matches!(patch.apply_to.as_str(), "LISTENER" | "FILTER_CHAIN")
        && patch.patch.operation == "REMOVE"
}
