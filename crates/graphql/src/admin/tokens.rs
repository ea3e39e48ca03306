//! fleetgraph's own API tokens: made, listed and revoked by administrators.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use catalog::{ApiToken as Stored, NewToken, TokenId};
use fleetgraph_core::{Bounds, Error, ErrorCode, Principal, Timestamp};
use kinds::{DateTime, ErrorExt};
use secrecy::ExposeSecret;

use super::{Action, Desk, audited, told, viewer::texts};
use crate::caller::Caller;

/// Tokens of one answer at most.
const PAGE: u32 = 1000;

#[derive(Default)]
pub struct TokenQuery;

#[Object]
impl TokenQuery {
    /// API tokens of the caller's tenants, by id, without their secrets. For administrators.
    async fn api_tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 100, desc = "1000 at most.")] first: u32,
        #[graphql(desc = "The id after which to go on.")] after: Option<ID>,
    ) -> async_graphql::Result<Vec<ApiToken>> {
        let (_, admin) = Caller::administrator(ctx)?;
        let desk = ctx.data::<Desk>()?;
        let after = after.map(|id| TokenId::from(id.as_str()));
        let wanted = first.min(PAGE) as usize;
        let mut shown = BTreeMap::new();
        for tenant in admin.tenants.iter() {
            let (mut after, mut left) = (after.clone(), wanted);
            while left > 0 {
                let page = desk.catalog.tokens(Some(tenant), after.as_ref(), PAGE).await;
                let page = page.map_err(told).graphql()?;
                let Some(last) = page.last() else { break };
                after = Some(last.id.clone());
                for token in page.iter().filter(|token| is_of(token, admin)).take(left) {
                    left -= 1;
                    shown.insert(token.id.as_str().to_owned(), ApiToken::from(token));
                }
            }
        }
        Ok(shown.into_values().take(wanted).collect())
    }
}

#[derive(Default)]
pub struct TokenMutation;

#[Object]
impl TokenMutation {
    /// Makes an API token. Its secret is in this answer and nowhere else. For administrators, within their own tenants.
    async fn create_api_token(
        &self,
        ctx: &Context<'_>,
        input: CreateApiTokenInput,
    ) -> async_graphql::Result<CreatedApiToken> {
        let mut action = Action::new("createApiToken");
        action.object = Some(format!("ApiToken {:?}", input.name));
        let work = async {
            let (_, admin) = Caller::writer(ctx)?;
            let new = input.checked(admin).graphql()?;
            action.tenant = new.principal.first_tenant();
            new.check().map_err(told).graphql()?;
            action.details = new.details();
            let catalog = ctx.data::<Desk>()?.catalog.clone();
            Ok(async move { catalog.issue_token(new).await.map_err(told) })
        }
        .await;
        let issued = audited(ctx, action, work).await?;
        Ok(CreatedApiToken {
            token: ApiToken::from(&issued.token),
            secret: issued.plain.expose_secret().to_owned(),
        })
    }

    /// Ends an API token for good, everywhere within seconds; what is open with it is closed. For administrators, of
    /// tokens of their own tenants.
    async fn revoke_api_token(&self, ctx: &Context<'_>, id: ID) -> async_graphql::Result<ApiToken> {
        let mut action = Action::new("revokeApiToken");
        let work = async {
            let (_, admin) = Caller::writer(ctx)?;
            let catalog = ctx.data::<Desk>()?.catalog.clone();
            let id = TokenId::from(id.as_str());
            let found = catalog.token(&id).await.map_err(told).graphql()?;
            let Some(token) = found.filter(|token| is_of(token, admin)) else {
                return Err(Error::new(ErrorCode::NotFound, "there is no such API token")).graphql();
            };
            // What isn't found may be a whole token, which must not come onto the trail.
            action.object = Some(format!("ApiToken {id}"));
            action.tenant = token.principal.first_tenant();
            let by = Arc::clone(&admin.user);
            Ok(async move { catalog.revoke_token(&id, &by).await.map_err(told) })
        }
        .await;
        audited(ctx, action, work).await.map(|token| ApiToken::from(&token))
    }
}

/// Whether a token is of the administrator's own tenants, all of them.
fn is_of(token: &Stored, admin: &Principal) -> bool {
    token.principal.tenants.is_subset(&admin.tenants)
}

