//! The fleetgraph process of the demo.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use testkit::process::{Launch, Process};

const POLL: Duration = Duration::from_millis(200);
const READY_WITHIN: Duration = Duration::from_secs(120);

pub fn start(program: &Path, config: &Path, listen: SocketAddr, more: &[String]) -> Result<Process> {
    let mut args =
        vec!["serve".to_owned(), format!("--config={}", config.display()), format!("--listen={listen}")];
    args.extend_from_slice(more);
    Process::start(&Launch { program: program.to_owned(), args, env: Vec::new(), log: None })
}

/// # Errors
/// When it ends, or isn't ready in two minutes.
pub async fn wait_until_ready(server: &mut Process, listen: SocketAddr) -> Result<()> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        if let Some(status) = server.exited() {
            bail!("fleetgraph ended before it was ready: {status}");
        }
        let answer = client.get(format!("http://{listen}/health/ready").parse()?).await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("fleetgraph was not ready on {listen} in {READY_WITHIN:?}");
        }
        tokio::time::sleep(POLL).await;
    }
}

pub async fn ended(server: &mut Process) -> ExitStatus {
    loop {
        if let Some(status) = server.exited() {
            return status;
        }
        tokio::time::sleep(POLL).await;
    }
}
