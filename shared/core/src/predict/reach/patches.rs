//! What changes a listener behind istiod's own configuration: EnvoyFilters and WasmPlugins that reach the proxy.
//! After istio `pilot/pkg/model/push_context.go:EnvoyFilters` and
//! `pilot/pkg/networking/core/envoyfilter/listener_patch.go` (1.31). What they do in detail is not predicted.

use super::{Barrier, attaches, targets};
use crate::predict::ProxyFacts;
use crate::predict::config::{ChainKind, FilterChain, Listener};
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

/// Which listeners a patch is for, as `match.context` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Those of gateways.
    Gateway,
    /// Those that a sidecar's own pod connects to.
    Outbound,
    /// Those that others connect to.
    Inbound,
}

impl Side {
    const fn context(self) -> &'static str {
        match self {
            Self::Gateway => "GATEWAY",
            Self::Outbound => "SIDECAR_OUTBOUND",
            Self::Inbound => "SIDECAR_INBOUND",
        }
    }
}

/// What reaches a listener of the proxy: all objects that may change it, and the first patch that takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaching {
    pub(crate) objects: Vec<ObjectId>,
    pub(crate) removed: Option<Barrier>,
}

/// The objects that reach a listener. `chain`: the one of its chains that counts, where it is known.
pub(crate) fn patches(
    store: &Store<'_>,
    proxy: &ProxyFacts,
    listener: &Listener,
    side: Side,
    chain: Option<&FilterChain>,
) -> Reaching {
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
            .filter(|(_, p)| is_for(p, listener, side, chain))
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

/// After `listener_patch.go:patchContextMatch`, `listenerMatch` and `filterChainMatch`: the two listeners that connections
/// are redirected to go by the port of the chain.
fn is_for(
    patch: &ConfigPatch,
    listener: &Listener,
    side: Side,
    chain: Option<&FilterChain>,
) -> bool {
    let context = patch.r#match.context.as_str();
    if !matches!(context, "" | "ANY") && context != side.context() {
        return false;
    }
    let bytes = chain.is_some_and(|c| c.kind == ChainKind::Tcp);
    if bytes && HTTP_ONLY.contains(&patch.apply_to.as_str()) {
        return false;
    }
    let Some(asked) = &patch.r#match.listener else {
        return true;
    };
    let redirected = matches!(listener.name.as_str(), "virtualInbound" | "virtualOutbound");
    let port = match chain {
        _ if !redirected || patch.apply_to == "LISTENER" => Some(listener.port),
        Some(chain) => chain.matches.destination_port,
        None => Some(asked.port_number),
    };
    (asked.name.is_empty() || asked.name == listener.name)
        && (asked.port_number == 0 || port == Some(asked.port_number))
}

/// What a patch can change where HTTP is read, and nowhere else.
const HTTP_ONLY: [&str; 4] = [
    "HTTP_FILTER",
    "ROUTE_CONFIGURATION",
    "VIRTUAL_HOST",
    "HTTP_ROUTE",
];

fn takes_away(patch: &ConfigPatch) -> bool {
    matches!(patch.apply_to.as_str(), "LISTENER" | "FILTER_CHAIN")
        && patch.patch.operation == "REMOVE"
}
