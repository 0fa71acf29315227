//! What one istiod decides otherwise than another: by its version and by its environment, in one table.
//!
//! After istio `pilot/pkg/features`. Only what changes a prediction of ours, or would if we predicted it, has a row.

use std::collections::{BTreeMap, BTreeSet};

use super::istiod::REVISION_LABEL;
use super::version::{Release, Version};
use crate::snapshot::views::{self, AsView};
use crate::snapshot::{Kind, Object, Snapshot};

/// The oldest version that the table knows.
const FROM: Release = Release(1, 20, 0);
/// The newest line that it knows, and the first version behind it.
const NEWEST: Release = Release(1, 31, 0);
const UNTIL: Release = Release(1, 32, 0);

/// Something that not every istiod does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// A Gateway is for proxies of its own namespace.
    ScopeGatewayToNamespace,
    /// Kinds that are not watched.
    IgnoreResources,
    /// Kinds that are watched though they are among those.
    IncludeResources,
    /// DestinationRules of one host merge only where their `exportTo` allows it.
    EnhancedDestinationRuleMerge,
    /// An ExternalName Service is another name for a service, and no service of its own.
    ExternalNameAlias,
    /// A ServiceEntry's selector takes pods.
    ServiceEntrySelectsPods,
    /// A Service's selector takes WorkloadEntries.
    ServiceSelectsWorkloadEntries,
    /// A plaintext server behind an HTTPS server of the same port and another address keeps its routes.
    PlainServerAfterHttps,
    /// Gateways have clusters for `DYNAMIC_DNS`.
    DynamicDnsAtGateways,
    /// Listeners and endpoints have addresses of both families.
    DualStack,
    /// HTTPS servers listen on UDP too.
    QuicListeners,
    /// One namespace is watched.
    WatchNamespace,
}

/// How it is known what a row does. The release it holds from comes from istio's release notes, or else is taken to be
/// the table's first: no older istiod was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// An istiod of 1.31 was run with the variable.
    Run,
    /// Read in istio's source, that of 1.31 where it still has it.
    ReadFromSource,
    /// Told by istio's release notes; the older source was not read.
    ReleaseNotes,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// What it is about.
    pub feature: Feature,
    /// The first release that does it unless a variable says otherwise; `None` where only a variable can.
    pub on_since: Option<Release>,
    /// The environment variable of istiod that decides.
    pub variable: Option<&'static str>,
    /// The releases that read the variable: the first, and the first that does not any more.
    pub read: (Release, Option<Release>),
    /// How it is known.
    pub known: Known,
    /// Where istio decides it.
    pub source: &'static str,
    /// What must hold for an answer, said where an istiod does not do what is predicted: when the feature is on
    /// (`true`) or off.
    pub unpredicted: Option<(bool, &'static str)>,
    /// Whether any of the objects is of the sort that the row is about.
    pub concerns: fn(&Snapshot) -> bool,
}

