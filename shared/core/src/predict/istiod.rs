//! Which istiod serves a proxy, as far as the objects show it: its version, revision and environment.

use std::collections::BTreeMap;

use super::features::{self, Environment, IstiodFeatures};
use super::proxy::{ProxyFacts, workload_spec};
use super::version::{Release, Version};
use crate::snapshot::views::{AsView, Deployment, Labels};
use crate::snapshot::{Kind, Object, ObjectId, Snapshot};

/// The label of a revision: on istiod, on pods and namespaces, on objects that are for one revision only.
pub const REVISION_LABEL: &str = "istio.io/rev";
/// On the webhook of a tag: the tag's name.
const TAG_LABEL: &str = "istio.io/tag";
/// The revision of an installation without one; its istiod says so itself.
const DEFAULT_REVISION: &str = "default";
/// Namespace of an istiod that was not read.
const NAMESPACE: &str = "istio-system";

/// Where a version is known from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionFrom {
    /// The image of the istiod.
    Image,
    /// `--istio-version`.
    Asked,
    /// The image of the proxy, as nothing else says it.
    ProxyImage,
    /// Nothing says it.
    Assumed,
}

/// An istiod, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Istiod {
    /// Its Deployment, if that was read.
    pub object: Option<ObjectId>,
    /// Its namespace.
    pub namespace: String,
    /// Its revision: empty is none, then it sees every object; `None` is not known.
    pub revision: Option<String>,
    /// Its version.
    pub version: Version,
    /// Where that is known from.
    pub version_from: VersionFrom,
    /// The variables that are set.
    pub environment: Environment,
    /// What it does.
    pub features: IstiodFeatures,
    /// What was assumed about it, as conditions.
    pub conditions: Vec<String>,
}

impl Istiod {
    /// An istiod that nothing was read of.
    fn unknown(snapshot: &Snapshot, proxy: Option<&ProxyFacts>) -> Self {
        let asked = snapshot.istio_version;
        let default = IstiodFeatures::of(Version::DEFAULT, &Environment::new());
        let by_proxy = proxy
            .and_then(proxy_version)
            .filter(|_| asked.is_none())
            .map(|version| (version, IstiodFeatures::of(version, &Environment::new())));
        let mut found = Self {
            object: None,
            namespace: NAMESPACE.to_owned(),
            revision: None,
            version: asked.unwrap_or(Version::DEFAULT),
            version_from: match asked {
                Some(_) => VersionFrom::Asked,
                None => VersionFrom::Assumed,
            },
            environment: Environment::new(),
            features: asked.map_or_else(
                || default.clone(),
                |version| IstiodFeatures::of(version, &Environment::new()),
            ),
            conditions: Vec::new(),
        };
        if let Some((version, features)) = by_proxy {
            // A proxy may be older or newer than its istiod, so it only counts where it makes a difference; that it
            // is the same is what people mean by "the version of Istio".
            found.version_from = VersionFrom::ProxyImage;
            if features != default {
                found.version = version;
                found.features = features;
                found.conditions.push(format!(
                    "istiod is {version} as the proxy's image is (no istiod was read)"
                ));
            }
        }
        found.outside();
        found
    }

    /// One that was read.
    fn of(snapshot: &Snapshot, object: &Object) -> Option<Self> {
        let spec = &workload_spec(object)?.template.spec;
        let container = spec
            .containers
            .iter()
            .find(|c| c.name == "discovery")
            .or(spec.containers.first())?;
        let environment: Environment = container
            .env
            .iter()
            .map(|e| {
                let value = e.value_from.is_none().then(|| e.value.clone());
                (e.name.clone(), value)
            })
            .collect();
        let revision = match environment.get("REVISION") {
            Some(Some(plain)) => Some(plain.clone()),
            Some(None) => labels_of(object).get(REVISION_LABEL).cloned(),
            None => Some(String::new()),
        };
        let own = Version::of_image(&container.image);
        let asked = snapshot.istio_version;
        let name = object.qualified();
        let mut conditions = Vec::new();
        if let (Some(own), Some(asked)) = (own, asked)
            && own != asked
        {
            conditions.push(format!("{name} is the {own} that its image says"));
        }
        let version = own.or(asked).unwrap_or(Version::DEFAULT);
        for variable in features::unreadable(&environment, snapshot) {
            conditions.push(format!("{variable} of {name} has its default value"));
        }
        let mut found = Self {
            object: Some(object.id),
            namespace: object.key.namespace.clone(),
            revision,
            version,
            version_from: match (own, asked) {
                (Some(_), _) => VersionFrom::Image,
                (None, Some(_)) => VersionFrom::Asked,
                (None, None) => VersionFrom::Assumed,
            },
            features: IstiodFeatures::of(version, &environment),
            environment,
            conditions,
        };
        found.outside();
        Some(found)
    }

