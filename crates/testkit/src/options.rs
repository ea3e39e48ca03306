//! What a control plane is made of.

use std::fmt;
use std::path::Path;

/// A program of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    Etcd,
    ApiServer,
    ControllerManager,
    Scheduler,
    Kwok,
}

impl Component {
    pub fn program(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kwok => "kwok",
        }
    }

    /// etcd and the API server are what faults are about, so they stay down until a test starts them again. The
    /// others exit by themselves when they lose their lease, and a real cluster's kubelet brings them back.
    pub(crate) fn is_restarted(self) -> bool {
        matches!(self, Self::ControllerManager | Self::Scheduler | Self::Kwok)
    }
}

impl fmt::Display for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.program())
    }
}

/// Which controllers run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Controllers {
    /// No controller manager: nothing is created, collected or corrected behind a test's back.
    None,
    All,
    /// All but these, by the names that `--controllers` takes, such as `replicaset-controller`.
    Without(Vec<String>),
    /// These and no others.
    Only(Vec<String>),
}

/// Settings of a control plane. [`Options::default`] is a complete small cluster: controllers, a scheduler, and two
/// nodes that kwok plays.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the context in kubeconfigs and the prefix of its nodes.
    pub name: String,
    pub controllers: Controllers,
    pub scheduler: bool,
    /// How many nodes kwok plays. With 0, kwok isn't started.
    pub kwok_nodes: usize,
    /// Goes into the nodes' topology labels.
    pub region: String,
    /// Users with a static token, known when the API server starts: (user, groups).
    /// [`ControlPlane::token`](crate::ControlPlane::token) gives their tokens.
    pub token_users: Vec<(String, Vec<String>)>,
    /// `false` makes the API server answer watches from etcd, so that a compaction alone ends an old watch with 410.
    pub watch_cache: bool,
    /// `--authorization-mode`; `None` where a file says who decides ([`Options::authorization_config`]).
    pub authorization: Option<String>,
    /// Added to the API server's command line: OIDC, audit, feature gates, whatever a test is about.
    pub apiserver_args: Vec<String>,
    pub controller_manager_args: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "test".to_owned(),
            controllers: Controllers::All,
            scheduler: true,
            kwok_nodes: 2,
            region: "eu-central-1".to_owned(),
            token_users: Vec::new(),
            watch_cache: true,
            authorization: Some("Node,RBAC".to_owned()),
            apiserver_args: Vec::new(),
            controller_manager_args: Vec::new(),
        }
    }
}

impl Options {
    /// A complete small cluster of that name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// etcd and an API server, nothing else: half the start-up time and memory, and objects stay as they were
    /// written. The roles `view`, `edit` and `admin` are empty here, since a controller fills them.
    pub fn bare(name: impl Into<String>) -> Self {
        Self { controllers: Controllers::None, scheduler: false, kwok_nodes: 0, ..Self::named(name) }
    }

    #[must_use]
    pub fn token_user(mut self, user: &str, groups: &[&str]) -> Self {
        self.token_users.push((user.to_owned(), groups.iter().map(|group| (*group).to_owned()).collect()));
        self
    }

    #[must_use]
    pub fn kwok_nodes(mut self, count: usize) -> Self {
        self.kwok_nodes = count;
        self
    }

    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    #[must_use]
    pub fn watch_cache(mut self, on: bool) -> Self {
        self.watch_cache = on;
        self
    }

    #[must_use]
    pub fn apiserver_arg(mut self, argument: &str) -> Self {
        self.apiserver_args.push(argument.to_owned());
        self
    }

    /// Who decides what may be done, in this order, such as `Node,RBAC,Webhook`.
    #[must_use]
    pub fn authorization(mut self, modes: &str) -> Self {
        self.authorization = Some(modes.to_owned());
        self
    }

    /// A file (`AuthorizationConfiguration`) says who decides. The API server takes up its changes as it runs.
    #[must_use]
    pub fn authorization_config(mut self, file: &Path) -> Self {
        self.authorization = None;
        self.apiserver_arg(&format!("--authorization-config={}", file.display()))
    }

    /// The API server accepts ID tokens of this issuer, with the user's name and groups in these claims.
    #[must_use]
    pub fn oidc(self, issuer_url: &str, client_id: &str, username_claim: &str, groups_claim: &str) -> Self {
        self.apiserver_arg(&format!("--oidc-issuer-url={issuer_url}"))
            .apiserver_arg(&format!("--oidc-client-id={client_id}"))
            .apiserver_arg(&format!("--oidc-username-claim={username_claim}"))
            .apiserver_arg(&format!("--oidc-groups-claim={groups_claim}"))
    }

    pub(crate) fn components(&self) -> Vec<Component> {
        let mut components = vec![Component::Etcd, Component::ApiServer];
        if self.controllers != Controllers::None {
            components.push(Component::ControllerManager);
        }
        if self.scheduler {
            components.push(Component::Scheduler);
        }
        if self.kwok_nodes > 0 {
            components.push(Component::Kwok);
        }
        components
    }
}
