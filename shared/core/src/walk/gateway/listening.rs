//! From the listener on: filter chains, routes, clusters, endpoints.

use super::{Subject, Walk, leads_round, outside};
use crate::causes::Symptom;
use crate::ledger::{Block, Effect, EntryId, Fate, Reason, Step};
use crate::predict::envoy;
use crate::predict::{Config, FilterChain, RouteAction};
use crate::report::{HopStatus, Verdict};
use crate::snapshot::views::{self, AsView};
use crate::walk::culprits::{self, Missing};
use crate::walk::names::{self, cluster_name, counted};
use crate::walk::narrow;

pub(super) fn chains_of<'w>(config: &'w Config, subject: &Subject<'_>) -> Vec<&'w FilterChain> {
    config
        .listeners
        .iter()
        .flat_map(|l| &l.chains)
        .filter(|c| Some(c.origin) == subject.chains)
        .collect()
}

/// `address:port` of the listener that has a server's chains; HTTP servers share one.
pub(super) fn listener_name(config: &Config, subject: &Subject<'_>) -> Option<String> {
    let Fate::Effective(Effect::Chains { listener, .. }) = subject.fate else {
        return None;
    };
    let found = config.listeners.iter().find(|l| l.name == *listener)?;
    Some(if found.address.contains(':') {
        format!("[{}]:{}", found.address, found.port)
    } else {
        format!("{}:{}", found.address, found.port)
    })
}

/// A clause that is used, and the clusters it names with their weights.
type Used = (Option<EntryId>, Vec<(String, u32)>);

