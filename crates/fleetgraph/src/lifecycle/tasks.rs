//! The server's long-running tasks: each has a name, all have one owner, and the end of any one ends the server.
//!
//! A task that dies in silence is the worst outcome, for a server that answers from a store that nobody writes any more
//! looks healthy. So an end that wasn't asked for is an error that takes the process down, where it is restarted and seen.

use std::{collections::HashMap, time::Duration};

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// How a task ended that should have run on.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error("the {0} ended by itself; it must run as long as the server does")]
    Quietly(&'static str),
    #[error("the {0} failed: {1:#}")]
    Failed(&'static str, anyhow::Error),
    #[error("the {0} panicked: {1}")]
    Panicked(&'static str, String),
}

/// The tasks that the server can't be without.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, &'static str>,
    stop: CancellationToken,
}

impl Tasks {
    /// Starts a task. It is handed the token that tells it to end.
    pub fn spawn<F>(&mut self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let handle = self.running.spawn(task(self.stop.child_token()));
        self.names.insert(handle.id(), name);
    }

    /// Waits for the first task that ends, which none should. Without tasks it waits for ever.
    pub async fn first_end(&mut self) -> Ended {
        match self.running.join_next_with_id().await {
            Some(end) => self.describe(end),
            None => std::future::pending().await,
        }
    }

    /// Tells every task to end and waits for them; those that didn't by the deadline are aborted and named.
    pub async fn drain(mut self, deadline: Duration) -> Vec<&'static str> {
        self.stop.cancel();
        let ended = tokio::time::timeout(deadline, async {
            while let Some(end) = self.running.join_next_with_id().await {
                if let ended @ (Ended::Failed(..) | Ended::Panicked(..)) = self.describe(end) {
                    tracing::warn!(%ended, "a task failed while it was ending");
                }
            }
        });
        if ended.await.is_ok() {
            return Vec::new();
        }
        let mut late: Vec<_> = self.names.values().copied().collect();
        late.sort_unstable();
        self.running.shutdown().await;
        late
    }

    fn describe(&mut self, end: Result<(Id, anyhow::Result<()>), JoinError>) -> Ended {
        let id = match &end {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let name = self.names.remove(&id).unwrap_or("unnamed task");
        match end {
            Ok((_, Ok(()))) => Ended::Quietly(name),
            Ok((_, Err(error))) => Ended::Failed(name, error),
            Err(error) => Ended::Panicked(name, panic_text(error)),
        }
    }
}

fn panic_text(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no message")
            .to_owned(),
        Err(cancelled) => cancelled.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_task_that_ends_is_named_with_its_reason() {
        let mut tasks = Tasks::default();
        tasks.spawn("watcher", |_| async { Err(anyhow!("the disk is full")) });
        assert_eq!(tasks.first_end().await.to_string(), "the watcher failed: the disk is full");

        tasks.spawn("janitor", |_| async { Ok(()) });
        assert!(matches!(tasks.first_end().await, Ended::Quietly("janitor")));
    }

    #[tokio::test]
    async fn a_panic_is_an_end_like_any_other() {
        let mut tasks = Tasks::default();
        tasks.spawn("watcher", |_| async { panic!("out of cheese") });
        assert_eq!(tasks.first_end().await.to_string(), "the watcher panicked: out of cheese");
    }

    #[tokio::test]
    async fn a_drain_lets_tasks_finish() {
        let mut tasks = Tasks::default();
        let (done, finished) = tokio::sync::oneshot::channel();
        tasks.spawn("server", |stop| async move {
            stop.cancelled().await;
            tokio::task::yield_now().await;
            done.send(()).map_err(|()| anyhow!("nobody waits"))
        });
        assert!(tasks.drain(SOON).await.is_empty());
        finished.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_finish_in_time_is_named_and_aborted() {
        let mut tasks = Tasks::default();
        let (held, aborted) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn("stubborn task", |_| async move {
            let _held = held;
            std::future::pending().await
        });
        tasks.spawn("good task", |stop| async move {
            stop.cancelled().await;
            Ok(())
        });
        assert_eq!(tasks.drain(SOON).await, ["stubborn task"]);
        assert!(aborted.await.is_err(), "the task was dropped with what it held");
    }
}
