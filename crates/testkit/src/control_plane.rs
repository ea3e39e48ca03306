//! One control plane: its life, its faults, and the ways to talk to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use rand::RngExt;
use tokio::task::JoinHandle;

use crate::components::{self, Ports};
use crate::credentials::Credentials;
use crate::kubeconfig::{self, Context as KubeContext};
use crate::options::{Component, Options};
use crate::pki::{CertificateAuthority, ClientCertificate};
use crate::process::{Launch, Process};
use crate::proxy::{Fault, FaultProxy};
use crate::tools::Tools;
use crate::workdir::Workdir;
use crate::{etcd, seed};

/// Alone on two cores it takes three seconds; with builds and other tests beside it, up to a minute was seen.
const READY_WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);
/// Starts with new ports, after some other program took one between our check and the component's bind.
const START_ATTEMPTS: usize = 3;
const CLIENT_CERTIFICATE_VALID: Duration = Duration::from_secs(30 * 24 * 3600);

/// A running control plane. Dropping it kills its programs and removes its data.
pub struct ControlPlane {
    inner: Arc<Inner>,
    proxy: FaultProxy,
    restarting: JoinHandle<()>,
}

struct Inner {
    options: Options,
    tools: Tools,
    authority: CertificateAuthority,
    admin: Credentials,
    ports: Ports,
    /// (user, groups, token), in the order of the token file.
    tokens: Mutex<Vec<(String, Vec<String>, String)>>,
    /// Programs that should run. A program that was killed on purpose isn't in it.
    running: Mutex<BTreeMap<Component, Process>>,
    /// After `running`, whose programs use the directory until they are dropped.
    dir: Workdir,
}

