//! What the demo says on the terminal.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use testkit::Fleet;

pub fn starting() -> Result<()> {
    say("Starting three control planes (etcd, kube-apiserver, controller manager, scheduler, kwok) …")
}

/// The terminal may be what ended us, so nobody needs to read this.
pub fn stopping() {
    let _nobody_reads = say("\nStopping.");
}

/// The addresses, and three things to try. Churn never scales to eight, so the third one always changes something.
pub fn ready(fleet: &Fleet, config: &Path, listen: SocketAddr) -> Result<()> {
    let kubeconfig = fleet.kubeconfig_file();
    let kubectl = fleet.planes().first().context("a fleet has clusters")?.kubectl_program();
    let names: Vec<_> =
        fleet.planes().iter().map(|plane| format!("{} {}", plane.name(), plane.url())).collect();
    say(&format!(
        r#"
fleetgraph    http://{listen}/graphql
clusters      {clusters}
kubeconfig    {kubeconfig}
config        {config}

1. Ask all clusters at once:

   curl -s http://{listen}/graphql -H 'content-type: application/json' -d '{{"query":"{{ clusters {{ id version nodeCount }} allDeployments {{ id replicas readyReplicas }} }}"}}'

2. Watch pods change, wherever they are:

   curl -N http://{listen}/graphql -H 'accept: text/event-stream' -H 'content-type: application/json' -d '{{"query":"subscription {{ podEvents {{ type timestamp pod {{ id phase nodeName }} }} }}"}}'

3. Change something yourself, and see it arrive there:

   {kubectl} --kubeconfig {kubeconfig} --context prod-eu -n checkout-prod scale deployment checkout-api --replicas=8

Ctrl-C stops everything.
"#,
        clusters = names.join("\n              "),
        kubeconfig = kubeconfig.display(),
        config = config.display(),
        kubectl = kubectl.display(),
    ))
}

fn say(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
