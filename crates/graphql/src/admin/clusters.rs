//! Clusters that are connected at run time: by administrators, each to one of their own tenants.

use std::{fmt, sync::Arc};

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use catalog::{ClusterChange, ClusterRecord};
use cluster_registry::{
    Cluster,
    connection::{DEFAULT_TENANT, upload::Direct},
};
use fleetgraph_core::{ClusterId, Error, ErrorCode, Principal};
use futures::future::BoxFuture;
use kinds::{ClusterObject, DateTime, ErrorExt};
use secrecy::SecretString;
use serde_json::json;

use super::{Action, Desk, audited};
use crate::caller::Caller;

/// The most characters of a cluster's name, environment or region.
const MAX_TEXT: usize = 200;

/// Who connects clusters, stores their credentials, and disconnects them. The caller is an administrator who may change
/// something; what of their tenants and bounds allows it is judged there.
pub trait Connections: fmt::Debug + Send + Sync {
    /// The tenant of a cluster that was connected at run time, if the caller may know of it and disconnect it.
    fn tenant<'a>(&'a self, id: &'a ClusterId, by: &'a Principal) -> BoxFuture<'a, Result<String, Error>>;

    /// The clusters that were connected at run time and are the caller's to disconnect, by id.
    fn list<'a>(&'a self, by: &'a Principal) -> BoxFuture<'a, Result<Vec<ClusterRecord>, Error>>;

    /// Whether the caller may connect a cluster with this id to this tenant; what has to be known before it is on record.
    ///
    /// # Errors
    /// When not.
    fn may_connect(&self, id: &ClusterId, tenant: &str, by: &Principal) -> Result<(), Error>;

    /// Tries a cluster out, stores how to reach it, and takes it into the fleet.
    fn connect<'a>(
        &'a self,
        new: NewConnection,
        by: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Cluster>, Error>>;

    /// Removes it everywhere.
    fn disconnect<'a>(&'a self, id: &'a ClusterId, by: &'a Principal) -> BoxFuture<'a, Result<(), Error>>;

    /// Closes and opens it again, with what is stored or with something new.
    fn reconnect<'a>(
        &'a self,
        id: &'a ClusterId,
        given: Option<Given>,
        by: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Cluster>, Error>>;
}

/// How to reach a cluster, as it was sent.
#[derive(Debug)]
pub enum Given {
    Kubeconfig { text: SecretString, context: Option<String> },
    Direct(Direct),
}

/// A cluster to be connected.
#[derive(Debug)]
pub struct NewConnection {
    pub id: ClusterId,
    pub tenant: String,
    pub name: String,
    pub environment: String,
    pub region: String,
    pub given: Given,
}

#[derive(Default)]
pub struct ClusterQuery;

