//! What proxies hold, in the format of their predictions.

use serde::Serialize;

use super::json::to_json;
use crate::observed::Shape;

#[derive(Serialize)]
struct OfPod<'a> {
    pod: Pod<'a>,
    #[serde(flatten)]
    shape: &'a Shape,
}

#[derive(Serialize)]
struct Pod<'a> {
    namespace: &'a str,
    name: &'a str,
}

/// One configuration as JSON.
#[must_use]
pub fn one(shape: &Shape) -> String {
    to_json(shape)
}

/// What each pod's proxy holds, by namespace and name of the pod, as a JSON array.
#[must_use]
pub fn all<'a>(pods: impl IntoIterator<Item = (&'a str, &'a str, &'a Shape)>) -> String {
    let each: Vec<OfPod<'_>> = pods
        .into_iter()
        .map(|(namespace, name, shape)| OfPod {
            pod: Pod { namespace, name },
            shape,
        })
        .collect();
    to_json(&each)
}
