//! The demo as `make demo` runs it, with a stand-in for fleetgraph: this test's own program, started by a script.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

const STAND_IN: &str = "TESTKIT_DEMO_STAND_IN";
const NAME: &str = "the_demo_starts_a_fleet_says_what_to_try_and_ends_without_a_trace";

#[test]
fn the_demo_starts_a_fleet_says_what_to_try_and_ends_without_a_trace() -> Result<()> {
    if let Ok(arguments) = std::env::var(STAND_IN) {
        return stand_in(&arguments);
    }
    let dir = tempfile::tempdir()?;
    let script = dir.path().join("fleetgraph");
    let itself = std::env::current_exe()?;
    let text = format!(
        "#!/bin/sh\n{STAND_IN}=\"$*\" exec '{}' --exact {NAME} --nocapture >'{}' 2>&1\n",
        itself.display(),
        dir.path().join("log").display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;

    let mut demo = KilledOnDrop(
        Command::new(env!("CARGO_BIN_EXE_demo-fleet"))
            .arg(format!("--fleetgraph={}", script.display()))
            .arg(format!("--listen={address}"))
            .args(["--", "--extra=argument"])
            .stdout(Stdio::piped())
            .spawn()?,
    );
    let mut said = String::new();
    for line in BufReader::new(demo.0.stdout.take().context("a pipe")?).lines() {
        said.push_str(&line?);
        said.push('\n');
        if said.contains("Ctrl-C") {
            break;
        }
    }
    let arguments = fetch(address, "/arguments")?;
    let config =
        arguments.split("--config=").nth(1).and_then(|rest| rest.split(' ').next()).context("a config")?;
    ensure!(arguments.contains(&format!("--listen={address} --extra=argument")), "{arguments}");
    let text = fs::read_to_string(config)?;
    for cluster in ["prod-eu", "prod-us", "staging"] {
        ensure!(
            said.contains(cluster) && text.contains(&format!("kubeconfig_context: {cluster}")),
            "{said}{text}"
        );
    }
    // The third thing to try, as it is printed.
    let command = said.lines().find(|line| line.contains("scale deployment")).context("a kubectl command")?;
    let words: Vec<_> = command.split_whitespace().collect();
    let answer = Command::new(words[0]).args(&words[1..]).output()?;
    ensure!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));

    let children = children_of(demo.0.id())?;
    ensure!(children.len() == 3 * 5 + 1, "three times five programs and fleetgraph: {children:?}");
    ensure!(Command::new("kill").args(["-TERM", &demo.0.id().to_string()]).status()?.success());
    let deadline = Instant::now() + Duration::from_secs(30);
    let status = loop {
        if let Some(status) = demo.0.try_wait()? {
            break status;
        }
        ensure!(Instant::now() < deadline, "the demo is still there");
        std::thread::sleep(Duration::from_millis(50));
    };
    ensure!(status.success(), "{status}");
    for child in children {
        ensure!(!PathBuf::from(format!("/proc/{child}")).exists(), "left behind: {child}");
    }
    ensure!(!PathBuf::from(config).exists(), "{config} is left behind");
    Ok(())
}

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ended_already = (self.0.kill(), self.0.wait());
    }
}

/// What fleetgraph is to the demo: it serves on `--listen`, and is ready. It tells which arguments it was given.
fn stand_in(arguments: &str) -> Result<()> {
    let address =
        arguments.split("--listen=").nth(1).and_then(|rest| rest.split(' ').next()).context("--listen")?;
    for connection in TcpListener::bind(address)?.incoming() {
        let mut connection = connection?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte)? == 1 {
            head.push(byte[0]);
        }
        let length = arguments.len();
        write!(
            connection,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{arguments}"
        )?;
    }
    Ok(())
}

fn fetch(address: std::net::SocketAddr, path: &str) -> Result<String> {
    let mut connection = TcpStream::connect(address)?;
    write!(connection, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").context("a body")?.1.to_owned())
}

fn children_of(parent: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for task in fs::read_dir(format!("/proc/{parent}/task"))? {
        let listed = fs::read_to_string(task?.path().join("children"))?;
        children.extend(listed.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(children)
}
