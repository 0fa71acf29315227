//! The load balancer's controller, which does what a test says.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::Api;
use crate::process::locked;

/// What becomes of Services of type `LoadBalancer`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Balancing {
    /// There is no controller: `<pending>` for ever.
    #[default]
    Absent,
    /// An address, this long after the Service is seen, for all of its ports, also those that are added later.
    AddressAfter(Duration),
    /// An event `SyncLoadBalancerFailed` with this message, and no address.
    Fails(String),
    /// An address at once. A Service that has this port gets an event instead, with this message, and stays as it is. Bytes are
    /// not in the controller's hands: kube-proxy knows the port of an address that is there already.
    RefusesPort(u16, String),
}

#[derive(Debug, Default)]
pub(crate) struct LoadBalancer {
    balancing: Mutex<Balancing>,
    /// By uid, since what is done now is done.
    seen: Mutex<BTreeMap<String, Instant>>,
    addresses: AtomicU8,
}

impl LoadBalancer {
    pub(crate) fn set(&self, balancing: Balancing) {
        *locked(&self.balancing) = balancing;
        locked(&self.seen).clear();
    }

    pub(crate) fn look(&self, api: &Api) -> Result<()> {
        let balancing = locked(&self.balancing).clone();
        if balancing == Balancing::Absent {
            return Ok(());
        }
        for service in api.list("/api/v1/services?resourceVersion=0")? {
            if service["spec"]["type"] == "LoadBalancer" {
                self.tend(api, &service, &balancing)?;
            }
        }
        Ok(())
    }

    fn tend(&self, api: &Api, service: &Value, balancing: &Balancing) -> Result<()> {
        let waits = service["status"]["loadBalancer"]["ingress"].is_null();
        let has = |port: u16| {
            let mut ports = service["spec"]["ports"].as_array().into_iter().flatten();
            ports.any(|p| p["port"] == port)
        };
        match balancing {
            Balancing::AddressAfter(delay) if waits && self.since(service).1 >= *delay => {
                self.address(api, service)
            }
            Balancing::RefusesPort(port, message) if has(*port) => {
                self.complain(api, service, message)
            }
            Balancing::RefusesPort(..) if waits => self.address(api, service),
            Balancing::Fails(message) if waits => self.complain(api, service, message),
            _ => Ok(()),
        }
    }

    /// Whether a Service is seen for the first time, and for how long it was.
    fn since(&self, service: &Value) -> (bool, Duration) {
        let uid = service["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let mut seen = locked(&self.seen);
        let is_new = !seen.contains_key(&uid);
        (
            is_new,
            seen.entry(uid).or_insert_with(Instant::now).elapsed(),
        )
    }

    fn address(&self, api: &Api, service: &Value) -> Result<()> {
        let number = self.addresses.fetch_add(1, Ordering::Relaxed);
        let ip = Ipv4Addr::new(192, 168, 97, 1 + number);
        let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": ip.to_string(), "ipMode": "VIP"}]}}});
        api.merge(&format!("{}/status", path(service)), &status)?;
        Ok(())
    }

    fn complain(&self, api: &Api, service: &Value, message: &str) -> Result<()> {
        if self.since(service).0 {
            let namespace = service["metadata"]["namespace"]
                .as_str()
                .unwrap_or_default();
            api.create(
                &format!("/api/v1/namespaces/{namespace}/events"),
                &event(service, message),
            )?;
        }
        Ok(())
    }
}

fn path(service: &Value) -> String {
    let text = |name: &str| service["metadata"][name].as_str().unwrap_or_default();
    format!(
        "/api/v1/namespaces/{}/services/{}",
        text("namespace"),
        text("name")
    )
}

fn event(service: &Value, message: &str) -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let metadata = &service["metadata"];
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "load-balancer-", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": "v1", "kind": "Service", "name": metadata["name"], "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": "Warning",
        "reason": "SyncLoadBalancerFailed",
        "message": message,
        "source": {"component": "service-controller"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    })
}