impl ControlPlane {
    /// Starts the programs and returns when the API server is ready, the default service accounts can be made, and
    /// the nodes exist.
    ///
    /// # Errors
    /// When a program exits or isn't ready in time; the message ends with the tail of its log.
    pub async fn start(options: Options) -> Result<Self> {
        let tools = tokio::task::spawn_blocking(Tools::locate).await??;
        let mut attempt = 1;
        loop {
            match Self::start_once(options.clone(), tools.clone()).await {
                Err(error) if attempt < START_ATTEMPTS && lost_a_port(&error) => {
                    tracing::warn!(%error, attempt, "a port was taken, starting again with others");
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn start_once(options: Options, tools: Tools) -> Result<Self> {
        let dir = Workdir::create(&options.name)?;
        let authority = CertificateAuthority::new(&format!("{}-ca", options.name))?;
        let admin = authority.client_certificate("admin", &["system:masters"], CLIENT_CERTIFICATE_VALID)?;
        let ports = Ports::reserve()?;
        components::write_files(&dir, &authority, &options)?;
        let proxy = FaultProxy::start(ports.proxy.number(), ports.apiserver.number()).await?;
        let tokens =
            options.token_users.iter().map(|(user, groups)| (user.clone(), groups.clone(), new_token()));
        let inner = Arc::new(Inner {
            tokens: Mutex::new(tokens.collect()),
            options,
            tools,
            authority,
            admin: admin.into(),
            ports,
            running: Mutex::default(),
            dir,
        });
        inner.write_tokens()?;
        inner.dir.write("kubeconfig", inner.kubeconfig(&inner.url(), &inner.admin))?;
        inner.dir.write("kubeconfig-proxied", inner.kubeconfig(&inner.url_at(proxy.port()), &inner.admin))?;

        inner.launch(Component::Etcd)?;
        inner.launch(Component::ApiServer)?;
        inner.wait_ready().await?;
        if inner.options.kwok_nodes > 0 {
            let client = inner.client(&inner.admin).await?;
            seed::create_nodes(&client, &inner.options.name, &inner.options.region, inner.options.kwok_nodes)
                .await?;
        }
        for component in inner.options.components() {
            if component.is_restarted() {
                inner.launch(component)?;
            }
        }
        let restarting = tokio::spawn(restart_what_exits(Arc::clone(&inner)));
        Ok(Self { inner, proxy, restarting })
    }

    pub fn name(&self) -> &str {
        &self.inner.options.name
    }

    /// The API server itself, past the proxy.
    pub fn url(&self) -> String {
        self.inner.url()
    }

    /// The API server through the proxy, which [`ControlPlane::cut`] and [`ControlPlane::fault`] act on.
    pub fn proxied_url(&self) -> String {
        self.inner.url_at(self.proxy.port())
    }

    pub fn ca_pem(&self) -> String {
        self.inner.authority.pem()
    }

    /// For certificates that no method here makes, such as one that has expired.
    pub fn authority(&self) -> &CertificateAuthority {
        &self.inner.authority
    }

    /// A member of `system:masters`, by client certificate.
    pub fn admin(&self) -> Credentials {
        self.inner.admin.clone()
    }

    /// A certificate for any user with up to two groups, valid for a month.
    pub fn client_cert(&self, user: &str, groups: &[&str]) -> Result<ClientCertificate> {
        self.inner.authority.client_certificate(user, groups, CLIENT_CERTIFICATE_VALID)
    }

    /// The static token of a user named in [`Options::token_users`] or [`ControlPlane::add_token`].
    pub fn token(&self, user: &str) -> Option<String> {
        let tokens = lock(&self.inner.tokens);
        tokens.iter().find(|(name, ..)| name == user).map(|(.., token)| token.clone())
    }

    /// Adds a user with a static token. The API server reads its token file at its start only, so this restarts it.
    pub async fn add_token(&self, user: &str, groups: &[&str]) -> Result<String> {
        let token = new_token();
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        lock(&self.inner.tokens).push((user.to_owned(), groups, token.clone()));
        self.inner.write_tokens()?;
        self.restart_apiserver().await?;
        Ok(token)
    }

    /// A token for a service account, from the TokenRequest API. The API server grants ten minutes at least.
    pub async fn service_account_token(
        &self,
        namespace: &str,
        name: &str,
        lifetime: Duration,
    ) -> Result<String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin_client().await?, namespace);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                expiration_seconds: Some(i64::try_from(lifetime.as_secs())?),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let answer = accounts.create_token_request(name, &PostParams::default(), &request).await?;
        answer.status.and_then(|status| status.token).context("a TokenRequest was answered without a token")
    }

    /// A kubeconfig for the API server itself. Its context has the control plane's name.
    pub fn kubeconfig(&self, credentials: &Credentials) -> String {
        self.inner.kubeconfig(&self.url(), credentials)
    }

    /// A kubeconfig that goes through the proxy.
    pub fn proxied_kubeconfig(&self, credentials: &Credentials) -> String {
        self.inner.kubeconfig(&self.proxied_url(), credentials)
    }

    /// The administrator's kubeconfig, as a file that lives as long as the control plane.
    pub fn kubeconfig_file(&self) -> PathBuf {
        self.inner.dir.path("kubeconfig")
    }

    /// The administrator's kubeconfig through the proxy, as a file that lives as long as the control plane.
    pub fn proxied_kubeconfig_file(&self) -> PathBuf {
        self.inner.dir.path("kubeconfig-proxied")
    }

    pub async fn admin_client(&self) -> Result<Client> {
        self.client(&self.inner.admin).await
    }

    /// A client past the proxy. Failures show at once: nothing is tried again.
    pub async fn client(&self, credentials: &Credentials) -> Result<Client> {
        self.inner.client(credentials).await
    }

    /// Runs kubectl as the administrator, past the proxy, and returns its output.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let output = tokio::process::Command::new(self.kubectl_program())
            .arg(format!("--kubeconfig={}", self.kubeconfig_file().display()))
            .args(arguments)
            .kill_on_drop(true)
            .output()
            .await?;
        if !output.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    pub fn kubectl_program(&self) -> PathBuf {
        self.inner.tools.program("kubectl")
    }

    /// The pid of a program that runs.
    pub fn pid(&self, component: Component) -> Option<u32> {
        lock(&self.inner.running).get(&component).map(Process::id)
    }

    /// SIGKILL. The program stays down until [`ControlPlane::restart`].
    pub fn kill(&self, component: Component) {
        lock(&self.inner.running).remove(&component);
    }

    pub fn kill_apiserver(&self) {
        self.kill(Component::ApiServer);
    }

    /// SIGTERM, and waits for the end: open watches are closed in an orderly way, which takes the API server some
    /// seconds. The program stays down until [`ControlPlane::restart`].
    pub async fn terminate(&self, component: Component) -> Result<()> {
        let Some(mut process) = lock(&self.inner.running).remove(&component) else { return Ok(()) };
        process.terminate();
        let deadline = Instant::now() + READY_WITHIN;
        while process.exited().is_none() {
            if Instant::now() > deadline {
                bail!("{component} did not end on SIGTERM:\n{}", process.log_tail());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Starts a program again, on the same ports with the same data, after killing it if it runs. For etcd and the
    /// API server it returns when the API server is ready.
    pub async fn restart(&self, component: Component) -> Result<()> {
        self.kill(component);
        self.inner.launch(component)?;
        let etcd_alone = component == Component::Etcd && self.pid(Component::ApiServer).is_none();
        if component.is_restarted() || etcd_alone {
            return Ok(());
        }
        self.inner.wait_ready().await
    }

    pub async fn restart_apiserver(&self) -> Result<()> {
        self.restart(Component::ApiServer).await
    }

    /// Compacts etcd to the present revision, which it returns. A paged list that goes on from before is answered
    /// with 410; a watch only if the API server's watch cache doesn't hold those events any more
    /// ([`Options::watch_cache`], [`ControlPlane::expire_history`]).
    pub async fn compact(&self) -> Result<i64> {
        etcd::compact(self.inner.ports.etcd.number()).await
    }

    /// Makes every old watch impossible: compacts, and restarts the API server, so that its watch cache forgets too.
    /// With the proxy in [`Fault::Blackhole`], clients see nothing of the restart.
    pub async fn expire_history(&self) -> Result<i64> {
        let revision = self.compact().await?;
        self.restart_apiserver().await?;
        Ok(revision)
    }

    /// The network between a client of [`ControlPlane::proxied_url`] and the server swallows everything.
    pub async fn cut(&self) -> Result<()> {
        self.fault(Fault::Blackhole).await
    }

    pub async fn heal(&self) -> Result<()> {
        self.fault(Fault::None).await
    }

    pub async fn fault(&self, fault: Fault) -> Result<()> {
        self.proxy.set(fault).await
    }

    pub fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }

    /// Polls /readyz until the API server is ready.
    pub async fn wait_ready(&self) -> Result<()> {
        self.inner.wait_ready().await
    }

    /// The end of a program's log.
    pub fn log_tail(&self, component: Component) -> String {
        lock(&self.inner.running).get(&component).map_or_else(String::new, Process::log_tail)
    }

    /// Ends everything and removes the data; the same as dropping, but it waits.
    pub async fn stop(self) -> Result<()> {
        tokio::task::spawn_blocking(move || drop(self)).await?;
        Ok(())
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.restarting.abort();
        // The task may hold the last reference for a moment longer, so the programs go here.
        lock(&self.inner.running).clear();
    }
}

impl Inner {
    fn url(&self) -> String {
        self.url_at(self.ports.apiserver.number())
    }

    fn url_at(&self, port: u16) -> String {
        format!("https://127.0.0.1:{port}")
    }

    fn kubeconfig(&self, url: &str, credentials: &Credentials) -> String {
        let ca_pem = self.authority.pem();
        kubeconfig::render(&[KubeContext { name: &self.options.name, url, ca_pem: &ca_pem, credentials }])
    }

    async fn client(&self, credentials: &Credentials) -> Result<Client> {
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig(&self.url(), credentials))?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        // The environment's proxy knows nothing of our loopback.
        config.proxy_url = None;
        Ok(Client::try_from(config)?)
    }

    fn write_tokens(&self) -> Result<()> {
        let tokens = lock(&self.tokens);
        let lines = tokens
            .iter()
            .map(|(user, groups, token)| format!("{token},{user},{user}-uid,\"{}\"\n", groups.join(",")));
        self.dir.write("tokens.csv", lines.collect::<String>())?;
        Ok(())
    }

    fn launch(&self, component: Component) -> Result<()> {
        let process = self.spawn(component)?;
        lock(&self.running).insert(component, process);
        Ok(())
    }

    fn spawn(&self, component: Component) -> Result<Process> {
        let launch = Launch {
            program: self.tools.program(component.program()),
            args: components::arguments(component, &self.dir, &self.ports, &self.options),
            env: Vec::new(),
            log: Some(self.dir.path(&format!("{component}.log"))),
        };
        Process::start(&launch).with_context(|| format!("starting {component}"))
    }

    async fn wait_ready(&self) -> Result<()> {
        let client = self.client(&self.admin).await?;
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let request = http::Request::get("/readyz").body(Vec::new())?;
            let answer = tokio::time::timeout(Duration::from_secs(5), client.request_text(request)).await;
            let last = match answer {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in 5 s".to_owned(),
            };
            self.fail_if_exited(&[Component::Etcd, Component::ApiServer])?;
            if Instant::now() > deadline {
                let tail = lock(&self.running)
                    .get(&Component::ApiServer)
                    .map_or_else(String::new, Process::log_tail);
                bail!("{} was not ready in {READY_WITHIN:?} (last: {last}):\n{tail}", self.options.name);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn fail_if_exited(&self, components: &[Component]) -> Result<()> {
        let mut running = lock(&self.running);
        for component in components {
            if let Some(process) = running.get_mut(component)
                && let Some(status) = process.exited()
            {
                return Err(anyhow!(
                    "{component} of {} ended: {status}\n{}",
                    self.options.name,
                    process.log_tail()
                ));
            }
        }
        Ok(())
    }
}

/// Brings the followers back when they exit, as a kubelet does: a controller manager that can't renew its lease
/// ends itself. A second between two starts, so that one that can't start doesn't spin.
async fn restart_what_exits(inner: Arc<Inner>) {
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        // Locked throughout, so that a program which a test kills meanwhile isn't brought back.
        for (component, process) in lock(&inner.running).iter_mut() {
            let may_restart = component.is_restarted() && process.age() > Duration::from_secs(1);
            if !may_restart || process.exited().is_none() {
                continue;
            }
            tracing::info!(%component, cluster = inner.options.name, "exited, starting it again");
            match inner.spawn(*component) {
                Ok(again) => *process = again,
                Err(error) => tracing::error!(%component, %error, "could not start it again"),
            }
        }
    }
}

/// Go programs write it in lower case, our own bind with a capital.
fn lost_a_port(error: &anyhow::Error) -> bool {
    format!("{error:#}").to_lowercase().contains("address already in use")
}

fn new_token() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// A poisoned lock only says that another test thread panicked; its programs still have to be ended.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_somebody_else_took_is_a_reason_to_start_again() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let ours = FaultProxy::start(port, 1).await.unwrap_err();
        assert!(lost_a_port(&ours), "{ours:#}");
        let theirs = anyhow!("etcd ended\nlisten tcp 127.0.0.1:20000: bind: address already in use");
        assert!(lost_a_port(&theirs));
        assert!(!lost_a_port(&anyhow!("unknown flag: --x")));
    }
}
