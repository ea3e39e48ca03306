//! `viewer`: who the caller is, as fleetgraph and the clusters know it.

use async_graphql::{Context, Object, SimpleObject};
use fleetgraph_core::{Bounds, Identity, Principal, Timestamp};
use kinds::DateTime;

use crate::caller::Caller;

#[derive(Default)]
pub struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Who is calling, as far as it was proven; null where callers aren't asked who they are.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<CurrentUser> {
        let caller = ctx.data_opt::<Caller>()?;
        caller.identity.as_deref().map(CurrentUser::from)
    }
}

/// Who is calling.
#[derive(SimpleObject)]
struct CurrentUser {
    /// The name by which the clusters' roles and bindings know the caller.
    user: String,
    groups: Vec<String>,
    /// The tenants whose clusters the caller may know of.
    tenants: Vec<String>,
    /// Whether the caller administers fleetgraph itself: tokens, clusters, the audit trail.
    admin: bool,
    /// Whether the credential is for reading only.
    read_only: bool,
    /// The ids of the clusters that the credential is bound to; null if it is bound to none.
    clusters: Option<Vec<String>>,
    /// The namespaces that the credential is bound to; null if it is bound to none.
    namespaces: Option<Vec<String>>,
    /// How the caller has proven who they are: `oidc`, `token_review`, `api_token`, `client_certificate` or
    /// `trusted_headers`.
    method: &'static str,
    /// When the credential ends.
    expires_at: Option<DateTime>,
}

impl From<&Identity> for CurrentUser {
    fn from(identity: &Identity) -> Self {
        let Principal { user, groups, tenants, bounds, admin, .. } = &*identity.principal;
        let Bounds { clusters, namespaces, read_only } = bounds;
        Self {
            user: user.to_string(),
            groups: texts(groups.iter()),
            tenants: texts(tenants.iter()),
            admin: *admin,
            read_only: *read_only,
            clusters: clusters.as_deref().map(texts),
            namespaces: namespaces.as_deref().map(texts),
            method: identity.method.as_str(),
            expires_at: identity.until.and_then(Timestamp::from_system_time).map(DateTime),
        }
    }
}

pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a std::sync::Arc<str>>) -> Vec<String> {
    texts.into_iter().map(ToString::to_string).collect()
}
