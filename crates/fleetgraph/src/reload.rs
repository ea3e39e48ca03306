//! The configuration file is read again when it changes, or on SIGHUP: clusters come, go and change without a restart.
//!
//! ```text
//!   every second: other contents, the same as a second ago ──┐
//!                                                            ├─► read, checked ─► clusters: to the keeper
//!   SIGHUP ──────────────────────────────────────────────────┘                 └► other keys: a restart is asked for
//! ```
//!
//! Contents are compared, not times: Kubernetes swaps a symbolic link above the file. A file that is half written is not
//! read yet; one that is wrong is reported, and changes nothing.

use std::{convert::Infallible, time::Duration};

use serde_json::Value;
use tokio::time::MissedTickBehavior;

use crate::{
    clusters,
    config::{Config, Source},
    connected::Connected,
    lifecycle::Hangups,
};

const PERIOD: Duration = Duration::from_secs(1);

/// Reads the configuration again.
pub struct Reloader {
    pub source: Source,
    /// The contexts of the command line.
    pub contexts: Vec<String>,
    /// What the server was started with.
    pub running: Config,
    pub connected: Connected,
    pub hangups: Hangups,
}

impl Reloader {
    /// Runs until it is dropped.
    pub async fn run(mut self) -> Infallible {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut read = self.source.seen();
        let mut last = read.clone();
        loop {
            let asked = tokio::select! {
                _ = ticks.tick() => false,
                () = self.hangups.next() => true,
            };
            let source = self.source.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || source.look()).await else { continue };
            if asked || (now != read && now == last) {
                read.clone_from(&now);
                self.reload(asked).await;
            }
            last = now;
        }
    }

    async fn reload(&self, asked: bool) {
        tracing::info!(by = if asked { "SIGHUP" } else { "a change" }, "reading the configuration again");
        let source = self.source.clone();
        let loaded = tokio::task::spawn_blocking(move || source.load(&kinds::kind_set().metas())).await;
        let config = match loaded {
            Ok(Ok(config)) => config,
            Ok(Err(problems)) => {
                for problem in &problems.0 {
                    tracing::error!(%problem, "the configuration is wrong; nothing of it is taken over");
                }
                return;
            }
            Err(error) => {
                tracing::error!(%error, "the configuration could not be read");
                return;
            }
        };
        for key in changed(&self.running, &config) {
            tracing::warn!(key, "a changed key of the configuration takes effect at the next start only");
        }
        let (found, problems) = clusters::configured(&config, &self.contexts);
        for problem in &problems {
            tracing::error!(%problem, "a part of the kubeconfig can't be used; the clusters stay as they are");
        }
        // A file that is just being written would otherwise take clusters away.
        if !problems.is_empty() {
            return;
        }
        self.connected.configure(found).await;
        tracing::info!("the configuration's clusters are taken over");
    }
}

/// The keys that differ, but for the clusters.
fn changed(running: &Config, config: &Config) -> Vec<String> {
    let plain = |config: &Config| {
        serde_json::to_value(Config { clusters: Vec::new(), ..config.clone() }).unwrap_or_default()
    };
    let mut keys = Vec::new();
    differences("", &plain(running), &plain(config), &mut keys);
    // It is shown to nobody, so that it differs can't be seen above.
    if running.catalog.postgres_dsn != config.catalog.postgres_dsn {
        keys.push("catalog.postgres_dsn".to_owned());
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn differences(path: &str, one: &Value, other: &Value, keys: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in one {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                differences(&path, value, other.get(key).unwrap_or(&Value::Null), keys);
            }
        }
        (one, other) if one != other => keys.push(path.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_keys_are_named_by_their_path_and_clusters_are_not_among_them() {
        let running = Config::default();
        let mut config = running.clone();
        config.clusters.push(Default::default());
        assert_eq!(changed(&running, &config), [] as [&str; 0]);
        config.http.max_body_bytes += 1;
        config.max_page_size += 1;
        config.catalog.postgres_dsn = "postgres://hush".into();
        let keys = changed(&running, &config);
        for key in ["http.max_body_bytes", "max_page_size", "catalog.postgres_dsn"] {
            assert!(keys.iter().any(|known| known == key), "{keys:?}");
        }
    }
}
