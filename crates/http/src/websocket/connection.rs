//! One socket from its upgrade to its end: a single task that reads, writes, pings and watches the time.
//!
//! Reading stops while a write waits for a slow client, so what such a client costs is its outbox and nothing more;
//! after `write_timeout` it is dropped.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_graphql::Executor;
use axum::extract::ws::{Message, WebSocket};
use fleetgraph_core::Error;
use futures::{FutureExt, future::BoxFuture};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until, timeout},
};
use tracing::{Instrument, field};

use super::{
    close::Close,
    message::{self, ClientMessage},
    operation::{self, Started},
    outbox::{Outbox, Outgoing},
    session::{Serial, Session, Step},
};
use crate::{app::App, caller, context::RequestContext};

/// Time for the client to answer a close frame, so that it has read the code before the connection ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How a socket ends.
enum End {
    /// With a close frame.
    Close(Close),
    /// Without one: the client is gone, or no longer reads.
    Drop,
}

type Flow = Result<(), End>;

pub(crate) struct Connection<E> {
    app: Arc<App<E>>,
    context: RequestContext,
    socket: WebSocket,
    session: Session,
    outbox: Outbox,
    messages: mpsc::Receiver<Outgoing>,
    /// Aborted together when the connection is dropped.
    tasks: JoinSet<()>,
    handles: HashMap<Serial, AbortHandle>,
    init_by: Instant,
    ping_at: Instant,
    /// Set from a ping until the client says anything.
    heard_by: Option<Instant>,
    /// Ends when the caller may no longer be served.
    ended: BoxFuture<'static, Error>,
}

impl<E: Executor> Connection<E> {
    pub fn new(app: Arc<App<E>>, context: RequestContext, socket: WebSocket) -> Self {
        let config = &app.config.websocket;
        let (outbox, messages) = Outbox::new(config.outgoing_messages, config.outgoing_bytes);
        let now = Instant::now();
        Self {
            session: Session::new(config.max_operations),
            init_by: now + config.init_timeout,
            ping_at: now + config.ping_interval,
            heard_by: None,
            ended: std::future::pending().boxed(),
            tasks: JoinSet::new(),
            handles: HashMap::new(),
            app,
            context,
            socket,
            outbox,
            messages,
        }
    }

    pub async fn run(mut self) {
        let _open = self.app.metrics.websocket();
        let shutdown = self.app.shutdown.clone();
        let end = tokio::select! {
            end = self.until_end() => end,
            () = shutdown.aborting().cancelled() => End::Drop,
        };
        // No further result may be made while the close frame waits for its answer.
        self.tasks.abort_all();
        if let End::Close(close) = end {
            tracing::debug!(code = close.code, reason = %close.reason, "closing a WebSocket");
            let _ = timeout(CLOSE_TIMEOUT, self.close(&close)).await;
        }
    }

    async fn close(&mut self, close: &Close) {
        if self.socket.send(Message::Close(Some(close.frame()))).await.is_ok() {
            while let Some(Ok(_)) = self.socket.recv().await {}
        }
    }

    async fn until_end(&mut self) -> End {
        loop {
            if let Err(end) = self.turn().await {
                return end;
            }
        }
    }

    async fn turn(&mut self) -> Flow {
        let closing = self.app.shutdown.closing().clone();
        let next_moment = self.next_moment();
        tokio::select! {
            received = self.socket.recv() => match received {
                Some(Ok(message)) => self.receive(message).await,
                Some(Err(error)) => Err(End::Close(self.broken(&error))),
                None => Err(End::Drop),
            },
            Some(message) = self.messages.recv() => self.forward(message).await,
            Some(_) = self.tasks.join_next() => Ok(()),
            () = sleep_until(next_moment) => self.on_time().await,
            error = &mut self.ended => Err(End::Close(Close::refused(error))),
            () = closing.cancelled() => Err(End::Close(Close::going_away())),
        }
    }

    async fn receive(&mut self, message: Message) -> Flow {
        self.heard_by = None;
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                return Err(End::Close(Close::bad_request("Invalid message received: not a text message")));
            }
            // The library answers pings and closes by itself.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Drop),
        };
        let message = ClientMessage::read(&text).map_err(End::Close)?;
        match self.session.step(message) {
            Step::Nothing => Ok(()),
            Step::Connect(payload) => {
                self.context.connection_params = payload.map(Arc::new);
                self.context.caller = caller::identify(&*self.app.gate, &self.context)
                    .await
                    .map_err(|error| End::Close(Close::refused(error)))?;
                self.ended = caller::until_ended(Arc::clone(&self.app.gate), self.context.clone()).boxed();
                self.write(message::ack()).await
            }
            Step::Pong(payload) => self.write(message::pong(payload)).await,
            Step::Start { id, serial, payload } => {
                self.start(Started { id: id.into(), serial, payload });
                Ok(())
            }
            Step::Refuse { id } => self.write(operation::too_many(&self.app, &self.context, &id)).await,
            Step::Stop(serial) => {
                self.stop(serial);
                Ok(())
            }
            Step::Close(close) => Err(End::Close(close)),
        }
    }

    fn start(&mut self, started: Started) {
        let serial = started.serial;
        let span = tracing::info_span!(
            "graphql.operation",
            request_id = %self.context.request_id,
            graphql.operation.type = field::Empty,
            graphql.operation.name = field::Empty,
        );
        let run = operation::run(Arc::clone(&self.app), self.context.clone(), started, self.outbox.clone());
        self.handles.insert(serial, self.tasks.spawn(run.instrument(span)));
    }

    fn stop(&mut self, serial: Serial) {
        if let Some(task) = self.handles.remove(&serial) {
            task.abort();
        }
    }

    /// Writes a result, unless its operation was completed meanwhile.
    async fn forward(&mut self, message: Outgoing) -> Flow {
        if !self.session.is_running(&message.id, message.serial) {
            return Ok(());
        }
        if message.last {
            self.session.end(&message.id);
            self.handles.remove(&message.serial);
        }
        let Outgoing { text, room, .. } = message;
        let flow = self.write(text).await;
        drop(room);
        flow
    }

    async fn write(&mut self, text: String) -> Flow {
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Flow {
        match timeout(self.app.config.websocket.write_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Drop),
        }
    }

    fn next_moment(&self) -> Instant {
        let mut moment = self.ping_at;
        if !self.session.is_acknowledged() {
            moment = moment.min(self.init_by);
        }
        self.heard_by.map_or(moment, |by| moment.min(by))
    }

    async fn on_time(&mut self) -> Flow {
        let now = Instant::now();
        if !self.session.is_acknowledged() && now >= self.init_by {
            return Err(End::Close(Close::init_timeout()));
        }
        if self.heard_by.is_some_and(|by| now >= by) {
            tracing::debug!("a WebSocket's client is silent; dropping it");
            return Err(End::Drop);
        }
        if now >= self.ping_at {
            let config = &self.app.config.websocket;
            self.ping_at = now + config.ping_interval;
            self.heard_by.get_or_insert(now + config.pong_timeout);
            return self.send(Message::Ping(Vec::new().into())).await;
        }
        Ok(())
    }

    /// The library's error of reading tells an over-long message from other faults by its text only.
    fn broken(&self, error: &axum::Error) -> Close {
        if error.to_string().contains("Space limit exceeded") {
            Close::too_big(self.app.config.websocket.max_message_bytes)
        } else {
            Close::protocol_error()
        }
    }
}
