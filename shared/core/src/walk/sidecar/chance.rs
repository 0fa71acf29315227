//! Where istiod itself decides by chance: of several services only one is found, and which one that is hangs on the
//! order of a Go map, or on ages that are not known. Then both outcomes are told, and none of them as certain.

use super::Way;
use super::dialled::{self, Meant};
use super::outbound::{BLACK_HOLE, PASSTHROUGH};
use crate::causes::age::{self, Undecided};
use crate::ledger::{EntryId, Fate, Reason, Served, Step};
use crate::predict::store::Service;
use crate::report::{Certainty, HopStatus, Unknown, Verdict};
use crate::snapshot::ObjectId;

/// What to do about chance.
const BY_CHANCE: &str =
    "nothing that can be read decides: after each restart of istiod it may be another one";

impl Way<'_, '_> {
    /// Whether it is chance that the service which is dialled is known at all; then that is the answer.
    pub(super) fn by_chance(&mut self) -> bool {
        let Some((one, other, loser)) = self.chances() else {
            return false;
        };
        let (taken, decides) = if self.ages_decide(one, other) {
            self.undetermined = Some("unknown: which of two ServiceEntries is the older one");
            let decides = "ask with the creation times, as `kubectl get -o yaml` prints them";
            ("the older one", decides)
        } else {
            self.undetermined = Some("undetermined: istiod takes one of several by chance");
            ("one of them", BY_CHANCE)
        };
        self.walk.verdict = Verdict::Unknown;
        let port = self.walk.port;
        let (one, other) = (self.named(one), self.named(other));
        let line = format!("for {one} or for {other}: istiod takes {taken}");
        let status = HopStatus::Unknown;
        self.walk.hop("listener", status, None, vec![line]);
        let rest = match self.rest_leads_to() {
            Some(BLACK_HOLE) => "connections to the other one end in Envoy".to_owned(),
            Some(PASSTHROUGH) => "connections to the other one pass on as undeclared".to_owned(),
            Some(cluster) => format!("connections to the other one go to {cluster}"),
            None => "the other one has none".to_owned(),
        };
        let so = format!("{one} or {other} has a listener for {port}, and {rest}");
        if let Some(finding) = self.walk.tell_dropped(loser) {
            finding.certainty = Certainty::Unknown;
            finding.so.push(so);
        }
        self.walk.unknowns.push(Unknown {
            what: format!("whether istiod takes {one} or {other}"),
            fix: decides.to_owned(),
            commands: Vec::new(),
        });
        true
    }

    /// What is dialled may have its place only because it is taken for the older one of two.
    pub(super) fn won_by_age(&mut self) {
        let Meant::Service(service) = self.dialled.meant else {
            return;
        };
        if self.walk.verdict != Verdict::Open {
            return;
        }
        let (store, proxy, port) = (self.walk.store, &self.walk.class.proxy, self.walk.port);
        let index = service.ports.iter().position(|p| p.number == port);
        let ledger = self.walk.ledger();
        let own = |id: EntryId| match ledger.get(id).map(|e| &e.step) {
            Some(Step::Put { of, port, .. }) => self.is_meant(*of) && Some(*port) == index,
            Some(Step::Import { of, .. }) => self.is_meant(*of),
            _ => false,
        };
        // Of one name and one namespace they are one service where they resolve alike, whichever comes first.
        let joined = |a: ObjectId, b: ObjectId| {
            let find = |id: ObjectId| store.services.iter().find(|s| s.object == id);
            let of = |s: &Service| (s.hostname.clone(), s.namespace.clone(), s.resolution);
            find(a).map(of) == find(b).map(of)
        };
        let lost = ledger.entries().find_map(|(_, e)| {
            let Fate::Dropped(reason) = &e.fate else {
                return None;
            };
            let first = age::holder(reason).filter(|by| own(*by))?;
            let first = ledger.get(first)?.step.object();
            let loser = e.step.object();
            let why = age::undecided(store, proxy, reason, loser, first)?;
            (!joined(first, loser)).then_some((first, loser, why))
        });
        let Some((first, loser, why)) = lost else {
            return;
        };
        let (one, other) = (self.walk.name_of(first), self.walk.name_of(loser));
        self.walk.verdict = Verdict::Unknown;
        let (undetermined, what, fix) = match why {
            Undecided::Age => (
                "unknown: which of two services is the older one",
                format!("whether {one} is older than {other}"),
                format!(
                    "the older one keeps {port}: ask with the creation times, as `kubectl get -o yaml` prints them"
                ),
            ),
            Undecided::Chance => (
                "undetermined: istiod takes one of several by chance",
                format!("whether istiod takes {one} or {other} for {port}"),
                BY_CHANCE.to_owned(),
            ),
        };
        self.undetermined = Some(undetermined);
        self.walk.unknowns.push(Unknown {
            what,
            fix,
            commands: Vec::new(),
        });
    }