/// Every row.
pub static TABLE: [Row; 12] = [
    Row {
        feature: Feature::ScopeGatewayToNamespace,
        on_since: None,
        variable: Some("PILOT_SCOPE_GATEWAY_TO_NAMESPACE"),
        read: (FROM, None),
        known: Known::Run,
        source: "pilot/pkg/model/push_context.go:PushContext.mergeGateways",
        unpredicted: None,
        concerns: always,
    },
    Row {
        feature: Feature::IgnoreResources,
        on_since: None,
        variable: Some("PILOT_IGNORE_RESOURCES"),
        read: (Release(1, 29, 0), None),
        known: Known::ReadFromSource,
        source: "pkg/kube/kclient/crdwatcher.go:filterPilotResources",
        unpredicted: None,
        concerns: always,
    },
    Row {
        feature: Feature::IncludeResources,
        on_since: None,
        variable: Some("PILOT_INCLUDE_RESOURCES"),
        read: (Release(1, 29, 0), None),
        known: Known::ReadFromSource,
        source: "pkg/kube/kclient/crdwatcher.go:filterPilotResources",
        unpredicted: None,
        concerns: always,
    },
    Row {
        feature: Feature::EnhancedDestinationRuleMerge,
        on_since: Some(Release(1, 24, 0)),
        variable: Some("ENABLE_ENHANCED_DESTINATIONRULE_MERGE"),
        read: (Release(1, 24, 0), None),
        known: Known::Run,
        source: "pilot/pkg/model/destination_rule.go:PushContext.mergeDestinationRule",
        unpredicted: None,
        concerns: some_rule_is_exported,
    },
    Row {
        feature: Feature::ExternalNameAlias,
        on_since: Some(Release(1, 21, 0)),
        variable: Some("ENABLE_EXTERNAL_NAME_ALIAS"),
        read: (FROM, Some(Release(1, 24, 0))),
        known: Known::ReleaseNotes,
        source: "pilot/pkg/serviceregistry/kube/conversion.go:ExternalNameServiceInstances",
        unpredicted: None,
        concerns: some_service_is_a_name,
    },
    Row {
        feature: Feature::ServiceEntrySelectsPods,
        on_since: Some(FROM),
        variable: Some("PILOT_ENABLE_SERVICEENTRY_SELECT_PODS"),
        read: (FROM, None),
        known: Known::ReadFromSource,
        source: "pilot/pkg/serviceregistry/kube/controller/multicluster.go:Multicluster.initializeCluster",
        unpredicted: None,
        concerns: some_entry_selects,
    },
    Row {
        feature: Feature::ServiceSelectsWorkloadEntries,
        on_since: Some(FROM),
        variable: Some("PILOT_ENABLE_K8S_SELECT_WORKLOAD_ENTRIES"),
        read: (FROM, None),
        known: Known::Run,
        source: "pilot/pkg/serviceregistry/kube/controller/multicluster.go:Multicluster.initializeCluster",
        unpredicted: None,
        concerns: |snapshot| has(snapshot, Kind::WorkloadEntry),
    },
    Row {
        feature: Feature::PlainServerAfterHttps,
        on_since: Some(Release(1, 28, 1)),
        variable: None,
        read: (FROM, None),
        known: Known::ReleaseNotes,
        source: "pilot/pkg/model/gateway.go:mergeGateways",
        unpredicted: Some((
            false,
            "no plaintext server stands behind an HTTPS server of its port with another bind",
        )),
        concerns: some_plain_server_is_beside_https,
    },
    Row {
        feature: Feature::DynamicDnsAtGateways,
        on_since: Some(Release(1, 30, 0)),
        variable: None,
        read: (FROM, None),
        known: Known::ReleaseNotes,
        source: "pilot/pkg/networking/core/cluster.go:ConfigGeneratorImpl.buildOutboundClusters",
        unpredicted: Some((false, "no route leads to a ServiceEntry with DYNAMIC_DNS")),
        concerns: some_entry_is_dynamic,
    },
    Row {
        feature: Feature::DualStack,
        on_since: None,
        variable: Some("ISTIO_DUAL_STACK"),
        read: (FROM, None),
        known: Known::ReadFromSource,
        source: "pilot/pkg/networking/core/gateway.go:ConfigGeneratorImpl.buildGatewayListeners",
        unpredicted: Some((
            true,
            "the second IP family changes nothing (ISTIO_DUAL_STACK is not predicted)",
        )),
        concerns: always,
    },
    Row {
        feature: Feature::QuicListeners,
        on_since: None,
        variable: Some("PILOT_ENABLE_QUIC_LISTENERS"),
        read: (FROM, None),
        known: Known::ReadFromSource,
        source: "pilot/pkg/model/gateway.go:mergeGateways",
        unpredicted: Some((
            true,
            "nobody asks for UDP (PILOT_ENABLE_QUIC_LISTENERS is not predicted)",
        )),
        concerns: always,
    },
    Row {
        feature: Feature::WatchNamespace,
        on_since: None,
        variable: Some("ISTIO_WATCH_NAMESPACE"),
        read: (FROM, None),
        known: Known::ReadFromSource,
        source: "pkg/kube/kclient/client.go:ToOpts",
        unpredicted: Some((
            true,
            "all of this is in the one namespace that istiod watches (ISTIO_WATCH_NAMESPACE is not predicted)",
        )),
        concerns: always,
    },
];

fn always(_: &Snapshot) -> bool {
    true
}

fn has(snapshot: &Snapshot, kind: Kind) -> bool {
    snapshot.of_kind(kind).next().is_some()
}

fn some_rule_is_exported(snapshot: &Snapshot) -> bool {
    let rules = snapshot
        .of_kind(Kind::DestinationRule)
        .filter_map(|o| views::DestinationRule::of(&o.view));
    let mut rules = rules.filter(|r| !r.spec.export_to.is_empty());
    rules.next().is_some()
}

