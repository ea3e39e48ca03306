//! Child processes that can't outlive us.
//!
//! A test that panics drops its children, but a test that is killed drops nothing. So every child is started
//! through `setpriv --pdeathsig KILL`, which asks the kernel to kill it when its parent goes, and then becomes the
//! program (the pid is the program's own). Two details make that sure:
//!
//! - the kernel means the parent *thread*. Tests run on threads that end, so one thread, which never ends, starts
//!   all children ([`spawner`]);
//! - a parent that dies before the child has asked would be missed. So the child compares its parent's pid
//!   afterwards, and only then becomes the program.
//!
//! A program that runs as another user changes to it before it asks: the kernel forgets the request with the change.
//!
//! Each child leads a process group, so that Ctrl-C in a terminal reaches us alone and we decide the order.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Runs when the kernel has been asked for the death signal. `$1` is the pid that must still be the parent.
const BECOME: &str = r#"[ "$PPID" = "$1" ] || exit 1; shift; exec "$@""#;

/// A program to start.
#[derive(Debug, Clone)]
pub struct Launch {
    pub program: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Receives stdout and stderr, appended. Without one, the child writes where we do.
    pub log: Option<PathBuf>,
}

/// What is unusual about a child.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Whom it runs as, if not as we do.
    pub account: Option<Account>,
    /// The signal that it is sent when we are gone. Others than `KILL` are for programs that surely end by them, and have
    /// something to clear away first.
    pub last_signal: &'static str,
}

/// A user of this machine that a program may run as, if we are root.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The account with this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<Self> {
        let number = |what: &str| -> Result<u32> {
            let output = Command::new("id").args([what, name]).output().context("running id")?;
            String::from_utf8_lossy(&output.stdout)
                .trim()
                .parse()
                .with_context(|| format!("this machine has no user {name}"))
        };
        Ok(Self { uid: number("-u")?, gid: number("-g")? })
    }

    /// Arguments of `setpriv`.
    pub(crate) fn arguments(self) -> [String; 3] {
        [format!("--reuid={}", self.uid), format!("--regid={}", self.gid), "--clear-groups".to_owned()]
    }
}

/// A running (or ended) child. Dropping it kills it with SIGKILL, and its group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: Option<PathBuf>,
    started: Instant,
}

impl Process {
    /// Starts `launch`.
    ///
    /// # Errors
    /// When `setpriv` (util-linux) or the log file is missing. A program that can't be executed shows as an early
    /// exit instead.
    pub fn start(launch: &Launch) -> Result<Self> {
        Self::start_with(launch, &Manner { account: None, last_signal: "KILL" })
    }

    /// Starts `launch` as another user, or to end in another way than the usual.
    ///
    /// # Errors
    /// As [`Process::start`], and when we may not be that user.
    pub fn start_with(launch: &Launch, manner: &Manner) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(manner.account.into_iter().flat_map(Account::arguments));
        command.args([
            "--pdeathsig",
            manner.last_signal,
            "sh",
            "-c",
            BECOME,
            "sh",
            &std::process::id().to_string(),
        ]);
        command.arg(&launch.program).args(&launch.args);
        command.envs(launch.env.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null());
        if let Some(log) = &launch.log {
            let file = File::options().create(true).append(true).open(log)?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child =
            spawn_from_lasting_thread(command).context("starting a child through setpriv (util-linux)")?;
        Ok(Self { child, log: launch.log.clone(), started: Instant::now() })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// The status of a child that has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// SIGKILL to the whole group, and waits until the child is gone, so its ports are free afterwards.
    pub fn kill(&mut self) {
        if self.exited().is_none() {
            let _gone_already = kill_process_group(self.pid(), Signal::KILL);
            let _status = self.child.wait();
        }
    }

    /// SIGTERM to the child alone: it may shut down as it likes. Use [`Process::exited`] to see the end.
    pub fn terminate(&mut self) {
        if self.exited().is_none() {
            let _gone_already = kill_process(self.pid(), Signal::TERM);
        }
    }

    /// SIGQUIT to the child alone, which for some programs means to give up everything at once.
    pub fn quit(&mut self) {
        if self.exited().is_none() {
            let _gone_already = kill_process(self.pid(), Signal::QUIT);
        }
    }

    /// The end of the log, for error messages.
    pub fn log_tail(&self) -> String {
        self.log.as_deref().map_or_else(String::new, |log| tail(log, 4096))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last `limit` bytes of a file, from the start of a line.
fn tail(path: &Path, limit: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(if length > limit {
            text.split_once('\n').map_or(text.clone(), |(_, rest)| rest.to_owned())
        } else {
            text
        })
    };
    read().unwrap_or_else(|error| format!("(no log: {error})"))
}

type Order = (Command, mpsc::SyncSender<io::Result<Child>>);

/// Children die with the thread that started them (see the module's text), so this thread never ends.
/// The queue holds one order; whoever starts more waits for its turn, and a start takes about a millisecond.
fn spawner() -> &'static mpsc::SyncSender<Order> {
    static SPAWNER: OnceLock<mpsc::SyncSender<Order>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::sync_channel::<Order>(1);
        let named = thread::Builder::new().name("testkit-spawner".to_owned());
        // Without the thread the channel is closed, which each caller sees as an error.
        let _detached = named.spawn(move || {
            for (mut command, answer) in inbox {
                let _caller_gone = answer.send(command.spawn());
            }
        });
        orders
    })
}

fn spawn_from_lasting_thread(command: Command) -> Result<Child> {
    let (answer, child) = mpsc::sync_channel(1);
    spawner().send((command, answer)).map_err(|_| anyhow!("the thread that starts children is gone"))?;
    Ok(child.recv()??)
}
