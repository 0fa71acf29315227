//! Route configurations of HTTP and terminated HTTPS servers.
//! After istio `core/gateway.go:buildGatewayHTTPRouteConfig`, `core/route/route.go` and
//! `model/virtualservice.go:mergeHTTPRoutes` (1.31).

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Cluster, Listener, Route, RouteAction, VirtualHost};
use super::gateway::{
    BoundServer, Context, Merged, Place, attach, candidates, destinations, selects,
};
use super::hosts::{self, hosts_for_namespace, resolve_gateway_name};
use super::sidecar::Listed;
use super::store::{Store, VirtualService};
use crate::ledger::{Block, Effect, EntryId, Ledger, Reason, Step};
use crate::snapshot::Kind;
use crate::snapshot::views::{HttpMatch, HttpRoute, StringMatch};

/// The route configurations that the listeners name.
pub(super) fn routes(
    context: &mut Context<'_, '_>,
    merged: &Merged<'_>,
    listeners: &[Listener],
    clusters: &mut BTreeMap<String, Cluster>,
) -> BTreeMap<String, Vec<VirtualHost>> {
    let chains = listeners.iter().flat_map(|l| &l.chains);
    let named: BTreeMap<&str, EntryId> = chains
        .filter_map(|c| c.route.as_deref().map(|route| (route, c.origin)))
        .collect();
    named
        .into_iter()
        .filter_map(|(name, origin)| {
            let servers = merged.by_route.get(name)?;
            let servers: Vec<_> = servers
                .iter()
                .filter_map(|n| merged.servers.get(*n))
                .collect();
            Some((
                name.to_owned(),
                virtual_hosts(context, &servers, origin, clusters),
            ))
        })
        .collect()
}

/// The `Chains` entry of a server; routes stand under it.
fn chains_entry(context: &Context<'_, '_>, server: &BoundServer<'_>) -> Option<EntryId> {
    context.ledger.under(server.entry).map(|(id, _)| id).next()
}