fn some_service_is_a_name(snapshot: &Snapshot) -> bool {
    snapshot
        .of_kind(Kind::Service)
        .filter_map(|o| views::Service::of(&o.view))
        .any(|s| s.spec.r#type == "ExternalName")
}

fn entries(snapshot: &Snapshot) -> impl Iterator<Item = &views::ServiceEntrySpec> {
    snapshot
        .of_kind(Kind::ServiceEntry)
        .filter_map(|o| views::ServiceEntry::of(&o.view).map(|e| &e.spec))
}

fn some_entry_selects(snapshot: &Snapshot) -> bool {
    entries(snapshot).any(|e| e.workload_selector.is_some())
}

fn some_entry_is_dynamic(snapshot: &Snapshot) -> bool {
    entries(snapshot).any(|e| e.resolution == "DYNAMIC_DNS")
}

fn some_plain_server_is_beside_https(snapshot: &Snapshot) -> bool {
    let servers: Vec<(u32, &str, bool)> = snapshot
        .of_kind(Kind::Gateway)
        .filter_map(|o| views::Gateway::of(&o.view))
        .flat_map(|g| &g.spec.servers)
        .filter_map(|s| Some((s.port.as_ref()?.number, s.bind.as_str(), s.tls.is_some())))
        .collect();
    // Nearly nobody binds an address, so the rest is rarely looked at.
    let bound = servers.iter().filter(|(_, bind, _)| !bind.is_empty());
    let beside =
        |a: &(u32, &str, bool), b: &(u32, &str, bool)| a.0 == b.0 && a.1 != b.1 && a.2 != b.2;
    bound
        .into_iter()
        .any(|a| servers.iter().any(|b| beside(a, b)))
}

/// The environment of an istiod: `None` for a value that stands elsewhere (`valueFrom`).
pub type Environment = BTreeMap<String, Option<String>>;

/// What an istiod decides where istiods differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IstiodFeatures {
    on: BTreeSet<Feature>,
    ignored: Vec<String>,
    included: Vec<String>,
}

impl IstiodFeatures {
    /// What an istiod of this version does with this environment. What the environment leaves open is as without it.
    #[must_use]
    pub fn of(version: Version, environment: &Environment) -> Self {
        let mut features = Self::default();
        for row in &TABLE {
            let value = row.value(version, environment);
            match row.feature {
                Feature::IgnoreResources => features.ignored = list(value),
                Feature::IncludeResources => features.included = list(value),
                _ => {}
            }
            if row.is_on(version, value) {
                features.on.insert(row.feature);
            }
        }
        features
    }

    /// Whether the istiod does it.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        self.on.contains(&feature)
    }

    /// Whether objects of this kind are not watched. Kubernetes' own kinds are no custom resources and always are.
    /// After istio `pkg/kube/kclient/crdwatcher.go:resourceMatchFilters`.
    #[must_use]
    pub fn ignores(&self, kind: Kind) -> bool {
        let name = resource_name(kind);
        let listed = |list: &[String]| {
            list.iter().any(|item| match item.strip_prefix("*.") {
                Some(suffix) => name.ends_with(suffix),
                None => name == *item,
            })
        };
        is_custom(kind) && listed(&self.ignored) && !listed(&self.included)
    }

    /// The part that can make a difference for these objects.
    fn relevant(&self, snapshot: &Snapshot) -> Self {
        let concerned = TABLE.iter().filter(|row| (row.concerns)(snapshot));
        let on = concerned.map(|row| row.feature);
        Self {
            on: on.filter(|feature| self.has(*feature)).collect(),
            ..self.clone()
        }
    }

    /// What must hold for a prediction, as some of what this istiod does is not predicted.
    pub fn conditions(&self, snapshot: &Snapshot) -> impl Iterator<Item = &'static str> {
        TABLE.iter().filter_map(|row| {
            let (on, condition) = row.unpredicted?;
            (on == self.has(row.feature) && (row.concerns)(snapshot)).then_some(condition)
        })
    }
}

/// The kinds that istiod keeps as its configuration: custom resources of Istio.
#[must_use]
pub fn is_custom(kind: Kind) -> bool {
    kind.group().ends_with("istio.io")
}

/// The name of a kind's custom resource: `gateways.networking.istio.io`.
pub(crate) fn resource_name(kind: Kind) -> String {
    format!("{}.{}", kind.plural(), kind.group())
}

