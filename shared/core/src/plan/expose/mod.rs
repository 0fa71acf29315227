//! A TCP port of a gateway, opened for a Service: planned and proved on our own copy of the objects.
//!
//! ```text
//! wanted ─► target (Service, port) ─┐
//! --gateway ─► gateway (pods, Service, selector) ─┴► in the way? ─► changes ─► proof of every prefix
//! ```
//!
//! Nothing that exists is edited but the gateway's Service, and there one item only: lists in Istio's CRDs are
//! replaced as a whole by their owner's next apply, and TCP servers never merge, so appending gains nothing.

mod gateway;
mod list;
mod objects;
mod prove;
mod remove;
mod target;
mod way;

use std::ops::{Deref, DerefMut};

use serde_json::Value;

pub use gateway::{Gateway, GatewayKind, GatewayName};
pub use list::{Listed, listed};
pub use objects::{ANNOTATION, MANAGED_BY, MANAGER, field_manager, port_name};
pub use remove::{Removal, Remove, remove};

use crate::change::{ChangeError, apply};
use crate::predict::store::Store;
use crate::report::{Finding, Proof};
use crate::snapshot::{Change, Kind, ObjectId, Operation, Snapshot};
use crate::walk::Class;

/// One port that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The port of the gateway.
    pub number: u32,
    /// The Service's namespace.
    pub namespace: String,
    /// The Service.
    pub service: String,
    /// Its port; may be left out where it has only one.
    pub port: Option<u32>,
}

/// How the ports are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which gateway; the only one when nothing is said.
    pub gateway: Option<GatewayName>,
    /// Lead only TLS connections here that ask for one of these names.
    pub sni: Vec<String>,
    /// End TLS at the gateway with this Secret.
    pub tls_secret: Option<String>,
    /// Subsets and their shares in percent.
    pub weights: Vec<(String, u32)>,
    /// The port that Envoy binds.
    pub target_port: Option<u32>,
    /// The port of the nodes.
    pub node_port: Option<u32>,
    /// Go on although the only selector that fits selects other gateways too.
    pub selects_also_ok: bool,
}

/// Why there is no plan.
#[derive(Clone, Debug)]
pub struct Stop(Box<Story>);

impl Deref for Stop {
    type Target = Story;

    fn deref(&self) -> &Story {
        &self.0
    }
}

impl DerefMut for Stop {
    fn deref_mut(&mut self) -> &mut Story {
        &mut self.0
    }
}

/// What is told when there is no plan.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The question itself has no answer (exit 2); otherwise the plan is refused (exit 1).
    pub cannot_work: bool,
    /// One sentence, no full stop.
    pub sentence: String,
    /// What stands in the way.
    pub findings: Vec<Finding>,
    /// The objects that the findings are about, where those are not all in the files.
    pub after: Option<Box<Snapshot>>,
    /// Why, where no finding says it.
    pub why: Option<String>,
    /// What to do, where no command does it.
    pub fix: Option<String>,
    /// What to type.
    pub next: Vec<Next>,
}

/// A command, as a change of the one that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Said in front of it, where it is another way.
    pub remark: Option<String>,
    /// What is changed.
    pub edit: Edit,
}

/// How a command differs from the one that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Another port of the gateway.
    Port {
        /// As typed.
        from: u32,
        /// The other.
        to: u32,
    },
    /// `--gateway` with this value.
    Gateway(String),
    /// Another Service or port.
    Target {
        /// The Service's name as typed.
        from: String,
        /// `service:port`, with its namespace when that is another one.
        to: String,
    },
    /// This flag more.
    Flag(String),
    /// Without this flag.
    Without(&'static str),
    /// `why-no-listener` about a port of the same files.
    Ask(u32),
    /// Another command with the same files.
    Other(Vec<String>),
}

impl Stop {
    fn refused(sentence: impl Into<String>) -> Self {
        Self(Box::new(Story {
            sentence: sentence.into(),
            ..Story::default()
        }))
    }

    fn cannot_work(sentence: impl Into<String>) -> Self {
        let mut stop = Self::refused(sentence);
        stop.cannot_work = true;
        stop
    }

    fn finding(mut self, finding: Option<Finding>) -> Self {
        self.findings.extend(finding);
        self
    }

    fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    fn next(mut self, edit: Edit) -> Self {
        self.next.push(Next { remark: None, edit });
        self
    }

    fn or(mut self, remark: &str, edit: Edit) -> Self {
        let remark = (!self.next.is_empty()).then(|| remark.to_owned());
        self.next.push(Next { remark, edit });
        self
    }
}

impl From<ChangeError> for Stop {
    fn from(error: ChangeError) -> Self {
        Self::cannot_work(error.to_string())
    }
}

