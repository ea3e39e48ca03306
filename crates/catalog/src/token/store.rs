//! Tokens in the database.

use std::collections::BTreeSet;
use std::sync::Arc;

use fleetgraph_core::{Bounds, Principal, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ApiToken, Issued, NewToken, PlainToken, Stored, TokenId, Verdict};
use crate::catalog::{Topic, count};
use crate::db::{Row, Tx, values};
use crate::error::on_missing_tenant;
use crate::{Catalog, CatalogError};

const NAMED: &str = "API token";

/// Every column, and the tenants as one text. Names of tenants hold no comma.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, digest, name, user_name, uid, user_groups, extra, clusters, namespaces, read_only, admin, \
             created_at, created_by, expires_at, revoked_at, revoked_by, last_used_at, \
             (SELECT string_agg(tenant, ',') FROM token_tenants WHERE token = id) AS tenants FROM tokens ",
            $rest
        )
    };
}

impl Catalog {
    /// Issues a token. Its text is in the answer and nowhere else.
    ///
    /// # Errors
    /// When one of the tenants doesn't exist, or a text can't be stored.
    pub async fn issue_token(&self, new: NewToken) -> Result<Issued, CatalogError> {
        let (plain, text) = PlainToken::generate()?;
        let token = ApiToken {
            id: plain.id().clone(),
            name: new.name,
            principal: Arc::new(new.principal),
            created_at: Timestamp::now(),
            created_by: new.created_by,
            expires_at: new.expires_at,
            revoked_at: None,
            revoked_by: None,
            last_used_at: None,
        };
        check(&token)?;
        self.within(async {
            let mut tx = self.db().begin().await?;
            insert(&mut tx, &token, plain.digest()).await?;
            tx.commit().await
        })
        .await?;
        Ok(Issued { token, plain: text })
    }

    /// Judges a presented token, from the database. Servers ask a [`super::TokenCache`] instead.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn verify_token(&self, presented: &SecretString) -> Result<Verdict, CatalogError> {
        let Some(plain) = PlainToken::parse(presented) else { return Ok(Verdict::Malformed) };
        Ok(match self.stored_token(plain.id()).await? {
            Some(stored) => stored.judge(&plain, Timestamp::now()),
            None => Verdict::Unknown,
        })
    }

    /// The token with this id, whatever its state.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn token(&self, id: &TokenId) -> Result<Option<ApiToken>, CatalogError> {
        storable("the id of a token", id.as_str())?;
        Ok(self.stored_token(id).await?.map(|stored| Arc::unwrap_or_clone(stored.token)))
    }

    /// Tokens in the order of their ids: those of a tenant, or all; those after an id; at most `limit`.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn tokens(
        &self,
        tenant: Option<&str>,
        after: Option<&TokenId>,
        limit: u32,
    ) -> Result<Vec<ApiToken>, CatalogError> {
        let after = after.map_or("", TokenId::as_str);
        storable("the id of a token", after)?;
        storable("the name of a tenant", tenant.unwrap_or_default())?;
        let rows = self.within(async {
            match tenant {
                None => {
                    let sql = select!("WHERE id > $1 ORDER BY id LIMIT $2");
                    self.db().rows(sql, values![after, i64::from(limit)]).await
                }
                Some(tenant) => {
                    let sql = select!(
                        "JOIN token_tenants AS belongs ON belongs.token = id \
                         WHERE belongs.tenant = $1 AND id > $2 ORDER BY id LIMIT $3"
                    );
                    self.db().rows(sql, values![tenant, after, i64::from(limit)]).await
                }
            }
        });
        rows.await?.iter().map(|row| read(row).map(|stored| Arc::unwrap_or_clone(stored.token))).collect()
    }

    /// Ends a token for good. Every process refuses it within the period of its [`super::TokenCache`]. One that was
    /// revoked before stays as it is.
    ///
    /// # Errors
    /// When there is no such token.
    pub async fn revoke_token(&self, id: &TokenId, by: &str) -> Result<ApiToken, CatalogError> {
        storable("the name of who revokes", by)?;
        storable("the id of a token", id.as_str())?;
        self.within(async {
            let mut tx = self.db().begin().await?;
            let changed = count(&mut tx, Topic::Tokens).await?;
            let revoked = tx
                .execute(
                    "UPDATE tokens SET revoked_at = $1, revoked_by = $2, changed = $3 \
                 WHERE id = $4 AND revoked_at IS NULL",
                    values![Timestamp::now(), by, changed, id.as_str()],
                )
                .await?;
            let row = tx.row(select!("WHERE id = $1"), values![id.as_str()]).await?;
            let row =
                row.ok_or_else(|| CatalogError::NotFound { what: NAMED, name: id.as_str().to_owned() })?;
            let token = read(&row)?.token;
            if revoked > 0 {
                tx.commit().await?;
            }
            Ok(Arc::unwrap_or_clone(token))
        })
        .await
    }

    pub(super) async fn stored_token(&self, id: &TokenId) -> Result<Option<Stored>, CatalogError> {
        let row = self
            .within(async { self.db().row(select!("WHERE id = $1"), values![id.as_str()]).await })
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Ids of tokens that changed after a counter, the earliest change first, with their counters.
    pub(super) async fn tokens_changed_after(
        &self,
        counter: i64,
        limit: usize,
    ) -> Result<Vec<(TokenId, i64)>, CatalogError> {
        let sql = "SELECT id, changed FROM tokens WHERE changed > $1 ORDER BY changed LIMIT $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.within(async { self.db().rows(sql, values![counter, limit]).await }).await?;
        rows.iter().map(|row| Ok((TokenId::from(row.text("id")?.as_str()), row.int("changed")?))).collect()
    }

    /// Writes down when tokens were used last. No counter: copies of a token needn't follow.
    pub(super) async fn tokens_used(&self, uses: &[(TokenId, Timestamp)]) -> Result<(), CatalogError> {
        self.within(async {
            let mut tx = self.db().begin().await?;
            for (id, at) in uses {
                tx.execute(
                    "UPDATE tokens SET last_used_at = $1 \
                     WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)",
                    values![*at, id.as_str()],
                )
                .await?;
            }
            tx.commit().await
        })
        .await
    }
}