/// The servers listen: routes, clusters and endpoints.
pub(super) fn through(walk: &mut Walk<'_, '_>, listening: &[&Subject<'_>]) -> Option<String> {
    let first = listening.first()?;
    walk.ok(
        "server",
        Some(first.gateway.id),
        listening.iter().map(|s| s.in_words()).collect(),
    );
    let taking = match &walk.question.sni {
        Some(sni) if !taken_by_anyone(walk, listening) => {
            let Some(chain) = chain_for(walk, listening, sni) else {
                no_chain(walk, first, sni);
                return None;
            };
            Some(chain)
        }
        _ => None,
    };
    let mut routes: Vec<String> = Vec::new();
    let mut clusters: Vec<(String, u32)> = Vec::new();
    let mut route_object = None;
    let mut clauses: Vec<EntryId> = Vec::new();
    let mut without_route = None;
    for subject in listening {
        let Some(chains) = subject.chains else {
            continue;
        };
        let found: Vec<&FilterChain> = chains_of(walk.config(), subject)
            .into_iter()
            .filter(|c| taking.is_none_or(|taking| std::ptr::eq(*c, taking)))
            .collect();
        let mut used: Vec<Used> = if is_http(subject, &found) {
            http_routes(walk, subject, &found)
        } else {
            found
                .iter()
                .map(|c| (c.clause, c.clusters.clone()))
                .collect()
        };
        used.dedup();
        if used.is_empty() && taking.is_none() {
            without_route.get_or_insert(*subject);
        }
        for (clause, named) in used {
            if let Some(step) = clause.and_then(|id| walk.ledger().get(id)).map(|e| &e.step) {
                route_object.get_or_insert(step.object());
                let line = clause_in_words(walk, step);
                if !routes.contains(&line) {
                    routes.push(line);
                }
            }
            clauses.extend(clause);
            for cluster in named {
                if !clusters.iter().any(|(name, _)| *name == cluster.0) {
                    clusters.push(cluster);
                }
            }
        }
        for (id, by) in culprits::displaced(walk.ledger(), chains) {
            walk.tell(id, Symptom::Displaced { by });
        }
        let taken: Vec<EntryId> = walk
            .ledger()
            .under(chains)
            .flat_map(|(a, _)| walk.ledger().under(a))
            .filter(|(_, e)| {
                matches!(
                    e.fate,
                    Fate::Dropped(
                        Reason::SniTaken { .. }
                            | Reason::DelegateMissing { .. }
                            | Reason::DelegateConflict
                            | Reason::AfterCatchAll { .. }
                    )
                )
            })
            .map(|(id, _)| id)
            .collect();
        let not_stored = walk
            .ledger()
            .under(chains)
            .filter(|(_, e)| matches!(e.fate, Fate::Dropped(Reason::NotStored { .. })))
            .map(|(id, _)| id);
        let taken: Vec<EntryId> = not_stored.chain(taken).collect();
        for id in taken {
            walk.tell_dropped(id);
        }
    }
    if routes.is_empty() && clusters.is_empty() {
        let subject = without_route.unwrap_or(first);
        no_http_route(walk, subject);
        return None;
    }
    if routes.is_empty() {
        routes.push(format!("by SNI, to {}", counted(clusters.len(), "cluster")));
    }
    walk.ok("route", route_object, routes);
    let listener = listener_name(walk.config(), first).unwrap_or_default();
    if refused(walk, first, &listener) || outside::barred(walk, listening, taking, &listener) {
        return None;
    }
    walk.ok("listener", None, vec![listener]);
    destinations(walk, &clusters, &clauses)
}

/// Whether Envoy refuses the listener of a server; then the connection ends here.
fn refused(walk: &mut Walk<'_, '_>, subject: &Subject<'_>, shown: &str) -> bool {
    let Fate::Effective(Effect::Chains { listener, .. }) = subject.fate else {
        return false;
    };
    let refusals = envoy::refusals(walk.config(), &walk.class.proxy);
    let (Some(refusal), Some(chains)) = (refusals.get(listener), subject.chains) else {
        return false;
    };
    walk.broken(
        "listener",
        None,
        format!("{shown}, refused by Envoy"),
        Verdict::Missing,
    );
    walk.tell(chains, Symptom::Refused(refusal));
    true
}

/// Whether no chain looks at the server name.
fn taken_by_anyone(walk: &Walk<'_, '_>, listening: &[&Subject<'_>]) -> bool {
    let mut chains = listening.iter().flat_map(|s| chains_of(walk.config(), s));
    chains.all(|c| c.sni.is_empty())
}

fn chain_for<'w>(
    walk: &Walk<'w, '_>,
    listening: &[&Subject<'_>],
    sni: &str,
) -> Option<&'w FilterChain> {
    let chains: Vec<&FilterChain> = listening
        .iter()
        .flat_map(|s| chains_of(walk.config(), s))
        .collect();
    narrow::chain_for_sni(&chains, sni)
}

/// The listener is there, but nothing on it takes the client's server name.
fn no_chain(walk: &mut Walk<'_, '_>, subject: &Subject<'_>, sni: &str) {
    let line = format!("no filter chain takes SNI {sni}");
    walk.broken("route", Some(subject.gateway.id), line, Verdict::Missing);
    if let Some(chains) = subject.chains {
        walk.tell(chains, Symptom::NoChainForSni { sni });
    }
}

fn is_http(subject: &Subject<'_>, chains: &[&FilterChain]) -> bool {
    chains.iter().any(|c| c.route.is_some()) || (chains.is_empty() && subject.listens())
}

/// The clauses and clusters of the virtual hosts behind an HTTP server.
fn http_routes(walk: &Walk<'_, '_>, subject: &Subject<'_>, chains: &[&FilterChain]) -> Vec<Used> {
    let own = subject.chains;
    let names: Vec<&String> = chains.iter().filter_map(|c| c.route.as_ref()).collect();
    let routes = walk
        .config()
        .routes
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name))
        .flat_map(|(_, hosts)| match &walk.question.http_host {
            Some(host) => narrow::virtual_host(hosts.iter(), host)
                .into_iter()
                .collect(),
            None => hosts.iter().collect::<Vec<_>>(),
        })
        .flat_map(|h| &h.routes);
    routes
        .filter(|r| {
            walk.ledger().above(r.clause).any(|(id, _)| Some(id) == own) || !names.is_empty()
        })
        .map(|r| match &r.action {
            RouteAction::Clusters(clusters) => (Some(r.clause), clusters.clone()),
            _ => (Some(r.clause), Vec::new()),
        })
        .collect()
}

/// An HTTP server listens but has no route: every request is answered 404.
fn no_http_route(walk: &mut Walk<'_, '_>, subject: &Subject<'_>) {
    let listener = listener_name(walk.config(), subject).unwrap_or_default();
    let other_hosts = walk
        .config()
        .routes
        .values()
        .flatten()
        .any(|h| !h.routes.is_empty());
    let line = match &walk.question.http_host {
        Some(host) if other_hosts => format!("no virtual host for {host}: it is answered 404"),
        _ => "no HTTP route: every request is answered 404".to_owned(),
    };
    walk.broken(
        "route",
        Some(subject.gateway.id),
        line,
        Verdict::LeadsNowhere,
    );
    if refused(walk, subject, &listener) {
        return;
    }
    walk.ok("listener", None, vec![listener]);
    let Some(chains) = subject.chains else { return };
    let Missing { culprits, .. } = culprits::of_missing_route(walk.store, walk.ledger(), chains);
    match &walk.question.http_host {
        Some(host) if other_hosts => {
            walk.tell(chains, Symptom::NoVirtualHost { host });
            return;
        }
        _ if culprits.is_empty() => {
            walk.tell(chains, Symptom::NoHttpRoute);
        }
        _ => {}
    }
    for culprit in culprits {
        walk.tell_dropped(culprit);
    }
}

