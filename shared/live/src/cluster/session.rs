//! A connection to a cluster for the time of one command: everything waits on one thread.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use mesh_core::observed::Envoy;
use tokio::runtime::{Builder, Runtime};

use super::answer::Refused;
use super::connect::{Cluster, ConnectError, connect};
use super::envoy::{PodName, Question};
use super::fetch::{Live, Pods};
use super::list::Fresh;
use crate::cli::Connect;
use crate::io::Io;

/// After this long without an answer a person is told what is waited for.
const SILENT: Duration = Duration::from_millis(500);

/// A cluster, and the thread that asks it.
pub struct Session {
    runtime: Runtime,
    cluster: Cluster,
    /// Where names without a namespace are looked up: `-n`, else the context's.
    pub namespace: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("cluster", &self.cluster.name)
            .finish_non_exhaustive()
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The flags or the kubeconfig.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// This machine.
    #[error("no way to wait for a cluster: {0}")]
    Runtime(#[from] io::Error),
}

impl Session {
    /// A session for these flags. Nothing is asked yet.
    ///
    /// # Errors
    /// When the flags or the kubeconfig name no cluster.
    pub fn open(flags: &Connect) -> Result<Self, SessionError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let cluster = runtime.block_on(connect(flags))?;
        let namespace = flags.only_namespace().unwrap_or(&cluster.namespace);
        Ok(Self {
            namespace: namespace.to_owned(),
            runtime,
            cluster,
        })
    }

    /// What a person calls the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cluster.name
    }

    /// The objects that decide about listeners.
    ///
    /// # Errors
    /// When the API server does not answer, or not with what it should.
    pub fn read(
        &self,
        fresh: Fresh,
        pods: Pods,
        quiet: bool,
        io: &mut Io,
    ) -> Result<Live, Refused> {
        let reading = self
            .cluster
            .objects_that_decide(&self.namespace, fresh, pods);
        let what = format!("reading {}", self.name());
        self.runtime.block_on(told(reading, &what, quiet, io))
    }

    /// The same objects, with every pod.
    ///
    /// # Errors
    /// As for [`Session::read`].
    pub fn with_all_pods(
        &self,
        fresh: Fresh,
        read: Live,
        quiet: bool,
        io: &mut Io,
    ) -> Result<Live, Refused> {
        let reading = self.cluster.all_pods(&self.namespace, fresh, read);
        let what = format!("reading the pods of {}", self.name());
        self.runtime.block_on(told(reading, &what, quiet, io))
    }

    /// What the Envoys of these pods hold, each asked for itself.
    pub fn envoys(
        &self,
        pods: Vec<PodName>,
        question: &Question,
        quiet: bool,
        io: &mut Io,
    ) -> BTreeMap<PodName, Result<Envoy, Refused>> {
        let what = match pods.as_slice() {
            [one] => format!("asking {}", one.name),
            several => format!("asking {} Envoys", several.len()),
        };
        let asking = self.cluster.envoys(pods, question);
        self.runtime.block_on(told(asking, &what, quiet, io))
    }
}

/// Waits, and tells a person who watches what for, should it take long.
async fn told<F: Future>(waiting: F, what: &str, quiet: bool, io: &mut Io) -> F::Output {
    tokio::pin!(waiting);
    if let Ok(done) = tokio::time::timeout(SILENT, &mut waiting).await {
        return done;
    }
    if quiet || !io.stderr_is_terminal {
        return waiting.await;
    }
    // A line that cannot be written is no reason to stop waiting.
    let _ = write!(io.stderr, "{what} …\r").and_then(|()| io.stderr.flush());
    let done = waiting.await;
    let _ = write!(io.stderr, "\r\x1b[2K");
    done
}