fn virtual_hosts(
    context: &mut Context<'_, '_>,
    servers: &[&BoundServer<'_>],
    origin: EntryId,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<VirtualHost> {
    let mut found: BTreeMap<String, VirtualHost> = BTreeMap::new();
    // Built once for a Gateway and VirtualService, with the declared number of the first server that gets routes.
    let mut built: BTreeMap<(&str, String), Vec<Route>> = BTreeMap::new();
    for server in servers {
        let facts = &server.facts;
        let chains = chains_entry(context, server).unwrap_or(origin);
        let redirects = facts.view.tls.as_ref().is_some_and(|t| t.https_redirect);
        for vs in candidates(context, facts.gateway_name) {
            let step = Step::Attachment {
                virtual_service: vs.object.id,
            };
            let attachment = context.ledger.open(step, Some(chains));
            let outcome = attach_http(context, vs, server).map(|hosts| (hosts, Effect::Attached));
            let Some(common) = context.ledger.settle(attachment, outcome) else {
                continue;
            };
            let key = (facts.gateway_name, vs.object.qualified());
            if !built.contains_key(&key) {
                let at = At {
                    gateway: facts.gateway_name,
                    port: facts.number,
                    listed: None,
                };
                let routes = vs_routes(context, vs, &at, attachment, clusters);
                // Without any route istiod keeps nothing: the next server asks again, with its own number.
                if !routes.is_empty() {
                    built.insert(key.clone(), routes);
                }
            }
            let Some(routes) = built.get(&key).filter(|routes| !routes.is_empty()) else {
                continue;
            };
            for host in common {
                let host = host.to_lowercase();
                let virtual_host = found.entry(host.clone()).or_insert_with(|| VirtualHost {
                    domains: vec![host],
                    routes: Vec::new(),
                    require_tls: false,
                });
                virtual_host.routes.extend(routes.iter().cloned());
                virtual_host.require_tls |= redirects;
            }
        }
        for host in facts
            .hosts
            .iter()
            .filter(|_| redirects)
            .map(|h| h.to_lowercase())
        {
            found
                .entry(host.clone())
                .or_insert_with(|| VirtualHost {
                    domains: vec![host],
                    routes: Vec::new(),
                    require_tls: true,
                })
                .require_tls = true;
        }
    }
    if found.is_empty() {
        return vec![VirtualHost {
            domains: vec!["*".to_owned()],
            routes: Vec::new(),
            require_tls: false,
        }];
    }
    let mut hosts = collapse(found);
    for host in &mut hosts {
        host.routes.sort_by_key(|route| route.catch_all);
    }
    hosts
}

/// Joins virtual hosts with the very same routes, the most specific first. One that cannot be joined is what later
/// ones are held against: those before it are forgotten. After `core/gateway.go:collapseDuplicateRoutes`.
fn collapse(found: BTreeMap<String, VirtualHost>) -> Vec<VirtualHost> {
    let mut sorted: Vec<(String, VirtualHost)> = found.into_iter().collect();
    sorted.sort_by_key(|(host, _)| {
        let wildcard = host.starts_with('*');
        (wildcard, std::cmp::Reverse(host.len()), host.clone())
    });
    let mut hosts: Vec<VirtualHost> = Vec::new();
    let mut known: BTreeMap<Vec<EntryId>, usize> = BTreeMap::new();
    for (_, host) in sorted {
        let routes: Vec<EntryId> = host.routes.iter().map(|r| r.clause).collect();
        let last = known.get(&routes).and_then(|n| hosts.get_mut(*n));
        match last.filter(|last| last.require_tls == host.require_tls) {
            Some(last) => last.domains.extend(host.domains),
            None => {
                known.insert(routes, hosts.len());
                hosts.push(host);
            }
        }
    }
    hosts
}

/// The common hosts of a VirtualService and an HTTP server.
fn attach_http(
    context: &Context<'_, '_>,
    vs: &VirtualService<'_>,
    server: &BoundServer<'_>,
) -> Result<Vec<String>, Reason> {
    attach(context, vs, &server.facts)?;
    let own: Vec<&str> = hosts_for_namespace(&server.facts.hosts, vs.namespace())
        .map(|(_, h)| h)
        .collect();
    let wanted: Vec<&str> = vs.hosts.iter().map(String::as_str).collect();
    let common = hosts::intersection(&own, &wanted);
    if common.is_empty() {
        return Err(Reason::HostMismatch);
    }
    if vs.spec.http.is_empty() {
        return Err(Reason::NoBlock {
            needed: Block::Http,
        });
    }
    Ok(common)
}

/// A rule with the VirtualService that it is written in: the root itself, or its delegate.
pub(super) struct Rule<'r, 'a> {
    pub(super) vs: &'r VirtualService<'a>,
    index: usize,
    pub(super) matches: Vec<HttpMatch>,
    pub(super) view: &'a HttpRoute,
    direct_response: Option<u32>,
}

/// Where the rules of a VirtualService are used.
pub(super) struct At<'p> {
    /// The Gateway, or `mesh`.
    pub(super) gateway: &'p str,
    /// The declared number, or the sidecar's port.
    pub(super) port: u32,
    /// The services of that port of a sidecar.
    pub(super) listed: Option<&'p Listed<'p>>,
}

/// The routes of one VirtualService at one server, up to the first that takes every request.
pub(super) fn vs_routes<'s, 'a>(
    context: &mut Context<'s, 'a>,
    vs: &'s VirtualService<'a>,
    at: &At<'_>,
    attachment: EntryId,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<Route> {
    let mut found: Vec<Route> = Vec::new();
    let mut end: Option<EntryId> = None;
    for rule in rules(context.store, &mut context.ledger, vs, attachment) {
        let each: Vec<(Option<usize>, Option<&HttpMatch>)> = if rule.matches.is_empty() {
            vec![(None, None)]
        } else {
            rule.matches
                .iter()
                .enumerate()
                .map(|(n, m)| (Some(n), Some(m)))
                .collect()
        };
        for (n, m) in each {
            let step = Step::Clause {
                virtual_service: rule.vs.object.id,
                block: Block::Http,
                rule: rule.index,
                r#match: n,
            };
            let clause = context.ledger.open(step, Some(attachment));
            let outcome = match end {
                Some(by) => Err(Reason::AfterCatchAll { by }),
                None => fits(context, m, n.unwrap_or(0), at, rule.vs.namespace()),
            };
            if context
                .ledger
                .settle(clause, outcome.map(|()| ((), Effect::Used)))
                .is_none()
            {
                continue;
            }
            let place = Place {
                vs: rule.vs,
                root: vs.namespace(),
                block: Block::Http,
                rule: rule.index,
                clause,
                declared: at.port,
                listed: at.listed,
            };
            let action = if rule.view.redirect.is_some() {
                RouteAction::Redirect
            } else if let Some(status) = rule.direct_response {
                RouteAction::DirectResponse(status)
            } else {
                RouteAction::Clusters(destinations(context, &place, &rule.view.route, clusters))
            };
            let (matches, catch_all) = words(m);
            found.push(Route {
                matches: Some(matches),
                action,
                clause,
                catch_all,
            });
            if catch_all || m.is_none() {
                end = Some(clause);
            }
        }
    }
    found
}

/// The rules of a VirtualService with those of its delegates in their places.
pub(super) fn rules<'r, 'a>(
    store: &'r Store<'a>,
    ledger: &mut Ledger,
    vs: &'r VirtualService<'a>,
    attachment: EntryId,
) -> Vec<Rule<'r, 'a>> {
    let mut found = Vec::new();
    for (index, route) in vs.spec.http.iter().enumerate() {
        let status = route.direct_response.as_ref().map(|d| d.status);
        let Some(delegate) = &route.delegate else {
            let matches = route.r#match.clone();
            found.push(Rule {
                vs,
                index,
                matches,
                view: route,
                direct_response: status,
            });
            continue;
        };
        let namespace = if delegate.namespace.is_empty() {
            vs.namespace()
        } else {
            &delegate.namespace
        };
        let target = store
            .snapshot
            .find(Kind::VirtualService, namespace, &delegate.name)
            .and_then(|object| store.virtual_service(object.id))
            .filter(|d| d.hosts.is_empty() && d.visibility.includes(vs.namespace()));
        let step = Step::Clause {
            virtual_service: vs.object.id,
            block: Block::Http,
            rule: index,
            r#match: None,
        };
        let entry = ledger.open(step, Some(attachment));
        let outcome = target
            .ok_or_else(|| Reason::DelegateMissing {
                name: format!("{namespace}/{}", delegate.name),
            })
            .and_then(|target| match &target.unseen {
                Some(why) => Err(Reason::Unseen(why.clone())),
                None => Ok(target),
            })
            .map(|target| (target, Effect::Used));
        let Some(target) = ledger.settle(entry, outcome) else {
            continue;
        };
        for (n, inner) in target.spec.http.iter().enumerate() {
            let Some(matches) = merge_matches(vs, &route.r#match, target, &inner.r#match) else {
                let step = Step::Clause {
                    virtual_service: target.object.id,
                    block: Block::Http,
                    rule: n,
                    r#match: None,
                };
                let entry = ledger.open(step, Some(attachment));
                ledger.settle::<()>(entry, Err(Reason::DelegateConflict));
                continue;
            };
            let direct_response = inner.direct_response.as_ref().map(|d| d.status).or(status);
            found.push(Rule {
                vs: target,
                index: n,
                matches,
                view: inner,
                direct_response,
            });
        }
    }
    found
}

/// The matches of a delegate's rule within the matches of the root's: each must be a subset of one of them.
fn merge_matches(
    root_vs: &VirtualService<'_>,
    root: &[HttpMatch],
    delegate_vs: &VirtualService<'_>,
    delegate: &[HttpMatch],
) -> Option<Vec<HttpMatch>> {
    let resolved = |vs: &VirtualService<'_>, m: &HttpMatch| {
        let mut m = m.clone();
        for gateway in &mut m.gateways {
            *gateway = resolve_gateway_name(gateway, vs.namespace());
        }
        m
    };
    let root: Vec<HttpMatch> = root.iter().map(|m| resolved(root_vs, m)).collect();
    let delegate: Vec<HttpMatch> = delegate.iter().map(|m| resolved(delegate_vs, m)).collect();
    if root.is_empty() {
        return Some(delegate);
    }
    if delegate.is_empty() {
        return Some(root);
    }
    let mut merged = Vec::new();
    for inner in &delegate {
        let before = merged.len();
        merged.extend(
            root.iter()
                .filter(|outer| !conflict(outer, inner))
                .map(|outer| merge_match(outer, inner)),
        );
        if merged.len() == before {
            return None;
        }
    }
    Some(merged)
}

fn merge_match(root: &HttpMatch, delegate: &HttpMatch) -> HttpMatch {
    let mut merged = delegate.clone();
    let or = |own: &Option<StringMatch>, outer: &Option<StringMatch>| {
        own.clone().or_else(|| outer.clone())
    };
    merged.uri = or(&delegate.uri, &root.uri);
    merged.scheme = or(&delegate.scheme, &root.scheme);
    merged.method = or(&delegate.method, &root.method);
    merged.authority = or(&delegate.authority, &root.authority);
    for (own, outer) in [
        (&mut merged.headers, &root.headers),
        (&mut merged.without_headers, &root.without_headers),
        (&mut merged.query_params, &root.query_params),
    ] {
        for (name, value) in outer {
            own.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    for (key, value) in &root.source_labels {
        if !merged.source_labels.contains_key(key) {
            merged.source_labels.insert(key.clone(), value.clone());
        }
    }
    if merged.port == 0 {
        merged.port = root.port;
    }
    if merged.source_namespace.is_empty() {
        merged.source_namespace.clone_from(&root.source_namespace);
    }
    if merged.gateways.is_empty() {
        merged.gateways.clone_from(&root.gateways);
    }
    merged
}

/// Whether a delegate's match is no subset of the root's.
fn conflict(root: &HttpMatch, leaf: &HttpMatch) -> bool {
    let pair =
        |a: &Option<StringMatch>, b: &Option<StringMatch>| strings_conflict(a.as_ref(), b.as_ref());
    let maps = |a: &BTreeMap<String, StringMatch>, b: &BTreeMap<String, StringMatch>| {
        b.iter()
            .any(|(name, value)| strings_conflict(a.get(name), Some(value)))
    };
    pair(&root.uri, &leaf.uri)
        || pair(&root.scheme, &leaf.scheme)
        || pair(&root.method, &leaf.method)
        || pair(&root.authority, &leaf.authority)
        || maps(&root.headers, &leaf.headers)
        || maps(&root.without_headers, &leaf.without_headers)
        || maps(&root.query_params, &leaf.query_params)
        || root.ignore_uri_case != leaf.ignore_uri_case
        || (root.port > 0 && leaf.port > 0 && root.port != leaf.port)
        || (!root.source_namespace.is_empty() && root.source_namespace != leaf.source_namespace)
        || leaf
            .source_labels
            .iter()
            .any(|(k, v)| root.source_labels.get(k).is_some_and(|r| r != v))
        || gateways_conflict(&root.gateways, &leaf.gateways)
}

fn gateways_conflict(root: &[String], leaf: &[String]) -> bool {
    let known: BTreeSet<&String> = root.iter().collect();
    !root.is_empty()
        && !leaf.is_empty()
        && (root.len() < leaf.len() || leaf.iter().any(|g| !known.contains(g)))
}

fn strings_conflict(root: Option<&StringMatch>, leaf: Option<&StringMatch>) -> bool {
    let (Some(root), Some(leaf)) = (root, leaf) else {
        return false;
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (root_exact, root_prefix, root_regex) =
        (text(&root.exact), text(&root.prefix), text(&root.regex));
    let (exact, prefix, regex) = (text(&leaf.exact), text(&leaf.prefix), text(&leaf.regex));
    let any_root = !(root_regex.is_empty() && root_prefix.is_empty() && root_exact.is_empty());
    let any_leaf = !(regex.is_empty() && prefix.is_empty() && exact.is_empty());
    if (!root_regex.is_empty() && any_leaf) || (!regex.is_empty() && any_root) {
        return true;
    }
    if !root_exact.is_empty() {
        return !prefix.is_empty() || exact != root_exact;
    }
    if !root_prefix.is_empty() {
        if !prefix.is_empty() {
            return !prefix.starts_with(&root_prefix);
        }
        if !exact.is_empty() {
            return !exact.starts_with(&root_prefix);
        }
    }
    true
}

/// Whether a match is for this server and this proxy.
fn fits(
    context: &Context<'_, '_>,
    m: Option<&HttpMatch>,
    index: usize,
    at: &At<'_>,
    namespace: &str,
) -> Result<(), Reason> {
    let Some(m) = m else { return Ok(()) };
    if m.port != 0 && m.port != at.port {
        return Err(Reason::PortMismatch {
            r#match: index,
            declared: at.port,
        });
    }
    if !m.gateways.is_empty() {
        let named = m
            .gateways
            .iter()
            .any(|g| resolve_gateway_name(g, namespace) == at.gateway);
        return if named {
            Ok(())
        } else {
            Err(Reason::GatewayMismatch { r#match: index })
        };
    }
    let from_here = selects(&m.source_labels, &context.proxy.labels)
        && (m.source_namespace.is_empty() || m.source_namespace == context.proxy.namespace);
    if from_here {
        Ok(())
    } else {
        Err(Reason::SourceMismatch { r#match: index })
    }
}

/// A match in words, and whether it takes every request.
fn words(m: Option<&HttpMatch>) -> (String, bool) {
    let Some(m) = m else {
        return ("prefix /".to_owned(), true);
    };
    let (path, all_paths) = match &m.uri {
        Some(StringMatch {
            exact: Some(path), ..
        }) => (format!("path {path}"), false),
        Some(StringMatch {
            prefix: Some(path), ..
        }) => (format!("prefix {path}"), path == "/"),
        Some(StringMatch {
            regex: Some(regex), ..
        }) => (format!("regex {regex}"), regex == ".*"),
        _ => ("prefix /".to_owned(), true),
    };
    let claims = |name: &&String| !name.starts_with("@request.auth.claims");
    let mut headers: Vec<&str> = m
        .headers
        .keys()
        .chain(m.without_headers.keys())
        .filter(claims)
        .map(String::as_str)
        .collect();
    headers.sort_unstable();
    for (name, value) in [
        (":method", &m.method),
        (":authority", &m.authority),
        (":scheme", &m.scheme),
    ] {
        if value.is_some() {
            headers.push(name);
        }
    }
    let metadata = m
        .headers
        .keys()
        .chain(m.without_headers.keys())
        .any(|n| !claims(&n));
    let catch_all = all_paths && headers.is_empty() && m.query_params.is_empty() && !metadata;
    let text = headers
        .iter()
        .fold(path, |text, name| format!("{text} header {name}"));
    (text, catch_all)
}
