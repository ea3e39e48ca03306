//! The real program as a child process, on ports of its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// `fleetgraph serve`; killed when it is dropped.
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    dir: tempfile::TempDir,
}

fn with_drain(config: &str) -> String {
    format!("{config}http: {{drain_delay: 0s}}\n")
}

/// A kubeconfig with one context for each name and API server.
pub fn kubeconfig(dir: &std::path::Path, clusters: &[(&str, String)]) -> PathBuf {
    let part = |entry: &dyn Fn(&str, &str) -> String| -> String {
        clusters.iter().map(|(name, server)| entry(name, server)).collect()
    };
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {}\nclusters:\n{}contexts:\n{}users:\n- name: u\n  user: {{token: t}}\n",
        clusters[0].0,
        part(&|name, server| format!("- name: {name}\n  cluster: {{server: '{server}'}}\n")),
        part(&|name, _| format!("- name: {name}\n  context: {{cluster: {name}, user: u}}\n")),
    );
    let path = dir.join("kubeconfig");
    std::fs::write(&path, text).unwrap();
    path
}

/// The program without anything of this machine's own configuration.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleetgraph"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["FLEETGRAPH", "OTEL_", "KUBE", "CLUSTERS_CONFIG"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

impl Server {
    /// Starts it against these clusters, and waits until it listens.
    pub fn start(clusters: &[(&str, String)], arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = kubeconfig(dir.path(), clusters);
        Self::launch(dir, "", &kubeconfig, arguments)
    }

    /// Starts it with these lines of configuration, and waits until it listens.
    pub fn configured(config: &str) -> Self {
        Self::launch(tempfile::tempdir().unwrap(), config, std::path::Path::new("/no/such/kubeconfig"), &[])
    }

    fn launch(
        dir: tempfile::TempDir,
        config: &str,
        kubeconfig: &std::path::Path,
        arguments: &[&str],
    ) -> Self {
        let file = dir.path().join("fleet.yaml");
        // No load balancer has to take notice of a drain here.
        std::fs::write(&file, with_drain(config)).unwrap();
        let mut child = program()
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--metrics-listen",
                "127.0.0.1:0",
                "--log-format",
                "json",
            ])
            .args(arguments)
            .env("FLEETGRAPH_CONFIG", file)
            .env("KUBECONFIG", kubeconfig)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn({
            let log = Arc::clone(&log);
            // A line that isn't JSON, such as the last error, is kept as text.
            move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                    log.lock().unwrap().push(line);
                }
            }
        });
        let this = Self { child, log, dir };
        this.address("the metrics server listens");
        this
    }

    /// Gives it another configuration, as Kubernetes does with a ConfigMap: the file is behind a symbolic link, which is
    /// swapped.
    pub fn reconfigure(&self, config: &str) {
        let dir = self.dir.path();
        let version = (0..).map(|n| format!("..{n}")).find(|version| !dir.join(version).exists()).unwrap();
        std::fs::create_dir(dir.join(&version)).unwrap();
        std::fs::write(dir.join(&version).join("fleet.yaml"), with_drain(config)).unwrap();
        for (link, target) in [("..data", version.as_str()), ("fleet.yaml", "..data/fleet.yaml")] {
            std::os::unix::fs::symlink(target, dir.join("next")).unwrap();
            std::fs::rename(dir.join("next"), dir.join(link)).unwrap();
        }
    }

    pub fn http(&self) -> SocketAddr {
        self.address("the GraphQL server listens")
    }

    pub fn metrics(&self) -> SocketAddr {
        self.address("the metrics server listens")
    }

    fn address(&self, message: &str) -> SocketAddr {
        let line = self.logged(|line| line["message"] == message);
        line["fields"]["address"].as_str().unwrap().parse().unwrap()
    }

    /// Waits for a line of the log.
    pub fn logged(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.log.lock().unwrap().iter().find(|line| wanted(line)) {
                return line.clone();
            }
            assert!(Instant::now() < deadline, "not logged; the log is {:#?}", self.log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().iter().map(|line| format!("{line}\n")).collect()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it doesn't end; the log is {:#?}", self.log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and the body of an answer.
pub async fn ask(address: SocketAddr, request: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let (status, _, body) = exchange(address, request, headers, body).await;
    (status, body)
}

/// The status, the header and the body of an answer.
pub async fn exchange(
    address: SocketAddr,
    request: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String, String) {
    let mut socket = send(address, request, headers, body).await;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (status(head), head.to_ascii_lowercase(), body.to_owned())
}

/// The status of an answer that may go on for long, and the connection.
pub async fn begin(
    address: SocketAddr,
    request: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, TcpStream) {
    let mut socket = send(address, request, headers, body).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    (status(std::str::from_utf8(&head).unwrap()), socket)
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn send(address: SocketAddr, request: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    socket.write_all(text.as_bytes()).await.unwrap();
    socket
}

/// Asks until the status is the wanted one.
pub async fn until(address: SocketAddr, path: &str, status: u16) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (got, body) = ask(address, &format!("GET {path}"), &[], "").await;
        if got == status {
            return body;
        }
        assert!(Instant::now() < deadline, "{path} still answers {got}: {body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs the program to its end: its code, standard output and standard error.
pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = program().args(arguments).env("KUBECONFIG", "/no/such/kubeconfig").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