    fn outside(&mut self) {
        let version = self.version;
        if let Some(known) = features::taken_for(version) {
            let condition = format!("Istio {version}, which is not known here, does as {known}");
            self.conditions.push(condition);
        }
    }

    /// Whether it sees and does the same, so that one view is enough for both.
    #[must_use]
    pub fn sees_as(&self, other: &Self) -> bool {
        (self.object, &self.revision, &self.features)
            == (other.object, &other.revision, &other.features)
    }

    /// The same with other features: as another version would have them.
    #[must_use]
    pub fn with(&self, features: IstiodFeatures) -> Self {
        Self {
            features,
            ..self.clone()
        }
    }

    /// What versions before a release would do, as nothing says the version and they may be meant as well.
    #[must_use]
    pub fn older(&self, snapshot: &Snapshot) -> Vec<(Release, IstiodFeatures)> {
        if self.version_from == VersionFrom::Assumed {
            features::older_versions(&self.features, &self.environment, snapshot)
        } else {
            Vec::new()
        }
    }
}

fn proxy_version(proxy: &ProxyFacts) -> Option<Version> {
    let container = proxy.containers.iter().find(|c| c.name == "istio-proxy")?;
    Version::of_image(&container.image)
}

fn labels_of(object: &Object) -> &Labels {
    let own = &object.meta.labels;
    match workload_spec(object) {
        Some(spec) if !own.contains_key(REVISION_LABEL) => &spec.template.metadata.labels,
        _ => own,
    }
}

/// Every istiod of a snapshot, and the tags that lead to them.
#[derive(Clone, Debug, Default)]
pub struct Istiods {
    all: Vec<Istiod>,
    /// Revision by tag.
    tags: BTreeMap<String, String>,
}

impl Istiods {
    /// The istiods of a snapshot: Deployments labelled `app: istiod`, as every installation of istiod labels them.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let is_istiod = |o: &&Object| {
            let template = Deployment::of(&o.view).map(|d| &d.spec.template.metadata.labels);
            let app = |labels: &Labels| labels.get("app").is_some_and(|app| app == "istiod");
            app(&o.meta.labels) || template.is_some_and(app)
        };
        let all = snapshot
            .of_kind(Kind::Deployment)
            .filter(is_istiod)
            .filter_map(|o| Istiod::of(snapshot, o))
            .collect();
        let tags = snapshot
            .of_kind(Kind::MutatingWebhookConfiguration)
            .filter_map(|o| {
                let labels = &o.meta.labels;
                Some((
                    labels.get(TAG_LABEL)?.clone(),
                    labels.get(REVISION_LABEL)?.clone(),
                ))
            })
            .collect();
        Self { all, tags }
    }

    /// The istiod that serves a proxy: by the revision or tag that its pod's labels name, else by its namespace's,
    /// else the only one there is.
    #[must_use]
    pub fn serving(&self, snapshot: &Snapshot, proxy: &ProxyFacts) -> Istiod {
        let unknown = || Istiod::unknown(snapshot, Some(proxy));
        if self.all.is_empty() {
            return unknown();
        }
        let found = match wanted(snapshot, proxy) {
            Some(wanted) => self.named(&wanted),
            None => match self.all.as_slice() {
                [only] => Some(only),
                _ => self.named(DEFAULT_REVISION),
            },
        };
        found.cloned().unwrap_or_else(unknown)
    }

    /// By revision, else by tag. An istiod without a revision is the default one.
    fn named(&self, name: &str) -> Option<&Istiod> {
        let of_revision = |name: &str| {
            self.all.iter().find(|i| match i.revision.as_deref() {
                Some("") => name == DEFAULT_REVISION,
                own => own == Some(name),
            })
        };
        of_revision(name).or_else(|| of_revision(self.tags.get(name)?))
    }

    /// The istiod for objects that no proxy is known for.
    #[must_use]
    pub fn any(&self, snapshot: &Snapshot) -> Istiod {
        let found = match self.all.as_slice() {
            [only] => Some(only),
            _ => self.named(DEFAULT_REVISION),
        };
        found
            .cloned()
            .unwrap_or_else(|| Istiod::unknown(snapshot, None))
    }
}

/// The revision or tag that a proxy's pods ask for. After the order in which istio's injection webhooks select.
fn wanted(snapshot: &Snapshot, proxy: &ProxyFacts) -> Option<String> {
    if let Some(own) = proxy.labels.get(REVISION_LABEL) {
        return Some(own.clone());
    }
    let namespace = snapshot.find(Kind::Namespace, "", &proxy.namespace)?;
    let labels = &namespace.meta.labels;
    match labels.get("istio-injection").map(String::as_str) {
        Some("enabled") => Some(DEFAULT_REVISION.to_owned()),
        _ => labels.get(REVISION_LABEL).cloned(),
    }
}
