//! What every handler shares.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{config::HttpConfig, context::Gate, documents::Documents, metrics::Metrics, shutdown::Shutdown};

/// The state of the GraphQL routes.
pub(crate) struct App<E> {
    pub executor: E,
    pub gate: Arc<dyn Gate>,
    pub documents: Documents,
    pub config: HttpConfig,
    pub shutdown: Shutdown,
    pub metrics: Metrics,
    /// One for each WebSocket that may be open.
    pub websocket_slots: Arc<Semaphore>,
    /// One for each event stream that may be open.
    pub sse_slots: Arc<Semaphore>,
}

impl<E> App<E> {
    pub fn new(
        executor: E,
        gate: Arc<dyn Gate>,
        documents: Documents,
        config: HttpConfig,
        shutdown: Shutdown,
        metrics: Metrics,
    ) -> Self {
        let slots = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        let websocket_slots = slots(config.websocket.max_connections);
        let sse_slots = slots(config.sse.max_streams);
        Self { executor, gate, documents, config, shutdown, metrics, websocket_slots, sse_slots }
    }
}
