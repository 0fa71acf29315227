//! Sidecars of several istiods.

use crate::predict::store::Store;
use crate::predict::{Prediction, ProxyFacts, predict, predict_sidecars, sidecars};
use crate::snapshot::Snapshot;
use crate::snapshot::reader::{Loader, ReadOptions};

/// Two istiods, and a namespace with pods of both: like ones, but for the revision.
const TWO_ISTIODS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec:
  template:
    metadata: {labels: {app: istiod}}
    spec: {containers: [{name: discovery, image: 'pilot:1.31.0', env: [{name: REVISION, value: default}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod-canary, namespace: istio-system, labels: {app: istiod}}
spec:
  template:
    metadata: {labels: {app: istiod}}
    spec: {containers: [{name: discovery, image: 'pilot:1.31.0', env: [{name: REVISION, value: canary}]}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.0.0.9, ports: [{name: tcp, port: 5432}]}
---
apiVersion: v1
kind: Pod
metadata: {name: old, namespace: shop}
spec: {containers: [{name: app, image: app}]}
---
apiVersion: v1
kind: Pod
metadata: {name: new, namespace: shop, labels: {istio.io/rev: canary}}
spec: {containers: [{name: app, image: app}]}
---
";

fn snapshot(text: &str) -> Snapshot {
    let mut loader = Loader::new(ReadOptions::default());
    loader.read("mesh.yaml", format!("{TWO_ISTIODS}{text}"));
    let loaded = loader.finish();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    loaded.snapshot
}

/// The sidecars, with what they are sent.
fn predicted(store: &Store<'_>) -> Vec<(ProxyFacts, Prediction)> {
    let proxies = sidecars(store);
    let predictions = predict_sidecars(store, &proxies);
    for (proxy, together) in proxies.iter().zip(&predictions) {
        assert_eq!(predict(store, proxy).config, together.config);
    }
    proxies.into_iter().zip(predictions).collect()
}

/// The names of the sidecars for which something holds.
fn those(text: &str, holds: impl Fn(&Prediction) -> bool) -> Vec<String> {
    let snapshot = snapshot(text);
    let found = predicted(&Store::new(&snapshot));
    let mut names: Vec<String> = found
        .into_iter()
        .filter(|(_, prediction)| holds(prediction))
        .map(|(proxy, _)| proxy.name)
        .collect();
    names.sort();
    names
}

#[test]
fn an_istiod_does_not_see_the_sidecar_of_another_revision() {
    let knows_db = |p: &Prediction| p.config.listeners.iter().any(|l| l.port == 5432);
    let sidecar = |labels: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: narrow, namespace: shop{labels}}}\n\
             spec: {{egress: [{{hosts: ['other/*']}}]}}\n"
        )
    };
    assert_eq!(those("", knows_db), ["new", "old"]);
    assert_eq!(those(&sidecar(""), knows_db), Vec::<String>::new());
    let labels = ", labels: {istio.io/rev: canary}";
    assert_eq!(those(&sidecar(labels), knows_db), ["old"]);
    let labels = ", labels: {istio.io/rev: default}";
    assert_eq!(those(&sidecar(labels), knows_db), ["new"]);
}

#[test]
fn an_istiod_does_not_see_the_policy_of_another_revision() {
    // Without a policy there are chains for plaintext beside those for mutual TLS.
    let takes_plaintext = |p: &Prediction| {
        let mut listeners = p.config.listeners.iter();
        let inbound = listeners.find(|l| l.name == "virtualInbound");
        inbound.is_some_and(|l| {
            l.chains
                .iter()
                .any(|c| !c.terminates_tls && c.matches.transport_protocol == Some("raw_buffer"))
        })
    };
    let strict = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: strict, namespace: \
                  shop, labels: {istio.io/rev: canary}}\nspec: {mtls: {mode: STRICT}}\n";
    assert_eq!(those("", takes_plaintext), ["new", "old"]);
    assert_eq!(those(strict, takes_plaintext), ["old"]);
}
