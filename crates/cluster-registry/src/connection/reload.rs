//! New credentials without a restart.
//!
//! One task for each cluster looks at the files behind its credentials every few seconds, and at once when the
//! cluster refused them or its certificate. When something changed, the transport is built anew and swapped in
//! behind the same client; streams that run keep theirs. A generation that can't be built (a certificate was written
//! and its key not yet) leaves the old one in place and is tried again.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::time::{Instant, MissedTickBehavior};

use super::{ClusterSpec, ConnectError, files::FileSet, resolve, service::Shared, transport::Transport};

/// A cluster that refuses everything must not make us read files in a loop.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// Nor run a credential plugin in a loop: some open a browser, all ask somebody.
const BETWEEN_PLUGIN_RUNS: Duration = Duration::from_secs(10);
/// A plugin that hangs; kube can't stop it, so its thread is left behind and the outcome is a failure.
const PLUGIN_PATIENCE: Duration = Duration::from_secs(60);

/// What is watched, and why the last attempt failed.
pub(super) struct Reloader {
    pub(super) shared: Arc<Shared>,
    pub(super) files: FileSet,
    pub(super) problem: Arc<ArcSwapOption<ConnectError>>,
    pub(super) built: Instant,
}

/// One attempt: the files as they were before it, and what came of it.
pub(super) struct Attempt {
    pub(super) files: FileSet,
    pub(super) outcome: Result<Transport, ConnectError>,
}

/// Resolves and builds on the blocking pool. `current` lends the parts that did not change.
pub(super) async fn attempt(spec: Arc<ClusterSpec>, current: Option<Arc<Transport>>) -> Attempt {
    let named = FileSet::look(resolve::files_of(&spec));
    let work = tokio::task::spawn_blocking(move || match resolve::resolve(&spec) {
        Ok(resolved) => {
            let outcome = Transport::build(&resolved, &spec, current.as_deref());
            Attempt { outcome, files: resolved.files }
        }
        Err(error) => Attempt { files: FileSet::look(resolve::files_of(&spec)), outcome: Err(error) },
    });
    let failed = |reason: &str| ConnectError::PluginFailed {
        command: "(of the kubeconfig)".into(),
        reason: reason.into(),
    };
    match tokio::time::timeout(PLUGIN_PATIENCE, work).await {
        Ok(Ok(attempt)) => attempt,
        // kube panics on a plugin's token that can't stand in a header.
        Ok(Err(_)) => {
            Attempt { files: named, outcome: Err(failed("it gave credentials that can't be used")) }
        }
        Err(_) => Attempt { files: named, outcome: Err(failed("it did not end in time")) },
    }
}

impl Reloader {
    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let interval = self.shared.spec.tuning.reload_interval;
        let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let refused = tokio::select! {
                _ = ticks.tick() => false,
                () = self.shared.refused.wake.notified() => true,
            };
            if self.due(refused).await {
                self.reload().await;
            }
            if refused {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        }
    }

    async fn due(&mut self, refused: bool) -> bool {
        if self.problem.load().is_some() {
            return !refused || self.changed(true).await;
        }
        let credentials = self.shared.refused.credentials.swap(false, Ordering::AcqRel);
        let plugin = self.shared.transport.load().plugin;
        (credentials && plugin && self.built.elapsed() >= BETWEEN_PLUGIN_RUNS) || self.changed(refused).await
    }

    async fn changed(&mut self, thorough: bool) -> bool {
        let mut files = std::mem::take(&mut self.files);
        let looked = tokio::task::spawn_blocking(move || (files.changed(thorough), files)).await;
        match looked {
            Ok((changed, files)) => {
                self.files = files;
                changed
            }
            Err(_) => true,
        }
    }

    async fn reload(&mut self) {
        let current = self.shared.transport.load_full();
        let Attempt { files, outcome } = attempt(self.shared.spec.clone(), Some(current)).await;
        self.files = files;
        self.built = Instant::now();
        match outcome {
            Ok(transport) => {
                self.shared.transport.store(Arc::new(transport));
                self.problem.store(None);
                tracing::info!(cluster = %self.shared.spec.id, "new credentials are in use");
            }
            Err(error) => self.report(error),
        }
    }

    /// Keeps a problem where health shows it, and logs it when it isn't the one of before.
    fn report(&self, error: ConnectError) {
        if self.problem.load().as_deref() != Some(&error) {
            tracing::warn!(cluster = %self.shared.spec.id, %error, "new credentials can't be used; the old ones stay");
        }
        self.problem.store(Some(Arc::new(error)));
    }
}
