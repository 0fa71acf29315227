//! The load balancer's controller, which does what a test says.

use std::collections::BTreeMap;
use std::sync::Mutex;
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
}

#[derive(Debug, Default)]
pub(crate) struct LoadBalancer {
    balancing: Mutex<Balancing>,
    seen: Mutex<BTreeMap<String, Instant>>,
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
            let waits = service["spec"]["type"] == "LoadBalancer"
                && service["status"]["loadBalancer"]["ingress"].is_null();
            let uid = service["metadata"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if !waits {
                continue;
            }
            let mut seen = locked(&self.seen);
            let (number, first) = (seen.len() + 1, !seen.contains_key(&uid));
            let since = seen
                .entry(uid.clone())
                .or_insert_with(Instant::now)
                .elapsed();
            drop(seen);
            match &balancing {
                Balancing::AddressAfter(delay) if since >= *delay => {
                    let number = number.min(250);
                    let status = json!({"status": {"loadBalancer": {"ingress": [{
                        "ip": format!("192.168.97.{number}"), "ipMode": "VIP",
                    }]}}});
                    api.merge(&format!("{}/status", path(&service)), &status)?;
                }
                Balancing::Fails(message) if first => {
                    let event = event(&service, message);
                    let namespace = service["metadata"]["namespace"]
                        .as_str()
                        .unwrap_or_default();
                    api.create(&format!("/api/v1/namespaces/{namespace}/events"), &event)?;
                }
                _ => {}
            }
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
