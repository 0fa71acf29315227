//! From a cluster to a snapshot: the lists that a question needs, all at once.

use std::collections::BTreeSet;

use mesh_core::predict::read_by_name;
use mesh_core::predict::store::Store;
use mesh_core::snapshot::reader::LiveLoader;
use mesh_core::snapshot::{Coverage, Forbidden, Kind, Snapshot};
use mesh_core::walk::{PodsBehind, pods_behind};
use tokio::task::JoinSet;

use super::answer::Refused;
use super::connect::Cluster;
use super::list::{Fresh, Wanted};

/// Where istiod and its mesh configuration are, unless a Deployment shows them elsewhere.
const ISTIO_NAMESPACE: &str = "istio-system";

/// The objects of a cluster, and what was not to be had.
#[derive(Debug)]
pub struct Live {
    /// The objects; what the user may not read stands in its coverage.
    pub snapshot: Snapshot,
    /// Objects that could not be understood.
    pub problems: Vec<String>,
}

/// What one list came to.
enum Listed {
    All(LiveLoader),
    /// Only some namespaces may be read, perhaps none.
    Some(LiveLoader, Forbidden),
}

/// The kinds that decide about listeners, all of them in all namespaces. Endpoints are not among them: istiod reads
/// slices. Of ConfigMaps and Secrets only those with a part in the mesh are asked for, by name.
pub const DECIDING: &[Kind] = &[
    Kind::Namespace,
    Kind::Service,
    Kind::Pod,
    Kind::EndpointSlice,
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Gateway,
    Kind::VirtualService,
    Kind::DestinationRule,
    Kind::ServiceEntry,
    Kind::WorkloadEntry,
    Kind::Sidecar,
    Kind::PeerAuthentication,
    Kind::AuthorizationPolicy,
    Kind::NetworkPolicy,
    Kind::Ingress,
    Kind::IngressClass,
    Kind::KubernetesGateway,
    Kind::EnvoyFilter,
    Kind::WasmPlugin,
    Kind::MutatingWebhookConfiguration,
];

/// Which pods are read. There are more of them than of all the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pods {
    /// Every one.
    All,
    /// Those that a question about this port of the gateways needs.
    BehindPort(u32),
}

/// Where a user with few rights is most likely to have some.
fn namespaces(own: &str) -> BTreeSet<String> {
    [own.to_owned(), ISTIO_NAMESPACE.to_owned()].into()
}

fn behind(pods: &PodsBehind) -> Vec<Wanted> {
    let selectors = pods.labels.iter().map(|labels| {
        let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        Wanted {
            labels: Some(pairs.join(",")).filter(|pairs| !pairs.is_empty()),
            ..Wanted::all(Kind::Pod)
        }
    });
    let own = pods.namespaces.iter();
    let within = own.map(|namespace| Wanted::within(Kind::Pod, namespace));
    selectors.chain(within).collect()
}

impl Cluster {
    /// The objects that decide about listeners, asked for at once. Where the user may not list a kind in all
    /// namespaces, it is read in `own` and in istiod's.
    ///
    /// # Errors
    /// When the API server does not answer, or not with what it should. A missing right is no error.
    pub async fn objects_that_decide(
        &self,
        own: &str,
        fresh: Fresh,
        pods: Pods,
    ) -> Result<Live, Refused> {
        let own = namespaces(own);
        let kinds = DECIDING.iter().copied();
        let mut wanted: Vec<Wanted> = kinds
            .filter(|kind| pods == Pods::All || *kind != Kind::Pod)
            .map(Wanted::all)
            .collect();
        wanted.push(Wanted::one(Kind::ConfigMap, ISTIO_NAMESPACE, "istio"));
        let mut loader = LiveLoader::default();
        let mut coverage = Coverage::default();
        self.round(wanted, &own, fresh, &mut loader, &mut coverage)
            .await?;
        let mut problems = std::mem::take(&mut loader.problems);
        let mut snapshot = loader.finish(coverage);
        // What only the objects themselves name: hardly ever more than a certificate or two.
        let store = Store::new(&snapshot);
        let mut named: Vec<Wanted> = read_by_name(&store)
            .into_iter()
            .filter(|key| {
                let known = snapshot.find(key.kind, &key.namespace, &key.name).is_some();
                !known && !snapshot.coverage.absent.contains(key)
            })
            .map(|key| Wanted::one(key.kind, &key.namespace, &key.name))
            .collect();
        if let Pods::BehindPort(port) = pods {
            named.extend(behind(&pods_behind(&store, port)));
        }
        drop(store);
        if !named.is_empty() {
            let mut more = LiveLoader::default();
            let mut coverage = std::mem::take(&mut snapshot.coverage);
            self.round(named, &own, fresh, &mut more, &mut coverage)
                .await?;
            problems.append(&mut more.problems);
            snapshot.coverage = coverage;
            snapshot = snapshot.extended(more);
        }
        Ok(Live { snapshot, problems })
    }

