//! Dumps that somebody saved: `/config_dump`, and beside it `/clusters?format=json`.

use super::{DumpError, Envoy};

/// One Envoy from files.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The file with its configuration.
    pub file: String,
    /// What it holds.
    pub envoy: Envoy,
}

/// Reads saved answers of Envoys' admin interfaces, each text with its name. A file of `/clusters?format=json` belongs
/// to the dump in front of it.
///
/// # Errors
/// A sentence for people.
pub fn saved<'t>(
    texts: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> Result<Vec<Saved>, String> {
    let mut found: Vec<Saved> = Vec::new();
    for (name, text) in texts {
        let mut envoy = Envoy::default();
        match envoy.read_dump(text) {
            // A part of a dump without anything in it is `{}`: nothing tells it from a file of something else.
            Ok(()) if envoy == Envoy::default() => {
                return Err(format!("{name} says nothing: save the whole /config_dump"));
            }
            Ok(()) => found.push(Saved {
                file: name.to_owned(),
                envoy,
            }),
            Err(DumpError::NoDump(_)) if text.contains("\"cluster_statuses\"") => {
                let Some(last) = found.last_mut() else {
                    return Err(format!(
                        "{name} says nothing of listeners: give the config_dump first"
                    ));
                };
                let read = last.envoy.read_clusters(text);
                read.map_err(|error| format!("{name}: {error}"))?;
            }
            Err(error) => return Err(format!("{name}: {error}")),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::saved;

    const DUMP: &str = r#"{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump",
      "bootstrap":{"node":{"id":"router~10.0.0.1~edge-1.istio-system~istio-system.svc.cluster.local"}}},
      {"@type":"type.googleapis.com/envoy.admin.v3.ListenersConfigDump","dynamic_listeners":[
        {"name":"0.0.0.0_9000","error_state":{"failed_configuration":{"name":"0.0.0.0_9000"},"details":"no"}},
        {"error_state":{"failed_configuration":{"name":"0.0.0.0_9000"},"details":"no"}}]}]}"#;
    const CLUSTERS: &str = r#"{"cluster_statuses":[{"name":"xds-grpc","host_statuses":[
      {"stats":[{"name":"rq_active","type":"GAUGE"}]}]}]}"#;

    #[test]
    fn clusters_belong_to_the_dump_in_front_of_them() {
        let found = saved([("a.json", DUMP), ("a-clusters.json", CLUSTERS)]).unwrap();
        let [only] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(only.envoy.pod(), Some(("edge-1", "istio-system")));
        assert_eq!(only.envoy.connected(), Some(false));
        assert!(
            saved([("c.json", CLUSTERS)])
                .unwrap_err()
                .starts_with("c.json says nothing")
        );
        assert_eq!(
            saved([("x", "{}")]).unwrap_err(),
            "x says nothing: save the whole /config_dump"
        );
    }

    #[test]
    fn a_refused_listener_is_one_though_envoy_tells_it_twice() {
        let found = saved([("a.json", DUMP)]).unwrap();
        let listeners = &found[0].envoy.listeners;
        assert_eq!(listeners.len(), 1);
        assert_eq!(listeners["0.0.0.0_9000"].refused.as_deref(), Some("no"));
    }
}
