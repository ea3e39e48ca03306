//! A PostgreSQL server on a unix socket, for what fleetgraph stores.
//!
//! It is Debian's server, with its data in a directory of its own that goes with it. PostgreSQL refuses to run as root, so
//! where tests do, it runs as the user `postgres` that the package makes. It never waits for a disk: nothing of it has to
//! survive the machine. Its own crashes it survives, which is what [`Postgres::crash`] is for.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{Account, Launch, Manner, Process};
use crate::workdir::Workdir;

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
/// The package's user, for when the tests are root.
const USER: &str = "postgres";
/// The database's own superuser.
const ROLE: &str = "fleetgraph";
const PASSWORD: &str = "not-a-secret";

/// A running server. Dropping it stops it and removes its data.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    account: Option<Account>,
    databases: AtomicU32,
    /// Before `dir`, whose files it uses until it is dropped.
    process: Mutex<Option<Process>>,
    dir: Workdir,
}

impl Postgres {
    /// Starts a server with an empty data directory.
    ///
    /// # Errors
    /// When the package is missing, or the server isn't ready in time; the message ends with the tail of its log.
    pub async fn start() -> Result<Self> {
        let programs = programs()?;
        let dir = Workdir::create("postgres")?;
        let account = rustix::process::geteuid().is_root().then(|| Account::named(USER)).transpose()?;
        for name in ["data", "socket"] {
            fs::create_dir(dir.path(name))?;
            if let Some(Account { uid, gid }) = account {
                chown(dir.path(name), Some(uid), Some(gid))?;
            }
        }
        // Others may pass through, to what is theirs.
        fs::set_permissions(dir.path(""), fs::Permissions::from_mode(0o711))?;
        let password = dir.write("password", PASSWORD)?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o644))?;
        let server = Self { programs, account, databases: AtomicU32::new(0), process: Mutex::new(None), dir };
        server.initialize(&password)?;
        server.restart().await?;
        Ok(server)
    }

    fn initialize(&self, password: &Path) -> Result<()> {
        let program = self.programs.join("initdb");
        let mut command = match self.account {
            None => Command::new(program),
            Some(account) => {
                let mut command = Command::new("setpriv");
                command.args(account.arguments()).arg(program);
                command
            }
        };
        command.arg("--pgdata").arg(self.dir.path("data"));
        command.args(["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
        command.arg(format!("--username={ROLE}")).arg(format!("--pwfile={}", password.display()));
        let output = command.output().context("running initdb")?;
        ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Starts the server again, after [`Postgres::crash`], and returns when it answers.
    ///
    /// # Errors
    /// When it isn't ready in time.
    pub async fn restart(&self) -> Result<()> {
        self.crash();
        let file = |name: &str| self.dir.path(name).display().to_string();
        let mut args = vec!["-D".to_owned(), file("data")];
        for setting in [
            "listen_addresses=".to_owned(),
            format!("unix_socket_directories={}", file("socket")),
            "fsync=off".to_owned(),
            "full_page_writes=off".to_owned(),
            "shared_buffers=32MB".to_owned(),
            "max_connections=200".to_owned(),
            "autovacuum=off".to_owned(),
        ] {
            args.extend(["-c".to_owned(), setting]);
        }
        let launch = Launch {
            program: self.programs.join("postgres"),
            args,
            env: vec![("LC_ALL".to_owned(), "C".to_owned())],
            log: Some(self.dir.path("postgres.log")),
        };
        // When we are killed, an immediate shutdown, as in `crash`.
        let manner = Manner { account: self.account, last_signal: "QUIT" };
        let process = Process::start_with(&launch, &manner)?;
        *self.slot() = Some(process);
        self.wait_ready().await
    }

    /// Ends the server and every connection at once, as a crash would: what wasn't committed is lost, and the next start
    /// recovers. PostgreSQL calls it an immediate shutdown. SIGKILL would end the first process alone, and leave the
    /// others behind for a while, and a piece of shared memory for ever.
    pub fn crash(&self) {
        let Some(mut process) = self.slot().take() else { return };
        process.quit();
        let deadline = Instant::now() + STOPPED_WITHIN;
        while process.exited().is_none() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
    }

    /// The server's first process, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.slot().as_ref().map(Process::id)
    }

    /// A new, empty database, by URL.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn database(&self) -> Result<String> {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.url(&name))
    }

    /// Runs statements in the database of a URL, past whatever the tested program does, and returns what they print.
    ///
    /// # Errors
    /// When the server refuses one.
    pub fn run(&self, url: &str, statements: &str) -> Result<String> {
        let name =
            url.rsplit_once('/').and_then(|(_, rest)| rest.split('?').next()).context("no database")?;
        self.sql(name, statements)
    }

    fn url(&self, database: &str) -> String {
        let socket = self.dir.path("socket").display().to_string().replace('/', "%2F");
        format!("postgres://{ROLE}:{PASSWORD}@{socket}/{database}")
    }

    fn sql(&self, database: &str, statements: &str) -> Result<String> {
        let output = Command::new(self.programs.join("psql"))
            .arg("--host")
            .arg(self.dir.path("socket"))
            .args(["--username", ROLE, "--dbname", database, "--no-psqlrc", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--quiet", "--command", statements])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .context("running psql")?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    async fn wait_ready(&self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let error = match self.sql("postgres", "SELECT 1") {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let log = {
                let mut slot = self.slot();
                let process = slot.as_mut().context("the server was stopped while it started")?;
                let may_come = process.exited().is_none() && Instant::now() < deadline;
                (!may_come).then(|| process.log_tail())
            };
            if let Some(log) = log {
                bail!("PostgreSQL isn't ready: {error:#}\n{log}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Where the server's programs are: Debian keeps those of each version in a directory that isn't in the path.
fn programs() -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/usr/lib/postgresql").into_iter().flatten() {
        let entry = entry?;
        let version = entry.file_name().to_string_lossy().parse::<u32>().ok();
        let programs = entry.path().join("bin");
        if programs.join("postgres").exists() {
            found.push((version, programs));
        }
    }
    let newest = found.into_iter().max().map(|(_, programs)| programs);
    newest.context("PostgreSQL's server is missing; scripts/prepare installs it")
}