impl Row {
    /// What the environment says, if this version asks for it.
    fn value<'e>(&self, version: Version, environment: &'e Environment) -> Option<&'e str> {
        let (since, until) = self.read;
        let read = since <= version.release() && until.is_none_or(|u| version.release() < u);
        // Versions before the table's first are taken for that one.
        let read = read || (since == FROM && version.release() < FROM);
        environment.get(self.variable?).filter(|_| read)?.as_deref()
    }

    fn is_on(&self, version: Version, value: Option<&str>) -> bool {
        let by_version = || {
            self.on_since
                .is_some_and(|since| since <= version.release().max(FROM))
        };
        match (self.feature, value) {
            (
                Feature::IgnoreResources | Feature::IncludeResources | Feature::WatchNamespace,
                value,
            ) => value.is_some_and(|v| !v.is_empty()),
            (_, Some(text)) => switch(text).unwrap_or_else(by_version),
            (_, None) => by_version(),
        }
    }
}

/// As Go's `strconv.ParseBool`; istiod takes anything else for unset. After istio `pkg/env/var.go`.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

fn list(value: Option<&str>) -> Vec<String> {
    let items = value.unwrap_or_default().split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The version that one is taken for of which the table says nothing, as it is older or newer.
#[must_use]
pub fn taken_for(version: Version) -> Option<Release> {
    if version.release() < FROM {
        Some(FROM)
    } else if version.release() >= UNTIL {
        Some(NEWEST)
    } else {
        None
    }
}

/// What older versions than the newest would do, where this differs from `chosen` for these objects: those before
/// this release, newest first. Nothing is said twice: older ones that do the same as the next are left out.
#[must_use]
pub fn older_versions(
    chosen: &IstiodFeatures,
    environment: &Environment,
    snapshot: &Snapshot,
) -> Vec<(Release, IstiodFeatures)> {
    let changes: BTreeSet<Release> = TABLE
        .iter()
        .filter(|row| (row.concerns)(snapshot))
        .flat_map(|row| [row.on_since, Some(row.read.0), row.read.1])
        .flatten()
        .filter(|release| *release > FROM)
        .collect();
    let since = changes.iter().rev().skip(1).chain([&FROM]);
    let mut found: Vec<(Release, IstiodFeatures)> = Vec::new();
    for (until, since) in changes.iter().rev().zip(since) {
        let features = IstiodFeatures::of(Version::from(*since), environment);
        let like = |other: &IstiodFeatures| features.relevant(snapshot) == other.relevant(snapshot);
        if !like(found.last().map_or(chosen, |(_, last)| last)) {
            found.push((*until, features));
        }
    }
    found
}

/// Variables whose values stand elsewhere, of those that concern these objects.
pub fn unreadable<'e>(
    environment: &'e Environment,
    snapshot: &'e Snapshot,
) -> impl Iterator<Item = &'static str> + 'e {
    TABLE
        .iter()
        .filter(|row| (row.concerns)(snapshot))
        .filter_map(|row| row.variable)
        .filter(|name| matches!(environment.get(*name), Some(None)))
}

/// Why an istiod does not see an object at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Its `istio.io/rev` is not the istiod's revision.
    Revision {
        /// The istiod's own.
        istiod: String,
    },
    /// No discovery selector fits the labels of its namespace.
    Namespace,
    /// Its kind is not watched.
    Kind,
}

/// The revision that an object is for. Kubernetes' own kinds are for all, whatever their labels.
#[must_use]
pub fn revision_of(object: &Object) -> Option<&str> {
    let label = object.meta.labels.get(REVISION_LABEL);
    label
        .filter(|_| is_custom(object.key.kind))
        .map(String::as_str)
}