/// An API token, without its secret.
#[derive(SimpleObject)]
pub struct ApiToken {
    id: ID,
    /// For people.
    name: String,
    /// The user that its bearer is to the clusters.
    user: String,
    groups: Vec<String>,
    tenants: Vec<String>,
    /// Whether its bearer administers fleetgraph.
    admin: bool,
    read_only: bool,
    /// The ids of the clusters that it is bound to; null if to none.
    clusters: Option<Vec<String>>,
    /// The namespaces that it is bound to; null if to none.
    namespaces: Option<Vec<String>>,
    created_at: DateTime,
    created_by: String,
    expires_at: Option<DateTime>,
    revoked_at: Option<DateTime>,
    revoked_by: Option<String>,
    /// To the minute or so.
    last_used_at: Option<DateTime>,
}

impl From<&Stored> for ApiToken {
    fn from(token: &Stored) -> Self {
        let Principal { user, groups, tenants, bounds, admin, .. } = &*token.principal;
        Self {
            id: ID::from(token.id.as_str()),
            name: token.name.clone(),
            user: user.to_string(),
            groups: texts(groups.iter()),
            tenants: texts(tenants.iter()),
            admin: *admin,
            read_only: bounds.read_only,
            clusters: bounds.clusters.as_deref().map(texts),
            namespaces: bounds.namespaces.as_deref().map(texts),
            created_at: DateTime(token.created_at),
            created_by: token.created_by.clone(),
            expires_at: token.expires_at.map(DateTime),
            revoked_at: token.revoked_at.map(DateTime),
            revoked_by: token.revoked_by.clone(),
            last_used_at: token.last_used_at.map(DateTime),
        }
    }
}

/// A token that was just made.
#[derive(SimpleObject)]
pub struct CreatedApiToken {
    token: ApiToken,
    /// What the bearer sends; it is not shown again.
    secret: String,
}

/// What an API token gives, and to whom.
#[derive(InputObject)]
pub struct CreateApiTokenInput {
    /// For people, such as `deploy bot of the shop`.
    name: String,
    /// The user that its bearer is to the clusters: their roles and bindings say what it may see.
    user: String,
    #[graphql(default)]
    groups: Vec<String>,
    /// Of the caller's own. All of them if missing.
    tenants: Option<Vec<String>>,
    /// Ids of clusters that the bearer stays within; all if missing.
    clusters: Option<Vec<String>>,
    /// Namespaces that the bearer stays within; all, and what is cluster-scoped, if missing.
    namespaces: Option<Vec<String>>,
    /// Whether nothing may be changed with it.
    #[graphql(default = true)]
    read_only: bool,
    /// Whether its bearer administers fleetgraph, within its tenants.
    #[graphql(default)]
    admin: bool,
    /// When it ends.
    expires_at: DateTime,
}

impl CreateApiTokenInput {
    /// The token, if the administrator may make it.
    fn checked(self, admin: &Principal) -> Result<NewToken, Error> {
        let own = &admin.tenants;
        let tenants: BTreeSet<Arc<str>> = match self.tenants {
            None => BTreeSet::clone(own),
            Some(tenants) => tenants.into_iter().map(Arc::from).collect(),
        };
        if let Some(foreign) = tenants.iter().find(|tenant| !own.contains(*tenant)) {
            return Err(Error::new(
                ErrorCode::Forbidden,
                format!("the tenant {foreign:?} is not one of yours"),
            ));
        }
        if tenants.is_empty() {
            return Err(Error::bad_input("a token needs a tenant"));
        }
        if self.expires_at.0 <= Timestamp::now() {
            return Err(Error::bad_input("expiresAt has passed already"));
        }
        let set = |texts: Option<Vec<String>>| {
            texts.map(|texts| Arc::new(texts.into_iter().map(Arc::from).collect::<BTreeSet<Arc<str>>>()))
        };
        let bounds = Bounds {
            clusters: set(self.clusters),
            namespaces: set(self.namespaces),
            read_only: self.read_only,
        };
        // Nobody is bound less by a token than by the credential that made it.
        let bounds = bounds.within(&admin.bounds);
        let principal = Principal { admin: self.admin, bounds, ..Principal::new(self.user) };
        let groups = self.groups.into_iter().chain(["system:authenticated".to_owned()]);
        Ok(NewToken {
            name: self.name,
            principal: principal.in_groups(groups).of_tenants(tenants),
            expires_at: Some(self.expires_at.0),
            created_by: admin.user.to_string(),
        })
    }
}
