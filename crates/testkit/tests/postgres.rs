//! The PostgreSQL server for tests starts as this machine's user can start it, and leaves nothing behind.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testkit::Postgres;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn a_crashed_server_comes_back_with_what_was_committed() -> Result<()> {
    let server = Postgres::start().await?;
    let url = server.database()?;
    server.run(&url, "CREATE TABLE words (word text); INSERT INTO words VALUES ('kept')")?;
    server.crash();
    ensure!(server.run(&url, "SELECT 1").is_err(), "it is down");
    server.restart().await?;
    ensure!(server.run(&url, "SELECT word FROM words")? == "kept");
    Ok(())
}

#[tokio::test]
async fn databases_of_one_server_know_nothing_of_one_another() -> Result<()> {
    let server = Postgres::start().await?;
    let (a, b) = (server.database()?, server.database()?);
    server.run(&a, "CREATE TABLE words (word text)")?;
    let error = server.run(&b, "SELECT * FROM words").err().context("no such table")?;
    ensure!(error.to_string().contains("does not exist"), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn a_dropped_server_takes_its_processes_and_its_files_with_it() -> Result<()> {
    let server = Postgres::start().await?;
    let url = server.database()?;
    let directory = server.run(&url, "SHOW data_directory")?;
    let pids = processes(&server, &url)?;
    ensure!(pids.iter().all(|pid| is_postgres(*pid)) && Path::new(&directory).exists());
    drop(server);
    ensure!(!pids.iter().any(|pid| is_postgres(*pid)), "one of {pids:?} is left");
    ensure!(!Path::new(&directory).exists(), "{directory} is left");
    Ok(())
}

const VICTIM: &str = "TESTKIT_VICTIM";

/// The server runs as another user than the test where that is root, and changing the user makes the kernel forget who
/// wants to die with whom.
#[tokio::test]
async fn a_server_dies_when_its_parent_is_killed() -> Result<()> {
    if std::env::var_os(VICTIM).is_some() {
        let server = Postgres::start().await?;
        let pids = processes(&server, &server.database()?)?;
        let listed = pids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        writeln!(std::io::stdout(), "pids: {listed}")?;
        return std::future::pending().await;
    }
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "a_server_dies_when_its_parent_is_killed", "--nocapture"])
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
    ensure!(pids.len() > 1 && pids.iter().all(|pid| is_postgres(*pid)), "the victim's server runs: {pids:?}");
    victim.kill().await?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while pids.iter().any(|pid| is_postgres(*pid)) {
        ensure!(Instant::now() < deadline, "left behind, of {pids:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let left = std::fs::read_to_string("/proc/sysvipc/shm")?;
    let of_the_victim = |line: &str| line.split_whitespace().nth(4) == Some(&pids[0].to_string());
    ensure!(!left.lines().any(of_the_victim), "shared memory is left:\n{left}");
    Ok(())
}

/// The server's first process, and some that it started.
fn processes(server: &Postgres, url: &str) -> Result<Vec<u32>> {
    let started = "SELECT pid FROM pg_stat_activity WHERE backend_type IN ('checkpointer', 'walwriter')";
    let mut pids = vec![server.pid().context("it runs")?];
    for pid in server.run(url, started)?.lines() {
        pids.push(pid.parse()?);
    }
    Ok(pids)
}

/// A process that has ended but that nobody has waited for is a zombie; it holds nothing.
fn is_postgres(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|text| text.contains("(postgres)") && !text.contains(") Z ") && !text.contains(") X "))
}
