//! The thread that drives an engine in real time.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::churn::{ChurnOptions, Mover};
use super::hub::Hub;
use super::{ControllerOptions, Engine};
use crate::cluster::Cluster;
use crate::world::World;

/// Nothing waits longer than this for a clock that was put forward.
const LONGEST: Duration = Duration::from_secs(1);

/// The controllers of some clusters. Dropping it ends them; the objects stay.
pub struct Controllers {
    hub: Arc<Hub>,
    thread: Option<JoinHandle<()>>,
    ended: oneshot::Receiver<()>,
}

impl Controllers {
    /// A cluster has one set of controllers: those that are started later take its events away from earlier ones.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(clusters: &[Cluster], options: ControllerOptions) -> io::Result<Self> {
        Self::drive(Engine::new(clusters, options))
    }

    fn drive(mut engine: Engine) -> io::Result<Self> {
        let hub = Arc::clone(engine.hub());
        let waker = Arc::clone(&hub);
        let (running, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("controllers".to_owned()).spawn(move || {
            // Dropped with the thread, however that ends.
            let _running: oneshot::Sender<()> = running;
            loop {
                let next = engine.step();
                let left = next.map_or(i64::MAX, |next| next.saturating_sub(engine.steady()));
                let pause = Duration::from_millis(u64::try_from(left).unwrap_or(0));
                if !waker.wait(pause.min(LONGEST)) {
                    return;
                }
            }
        })?;
        Ok(Self { hub, thread: Some(thread), ended })
    }

    /// Waits until they end by themselves, which they never should: then nothing in the clusters goes on.
    pub async fn ended(&mut self) {
        let _nothing_is_sent = (&mut self.ended).await;
    }

    /// Changes of anything but leases since the start.
    pub fn changes(&self) -> u64 {
        self.hub.changes()
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        self.hub.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the controllers' thread panicked");
        }
    }
}

/// A fleet with its controllers, and the people, loads and faults that keep it busy. Dropping it ends both.
pub struct Churn(Controllers);

impl Churn {
    /// # Errors
    /// When the system gives no thread.
    pub fn start(world: &World, options: ChurnOptions) -> io::Result<Self> {
        Self::start_with(world, options, ControllerOptions::default())
    }

    /// # Errors
    /// When the system gives no thread.
    pub fn start_with(
        world: &World,
        options: ChurnOptions,
        controllers: ControllerOptions,
    ) -> io::Result<Self> {
        Controllers::drive(Self::engine(world, options, controllers)).map(Self)
    }

    /// The same without a thread, for tests that drive the clock.
    pub fn engine(world: &World, options: ChurnOptions, controllers: ControllerOptions) -> Engine {
        let mut engine = Engine::new(world.clusters(), controllers);
        engine.set_churn(Mover::new(options));
        engine
    }

    /// Changes of anything but leases since the start, whoever made them.
    pub fn changes(&self) -> u64 {
        self.0.changes()
    }
}

/// What moves and what stands are held alike.
impl From<Churn> for Controllers {
    fn from(churn: Churn) -> Self {
        churn.0
    }
}