fn clause_in_words(walk: &Walk<'_, '_>, step: &Step) -> String {
    let Step::Clause {
        virtual_service,
        block,
        rule,
        r#match,
    } = step
    else {
        return String::new();
    };
    let name = walk.name_of(*virtual_service);
    let place = format!("VirtualService {name}, {}[{rule}]", block.field());
    let spec = walk
        .store
        .snapshot
        .get(*virtual_service)
        .and_then(|o| views::VirtualService::of(&o.view));
    let sni = match (block, r#match, spec) {
        (Block::Tls, Some(n), Some(v)) => v
            .spec
            .tls
            .get(*rule)
            .and_then(|r| r.r#match.get(*n))
            .map(|m| m.sni_hosts.join(", ")),
        _ => None,
    };
    sni.map_or(place.clone(), |sni| format!("{place}, SNI {sni}"))
}

/// The destinations that lead back to the listener that they come from.
fn leads_back(
    walk: &Walk<'_, '_>,
    clusters: &[(String, u32)],
    clauses: &[EntryId],
) -> Vec<EntryId> {
    let round = leads_round(walk.class);
    let used = |name: &str| round.contains(name) && clusters.iter().any(|(used, _)| used == name);
    let under = clauses
        .iter()
        .flat_map(|clause| walk.ledger().under(*clause));
    under
        .filter(|(_, e)| matches!(&e.fate, Fate::Effective(Effect::Cluster(name)) if used(name)))
        .map(|(id, _)| id)
        .collect()
}

/// The clusters, whether they exist, and their endpoints.
fn destinations(
    walk: &mut Walk<'_, '_>,
    clusters: &[(String, u32)],
    clauses: &[EntryId],
) -> Option<String> {
    let domain = walk.store.mesh.domain.clone();
    let weighted = clusters.len() > 1 && clusters.iter().any(|(_, w)| *w != 100);
    let shares = names::percentages(clusters);
    let broken: Vec<(EntryId, &Reason)> = clauses
        .iter()
        .flat_map(|clause| walk.ledger().under(*clause))
        .filter_map(|(id, e)| match &e.fate {
            Fate::Dropped(Reason::ZeroWeight) => None,
            Fate::Dropped(reason) => Some((id, reason)),
            _ => None,
        })
        .collect();
    let back = leads_back(walk, clusters, clauses);
    let goes_round = !back.is_empty() && clusters.len() == 1;
    let absent = broken
        .iter()
        .find(|(_, r)| !matches!(r, Reason::NoEndpoints { .. }));
    let lines: Vec<String> = clusters
        .iter()
        .zip(&shares)
        .map(|((name, _), share)| {
            let known = cluster_name(name, &domain);
            let exists = walk.config().clusters.contains_key(name);
            let remark = if exists { "" } else { ", which does not exist" };
            if weighted {
                format!("{share:>2}%  {known}{remark}")
            } else {
                format!("{known}{remark}")
            }
        })
        .collect();
    let status = if absent.is_some() {
        HopStatus::Broken
    } else {
        HopStatus::Ok
    };
    walk.hop("cluster", status, None, lines);
    if !broken.is_empty() {
        walk.verdict = walk.verdict.max(Verdict::LeadsNowhere);
    }
    if absent.is_none() {
        let each: Vec<String> = clusters
            .iter()
            .map(|(name, _)| {
                let ready = names::endpoints(walk.config(), name);
                match names::parts(name).map(|(_, subset, host)| (subset, host)) {
                    Some((subset, _)) if weighted && !subset.is_empty() => {
                        format!("{subset} {ready}")
                    }
                    Some((_, host)) if clusters.len() > 1 => {
                        format!("{} {ready}", host.split('.').next().unwrap_or(host))
                    }
                    _ => ready,
                }
            })
            .collect();
        let status = if broken.is_empty() && !goes_round {
            HopStatus::Ok
        } else {
            HopStatus::Broken
        };
        let lines = if goes_round {
            vec!["the gateway itself: the connection goes round".to_owned()]
        } else if weighted {
            vec![each.join(", ")]
        } else {
            each
        };
        walk.hop("endpoints", status, None, lines);
    }
    for (id, _) in broken {
        walk.tell_dropped(id);
    }
    if !back.is_empty() {
        walk.verdict = walk.verdict.max(Verdict::LeadsNowhere);
    }
    for id in back {
        walk.tell(id, Symptom::LeadsRound);
    }
    let shown: Vec<(String, u32)> = if weighted {
        clusters.to_vec()
    } else {
        clusters.iter().take(1).cloned().collect()
    };
    match (weighted, clusters.len()) {
        (false, 2..) => Some(format!("it leads to {} clusters", clusters.len())),
        _ => Some(names::lead(&shown, &domain)),
    }
}
