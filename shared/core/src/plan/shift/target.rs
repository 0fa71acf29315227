//! Which rules are meant by a host, a Service or a VirtualService.

use std::collections::BTreeSet;

use super::group::short_host;
use super::{Request, Unclear, candidate};
use crate::plan::route::{self, RuleRef, Uses};
use crate::predict::hosts::{MESH, is_subset, resolve_short_name};
use crate::predict::store::{Store, VirtualService};
use crate::walk::{Class, sidecars_by_outlook};

/// The rules that a request means, each with its uses.
pub(super) fn named(
    store: &Store<'_>,
    classes: &[Class],
    request: &Request,
) -> Result<Vec<(RuleRef, Uses)>, Unclear> {
    let target = Target::of(request, &store.mesh.domain);
    let all = route::all(store);
    let means = |rule: &&RuleRef| {
        let vs = store.declared_virtual_service(rule.object);
        vs.is_some_and(|vs| target.means(store, vs, **rule))
    };
    let mut meant = all.iter().filter(means);
    let sidecars = if meant.any(|rule| is_for_mesh(store, *rule)) {
        sidecars_by_outlook(store)
    } else {
        Vec::new()
    };
    let named: Vec<(RuleRef, Uses)> = all
        .iter()
        .filter(means)
        .map(|rule| (*rule, route::uses(store, classes, &sidecars, *rule)))
        .collect();
    if named.is_empty() {
        return Err(unknown(store, &all, request));
    }
    let left: Vec<(RuleRef, Uses)> = named
        .iter()
        .filter(|(rule, uses)| narrowed(store, request, *rule, uses))
        .cloned()
        .collect();
    if left.is_empty() {
        let candidates = named.iter();
        return Err(Unclear::NoneLeft(
            candidates
                .filter_map(|(rule, uses)| candidate(store, classes, *rule, uses))
                .collect(),
        ));
    }
    Ok(left)
}

/// Whether sidecars may use a rule.
fn is_for_mesh(store: &Store<'_>, rule: RuleRef) -> bool {
    let vs = store.virtual_service(rule.object);
    vs.is_some_and(|vs| vs.gateways.iter().any(|g| g == MESH))
}

/// A target as it was typed, ready to be compared.
pub(super) enum Target<'r> {
    VirtualService {
        name: &'r str,
        namespace: Option<&'r str>,
    },
    Word {
        word: &'r str,
        /// Full names that it could mean.
        hosts: Vec<String>,
        /// Any service with this name.
        name: Option<&'r str>,
        namespace: Option<&'r str>,
    },
}

impl<'r> Target<'r> {
    fn of(request: &'r Request, domain: &str) -> Self {
        let namespace = request.namespace.as_deref();
        let text = request.target.as_str();
        let (kind, rest) = text.split_once('/').unwrap_or(("", text));
        let word = match kind.to_ascii_lowercase().as_str() {
            "vs"
            | "virtualservice"
            | "virtualservices"
            | "virtualservice.networking.istio.io"
            | "virtualservices.networking.istio.io" => {
                return Self::VirtualService {
                    name: rest,
                    namespace,
                };
            }
            "svc" | "service" | "services" => rest,
            _ => text,
        };
        let mut hosts = vec![word.to_owned()];
        let mut name = None;
        match (word.split_once('/'), namespace) {
            (Some((namespace, service)), _) => {
                hosts = vec![format!("{service}.{namespace}.svc.{domain}")];
            }
            (None, Some(namespace)) if !word.contains('.') => {
                hosts.push(format!("{word}.{namespace}.svc.{domain}"));
            }
            (None, None) if !word.contains('.') => name = Some(word),
            _ => {
                hosts.push(format!("{word}.svc.{domain}"));
                hosts.push(format!("{word}.{domain}"));
            }
        }
        Self::Word {
            word,
            hosts,
            name,
            namespace,
        }
    }

    fn means(&self, store: &Store<'_>, vs: &VirtualService<'_>, rule: RuleRef) -> bool {
        match self {
            Self::VirtualService { name, namespace } => {
                vs.object.key.name == *name && namespace.is_none_or(|ns| ns == vs.namespace())
            }
            Self::Word {
                word,
                hosts,
                name,
                namespace,
            } => {
                let domain = &store.mesh.domain;
                let service = |host: &str| {
                    let short = host.strip_suffix(&format!(".svc.{domain}"));
                    let short = short.and_then(|h| h.split_once('.')).map(|(n, _)| n);
                    hosts.iter().any(|h| h == host) || (name.is_some() && short == *name)
                };
                let leads = route::destinations(vs, rule).iter().any(|d| {
                    service(&resolve_short_name(
                        &d.destination.host,
                        vs.namespace(),
                        domain,
                    ))
                });
                let covers = |host: &String| {
                    service(host) || (host != "*" && host.starts_with('*') && is_subset(word, host))
                };
                let own = namespace.is_none_or(|ns| ns == vs.namespace());
                leads
                    || (own
                        && (vs.hosts.iter().any(covers)
                            || route::written_names(vs, rule).iter().any(covers)))
            }
        }
    }
}

pub(super) fn narrowed(store: &Store<'_>, request: &Request, rule: RuleRef, uses: &Uses) -> bool {
    let Some(vs) = store.declared_virtual_service(rule.object) else {
        return false;
    };
    let by_number = request
        .rule
        .is_none_or(|(block, index)| block.is_none_or(|b| b == rule.block) && index == rule.index);
    let by_port = request.port.is_none_or(|port| {
        let used = uses.ports();
        if used.is_empty() {
            let written = route::written_ports(vs, rule);
            written.is_empty() || written.contains(&port)
        } else {
            used.contains(&port)
        }
    });
    let by_name = request.sni.as_ref().is_none_or(|sni| {
        let names = route::written_names(vs, rule);
        let names = if names.is_empty() {
            vs.hosts.clone()
        } else {
            names
        };
        names.iter().any(|name| is_subset(sni, name))
    });
    by_number && by_port && by_name
}

/// Nothing is named so: what is?
pub(super) fn unknown(store: &Store<'_>, all: &[RuleRef], request: &Request) -> Unclear {
    let mut known = BTreeSet::new();
    let mine = |ns: &str| request.namespace.as_deref().is_none_or(|own| own == ns);
    for rule in all {
        let Some(vs) = store
            .declared_virtual_service(rule.object)
            .filter(|vs| mine(vs.namespace()))
        else {
            continue;
        };
        for destination in route::destinations(vs, *rule) {
            let host = &destination.destination.host;
            let host = resolve_short_name(host, vs.namespace(), &store.mesh.domain);
            known.insert(short_host(&host, vs.namespace(), &store.mesh.domain));
        }
    }
    let name = request.target.as_str();
    Unclear::Unknown {
        known: known.into_iter().collect(),
        virtual_service: store
            .declared_virtual_services()
            .any(|vs| vs.object.key.name == name && mine(vs.namespace())),
    }
}