/// One port, planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// The port of the gateway.
    pub number: u32,
    /// The Service's namespace.
    pub namespace: String,
    /// The Service.
    pub service: String,
    /// The Service's port.
    pub port: u32,
    /// The port that Envoy binds.
    pub target_port: u32,
    /// How many endpoints it leads to.
    pub endpoints: u32,
    /// Those are pods that a workload will make, not pods that were read.
    pub replicas: bool,
    /// The Gateway and the VirtualService, whole, whether they exist already or not.
    pub objects: Vec<Value>,
    /// The item of the Service's ports; `None` when the Service has the port already.
    pub item: Option<Value>,
    /// The VirtualService of somebody else that leads the port to this Service already.
    pub by: Option<String>,
}

/// Which of two people makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Gateway and VirtualService.
    Routes,
    /// The gateway's Service.
    Service,
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Who makes it.
    pub part: Part,
    /// `create` or `change`.
    pub verb: &'static str,
    /// The object, and what is done to it.
    pub what: String,
    /// The change.
    pub change: Change,
}

/// What will be written, and what that was shown to do.
#[derive(Debug)]
pub struct Plan {
    /// The gateway.
    pub gateway: Gateway,
    /// The ports.
    pub exposures: Vec<Exposure>,
    /// The writes, in order; empty when all stands already.
    pub writes: Vec<Write>,
    /// Items for the gateway's Service where that is in none of the files.
    pub elsewhere: Vec<Value>,
    /// How far it was proved.
    pub proof: Proof,
    /// What else opens.
    pub added: Vec<String>,
    /// What a person should know before it is written.
    pub warnings: Vec<String>,
    /// The objects after all writes.
    pub after: Snapshot,
}

/// What is planned with: the objects as they are after the exposures planned so far.
struct Site<'s, 'a> {
    store: &'s Store<'a>,
    gateway: &'s Gateway,
    /// The gateway's pods, predicted.
    classes: Vec<Class>,
    options: &'s Options,
}

/// Plans the ports and proves them.
///
/// # Errors
/// What stands in the way, or is not clear.
pub fn plan(snapshot: &Snapshot, wanted: &[Wanted], options: &Options) -> Result<Plan, Stop> {
    options.check()?;
    duplicates(wanted)?;
    let store = Store::new(snapshot);
    let targets = wanted
        .iter()
        .map(|wanted| target::find(&store, wanted))
        .collect::<Result<Vec<_>, _>>()?;
    let gateway = gateway::find(&store, options)?;
    let mut planned = Planned::default();
    for target in &targets {
        let now = apply(snapshot, &planned.changes())?;
        let store = Store::new(&now);
        let site = Site {
            classes: gateway.classes(&store),
            store: &store,
            gateway: &gateway,
            options,
        };
        site.plan(target, &mut planned)?;
    }
    planned.in_order();
    prove::prove(snapshot, gateway, &targets, options, planned)
}

fn duplicates(wanted: &[Wanted]) -> Result<(), Stop> {
    for (n, one) in wanted.iter().enumerate() {
        if wanted
            .iter()
            .take(n)
            .any(|other| other.number == one.number)
        {
            return Err(Stop::cannot_work(format!(
                "port {} is asked for twice",
                one.number
            )));
        }
    }
    Ok(())
}

impl Options {
    fn check(&self) -> Result<(), Stop> {
        let sum: u32 = self.weights.iter().map(|(_, weight)| weight).sum();
        if !self.weights.is_empty() && sum != 100 {
            return Err(Stop::cannot_work(format!(
                "the weights add up to {sum}%, not to 100%"
            )));
        }
        for (n, (subset, _)) in self.weights.iter().enumerate() {
            if self
                .weights
                .iter()
                .take(n)
                .any(|(other, _)| other == subset)
            {
                return Err(Stop::cannot_work(format!(
                    "subset {subset} has two weights"
                )));
            }
        }
        Ok(())
    }

    /// Whether the server looks at TLS at all.
    fn tls(&self) -> bool {
        !self.sni.is_empty() || self.tls_secret.is_some()
    }
}

/// What was planned so far.
#[derive(Default)]
struct Planned {
    exposures: Vec<Exposure>,
    writes: Vec<Write>,
    elsewhere: Vec<Value>,
    /// Servers, by their Gateway: ours.
    warnings: Vec<String>,
}

impl Planned {
    fn changes(&self) -> Vec<Change> {
        self.writes.iter().map(|w| w.change.clone()).collect()
    }

    /// Routes before Service ports: a client that comes through the Service finds a listener.
    fn in_order(&mut self) {
        self.writes.sort_by_key(|write| write.part == Part::Service);
    }
}

