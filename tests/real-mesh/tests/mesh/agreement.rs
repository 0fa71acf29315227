//! Predicted listeners, istiod's answer and the live Envoy's, compared.

use anyhow::{Context, Result, bail};
use real_mesh::control_plane::kubeconfig;
use real_mesh::mesh::{Mesh, wait};
use real_mesh::pods::Pod;
use real_mesh::{commands, envoy, observed};
use serde_json::Value;

/// Waits until all three are the same, and returns them.
pub(crate) fn listeners(mesh: &Mesh, pod: &Pod) -> Result<Vec<Value>> {
    let mut last = None;
    let agreed = wait("prediction, istiod and Envoy to agree", || {
        let predicted = commands::predicted(&kubeconfig(), pod)?;
        let object =
            serde_json::json!({"metadata": {"name": pod.name, "namespace": pod.namespace}});
        let sent = mesh.istiod_page(&format!(
            "/debug/config_dump?proxyID={}",
            envoy::node_name(&object)
        ))?;
        let live = pod.envoy("/config_dump?resource=dynamic_listeners")?;
        // Envoy answers with a line of text where it cannot print a filter that it does not know.
        let live = serde_json::from_str(&live).with_context(|| live.clone())?;
        let [sent, live] = [observed::listeners(&sent), observed::listeners(&live)];
        let same = predicted == sent && sent == live;
        last = Some((predicted, sent, live));
        Ok(same)
    });
    match (agreed, last) {
        (Ok(()), Some((predicted, _, _))) => Ok(predicted),
        (Err(error), Some((predicted, sent, live))) => bail!(
            "{error:#}\npredicted: {}\nistiod: {}\nEnvoy: {}",
            serde_json::to_string_pretty(&predicted)?,
            serde_json::to_string_pretty(&sent)?,
            serde_json::to_string_pretty(&live)?,
        ),
        (Err(error), None) => Err(error),
        (Ok(()), None) => bail!("nothing was compared"),
    }
}

/// The listener on a port, if there is one.
pub(crate) fn on(listeners: &[Value], port: u16) -> Option<&Value> {
    listeners.iter().find(|l| l["port"] == port)
}
