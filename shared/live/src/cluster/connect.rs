//! From kubectl's flags to a client of the API server.

use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::cli::Connect;

/// How long to wait for an answer that may be long, when nobody said it. kubectl waits for ever; so does a terminal
/// whose network is gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// One API server, and as whom.
#[derive(Clone)]
pub struct Cluster {
    pub(super) client: Client,
    /// The namespace of the context: where names without one are looked up.
    pub namespace: String,
    /// What a person calls the cluster: the context, else the server's address.
    pub name: String,
    /// The user, where somebody else is impersonated.
    pub impersonated: Option<String>,
    /// How long one answer may take; `None` is for ever.
    pub(super) patience: Option<Duration>,
    /// The server's address, for errors.
    pub(super) server: String,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ConnectError {
    #[error("no kubeconfig file {file}")]
    NoFile { file: String },
    #[error("{file} cannot be read: {why}")]
    Unreadable { file: String, why: String },
    #[error(
        "no cluster to ask: {file} does not exist and KUBECONFIG is not set; or give files with -f"
    )]
    NoConfig { file: String },
    #[error("no current context: `kubectl config use-context NAME`, or --context NAME; there {}", listed("is", "are", .known))]
    NoContext { known: Vec<String> },
    #[error("no context {name} in the kubeconfig; there {}", listed("is", "are", .known))]
    UnknownContext { name: String, known: Vec<String> },
    #[error("no cluster {name} in the kubeconfig; there {}", listed("is", "are", .known))]
    UnknownCluster { name: String, known: Vec<String> },
    #[error("no user {name} in the kubeconfig; there {}", listed("is", "are", .known))]
    UnknownUser { name: String, known: Vec<String> },
    #[error("the kubeconfig does not work: {0}")]
    Other(String),
}

/// `is only a`, `are a, b`, `is none`.
fn listed(one: &str, many: &str, known: &[String]) -> String {
    match known {
        [] => format!("{one} none"),
        [only] => format!("{one} only {only}"),
        more => format!("{many} {}", more.join(", ")),
    }
}

/// The client for these flags: kubeconfig, context, credentials and proxies as kubectl finds them; inside a pod its
/// service account.
///
/// # Errors
/// When there is no kubeconfig or it does not hold what the flags name. Nothing is asked yet.
pub async fn connect(flags: &Connect) -> Result<Cluster, ConnectError> {
    let Some(kubeconfig) = kubeconfig(flags)? else {
        return in_cluster(flags);
    };
    check_names(flags, &kubeconfig)?;
    let context = flags
        .context
        .clone()
        .or_else(|| kubeconfig.current_context.clone());
    let options = KubeConfigOptions {
        context: flags.context.clone(),
        cluster: flags.cluster.clone(),
        user: flags.user.clone(),
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| ConnectError::Other(reason(&error)))?;
    client(flags, config, context)
}

fn client(
    flags: &Connect,
    mut config: Config,
    name: Option<String>,
) -> Result<Cluster, ConnectError> {
    if flags.as_user.is_some() {
        config.auth_info.impersonate.clone_from(&flags.as_user);
    }
    if !flags.as_group.is_empty() {
        config.auth_info.impersonate_groups = Some(flags.as_group.clone());
    }
    let patience = match flags.request_timeout {
        Some(Duration::ZERO) => None,
        Some(asked) => Some(asked),
        None => Some(PATIENCE),
    };
    if let Some(patience) = patience {
        let least = |own: Option<Duration>| own.map_or(patience, |own| own.min(patience));
        config.connect_timeout = Some(least(config.connect_timeout));
    }
    let server = config.cluster_url.to_string();
    let server = server.trim_end_matches('/').to_owned();
    let namespace = config.default_namespace.clone();
    let impersonated = config.auth_info.impersonate.clone();
    let client = Client::try_from(config).map_err(|error| ConnectError::Other(reason(&error)))?;
    Ok(Cluster {
        client,
        namespace,
        name: name.unwrap_or_else(|| server.clone()),
        impersonated,
        patience,
        server,
    })
}

/// The kubeconfig of the flags, of `KUBECONFIG` (files merged), or the one in the home directory. `None` inside a
/// pod that has none.
fn kubeconfig(flags: &Connect) -> Result<Option<Kubeconfig>, ConnectError> {
    if let Some(file) = &flags.kubeconfig {
        let shown = file.display().to_string();
        if !file.exists() {
            return Err(ConnectError::NoFile { file: shown });
        }
        return Kubeconfig::read_from(file)
            .map(Some)
            .map_err(|error| unreadable(shown, &error));
    }
    if let Some(listed) = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
        let shown = listed.to_string_lossy().into_owned();
        let found = std::env::split_paths(&listed).any(|file| file.exists());
        if !found {
            return Err(ConnectError::NoFile { file: shown });
        }
        return Kubeconfig::from_env().map_err(|error| unreadable(shown, &error));
    }
    let home = std::env::home_dir().unwrap_or_default();
    let file: PathBuf = home.join(".kube").join("config");
    if file.exists() {
        let shown = file.display().to_string();
        return Kubeconfig::read_from(&file)
            .map(Some)
            .map_err(|error| unreadable(shown, &error));
    }
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return Ok(None);
    }
    Err(ConnectError::NoConfig {
        file: "~/.kube/config".to_owned(),
    })
}

fn in_cluster(flags: &Connect) -> Result<Cluster, ConnectError> {
    let config = Config::incluster().map_err(|error| ConnectError::Other(reason(&error)))?;
    client(flags, config, None)
}

fn unreadable(file: String, error: &KubeconfigError) -> ConnectError {
    ConnectError::Unreadable {
        file,
        why: reason(error),
    }
}

/// What the flags name must be there; kubectl takes a user that is not for nobody, which then looks like missing rights.
fn check_names(flags: &Connect, kubeconfig: &Kubeconfig) -> Result<(), ConnectError> {
    let known: Vec<String> = kubeconfig.contexts.iter().map(|c| c.name.clone()).collect();
    match flags
        .context
        .as_ref()
        .or(kubeconfig.current_context.as_ref())
        .filter(|name| !name.is_empty())
    {
        None => return Err(ConnectError::NoContext { known }),
        Some(name) if !known.contains(name) => {
            return Err(ConnectError::UnknownContext {
                name: name.clone(),
                known,
            });
        }
        Some(_) => {}
    }
    if let Some(name) = &flags.cluster {
        let known: Vec<String> = kubeconfig.clusters.iter().map(|c| c.name.clone()).collect();
        if !known.contains(name) {
            return Err(ConnectError::UnknownCluster {
                name: name.clone(),
                known,
            });
        }
    }
    if let Some(name) = &flags.user {
        let known: Vec<String> = kubeconfig
            .auth_infos
            .iter()
            .map(|u| u.name.clone())
            .collect();
        if !known.contains(name) {
            return Err(ConnectError::UnknownUser {
                name: name.clone(),
                known,
            });
        }
    }
    Ok(())
}

/// An error in one line: its own text and those below it that say more.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut below = error.source();
    while let Some(next) = below {
        let text = next.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        below = next.source();
    }
    said.replace('\n', " ")
}