impl Site<'_, '_> {
    fn plan(&self, target: &target::Target<'_>, planned: &mut Planned) -> Result<(), Stop> {
        let wanted = target.wanted;
        target::visible(self, target)?;
        let subsets = target::subsets(self, target)?;
        if let Some(by) = way::leads_there(self, target) {
            planned.exposures.push(Exposure {
                by: Some(by),
                target_port: wanted.number,
                ..target.exposure()
            });
            return Ok(());
        }
        let claim = way::claim(self, target)?;
        let objects = objects::routes(self, target, &claim, &subsets);
        for (kind, object) in &objects {
            planned.writes.extend(self.route(target, *kind, object)?);
        }
        let item = claim.item.clone();
        if let Some(item) = &item {
            match self.gateway.service {
                Some(service) => planned.writes.push(self.port(service, item)),
                None => planned.elsewhere.push(item.clone()),
            }
        }
        planned.exposures.push(Exposure {
            target_port: claim.target_port,
            objects: objects.into_iter().map(|(_, object)| object).collect(),
            item,
            ..target.exposure()
        });
        Ok(())
    }

    /// The write of a Gateway or VirtualService; none when it stands already.
    fn route(
        &self,
        target: &target::Target<'_>,
        kind: Kind,
        object: &Value,
    ) -> Result<Option<Write>, Stop> {
        let namespace = target.object.key.namespace.as_str();
        let name = target.name();
        let Some(existing) = self.store.snapshot.find(kind, namespace, &name) else {
            return Ok(Some(Write {
                part: Part::Routes,
                verb: "create",
                what: format!("{kind} {namespace}/{name}"),
                change: Change::Create {
                    kind,
                    object: object.clone(),
                    beside: Some(target.object.id),
                },
            }));
        };
        let free = way::next_free(self, target);
        let other = |stop: Stop| match free {
            Some(to) => stop.or(
                "on another port",
                Edit::Port {
                    from: target.wanted.number,
                    to,
                },
            ),
            None => stop,
        };
        if !objects::is_ours(existing) {
            let stop = Stop::refused(format!("{kind} {namespace}/{name} is somebody else's")).why(
                format!("it has not the label {MANAGED_BY}={MANAGER}, and the plan needs its name"),
            );
            return Err(other(stop));
        }
        let text = objects::whole(self.store.snapshot, existing);
        if text.as_ref().and_then(|t| t.get("spec")) == object.get("spec") {
            return Ok(None);
        }
        Err(other(
            Stop::refused(format!(
                "{kind} {namespace}/{name} stands and says something else"
            ))
            .why("it was made by kubectl mesh and changed since, or is wanted otherwise now")
            .next(Edit::Flag("--remove".to_owned())),
        ))
    }

    /// The write of the Service's port.
    fn port(&self, service: ObjectId, item: &Value) -> Write {
        let name = self
            .store
            .snapshot
            .get(service)
            .map(crate::snapshot::Object::qualified)
            .unwrap_or_default();
        let mut operations = Vec::new();
        let mut what = format!("Service {name}, one port more");
        // The API server wants names as soon as there are two ports.
        if let Some(number) = way::unnamed_port(self, service) {
            operations.push(Operation::Add {
                path: "/spec/ports/0/name".to_owned(),
                // No protocol's name, so that the mesh takes the port for what it was.
                value: format!("port-{number}").into(),
            });
            what.push_str(&format!(", and port {number} named"));
        }
        operations.push(Operation::Add {
            path: "/spec/ports/-".to_owned(),
            value: item.clone(),
        });
        Write {
            part: Part::Service,
            verb: "change",
            what,
            change: Change::Patch {
                object: service,
                operations,
            },
        }
    }
}

impl Plan {
    /// Everything that is wanted stands already.
    #[must_use]
    pub fn unchanged(&self) -> bool {
        self.writes.is_empty() && self.elsewhere.is_empty()
    }

    /// The changes of one person, or of both.
    #[must_use]
    pub fn changes(&self, only: Option<Part>) -> Vec<Change> {
        self.writes
            .iter()
            .filter(|w| only.is_none_or(|part| part == w.part))
            .map(|w| w.change.clone())
            .collect()
    }

    /// The objects that are created, and not only needed.
    #[must_use]
    pub fn created(&self) -> Vec<&Value> {
        let created = |write: &Write| match &write.change {
            Change::Create { object, .. } => Some(object.clone()),
            Change::Patch { .. } => None,
        };
        let new: Vec<Value> = self.writes.iter().filter_map(created).collect();
        self.exposures
            .iter()
            .flat_map(|e| &e.objects)
            .filter(|object| new.contains(object))
            .collect()
    }
}