    /// The pods that an earlier reading left out.
    ///
    /// # Errors
    /// As for [`Cluster::read`].
    pub async fn all_pods(&self, own: &str, fresh: Fresh, read: Live) -> Result<Live, Refused> {
        let Live {
            mut snapshot,
            mut problems,
        } = read;
        let mut more = LiveLoader::default();
        let mut coverage = std::mem::take(&mut snapshot.coverage);
        coverage.forbidden.retain(|f| f.kind != Kind::Pod);
        let wanted = vec![Wanted::all(Kind::Pod)];
        self.round(wanted, &namespaces(own), fresh, &mut more, &mut coverage)
            .await?;
        problems.append(&mut more.problems);
        snapshot.coverage = coverage;
        Ok(Live {
            snapshot: snapshot.extended(more),
            problems,
        })
    }

    /// One round of requests, all at once.
    async fn round(
        &self,
        wanted: Vec<Wanted>,
        own: &BTreeSet<String>,
        fresh: Fresh,
        loader: &mut LiveLoader,
        coverage: &mut Coverage,
    ) -> Result<(), Refused> {
        let mut asked = JoinSet::new();
        for wanted in wanted {
            let (cluster, own) = (self.clone(), own.clone());
            asked.spawn(async move { cluster.list(&wanted, &own, fresh).await });
        }
        while let Some(listed) = asked.join_next().await {
            // A task is never cancelled here, and does not panic.
            let listed =
                listed.map_err(|error| self.failed("was not asked", &error.to_string()))?;
            match listed? {
                Listed::All(read) => loader.join(read),
                Listed::Some(read, forbidden) => {
                    loader.join(read);
                    // Several objects that are asked for by name meet the same lack of a right.
                    if coverage.forbidden_anywhere(forbidden.kind).is_none() {
                        coverage.forbidden.push(forbidden);
                    }
                }
            }
        }
        coverage.forbidden.sort_by_key(|f| f.kind);
        Ok(())
    }

    async fn list(
        &self,
        wanted: &Wanted,
        own: &BTreeSet<String>,
        fresh: Fresh,
    ) -> Result<Listed, Refused> {
        let mut loader = LiveLoader::default();
        let kind = wanted.kind;
        let who = match self.load(wanted, fresh, &mut loader).await {
            // Without its definition there is no object of a kind either.
            Ok(()) => return Ok(Listed::All(loader)),
            Err(Refused::Absent(_)) => {
                loader.absent.extend(wanted.key());
                return Ok(Listed::All(loader));
            }
            Err(Refused::Forbidden { who, .. }) => who,
            Err(other) => return Err(other),
        };
        let mut read_in = BTreeSet::new();
        if wanted.namespace.is_none() && kind.namespaced() {
            for namespace in own {
                let narrowed = Wanted {
                    namespace: Some(namespace.clone()),
                    ..wanted.clone()
                };
                match self.load(&narrowed, fresh, &mut loader).await {
                    Ok(()) | Err(Refused::Absent(_)) => {
                        read_in.insert(namespace.clone());
                    }
                    Err(Refused::Forbidden { .. }) => {}
                    Err(other) => return Err(other),
                }
            }
        }
        let forbidden = Forbidden { kind, read_in, who };
        Ok(Listed::Some(loader, forbidden))
    }

    async fn load(
        &self,
        wanted: &Wanted,
        fresh: Fresh,
        loader: &mut LiveLoader,
    ) -> Result<(), Refused> {
        let kind = wanted.kind;
        self.objects(wanted, fresh, |api_version, item| {
            loader.read(kind, api_version, item);
        })
        .await
    }
}
