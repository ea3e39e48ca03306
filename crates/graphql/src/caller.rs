//! Who is calling, where from, and by which request: what those fields need that are about fleetgraph itself.

use std::sync::Arc;

use async_graphql::Context;
use fleetgraph_core::{Error, ErrorCode, Identity, Principal};
use kinds::ErrorExt;
use secrecy::SecretString;

/// The caller of a request, for its resolvers; in the request's data.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Nobody in particular, where callers aren't asked who they are.
    pub identity: Option<Arc<Identity>>,
    /// The token that the caller came with, if it was one, for clusters that are told who asks by it.
    pub bearer: Option<Arc<SecretString>>,
    /// Of the connection, which may be a proxy's.
    pub address: Option<String>,
    pub request_id: String,
    pub trace_id: Option<String>,
}

impl Caller {
    /// The caller of the request that is being answered.
    ///
    /// # Errors
    /// When nobody was asked who is calling.
    pub(crate) fn identified<'a>(ctx: &Context<'a>) -> async_graphql::Result<(&'a Self, &'a Identity)> {
        ctx.data_opt::<Self>()
            .and_then(|caller| Some((caller, caller.identity.as_deref()?)))
            .ok_or_else(nobody)
            .graphql()
    }

    /// The caller, who administers fleetgraph.
    ///
    /// # Errors
    /// When the caller does not.
    pub(crate) fn administrator<'a>(ctx: &Context<'a>) -> async_graphql::Result<(&'a Self, &'a Principal)> {
        let (caller, identity) = Self::identified(ctx)?;
        let principal = &*identity.principal;
        if !principal.admin {
            return Err(Error::new(
                ErrorCode::Forbidden,
                "this is for administrators of fleetgraph: `authentication.admins` in the configuration names them, and \
                 `fleetgraph token create --admin` makes a token for one",
            ))
            .graphql();
        }
        Ok((caller, principal))
    }

    /// An administrator who may change something.
    ///
    /// # Errors
    /// When the caller doesn't administer fleetgraph, or the credential is for reading only.
    pub(crate) fn writer<'a>(ctx: &Context<'a>) -> async_graphql::Result<(&'a Self, &'a Principal)> {
        let (caller, principal) = Self::administrator(ctx)?;
        if principal.bounds.read_only {
            return Err(Error::new(ErrorCode::Forbidden, "this credential is for reading only")).graphql();
        }
        Ok((caller, principal))
    }
}

fn nobody() -> Error {
    Error::new(
        ErrorCode::Forbidden,
        "callers aren't asked who they are here; configure `authentication`, or a catalog that is kept",
    )
}
