//! `fleetgraph demo` as a child process.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::program;

const PATIENCE: Duration = Duration::from_secs(90);

/// A process that does not outlive the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

pub struct Demo {
    child: Running,
    pub address: SocketAddr,
    pub kubeconfig: PathBuf,
    /// What it printed.
    pub said: String,
}

impl Demo {
    /// Starts it, and waits until it says that it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let child = program()
            .args(["demo", "--listen=127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = Running(child);
        let out = BufReader::new(child.0.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut said = String::new();
        loop {
            let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("not ready; it said {said}"));
            said += &line;
            said.push('\n');
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        let value = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {said}")).trim().to_owned()
        };
        let address = value("the page").trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
        let kubeconfig = PathBuf::from(value("kubeconfig"));
        Self { child, address, kubeconfig, said }
    }

    /// The queries of the commands that it prints.
    pub fn printed_queries(&self) -> Vec<String> {
        let query = |line: &str| Some(line.trim().strip_prefix('"')?.strip_suffix("\"}'")?.to_owned());
        self.said.lines().filter_map(query).collect()
    }

    /// The words of the command that changes something.
    pub fn printed_kubectl(&self) -> Vec<String> {
        let line = self.said.lines().find(|line| line.trim().starts_with("kubectl")).unwrap();
        line.split_whitespace().map(ToOwned::to_owned).collect()
    }

    /// Subscribes by server-sent events.
    pub async fn subscribe(&self, query: &str) -> Events {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let body = serde_json::json!({ "query": query }).to_string();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).await.unwrap();
        Events(tokio::io::BufReader::new(socket).lines())
    }

    /// The process with the simulated clusters.
    pub fn simulated(&self) -> u32 {
        let children = format!("/proc/{0}/task/{0}/children", self.child.0.id());
        let text = std::fs::read_to_string(children).unwrap();
        // It may have been started from another thread than the first.
        let all = text.split_whitespace().next().map(ToOwned::to_owned);
        all.unwrap_or_else(|| panic!("no child of {}", self.child.0.id())).parse().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).unwrap();
    }

    /// The exit code of one that has ended by itself.
    pub fn status(&mut self) -> Option<i32> {
        self.child.0.try_wait().unwrap()?.code()
    }

    pub async fn ended(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.child.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the demo does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Its clusters end with it, and it removes its files.
        let _ended = kill_process(Pid::from_child(&self.child.0), Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a subscription is sent.
pub struct Events(tokio::io::Lines<tokio::io::BufReader<TcpStream>>);

impl Events {
    /// Reads up to the next line that has this in it.
    pub async fn until(&mut self, wanted: &str) {
        let found = async {
            while let Some(line) = self.0.next_line().await.unwrap() {
                if line.contains(wanted) {
                    return;
                }
            }
            panic!("the subscription ended");
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("never sent: {wanted}"));
    }
}

/// Whether a process has ended. Nobody may have asked for its status yet.
pub fn gone(process: u32) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    status.map_or(true, |status| status.contains("State:\tZ"))
}

pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