    /// Whether creation times would tell which one is found.
    fn ages_decide(&self, one: Served, other: Served) -> bool {
        let ageless = |of: Served| {
            let object = self.walk.store.snapshot.get(of.service);
            object.is_some_and(|o| o.meta.creation_timestamp.is_none())
        };
        one.service != other.service && (ageless(one) || ageless(other))
    }

    /// What is dialled, what might be found in its place or it in place of, and the decision about the one of the two
    /// that prediction leaves out.
    fn chances(&self) -> Option<(Served, Served, EntryId)> {
        let Meant::Service(service) = self.dialled.meant else {
            return None;
        };
        let ledger = self.walk.ledger();
        let address = service.addresses.iter();
        let mut address = address
            .enumerate()
            .filter(|(_, a)| **a == self.dialled.address);
        let address = address.next().map_or(0, |(n, _)| n);
        let own = |of: &Served| {
            of.service == service.object && of.host == service.host && of.address == address
        };
        let import = |id: EntryId| match ledger.get(id).map(|e| &e.step) {
            Some(Step::Import { of, .. }) => Some(*of),
            _ => None,
        };
        let mut found: Option<(Served, Served, EntryId)> = None;
        for (id, entry) in ledger.entries() {
            let Step::Import { of, .. } = &entry.step else {
                continue;
            };
            match &entry.fate {
                Fate::Dropped(Reason::OnlyOneFound {
                    by,
                    by_chance: true,
                }) => {
                    let by_own = import(*by).is_some_and(|by| own(&by));
                    if own(of) || by_own {
                        found = found.or(Some((import(*by)?, *of, id)));
                    }
                }
                // Another entry of the Sidecar takes it in for certain.
                Fate::Effective(_) if own(of) && !self.displaces_by_chance(id) => return None,
                _ => {}
            }
        }
        found
    }

    /// Whether a service that is found stands in the place of others by chance.
    fn displaces_by_chance(&self, id: EntryId) -> bool {
        let mut entries = self.walk.ledger().entries();
        entries.any(|(_, e)| {
            matches!(&e.fate, Fate::Dropped(Reason::OnlyOneFound { by, by_chance: true }) if *by == id)
        })
    }

    /// One address of a service, else the object.
    fn named(&self, of: Served) -> String {
        let mut services = self.walk.store.services.iter();
        let service = services.find(|s| s.object == of.service && s.host == of.host);
        let address = service.and_then(|s| s.addresses.get(of.address));
        match address.and_then(|a| a.parse::<std::net::IpAddr>().ok()) {
            Some(ip) if !ip.is_unspecified() => dialled::with_port(&ip.to_string(), self.walk.port),
            _ => self.walk.name_of(of.service),
        }
    }

    /// The cluster of what nobody declared.
    fn rest_leads_to(&self) -> Option<&str> {
        let listeners = &self.walk.config().listeners;
        let rest = listeners.iter().find(|l| l.name == "virtualOutbound")?;
        let last = rest.chains.last()?;
        last.clusters.first().map(|(name, _)| name.as_str())
    }
}
