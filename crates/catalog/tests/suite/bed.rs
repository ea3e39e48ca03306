//! One suite, both engines: each test takes a [`Bed`] and is run on a file of SQLite and on a real PostgreSQL server.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use catalog::audit::{AuditRecord, Outcome};
use catalog::seal::Sealer;
use catalog::{Catalog, Location, NewTenant, NewToken, Quotas, Settings};
use fleetgraph_core::{ClusterId, Principal, Timestamp};
use sqlx::Connection;
use testkit::Postgres;

/// Far beyond what anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// An empty database of one engine, which any number of catalogs may be opened on.
pub enum Bed {
    Sqlite(tempfile::TempDir),
    Postgres { server: Arc<Postgres>, url: String },
}

/// Tests that run at the same time share a server; the last one takes it down.
async fn shared_server() -> Result<Arc<Postgres>> {
    static SERVER: tokio::sync::Mutex<Weak<Postgres>> = tokio::sync::Mutex::const_new(Weak::new());
    let mut shared = SERVER.lock().await;
    if let Some(server) = shared.upgrade() {
        return Ok(server);
    }
    let server = Arc::new(Postgres::start().await?);
    *shared = Arc::downgrade(&server);
    Ok(server)
}

impl Bed {
    pub fn sqlite() -> Result<Self> {
        Ok(Self::Sqlite(tempfile::tempdir()?))
    }

    pub async fn postgres() -> Result<Self> {
        let server = shared_server().await?;
        let url = server.database()?;
        Ok(Self::Postgres { server, url })
    }

    /// On a server that no other test uses, for tests that stop it.
    pub async fn own_postgres() -> Result<Self> {
        let server = Arc::new(Postgres::start().await?);
        let url = server.database()?;
        Ok(Self::Postgres { server, url })
    }

    pub fn settings(&self) -> Settings {
        let location = match self {
            Self::Sqlite(directory) => Location::Directory(directory.path().join("data")),
            Self::Postgres { url, .. } => Location::Postgres(url.as_str().into()),
        };
        // A machine that also compiles may take its time; what is too slow for that has failed.
        Settings { call_timeout: Duration::from_secs(30), ..Settings::new(location) }
    }

    pub async fn open(&self) -> Result<Catalog> {
        self.open_with(Sealer::ephemeral()?).await
    }

    pub async fn open_with(&self, sealer: Sealer) -> Result<Catalog> {
        Ok(Catalog::open(&self.settings(), sealer).await?)
    }

    /// Keeps everybody else from adding to the audit trail.
    pub async fn lock(&self) -> Result<Lock> {
        Ok(match self {
            Self::Sqlite(directory) => {
                let mut connection = connect(directory.path()).await?;
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await?;
                Lock::Sqlite(connection)
            }
            Self::Postgres { url, .. } => {
                let mut connection = sqlx::PgConnection::connect(url).await?;
                sqlx::raw_sql("BEGIN; SELECT * FROM audit_head FOR UPDATE").execute(&mut connection).await?;
                Lock::Postgres(connection)
            }
        })
    }

    /// Runs statements as the database's administrator would, past the catalog.
    pub async fn run(&self, statements: &str) -> Result<()> {
        match self {
            Self::Sqlite(directory) => {
                let mut connection = connect(directory.path()).await?;
                sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut connection).await?;
                connection.close().await?;
                Ok(())
            }
            Self::Postgres { server, url } => server.run(url, statements).map(drop),
        }
    }

    /// As [`Bed::run`], with the triggers of the audit trail out of the way: what somebody can do who has the files.
    pub async fn tamper(&self, statements: &str) -> Result<()> {
        let off: String = match self {
            Self::Sqlite(_) => [
                "audit_is_not_changed",
                "audit_is_not_removed",
                "audit_is_not_replaced",
                "audit_head_goes_forward",
            ]
            .map(|trigger| format!("DROP TRIGGER IF EXISTS {trigger};"))
            .concat(),
            Self::Postgres { .. } => "SET session_replication_role = replica;".to_owned(),
        };
        self.run(&format!("{off}{statements}")).await
    }
}

/// What [`Bed::lock`] holds.
pub enum Lock {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Lock {
    pub async fn release(self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}

async fn connect(directory: &Path) -> Result<sqlx::SqliteConnection> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(directory.join("data/catalog.db"))
        .busy_timeout(PATIENCE);
    Ok(sqlx::SqliteConnection::connect_with(&options).await?)
}

/// Each test becomes two: `sqlite::name` and `postgres::name`.
macro_rules! on_both_engines {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> anyhow::Result<()> {
                super::$name(&crate::bed::Bed::sqlite()?).await
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> anyhow::Result<()> {
                super::$name(&crate::bed::Bed::postgres().await?).await
            })*
        }
    };
}
pub(crate) use on_both_engines;

/// Asks until the answer is yes.
pub async fn until<F: Future<Output = Result<bool>>>(what: &str, mut holds: impl FnMut() -> F) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await? {
        ensure!(Instant::now() < deadline, "{what}: not yet after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

pub fn token_for(user: &str) -> NewToken {
    NewToken {
        name: format!("{user}'s"),
        principal: Principal::new(user).of_tenants(["default"]),
        expires_at: None,
        created_by: "admin".to_owned(),
    }
}

pub fn tenant(name: &str) -> NewTenant {
    NewTenant {
        name: name.to_owned(),
        display_name: name.to_uppercase(),
        quotas: Quotas::default(),
        created_by: "admin".to_owned(),
    }
}

pub fn record(user: &str, action: &str) -> AuditRecord {
    AuditRecord {
        at: Timestamp::now(),
        user: user.to_owned(),
        credential: "0f3a".to_owned(),
        method: "api-token".to_owned(),
        address: Some("203.0.113.7".to_owned()),
        tenant: Some("default".to_owned()),
        action: action.to_owned(),
        cluster: Some("prod".to_owned()),
        object: None,
        request_id: None,
        trace_id: None,
        outcome: Outcome::Success,
        code: None,
        details: serde_json::json!({ "replicas": 3 }),
    }
}

pub fn cluster_id(text: &str) -> Result<ClusterId> {
    ClusterId::new(text).map_err(|error| anyhow::anyhow!("{error}"))
}