/// Whether an object is for another revision. Literal equality counts, so the name of a tag never fits; an istiod
/// without a revision sees all. After istio `pkg/config/model.go:LabelsInRevision`.
pub(super) fn of_other_revision(object: &Object, revision: &str) -> bool {
    !revision.is_empty() && revision_of(object).is_some_and(|own| own != revision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::reader::{Loader, ReadOptions};

    fn env(pairs: &[(&str, &str)]) -> Environment {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())))
            .collect()
    }

    fn features(version: &str, pairs: &[(&str, &str)]) -> IstiodFeatures {
        IstiodFeatures::of(version.parse().unwrap(), &env(pairs))
    }

    #[test]
    fn every_row_says_what_decides_and_where() {
        let mut variables = BTreeSet::new();
        let mut rows = BTreeSet::new();
        for row in &TABLE {
            assert!(rows.insert(row.feature), "{:?} has two rows", row.feature);
            assert!(
                row.source
                    .split_once(".go:")
                    .is_some_and(|(_, f)| !f.is_empty()),
                "{:?}: {}",
                row.feature,
                row.source
            );
            assert!(
                row.on_since.is_some() || row.variable.is_some(),
                "{:?}",
                row.feature
            );
            if let Some(name) = row.variable {
                assert!(variables.insert(name), "{name} is spelled twice");
                assert!(
                    name.bytes()
                        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'),
                    "{name}"
                );
            }
            let (since, until) = row.read;
            assert!(until.is_none_or(|u| since < u), "{:?}", row.feature);
            for release in [row.on_since, Some(since)].into_iter().flatten() {
                assert!((FROM..UNTIL).contains(&release), "{:?}", row.feature);
            }
        }
        assert_eq!(taken_for(Version::DEFAULT), None);
        assert_eq!(taken_for("1.19.9".parse().unwrap()), Some(FROM));
        assert_eq!(taken_for("2.0".parse().unwrap()), Some(NEWEST));
    }

    #[test]
    fn a_variable_beats_the_version_and_nonsense_is_no_value() {
        use Feature::EnhancedDestinationRuleMerge as Merge;
        let name = "ENABLE_ENHANCED_DESTINATIONRULE_MERGE";
        for (version, value, expected) in [
            ("1.31", None, true),
            ("1.31", Some("false"), false),
            ("1.31", Some("yes"), true),
            ("1.24.0", Some("F"), false),
            ("1.23", None, false),
            // Not read yet by that version.
            ("1.23.9", Some("true"), false),
        ] {
            let pairs: Vec<_> = value.map(|v| (name, v)).into_iter().collect();
            assert_eq!(
                features(version, &pairs).has(Merge),
                expected,
                "{version} {value:?}"
            );
        }
    }

    #[test]
    fn a_variable_that_is_gone_decides_nothing() {
        let off = &[("ENABLE_EXTERNAL_NAME_ALIAS", "false")];
        let alias = |version| features(version, off).has(Feature::ExternalNameAlias);
        assert!(!alias("1.20") && !alias("1.23.4"));
        assert!(alias("1.24.0") && alias("1.31"));
        assert!(!features("1.20", &[]).has(Feature::ExternalNameAlias));
        assert!(features("1.21.0", &[]).has(Feature::ExternalNameAlias));
        // Older than the table: as its first.
        assert_eq!(features("1.12", off), features("1.20", off));
    }

    #[test]
    fn kinds_are_ignored_by_name_or_by_suffix_unless_they_are_included() {
        let pairs = [
            ("PILOT_IGNORE_RESOURCES", "*.istio.io, foo"),
            ("PILOT_INCLUDE_RESOURCES", "gateways.networking.istio.io"),
        ];
        let ignoring = features("1.29.0", &pairs);
        assert!(ignoring.ignores(Kind::VirtualService));
        assert!(!ignoring.ignores(Kind::Gateway));
        assert!(!ignoring.ignores(Kind::Service) && !ignoring.ignores(Kind::Deployment));
        assert!(!features("1.28", &pairs).ignores(Kind::VirtualService));
        let whole = [("PILOT_IGNORE_RESOURCES", "istio.io")];
        assert!(
            !features("1.31", &whole).ignores(Kind::Gateway),
            "only `*.` is a suffix"
        );
    }

    #[test]
    fn only_what_the_objects_are_about_makes_a_version_differ() {
        let older = |text: &str| {
            let mut loader = Loader::new(ReadOptions::default());
            loader.read("mesh.yaml", text);
            let snapshot = loader.finish().snapshot;
            let chosen = IstiodFeatures::of(Version::DEFAULT, &Environment::new());
            older_versions(&chosen, &Environment::new(), &snapshot)
                .into_iter()
                .map(|(release, _)| release.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(older(""), [""; 0]);
        let name = "
apiVersion: v1
kind: Service
metadata: {name: db, namespace: app}
spec: {type: ExternalName, externalName: db.example.com}
";
        assert_eq!(older(name), ["1.21"]);
        let bound = "
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: app}
spec:
  servers:
  - {bind: 10.0.0.1, hosts: ['*'], port: {number: 443, protocol: HTTPS}, tls: {mode: SIMPLE}}
  - {hosts: ['*'], port: {number: 443, protocol: HTTP}}
";
        assert_eq!(older(&format!("{name}{bound}")), ["1.28.1", "1.21"]);
    }
}
