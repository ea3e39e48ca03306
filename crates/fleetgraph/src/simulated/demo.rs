//! `fleetgraph demo`: the server, with simulated clusters behind it.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Signal, getpid, kill_process};

use super::{Fleet, check_loopback};
use crate::{
    config::{self, Config, Overrides},
    lifecycle::Signals,
    serve,
};

/// What to show, and where.
#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    fleet: Fleet,
    /// Address of the GraphQL server and its page; a loopback address.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// What is logged: a level, or a filter such as info,cluster_registry=debug.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log_level: String,
}

/// Shows the demo until a signal.
///
/// # Errors
/// When the simulated clusters or the server can't start, or the server ends by itself.
pub fn run(arguments: &Demo) -> anyhow::Result<()> {
    let begun = Instant::now();
    // What can't be served need not be made.
    check_loopback(arguments.listen, "the demo is")?;
    TcpListener::bind(arguments.listen).with_context(|| format!("--listen {}", arguments.listen))?;
    let files = tempfile::Builder::new().prefix("fleetgraph-demo-").tempdir()?;
    let (kubeconfig, file) = (files.path().join("kubeconfig"), files.path().join("fleetgraph.yaml"));
    let mut clusters = Clusters::start(&arguments.fleet, &kubeconfig, &file)?;
    let Some(out) = clusters.served()? else { return Ok(()) };
    let died = end_with(out)?;
    let config = settings(&file, arguments)?;
    let first = config.clusters.first().map(|cluster| cluster.id.clone()).unwrap_or_default();
    let ready = move |address: SocketAddr| {
        let text = announcement(address, &kubeconfig, &first, begun.elapsed());
        // The terminal may have gone, and the demo is no worse for it.
        let _nobody_reads = io::stdout().lock().write_all(text.as_bytes());
    };
    serve::run(&config, &[], None, ready)?;
    if died.load(Ordering::Relaxed) {
        bail!("the simulated clusters ended by themselves; without them there is nothing to show");
    }
    drop(clusters);
    Ok(())
}

/// Ends this process as a signal does when the simulated clusters end, whose output this is. The flag says that it was so.
fn end_with(mut out: BufReader<ChildStdout>) -> anyhow::Result<Arc<AtomicBool>> {
    let died = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&died);
    std::thread::Builder::new().name("clusters".to_owned()).spawn(move || {
        let _ended = io::copy(&mut out, &mut io::sink());
        flag.store(true, Ordering::Relaxed);
        let _gone_already = kill_process(getpid(), Signal::TERM);
    })?;
    Ok(died)
}

fn settings(file: &Path, arguments: &Demo) -> anyhow::Result<Config> {
    let overrides = Overrides {
        listen: Some(arguments.listen.to_string()),
        // Of the demo's metrics nobody knows, and its usual port may be taken.
        metrics_listen: Some("127.0.0.1:0".to_owned()),
        log_level: Some(arguments.log_level.clone()),
        ..Overrides::default()
    };
    let mut config = config::load(Some(file), &overrides, &kinds::kind_set().metas())
        .map_err(|problems| anyhow::anyhow!("{problems}"))?;
    // No load balancer has to take notice of the end.
    config.http.drain_delay = Duration::ZERO;
    // The explorer of its page asks for the schema.
    config.limits.introspection = true;
    Ok(config)
}

/// What can be done now.
fn announcement(address: SocketAddr, kubeconfig: &Path, cluster: &str, took: Duration) -> String {
    format!(
        r#"
fleetgraph is ready after {took:.1} s.

the page      http://{address}/
GraphQL       http://{address}/graphql
kubeconfig    {kubeconfig}

1. Ask all clusters at once:

   curl -s http://{address}/graphql -H 'content-type: application/json' -d '{{"query":
     "{ask}"}}'

2. Watch pods change, wherever they are:

   curl -sN http://{address}/graphql -H 'content-type: application/json' -H 'accept: text/event-stream' -d '{{"query":
     "{watch}"}}'

3. Change something yourself, and see it arrive there:

   kubectl --kubeconfig {kubeconfig} --context {cluster} -n checkout scale deployment checkout-api --replicas=8

Ctrl-C ends everything.
"#,
        took = took.as_secs_f64(),
        kubeconfig = kubeconfig.display(),
        ask = QUERY,
        watch = SUBSCRIPTION,
    )
}

/// What the README asks, too.
const QUERY: &str = "{ clusters { id version nodeCount health { status } } resources(filter: {health: [DEGRADED]}, first: 50) { nodes { kind name health { reason } cluster { id } } } }";
const SUBSCRIPTION: &str = "subscription { podEvents { type reason pod { id phase nodeName } } }";

/// The process with the simulated clusters. It ends with its standard input, so that it ends with us, however we do.
struct Clusters(Child);

impl Clusters {
    /// Starts it.
    fn start(fleet: &Fleet, kubeconfig: &Path, config: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("can't find this program's own file")?;
        let child = Command::new(program)
            .args(["simulate", "--with-parent", "--listen=127.0.0.1:0"])
            .args(fleet.arguments())
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg("--config")
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("can't start the simulated clusters")?;
        Ok(Self(child))
    }

    /// Waits until it serves, and gives the rest of its output; `None` if a signal comes first, which must not leave
    /// anything behind either.
    fn served(&mut self) -> anyhow::Result<Option<BufReader<ChildStdout>>> {
        let out = self.0.stdout.take().context("the simulated clusters have no output")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let said = runtime.block_on(async {
            let mut signals = Signals::listen().context("can't listen for signals")?;
            let line = tokio::task::spawn_blocking(move || {
                let (mut said, mut out) = (String::new(), BufReader::new(out));
                out.read_line(&mut said).map(|_| (said, out))
            });
            tokio::select! {
                said = line => anyhow::Ok(Some(said??)),
                _ = signals.next() => Ok(None),
            }
        });
        // The line may still be read for, until the process ends.
        runtime.shutdown_background();
        match said? {
            None => Ok(None),
            Some((said, _)) if said.is_empty() => {
                let status = self.0.wait()?;
                bail!("the simulated clusters ended before they served: {status}");
            }
            Some((said, out)) => {
                let _nobody_reads = io::stdout().lock().write_all(said.as_bytes());
                Ok(Some(out))
            }
        }
    }
}

impl Drop for Clusters {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}
