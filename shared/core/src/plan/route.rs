//! The rules of VirtualServices that lead somewhere by weight, and where each of them is really used.

use std::collections::BTreeSet;

use crate::ledger::{Block, EntryId, Fate, Ledger, Reason, Step};
use crate::predict::store::{Store, VirtualService};
use crate::predict::{Config, Listener, ProxyFacts};
use crate::snapshot::views::RouteDestination;
use crate::snapshot::{FieldPath, ObjectId};
use crate::walk::Class;

/// One rule of a VirtualService.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleRef {
    /// The VirtualService.
    pub object: ObjectId,
    /// Which rules.
    pub block: Block,
    /// Index of the rule.
    pub index: usize,
}

impl RuleRef {
    /// `tcp[0]`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}[{}]", self.block.field(), self.index)
    }

    /// The way to the list of destinations.
    #[must_use]
    pub fn route(&self) -> FieldPath {
        FieldPath::root()
            .key("spec")
            .key(self.block.field())
            .index(self.index)
            .key("route")
    }

    /// The rule that a decision is about.
    fn of(step: &Step) -> Option<Self> {
        match step {
            Step::Clause {
                virtual_service,
                block,
                rule,
                ..
            } => Some(Self {
                object: *virtual_service,
                block: *block,
                index: *rule,
            }),
            _ => None,
        }
    }

    /// Whether a decision is about this rule.
    pub(super) fn owns(&self, ledger: &Ledger, clause: EntryId) -> bool {
        ledger
            .get(clause)
            .and_then(|entry| Self::of(&entry.step))
            .is_some_and(|rule| rule == *self)
    }
}

/// Where a rule is used, and why it is not elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Uses {
    /// Gateways that use it, by their index among the classes, with the declared numbers of their servers.
    pub(super) gateways: Vec<(usize, BTreeSet<u32>)>,
    /// Gateways that know it and leave it out.
    pub(super) left_out: Vec<(usize, Left)>,
    /// How many sidecars use it.
    pub(super) sidecars: u32,
}

/// Why a gateway leaves a rule out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Left {
    /// Another rule comes first.
    Shadowed(RuleRef),
    /// Something about itself.
    Reason(Reason),
}

impl Uses {
    /// Whether any proxy uses the rule.
    pub(super) fn any(&self) -> bool {
        !self.gateways.is_empty() || self.sidecars > 0
    }

    /// The declared numbers under which it is used.
    pub(super) fn ports(&self) -> BTreeSet<u32> {
        self.gateways.iter().flat_map(|(_, p)| p).copied().collect()
    }
}

/// The destinations of a rule; none when it answers by itself or delegates.
pub(super) fn destinations<'v>(
    vs: &'v VirtualService<'_>,
    rule: RuleRef,
) -> &'v [RouteDestination] {
    let spec = vs.spec;
    let found = match rule.block {
        Block::Tcp => spec.tcp.get(rule.index).map(|r| &r.route),
        Block::Tls => spec.tls.get(rule.index).map(|r| &r.route),
        Block::Http => spec
            .http
            .get(rule.index)
            .filter(|r| r.redirect.is_none() && r.direct_response.is_none() && r.delegate.is_none())
            .map(|r| &r.route),
    };
    found.map_or(&[], Vec::as_slice)
}

/// Every rule with destinations, in the order of the objects' keys.
pub(super) fn all(store: &Store<'_>) -> Vec<RuleRef> {
    let mut found = Vec::new();
    for vs in store.declared_virtual_services() {
        let counts = [
            (Block::Tcp, vs.spec.tcp.len()),
            (Block::Tls, vs.spec.tls.len()),
            (Block::Http, vs.spec.http.len()),
        ];
        for (block, count) in counts {
            let rules = (0..count).map(|index| RuleRef {
                object: vs.object.id,
                block,
                index,
            });
            found.extend(rules.filter(|rule| !destinations(vs, *rule).is_empty()));
        }
    }
    found.sort();
    found
}

