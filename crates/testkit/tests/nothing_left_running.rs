//! A test process that is killed -9 can't clean up. Its control planes have to go all the same.
//!
//! This test starts itself again as a process of its own, which starts a complete control plane, says which pids it
//! has, and waits to be killed.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testkit::{Component, ControlPlane, Options};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

const VICTIM: &str = "TESTKIT_VICTIM";
const COMPONENTS: [Component; 5] = [
    Component::Etcd,
    Component::ApiServer,
    Component::ControllerManager,
    Component::Scheduler,
    Component::Kwok,
];

#[tokio::test]
async fn children_die_when_their_parent_is_killed() -> Result<()> {
    if std::env::var_os(VICTIM).is_some() {
        return be_the_victim().await;
    }
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "children_die_when_their_parent_is_killed", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(victim.stdout.take().context("a pipe")?).lines();
    let pids = loop {
        let line = lines.next_line().await?.context("the victim ended early")?;
        if let Some((_, list)) = line.split_once("pids:") {
            break list.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
        }
    };
    ensure!(pids.len() == COMPONENTS.len());
    ensure!(pids.iter().all(|pid| is_running(*pid)), "the victim's programs run: {pids:?}");

    victim.kill().await?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while pids.iter().any(|pid| is_running(*pid)) {
        ensure!(Instant::now() < deadline, "left behind, of {pids:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn be_the_victim() -> Result<()> {
    let plane = ControlPlane::start(Options::named("victim")).await?;
    let pids: Vec<_> = COMPONENTS.iter().filter_map(|component| plane.pid(*component)).collect();
    let listed = pids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    writeln!(std::io::stdout(), "pids: {listed}")?;
    std::future::pending().await
}

/// A process that has ended but that nobody has waited for is a zombie; it holds no port and no memory.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|text| {
        !text.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
    })
}

#[tokio::test]
async fn a_dropped_control_plane_takes_its_programs_and_its_files_with_it() -> Result<()> {
    let plane = ControlPlane::start(Options::named("dropped")).await?;
    let pids: Vec<_> = COMPONENTS.iter().filter_map(|component| plane.pid(*component)).collect();
    let kubeconfig = plane.kubeconfig_file();
    ensure!(pids.len() == COMPONENTS.len() && kubeconfig.exists());
    drop(plane);
    ensure!(!pids.iter().any(|pid| is_running(*pid)), "drop waits for the ends");
    // The task that restarts programs lets go of the directory at its next turn.
    let deadline = Instant::now() + Duration::from_secs(10);
    while kubeconfig.exists() {
        ensure!(Instant::now() < deadline, "{} is still there", kubeconfig.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_an_error_with_its_own_words() -> Result<()> {
    let options = Options::bare("broken").apiserver_arg("--no-such-flag");
    let error = ControlPlane::start(options).await.err().context("it can't start")?;
    let text = format!("{error:#}");
    ensure!(text.contains("kube-apiserver") && text.contains("unknown flag: --no-such-flag"), "{text}");
    Ok(())
}
