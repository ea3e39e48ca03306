//! Real Kubernetes control planes on loopback, for tests, benchmarks and the demo.
//!
//! What fleetgraph says about a cluster is only worth testing against the programs that a cluster runs, so this
//! crate starts etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok (which plays the nodes) as
//! they are, and offers what a test does to them:
//!
//! ```text
//!   ControlPlane::start(Options)                    Fleet::start(n)      several, in parallel
//!        │  etcd ─ kube-apiserver ─┬─ controller manager, scheduler, kwok (restarted when they exit, as a kubelet would)
//!        │                         └─ FaultProxy ── proxied_url()        cut, delay, reset, refuse, heal
//!        │  kill · stop · restart on the same port · compact · expire_history
//!        └─ client() · kubectl() · kubeconfig(&Credentials) · client certificates · tokens
//!   Issuer::start()                                 an OpenID Connect issuer, with faults, whose tokens a test writes
//!   seed::realistic / seed::pods / seed::Churn      workloads, a bench's pods, steady change
//! ```
//!
//! Nothing outlives the process that started it, not even after kill -9: see [`process`].

mod components;
mod control_plane;
mod credentials;
mod etcd;
mod fleet;
mod issuer;
mod kubeconfig;
mod kwok;
mod options;
mod pki;
mod ports;
pub mod process;
mod proxy;
pub mod seed;
mod signing;
mod tools;
mod webhook;
mod workdir;

pub use control_plane::ControlPlane;
pub use credentials::Credentials;
pub use fleet::Fleet;
pub use issuer::Issuer;
pub use options::{Component, Controllers, Options};
pub use pki::{CertificateAuthority, ClientCertificate};
pub use proxy::{Fault, FaultProxy};
pub use signing::SigningKey;
pub use tools::Tools;
pub use webhook::{AuthorizationWebhook, Behaviour, Verdict};