/// The matches of a rule as far as a port, a name or a gateway decides: number, names, gateways.
fn matches<'v>(
    vs: &'v VirtualService<'_>,
    rule: RuleRef,
) -> Vec<(u32, &'v [String], &'v [String])> {
    match rule.block {
        Block::Http => {
            let rules = vs.spec.http.get(rule.index);
            rules
                .into_iter()
                .flat_map(|r| &r.r#match)
                .map(|m| (m.port, &[][..], m.gateways.as_slice()))
                .collect()
        }
        block => {
            let list = match block {
                Block::Tcp => vs.spec.tcp.get(rule.index).map(|r| r.r#match.as_slice()),
                _ => vs.spec.tls.get(rule.index).map(|r| r.r#match.as_slice()),
            }
            .unwrap_or_default();
            list.iter()
                .map(|m| (m.port, m.sni_hosts.as_slice(), m.gateways.as_slice()))
                .collect()
        }
    }
}

/// The ports that the rule's own matches name.
pub(super) fn written_ports(vs: &VirtualService<'_>, rule: RuleRef) -> BTreeSet<u32> {
    matches(vs, rule)
        .into_iter()
        .map(|(port, _, _)| port)
        .filter(|port| *port != 0)
        .collect()
}

/// The server names that the rule's own matches name.
pub(super) fn written_names(vs: &VirtualService<'_>, rule: RuleRef) -> Vec<String> {
    matches(vs, rule)
        .into_iter()
        .flat_map(|(_, names, _)| names.iter().cloned())
        .collect()
}

/// Where a rule is used. `sidecars`: one class for all that look at the mesh alike.
pub(super) fn uses(
    store: &Store<'_>,
    classes: &[Class],
    sidecars: &[Class],
    rule: RuleRef,
) -> Uses {
    let mut found = Uses {
        gateways: Vec::new(),
        left_out: Vec::new(),
        sidecars: 0,
    };
    for (n, class) in classes.iter().enumerate() {
        let ledger = &class.prediction.ledger;
        let clauses = used_clauses(&class.prediction.config);
        let ports: BTreeSet<u32> = clauses
            .iter()
            .filter(|clause| rule.owns(ledger, **clause))
            .filter_map(|clause| declared(store, ledger, *clause))
            .collect();
        if !ports.is_empty() {
            found.gateways.push((n, ports));
        } else if let Some(why) = left_out(ledger, rule) {
            found.left_out.push((n, why));
        }
    }
    let holding = sidecars.iter().filter(|class| {
        let ledger = &class.prediction.ledger;
        let clauses = used_clauses(&class.prediction.config);
        clauses.into_iter().any(|clause| rule.owns(ledger, clause))
    });
    found.sidecars = holding.map(|class| class.proxy.replicas).sum();
    found
}

/// The decisions whose outcome a configuration really holds.
fn used_clauses(config: &Config) -> BTreeSet<EntryId> {
    let chains = config.listeners.iter().flat_map(Listener::all_chains);
    let routes = config.routes.values().flatten().flat_map(|h| &h.routes);
    chains
        .filter_map(|c| c.clause)
        .chain(routes.map(|r| r.clause))
        .collect()
}

/// The number that the Gateway declares for the server under which a rule is used.
fn declared(store: &Store<'_>, ledger: &Ledger, clause: EntryId) -> Option<u32> {
    let (gateway, index) = ledger
        .above(clause)
        .find_map(|(_, entry)| match entry.step {
            Step::Chains { gateway, index, .. } => Some((gateway, index)),
            _ => None,
        })?;
    let gateway = store.gateways.iter().find(|g| g.object.id == gateway)?;
    let server = gateway.spec.servers.get(index)?;
    server.port.as_ref().map(|port| port.number)
}

/// Why a gateway that looked at a rule does not use it. That another comes first says most.
fn left_out(ledger: &Ledger, rule: RuleRef) -> Option<Left> {
    let mut why = None;
    for (_, entry) in ledger.entries() {
        if RuleRef::of(&entry.step) != Some(rule) {
            continue;
        }
        let by = match &entry.fate {
            Fate::Displaced { by } => *by,
            Fate::Dropped(Reason::AfterCatchAll { by } | Reason::SniTaken { by, .. }) => *by,
            Fate::Dropped(reason) => {
                why.get_or_insert_with(|| Left::Reason(reason.clone()));
                continue;
            }
            _ => continue,
        };
        let first = ledger.get(by).and_then(|e| RuleRef::of(&e.step));
        if let Some(first) = first.filter(|first| *first != rule) {
            return Some(Left::Shadowed(first));
        }
    }
    why.or_else(|| {
        // No rule of the VirtualService was looked at: why it takes no part at all.
        ledger.entries().find_map(|(_, entry)| match &entry.fate {
            Fate::Dropped(reason)
                if matches!(entry.step, Step::Attachment { virtual_service } if virtual_service == rule.object) =>
            {
                Some(Left::Reason(reason.clone()))
            }
            _ => None,
        })
    })
}

/// The VirtualServices whose rules would be used on a gateway if this rule did not come first.
pub(super) fn rivals(ledger: &Ledger, rule: RuleRef) -> BTreeSet<ObjectId> {
    let entries = ledger.entries();
    entries
        .filter(|(_, entry)| matches!(entry.fate, Fate::Displaced { by } if rule.owns(ledger, by)))
        .map(|(_, entry)| entry.step.object())
        .filter(|object| *object != rule.object)
        .collect()
}

/// A sidecar in the VirtualService's own namespace, for looking up what its destinations mean there.
pub(super) fn some_sidecar(vs: &VirtualService<'_>) -> ProxyFacts {
    ProxyFacts::assumed(vs.namespace(), &crate::snapshot::views::Labels::new())
}
