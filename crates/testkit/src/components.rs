//! The command line of each program.

use crate::kwok;
use crate::options::{Component, Controllers, Options};
use crate::pki::{self, CertificateAuthority};
use crate::ports::Port;
use crate::workdir::Workdir;

use anyhow::Result;

/// As short as survives a busy machine: whoever reads the leases sees a dead component after six seconds.
const LEADER_ELECTION: [&str; 4] = [
    "--leader-elect=true",
    "--leader-elect-lease-duration=6s",
    "--leader-elect-renew-deadline=4s",
    "--leader-elect-retry-period=1s",
];

/// Ports of one control plane, its own for as long as it lives.
#[derive(Debug)]
pub(crate) struct Ports {
    pub etcd: Port,
    pub etcd_peer: Port,
    pub apiserver: Port,
    pub proxy: Port,
}

impl Ports {
    pub(crate) fn reserve() -> Result<Self> {
        Ok(Self {
            etcd: Port::reserve()?,
            etcd_peer: Port::reserve()?,
            apiserver: Port::reserve()?,
            proxy: Port::reserve()?,
        })
    }
}

/// Writes the files that the programs read at their start. The kubeconfig and the token file come from elsewhere.
pub(crate) fn write_files(dir: &Workdir, authority: &CertificateAuthority, options: &Options) -> Result<()> {
    let server = authority.server_certificate()?;
    let (signing, verifying) = pki::signing_key()?;
    dir.write("ca.pem", authority.pem())?;
    dir.write("ca-key.pem", authority.key_pem())?;
    dir.write("server.pem", server.certificate_pem)?;
    dir.write("server-key.pem", server.key_pem)?;
    dir.write("service-account-key.pem", signing)?;
    dir.write("service-account.pem", verifying)?;
    if options.kwok_nodes > 0 {
        dir.write("kwok.yaml", kwok::STAGES)?;
    }
    Ok(())
}

pub(crate) fn arguments(
    component: Component,
    dir: &Workdir,
    ports: &Ports,
    options: &Options,
) -> Vec<String> {
    let file = |name: &str| dir.path(name).display().to_string();
    match component {
        Component::Etcd => {
            let client = format!("http://127.0.0.1:{}", ports.etcd.number());
            let peer = format!("http://127.0.0.1:{}", ports.etcd_peer.number());
            vec![
                format!("--data-dir={}", file("etcd")),
                format!("--listen-client-urls={client}"),
                format!("--advertise-client-urls={client}"),
                format!("--listen-peer-urls={peer}"),
                format!("--initial-advertise-peer-urls={peer}"),
                format!("--initial-cluster=default={peer}"),
                "--unsafe-no-fsync".to_owned(),
                "--quota-backend-bytes=4294967296".to_owned(),
                "--log-level=warn".to_owned(),
            ]
        }
        Component::ApiServer => {
            let mut arguments = vec![
                format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd.number()),
                "--bind-address=127.0.0.1".to_owned(),
                "--advertise-address=127.0.0.1".to_owned(),
                format!("--secure-port={}", ports.apiserver.number()),
                // Nobody's pods reach this server by its service, and a loopback address may not be an endpoint.
                "--endpoint-reconciler-type=none".to_owned(),
                format!("--tls-cert-file={}", file("server.pem")),
                format!("--tls-private-key-file={}", file("server-key.pem")),
                format!("--client-ca-file={}", file("ca.pem")),
                format!("--service-account-key-file={}", file("service-account.pem")),
                format!("--service-account-signing-key-file={}", file("service-account-key.pem")),
                "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
                "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
                "--allow-privileged=true".to_owned(),
                format!("--token-auth-file={}", file("tokens.csv")),
                format!("--watch-cache={}", options.watch_cache),
                format!("--cert-dir={}", file("generated")),
            ];
            arguments
                .extend(options.authorization.iter().map(|modes| format!("--authorization-mode={modes}")));
            arguments.extend(options.apiserver_args.iter().cloned());
            arguments
        }
        Component::ControllerManager => {
            let controllers = match &options.controllers {
                Controllers::All | Controllers::None => "*".to_owned(),
                Controllers::Without(names) => {
                    names.iter().fold("*".to_owned(), |list, name| format!("{list},-{name}"))
                }
                Controllers::Only(names) => names.join(","),
            };
            let mut arguments = follower(&file("kubeconfig"));
            arguments.extend([
                format!("--controllers={controllers}"),
                format!("--service-account-private-key-file={}", file("service-account-key.pem")),
                format!("--root-ca-file={}", file("ca.pem")),
                format!("--cluster-signing-cert-file={}", file("ca.pem")),
                format!("--cluster-signing-key-file={}", file("ca-key.pem")),
            ]);
            arguments.extend(options.controller_manager_args.iter().cloned());
            arguments
        }
        Component::Scheduler => follower(&file("kubeconfig")),
        Component::Kwok => vec![
            format!("--kubeconfig={}", file("kubeconfig")),
            format!("--config={}", file("kwok.yaml")),
            "--manage-all-nodes=false".to_owned(),
            format!(
                "--manage-nodes-with-annotation-selector={}={}",
                kwok::NODE_ANNOTATION.0,
                kwok::NODE_ANNOTATION.1
            ),
            "--node-lease-duration-seconds=40".to_owned(),
        ],
    }
}

/// A component that follows the API server and holds a lease. It serves nothing itself, so it needs no port. The
/// default of 20 requests a second would make a seeded cluster take minutes to settle.
fn follower(kubeconfig: &str) -> Vec<String> {
    let mut arguments = vec![
        format!("--kubeconfig={kubeconfig}"),
        "--secure-port=0".to_owned(),
        "--kube-api-qps=500".to_owned(),
        "--kube-api-burst=1000".to_owned(),
    ];
    arguments.extend(LEADER_ELECTION.map(str::to_owned));
    arguments
}