async fn insert(tx: &mut Tx, token: &ApiToken, digest: &[u8]) -> Result<(), CatalogError> {
    let principal = &token.principal;
    let names = |set: &Option<Arc<BTreeSet<Arc<str>>>>| set.as_ref().map(|set| json(&**set)).transpose();
    let changed = count(tx, Topic::Tokens).await?;
    tx.execute(
        "INSERT INTO tokens (id, digest, name, user_name, uid, user_groups, extra, clusters, namespaces, \
         read_only, admin, created_at, created_by, expires_at, changed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        values![
            token.id.as_str(),
            digest,
            token.name.as_str(),
            &*principal.user,
            &*principal.uid,
            json(&principal.groups)?,
            json(&principal.extra)?,
            names(&principal.bounds.clusters)?,
            names(&principal.bounds.namespaces)?,
            principal.bounds.read_only,
            principal.admin,
            token.created_at,
            token.created_by.as_str(),
            token.expires_at,
            changed,
        ],
    )
    .await?;
    for tenant in &*principal.tenants {
        tx.execute(
            "INSERT INTO token_tenants (token, tenant) VALUES ($1, $2)",
            values![token.id.as_str(), &**tenant],
        )
        .await
        .map_err(|error| on_missing_tenant(error, tenant))?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<Stored, CatalogError> {
    let names = |column| -> Result<Option<Arc<BTreeSet<Arc<str>>>>, CatalogError> {
        row.optional_text(column)?.map(|text| parse(column, &text)).transpose()
    };
    let tenants = row.optional_text("tenants")?.unwrap_or_default();
    let principal = Principal {
        user: row.text("user_name")?.into(),
        uid: row.text("uid")?.into(),
        groups: parse("user_groups", &row.text("user_groups")?)?,
        extra: parse("extra", &row.text("extra")?)?,
        tenants: Arc::new(tenants.split(',').filter(|name| !name.is_empty()).map(Arc::from).collect()),
        bounds: Bounds {
            clusters: names("clusters")?,
            namespaces: names("namespaces")?,
            read_only: row.flag("read_only")?,
        },
        admin: row.flag("admin")?,
    };
    let token = ApiToken {
        id: TokenId::from(row.text("id")?.as_str()),
        name: row.text("name")?,
        principal: Arc::new(principal),
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
        expires_at: row.optional_time("expires_at")?,
        revoked_at: row.optional_time("revoked_at")?,
        revoked_by: row.optional_text("revoked_by")?,
        last_used_at: row.optional_time("last_used_at")?,
    };
    Ok(Stored { token: Arc::new(token), digest: row.bytes("digest")? })
}

/// Texts that stand in a column of their own. In JSON, what can't be stored is escaped.
fn check(token: &ApiToken) -> Result<(), CatalogError> {
    storable("the name of a token", &token.name)?;
    storable("the user of a token", &token.principal.user)?;
    storable("the uid of a token", &token.principal.uid)?;
    storable("the name of who creates a token", &token.created_by)?;
    token.principal.tenants.iter().try_for_each(|tenant| storable("the name of a tenant", tenant))?;
    if token.name.trim().is_empty() || token.principal.user.is_empty() {
        return Err(CatalogError::Invalid("a token needs a name and a user".to_owned()));
    }
    Ok(())
}

/// PostgreSQL's texts hold no NUL; so that both engines take the same, none does.
pub(crate) fn storable(what: &str, text: &str) -> Result<(), CatalogError> {
    if text.contains('\0') {
        return Err(CatalogError::Invalid(format!("{what} holds a NUL character")));
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String, CatalogError> {
    serde_json::to_string(value).map_err(|error| CatalogError::Invalid(error.to_string()))
}

fn parse<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, CatalogError> {
    serde_json::from_str(text).map_err(|_| CatalogError::Corrupt(format!("column {column:?} isn't its JSON")))
}