#[Object]
impl ClusterQuery {
    /// The clusters that were connected at run time, by id, whether or not the caller may see something in them. For
    /// administrators, of their own tenants.
    async fn connected_clusters(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<ConnectedCluster>> {
        let (_, admin) = Caller::administrator(ctx)?;
        let connections = &ctx.data::<Desk>()?.connections;
        let records = connections.list(admin).await.graphql()?;
        Ok(records.into_iter().map(ConnectedCluster::from).collect())
    }
}

/// A cluster as it was connected at run time.
#[derive(SimpleObject)]
pub struct ConnectedCluster {
    id: ID,
    /// Whose it is.
    tenant: String,
    name: String,
    environment: String,
    region: String,
    /// Where its API server is.
    server: String,
    connected_at: DateTime,
    connected_by: String,
    /// When it was last connected anew, or its credentials changed.
    updated_at: DateTime,
}

impl From<ClusterRecord> for ConnectedCluster {
    fn from(record: ClusterRecord) -> Self {
        let ClusterChange { tenant, name, environment, region, server, .. } = record.cluster;
        Self {
            id: ID(record.id.to_string()),
            tenant,
            name,
            environment,
            region,
            server,
            connected_at: DateTime(record.created_at),
            connected_by: record.created_by,
            updated_at: DateTime(record.updated_at),
        }
    }
}

#[derive(Default)]
pub struct ClusterMutation;

#[Object]
impl ClusterMutation {
    /// Connects a cluster: its API server is asked who it is and what the credentials may list, within ten seconds; then
    /// they are stored, sealed, and the cluster is watched. For administrators, within their own tenants.
    async fn connect_cluster(
        &self,
        ctx: &Context<'_>,
        input: ConnectClusterInput,
    ) -> async_graphql::Result<ClusterObject> {
        let mut action = Action::new("connectCluster");
        let work = async {
            let (_, admin) = Caller::writer(ctx)?;
            let connections = Arc::clone(&ctx.data::<Desk>()?.connections);
            let id = ClusterId::new(&input.id).graphql()?;
            action.cluster = Some(id.to_string());
            let own = |tenant: &&String| admin.tenants.contains(tenant.as_str());
            action.tenant = input.tenant.as_ref().filter(own).cloned();
            let new = input.checked(id, admin).graphql()?;
            connections.may_connect(&new.id, &new.tenant, admin).graphql()?;
            action.tenant = Some(new.tenant.clone());
            action.details = json!({
                "name": new.name,
                "environment": new.environment,
                "region": new.region,
                "by": new.given.kind(),
            });
            let admin = admin.clone();
            Ok(async move { connections.connect(new, &admin).await })
        }
        .await;
        audited(ctx, action, work).await.map(ClusterObject::new)
    }

