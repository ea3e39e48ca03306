//! A TCP proxy in front of an API server, which fails on request.
//!
//! Killing a server shows one fault: connections end and say so. Networks do worse: they swallow packets, and a
//! watch then looks healthy for minutes. TLS passes through untouched, so clients still verify the real server.
//!
//! ```text
//!   client ── 127.0.0.1:proxy ──[ Fault ]── 127.0.0.1:apiserver
//! ```

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    #[default]
    None,
    /// Accepts, and forwards nothing. Open connections stay open and fall silent; when the fault ends they go on
    /// where they were, as TCP does when packets get through again.
    Blackhole,
    /// Nobody listens: open connections end, new ones are refused.
    Refuse,
    /// Open connections and every new one are reset.
    Reset,
    /// Each piece (at most 16 KiB) waits that long, in each direction, so throughput falls too.
    Delay(Duration),
}

/// The proxy. It stops, and ends its connections, when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    fault: watch::Sender<Fault>,
    /// What the accept loop has put into effect, for [`FaultProxy::set`] to wait on.
    effective: watch::Receiver<Fault>,
    counters: Arc<Counters>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counters {
    open: AtomicUsize,
    accepted: AtomicUsize,
}

impl FaultProxy {
    /// Listens on 127.0.0.1:`port` and forwards to 127.0.0.1:`target`.
    pub async fn start(port: u16, target: u16) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.context("binding the fault proxy")?;
        let port = listener.local_addr()?.port();
        let (fault, faults) = watch::channel(Fault::None);
        let (in_effect, effective) = watch::channel(Fault::None);
        let counters = Arc::<Counters>::default();
        let accepting =
            tokio::spawn(accept(Some(listener), port, target, faults, in_effect, Arc::clone(&counters)));
        Ok(Self { port, fault, effective, counters, accepting })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the fault. When this returns, new connections meet it.
    ///
    /// # Errors
    /// When the port couldn't be bound again after [`Fault::Refuse`].
    pub async fn set(&self, fault: Fault) -> Result<()> {
        self.fault.send_replace(fault);
        let mut effective = self.effective.clone();
        effective.wait_for(|now| *now == fault).await.map_err(|_| anyhow!("the fault proxy has stopped"))?;
        Ok(())
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.counters.open.load(Ordering::Relaxed)
    }

    /// Connections that were ever accepted.
    pub fn accepted_connections(&self) -> usize {
        self.counters.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Its connections watch the sender that goes with us, and end.
        self.accepting.abort();
    }
}

async fn accept(
    mut listener: Option<TcpListener>,
    port: u16,
    target: u16,
    mut faults: watch::Receiver<Fault>,
    in_effect: watch::Sender<Fault>,
    counters: Arc<Counters>,
) {
    loop {
        let fault = *faults.borrow_and_update();
        if fault == Fault::Refuse {
            listener = None;
        } else if listener.is_none() {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Ok(bound) => listener = Some(bound),
                Err(error) => {
                    tracing::error!(port, %error, "the fault proxy can't listen again");
                    return;
                }
            }
        }
        in_effect.send_replace(fault);
        let incoming = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = faults.changed() => if changed.is_err() { return },
            connection = incoming => if let Ok((client, _)) = connection {
                counters.accepted.fetch_add(1, Ordering::Relaxed);
                let (faults, counters) = (faults.clone(), Arc::clone(&counters));
                tokio::spawn(async move {
                    counters.open.fetch_add(1, Ordering::Relaxed);
                    carry(client, target, faults).await;
                    counters.open.fetch_sub(1, Ordering::Relaxed);
                });
            },
        }
    }
}

/// One connection, until either side or a fault ends it.
async fn carry(client: TcpStream, target: u16, faults: watch::Receiver<Fault>) {
    if !may_forward(&mut faults.clone()).await {
        return end(&client, *faults.borrow());
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else {
        return end(&client, Fault::Reset);
    };
    let _latency_only = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut client, mut server) = (client, server);
    {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            _ = async { tokio::try_join!(
                copy(from_client, to_server, faults.clone()),
                copy(from_server, to_client, faults.clone()),
            ) } => {},
            () = broken(faults.clone()) => {},
        }
    }
    let fault = *faults.borrow();
    end(&client, fault);
    end(&server, fault);
}

fn end(stream: &TcpStream, fault: Fault) {
    if fault == Fault::Reset {
        let _closed_already = stream.set_zero_linger();
    }
}

/// Returns when open connections must end.
async fn broken(mut faults: watch::Receiver<Fault>) {
    // An error means that the proxy was dropped.
    let _dropped = faults.wait_for(|fault| matches!(fault, Fault::Refuse | Fault::Reset)).await.is_err();
}

/// Waits out a black hole. False when the connection must end instead.
async fn may_forward(faults: &mut watch::Receiver<Fault>) -> bool {
    match faults.wait_for(|fault| *fault != Fault::Blackhole).await {
        Ok(fault) => matches!(*fault, Fault::None | Fault::Delay(_)),
        Err(_) => false,
    }
}

/// The connection is over in both directions.
struct Broken;

/// One direction. It holds one piece at most, so a reader that is slow slows its writer, as without a proxy.
/// `Ok` when the sender has finished; the other direction may go on.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut faults: watch::Receiver<Fault>,
) -> Result<(), Broken> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut piece).await.map_err(|_| Broken)?;
        let fault = *faults.borrow();
        if let Fault::Delay(time) = fault {
            tokio::time::sleep(time).await;
        }
        if !may_forward(&mut faults).await {
            return Err(Broken);
        }
        if length == 0 {
            return to.shutdown().await.map_err(|_| Broken);
        }
        to.write_all(&piece[..length]).await.map_err(|_| Broken)?;
    }
}
