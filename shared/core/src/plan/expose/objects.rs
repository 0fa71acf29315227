//! The objects of an exposure, and what is ours.

use serde_json::{Map, Value, json};

use super::target::Target;
use super::way::Claim;
use super::{Site, Wanted};
use crate::snapshot::reader::raw_value;
use crate::snapshot::{Kind, Object, Snapshot};

/// The label that says who made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Its value on ours.
pub const MANAGER: &str = "kubectl-mesh";

/// The annotation that says which exposure an object belongs to: managedFields do not survive a replace.
pub const ANNOTATION: &str = "kubectl-mesh/exposure";

/// Whether an object is ours to change.
pub(super) fn is_ours(object: &Object) -> bool {
    object
        .meta
        .labels
        .get(MANAGED_BY)
        .is_some_and(|m| m == MANAGER)
}

/// The field manager that owns an exposure's Service port. One manager for all would delete the previous port.
#[must_use]
pub fn field_manager(namespace: &str, service: &str, number: u32) -> String {
    format!("mesh-expose.{namespace}.{service}.{number}")
}

/// The name of an exposure's Service port: its tail differs between Services, so that two exposures of one number
/// conflict where identical items would merge. FNV-1a (32 bit) of `namespace/service`, folded to 16 bits: the
/// tail is written into manifests, so this never changes.
#[must_use]
pub fn port_name(namespace: &str, service: &str, number: u32) -> String {
    let hash = format!("{namespace}/{service}")
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
    format!("tcp-{number}-{:04x}", (hash >> 16) ^ (hash & 0xffff))
}

/// The item of the Service's ports.
pub(super) fn item(site: &Site<'_, '_>, wanted: &Wanted, target_port: u32) -> Value {
    let mut item = json!({
        "name": port_name(&wanted.namespace, &wanted.service, wanted.number),
        "port": wanted.number,
        "protocol": "TCP",
        "targetPort": target_port,
    });
    if let (Some(node), Some(map)) = (site.options.node_port, item.as_object_mut()) {
        map.insert("nodePort".to_owned(), node.into());
    }
    item
}

/// The Gateway and the VirtualService.
pub(super) fn routes(
    site: &Site<'_, '_>,
    target: &Target<'_>,
    claim: &Claim,
    subsets: &[(String, u32)],
) -> Vec<(Kind, Value)> {
    let namespace = target.object.key.namespace.as_str();
    let (options, number) = (site.options, target.wanted.number);
    let hosts: Vec<String> = if options.sni.is_empty() {
        vec!["*".to_owned()]
    } else {
        options.sni.clone()
    };
    let mut server = json!({
        "port": {
            "number": number,
            "name": format!("{}-{number}", claim.protocol.to_lowercase()),
            "protocol": claim.protocol,
        },
        // Nobody in another namespace can attach a route to it.
        "hosts": hosts.iter().map(|host| format!("{namespace}/{host}")).collect::<Vec<_>>(),
    });
    let tls = match &options.tls_secret {
        Some(secret) => Some(json!({"mode": "SIMPLE", "credentialName": secret})),
        None if options.tls() => Some(json!({"mode": "PASSTHROUGH"})),
        None => None,
    };
    if let (Some(tls), Some(map)) = (tls, server.as_object_mut()) {
        map.insert("tls".to_owned(), tls);
    }
    let gateway = json!({
        "selector": site.gateway.selector,
        "servers": [server],
    });

    let destination = |subset: Option<&str>| {
        let mut destination = json!({
            "host": target.host(site.store),
            "port": {"number": target.port},
        });
        if let (Some(subset), Some(map)) = (subset, destination.as_object_mut()) {
            map.insert("subset".to_owned(), subset.into());
        }
        destination
    };
    let route: Vec<Value> = if subsets.is_empty() {
        vec![json!({"destination": destination(None)})]
    } else {
        subsets
            .iter()
            .map(|(name, weight)| json!({"destination": destination(Some(name)), "weight": weight}))
            .collect()
    };
    let mut matches = json!({"port": number});
    let block = if options.tls() && options.tls_secret.is_none() {
        if let Some(map) = matches.as_object_mut() {
            map.insert("sniHosts".to_owned(), json!(options.sni));
        }
        "tls"
    } else {
        "tcp"
    };
    let mut virtual_service = json!({
        "hosts": hosts,
        "gateways": [target.name()],
        block: [{"match": [matches], "route": route}],
    });
    // Where the mesh keeps VirtualServices to their namespace, the gateway must be let in.
    let default = &site.store.mesh.default_virtual_service_export_to;
    if let Some(map) = virtual_service.as_object_mut()
        && !default.is_empty()
        && !default.iter().any(|to| to == "*")
    {
        map.insert("exportTo".to_owned(), json!([site.gateway.namespace()]));
    }
    vec![
        (Kind::Gateway, whole_of(target, Kind::Gateway, &gateway)),
        (
            Kind::VirtualService,
            whole_of(target, Kind::VirtualService, &virtual_service),
        ),
    ]
}

fn whole_of(target: &Target<'_>, kind: Kind, spec: &Value) -> Value {
    let wanted = target.wanted;
    let key = &target.object.key;
    let one = |key: &str, value: String| Map::from_iter([(key.to_owned(), Value::from(value))]);
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": kind.name(),
        "metadata": {
            "name": target.name(),
            "namespace": key.namespace,
            "labels": one(MANAGED_BY, MANAGER.to_owned()),
            "annotations": one(ANNOTATION, field_manager(&key.namespace, &key.name, wanted.number)),
        },
        "spec": spec,
    })
}

/// The whole object: what an overlay made of it, else its text.
pub(super) fn whole(snapshot: &Snapshot, object: &Object) -> Option<Value> {
    if let Some(value) = object.beyond_text() {
        return Some(value.as_ref().clone());
    }
    let origin = object.origin.as_ref()?;
    raw_value(snapshot.source(origin.source)?, origin)
}

#[cfg(test)]
mod tests {
    use super::{field_manager, port_name};

    #[test]
    fn names_are_written_into_manifests_and_stay() {
        assert_eq!(port_name("rcmd", "kafka-broker0", 16354), "tcp-16354-bd92");
        assert_ne!(port_name("rcmd", "kafka-broker1", 16354), "tcp-16354-bd92");
        assert_eq!(
            field_manager("rcmd", "kafka-broker0", 16354),
            "mesh-expose.rcmd.kafka-broker0.16354"
        );
    }
}