    /// Forgets a cluster that was connected, with its credentials: it is gone from every answer, everywhere within
    /// seconds. The cluster itself is left as it is. For administrators, of their own tenants.
    async fn disconnect_cluster(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> async_graphql::Result<DisconnectedCluster> {
        let mut action = Action::new("disconnectCluster");
        let work = async {
            let (_, admin) = Caller::writer(ctx)?;
            let connections = Arc::clone(&ctx.data::<Desk>()?.connections);
            let id = known(&id).graphql()?;
            action.cluster = Some(id.to_string());
            action.tenant = Some(connections.tenant(&id, admin).await.graphql()?);
            let admin = admin.clone();
            Ok(async move { connections.disconnect(&id, &admin).await.map(|()| id) })
        }
        .await;
        let id = audited(ctx, action, work).await?;
        Ok(DisconnectedCluster { id: ID(id.to_string()) })
    }

    /// Closes a cluster that was connected and opens it again: with the stored credentials, or with others, which are
    /// tried out and stored in their place. For administrators, of their own tenants.
    async fn reconnect_cluster(
        &self,
        ctx: &Context<'_>,
        id: ID,
        #[graphql(desc = "Other credentials; the stored ones, if missing.")] credentials: Option<
            ClusterCredentialsInput,
        >,
    ) -> async_graphql::Result<ClusterObject> {
        let mut action = Action::new("reconnectCluster");
        let work = async {
            let (_, admin) = Caller::writer(ctx)?;
            let connections = Arc::clone(&ctx.data::<Desk>()?.connections);
            let id = known(&id).graphql()?;
            action.cluster = Some(id.to_string());
            action.tenant = Some(connections.tenant(&id, admin).await.graphql()?);
            let given = credentials.map(ClusterCredentialsInput::given).transpose().graphql()?;
            action.details = json!({ "by": given.as_ref().map_or("stored credentials", Given::kind) });
            let admin = admin.clone();
            Ok(async move { connections.reconnect(&id, given, &admin).await })
        }
        .await;
        audited(ctx, action, work).await.map(ClusterObject::new)
    }
}

/// What isn't an id is no cluster's.
fn known(id: &ID) -> Result<ClusterId, Error> {
    ClusterId::new(id).map_err(|_| cluster_registry::unknown_cluster(id))
}

impl Given {
    /// The word for it in the audit trail.
    fn kind(&self) -> &'static str {
        match self {
            Self::Kubeconfig { .. } => "kubeconfig",
            Self::Direct(_) => "server and token",
        }
    }
}

/// A cluster that was just disconnected.
#[derive(SimpleObject)]
pub struct DisconnectedCluster {
    id: ID,
}

/// How to reach a cluster: either a kubeconfig, or a server and a token.
#[derive(InputObject)]
pub struct ClusterCredentialsInput {
    /// A kubeconfig with everything inline (`kubectl config view --flatten --minify --raw`): no file is read for it, and no
    /// plugin run. 64 KiB at most.
    kubeconfig: Option<String>,
    /// The context of the kubeconfig; its current one, if missing.
    context: Option<String>,
    /// The API server, such as `https://10.0.0.1:6443`.
    server: Option<String>,
    /// A bearer token, best of a service account that may list and watch only.
    token: Option<String>,
    /// The certificates that may have signed the server's, as PEM or the base64 of it; those that the machine trusts, if
    /// missing.
    certificate_authority: Option<String>,
    /// The name that the server's certificate must hold, where it isn't the host of `server`.
    tls_server_name: Option<String>,
}

impl ClusterCredentialsInput {
    fn given(self) -> Result<Given, Error> {
        let Self { kubeconfig, context, server, token, certificate_authority, tls_server_name } = self;
        let direct = server.is_some()
            || token.is_some()
            || certificate_authority.is_some()
            || tls_server_name.is_some();
        match (kubeconfig, server) {
            (Some(text), None) if !direct => Ok(Given::Kubeconfig { text: text.into(), context }),
            (None, Some(server)) if context.is_none() => Ok(Given::Direct(Direct {
                server,
                token: token.map(SecretString::from),
                authority: certificate_authority,
                server_name: tls_server_name,
            })),
            _ => Err(Error::bad_input(
                "give either kubeconfig (and perhaps context), or server and token (and perhaps certificateAuthority, \
                 tlsServerName)",
            )),
        }
    }
}

/// A cluster to be connected.
#[derive(InputObject)]
pub struct ConnectClusterInput {
    /// Unique over all tenants, the first part of every object's id: letters, digits, `-`, `_`, `.`, `/` and `@`.
    id: ID,
    /// For people; the id, if missing. 200 characters at most, as the environment and the region.
    name: Option<String>,
    /// Such as `dev`, `staging`, `prod`.
    #[graphql(default)]
    environment: String,
    /// Such as `eu-central-1`.
    #[graphql(default)]
    region: String,
    /// Whose cluster it is: one of the caller's tenants. The only one, or `default`, if missing.
    tenant: Option<String>,
    #[graphql(flatten)]
    credentials: ClusterCredentialsInput,
}

impl ConnectClusterInput {
    fn checked(self, id: ClusterId, admin: &Principal) -> Result<NewConnection, Error> {
        let only = admin.tenants.first().filter(|_| admin.tenants.len() == 1);
        let tenant = self.tenant.or_else(|| only.map(ToString::to_string));
        let tenant = tenant.unwrap_or_else(|| DEFAULT_TENANT.to_owned());
        if !admin.tenants.contains(&*tenant) {
            return Err(Error::new(
                ErrorCode::Forbidden,
                format!("the tenant {tenant:?} is not one of yours"),
            ));
        }
        let name = self.name.as_deref().unwrap_or_default();
        for (field, text) in [("name", name), ("environment", &self.environment), ("region", &self.region)] {
            if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
                return Err(Error::bad_input(format!(
                    "{field} may have {MAX_TEXT} characters, none of them a control character"
                )));
            }
        }
        Ok(NewConnection {
            name: self.name.filter(|name| !name.is_empty()).unwrap_or_else(|| id.to_string()),
            id,
            tenant,
            environment: self.environment,
            region: self.region,
            given: self.credentials.given()?,
        })
    }
}
