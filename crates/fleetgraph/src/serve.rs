//! `fleetgraph serve`: puts the parts together, runs them, and takes them down in order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use access::{
    Access,
    authn::{ApiTokens, Authenticator},
    quota::Quotas,
};
use anyhow::{Context, bail};
use catalog::audit::AuditQueue;
use cluster_registry::Registry;
use fleetgraph_core::{Kind, Scope};
use graphql::{Desk, SchemaSettings, Writes, limits::Limits};
use http_api::{Documents, Parts, Shutdown, Tls, TlsConfig};
use kinds::{
    ClusterRole, ClusterRoleBinding, Namespace, Role, RoleBinding,
    custom::{CustomResources, ReferenceConfig, Wanted},
};
use tokio::net::TcpListener;

use crate::{
    clusters,
    config::{Config, SecretDetail, Source},
    connected::{Connected, Keeper},
    gate::{Callers, Gate},
    lifecycle::{Hangups, Lifecycle, Phase, Signals, Tasks},
    readiness::Readiness,
    reload::Reloader,
    remembered,
    telemetry::{Telemetry, serve_metrics},
    tenants::{InForce, TenantFollower},
    writer::Writer,
};

/// What the end may take besides the HTTP server's own drain: the watches, and the last telemetry.
const WINDING_UP: Duration = Duration::from_secs(5);

/// Runs the server until a signal, or until a part of it fails. With a source, the configuration is read again when that
/// changes. Calls `ready` once each cluster was read or given up for
/// now, with the address of the GraphQL server.
///
/// # Errors
/// When it can't start, or when a part ended that the server can't be without.
pub fn run(
    config: &Config,
    contexts: &[String],
    source: Option<Source>,
    ready: impl FnOnce(SocketAddr) + Send + 'static,
) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("fleetgraph").build()?;
    let outcome = runtime.block_on(async {
        // From here on a signal is an orderly end, however early it comes.
        let signals = Signals::listen().context("can't listen for signals")?;
        let telemetry = Telemetry::install(&config.telemetry)?;
        let outcome = serve(config, contexts, source, &telemetry, signals, ready).await;
        if let Err(error) = &outcome {
            tracing::error!(error = format!("{error:#}"), "the server ends");
        }
        telemetry.stop(WINDING_UP).await;
        outcome
    });
    // A flush that the collector still holds up is a blocking call, for which dropping the runtime would wait.
    runtime.shutdown_background();
    outcome
}

async fn serve(
    config: &Config,
    contexts: &[String],
    source: Option<Source>,
    telemetry: &Telemetry,
    mut signals: Signals,
    ready: impl FnOnce(SocketAddr) + Send + 'static,
) -> anyhow::Result<()> {
    let life = Lifecycle::default();
    let hangups =
        source.as_ref().map(|_| Hangups::listen()).transpose().context("can't listen for SIGHUP")?;
    let tls = Tls::load(&tls(config)).context("TLS can't be served")?;
    let documents = Documents::load(&config.http).context("the trusted documents can't be used")?;
    let http = bind("GraphQL", config.listen).await?;
    let address = http.local_addr()?;
    let metrics = bind("metrics", config.metrics_listen).await?;
    let registry = registry(config);
    let shutdown = Shutdown::new();
    let catalog = remembered::open(&config.catalog).await?;
    let judges = config.authentication.token_reviews.iter().map(|review| review.cluster.clone()).collect();
    let (connected, mut keeper) =
        Connected::new(catalog.clone(), registry.clone(), &config.connections, judges);
    begin(config, contexts, &mut keeper, &registry).await?;
    let (audit, writer) = AuditQueue::new(catalog.clone());
    let (tokens, refresher) = remembered::tokens(&catalog).await?;
    let settings = SchemaSettings {
        default_namespace: config.default_namespace.clone(),
        max_page_size: config.max_page_size,
    };
    let callers = callers(config, &registry, tokens)?;
    let writes = match &callers {
        Callers::Known { access, .. } if config.enable_mutations => {
            Some(Arc::new(Writer(Arc::clone(access))) as Arc<dyn Writes>)
        }
        _ => None,
    };
    let quotas = Arc::new(Quotas::new(&config.quotas));
    let tenants = TenantFollower::new(catalog.clone(), Arc::clone(&quotas)).await?;
    let desk = Desk {
        catalog: catalog.clone(),
        audit: audit.clone(),
        connections: Arc::new(connected.clone()),
        bounds: Arc::new(InForce(Arc::clone(&quotas))),
        writes,
    };
    let schema = graphql::schema(settings, Some(desk));
    let limits =
        Limits::new(config.limits.clone(), &schema.sdl()).context("the schema can't be read back")?;
    let router = http_api::router(Parts {
        executor: schema,
        gate: Arc::new(Gate {
            limits,
            registry: registry.clone(),
            callers,
            audit,
            mutations: config.enable_mutations,
            quotas,
            exempt_groups: config.http.trusted_documents.exempt_groups.clone(),
        }),
        documents: documents.clone(),
        readiness: Arc::new(Readiness {
            life: life.clone(),
            registry: registry.clone(),
            names: !config.asks_callers(),
        }),
        config: config.http.clone(),
        shutdown: shutdown.clone(),
    });

    let mut tasks = Tasks::default();
    tasks.spawn("GraphQL server", {
        let (bounds, shutdown) = (config.http.clone(), shutdown.clone());
        // It has stages of its own to end in, which `shutdown` begins.
        |_| async move {
            http_api::serve(http, tls, router, &bounds, &shutdown).await;
            Ok(())
        }
    });
    // It ends when nobody is left who could record anything, and all is written.
    tasks.spawn("writer of the audit trail", |stop| async move {
        tokio::select! {
            () = writer.run() => {}
            () = async { stop.cancelled().await; tokio::time::sleep(WINDING_UP / 2).await } => {}
        }
        Ok(())
    });
    tasks.spawn("follower of API tokens", |stop| async move {
        refresher.run(stop.cancelled()).await;
        Ok(())
    });
    tasks.spawn("follower of tenants", |stop| async move {
        stop.run_until_cancelled(tenants.run()).await;
        Ok(())
    });
    tasks.spawn("keeper of clusters", |stop| async move {
        stop.run_until_cancelled(keeper.run()).await;
        Ok(())
    });
    if let Some((source, hangups)) = source.zip(hangups) {
        let (contexts, running) = (contexts.to_vec(), config.clone());
        let reloader = Reloader { source, contexts, running, connected, hangups };
        tasks.spawn("reader of the configuration", |stop| async move {
            stop.run_until_cancelled(reloader.run()).await;
            Ok(())
        });
    }
    tasks.spawn("reader of trusted documents", |stop| async move {
        stop.run_until_cancelled(documents.follow()).await;
        Ok(())
    });
    tasks.spawn("metrics server", {
        let page = telemetry.prometheus();
        |stop| async { Ok(serve_metrics(metrics, page, stop).await?) }
    });
    if config.enable_custom_resources {
        let (registry, wanted) = (registry.clone(), custom_resources(config));
        tasks.spawn("watcher of custom resources", |stop| async move {
            match stop.run_until_cancelled(kinds::custom::watch(registry, wanted)).await {
                Some(Err(error)) => Err(anyhow::Error::msg(error.message)),
                Some(Ok(never)) => match never {},
                None => Ok(()),
            }
        });
    }
    tasks.spawn("watch for readiness", {
        let (life, registry) = (life.clone(), registry.clone());
        |stop| async move {
            if stop.run_until_cancelled(ready_when_settled(&life, &registry)).await.is_some() {
                ready(address);
            }
            stop.cancelled().await;
            Ok(())
        }
    });

    let outcome = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "asked to end");
            Ok(())
        }
        ended = tasks.first_end() => Err(ended.into()),
    };
    life.advance(Phase::Draining);
    shutdown.begin();
    if outcome.is_ok() {
        // The others serve the GraphQL server until it has drained, so that its last minute can be watched too.
        let bound = config.http.drain_delay + config.http.drain_timeout + WINDING_UP;
        let _ = tokio::time::timeout(bound, tasks.first_end()).await;
    }
    let late = tasks.drain(WINDING_UP).await;
    if !late.is_empty() {
        tracing::warn!(tasks = late.join(", "), "did not end in time and were aborted");
    }
    if tokio::time::timeout(WINDING_UP, registry.shut_down()).await.is_err() {
        tracing::warn!("the watches did not end in time");
    }
    life.advance(Phase::Stopped);
    outcome
}

/// The listener verifies certificates against the authorities that authentication names.
fn tls(config: &Config) -> TlsConfig {
    TlsConfig {
        client_ca_file: config.authentication.client_certificates.ca_file.clone(),
        proxy_ca_file: config.authentication.trusted_proxy.ca_file.clone(),
        ..config.http.tls.clone()
    }
}

/// Who is let in, and what they may see.
fn callers(config: &Config, registry: &Registry, tokens: Arc<dyn ApiTokens>) -> anyhow::Result<Callers> {
    if !config.asks_callers() {
        return Ok(Callers::Anybody);
    }
    Ok(Callers::Known {
        authenticator: Box::new(Authenticator::start(config.authentication.clone(), registry, Some(tokens))?),
        access: Access::new(
            registry.clone(),
            access::Settings { max_rules_age: config.max_rules_age, ..access::Settings::default() },
        ),
    })
}

async fn bind(what: &'static str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("the {what} server can't listen on {address}"))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "the {what} server listens");
    Ok(listener)
}

/// The registry, without clusters yet.
fn registry(config: &Config) -> Registry {
    let settings = cluster_registry::Settings {
        concurrent_lists: config.registry.max_concurrent_initial_lists,
        concurrent_lists_per_cluster: config.registry.max_concurrent_initial_lists_per_cluster,
        resync_period: config.resync_period,
        audit_period: config.audit_period,
        watch_resources: watched(config),
        metadata_only: match config.secrets {
            SecretDetail::Metadata => vec![<kinds::Secret as Kind>::META.plural.to_owned()],
            SecretDetail::Keys => Vec::new(),
        },
        pii: config.pii.read(),
    };
    Registry::new(kinds::kind_set(), settings)
}

/// Fills the registry with every cluster that was configured, found or connected. Where the catalog is kept, there may be
/// none yet.
async fn begin(
    config: &Config,
    contexts: &[String],
    keeper: &mut Keeper,
    registry: &Registry,
) -> anyhow::Result<()> {
    let (found, problems) = clusters::configured(config, contexts);
    for problem in &problems {
        tracing::error!(%problem, "a part of the kubeconfig can't be used");
    }
    keeper.begin(found).await.context("the catalog's clusters can't be read")?;
    if registry.clusters(&Scope::everything()).is_empty() && !config.catalog.is_kept() {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        bail!("there is no cluster to serve: {}", problems.join("; "));
    }
    Ok(())
}

/// The kinds that are watched: those of the configuration, and what says who may see them.
fn watched(config: &Config) -> Vec<String> {
    let mut watched = config.watch_resources.clone();
    if !watched.is_empty() && config.asks_callers() {
        let rules = [ClusterRole::META, ClusterRoleBinding::META, Role::META, RoleBinding::META];
        watched.extend(rules.iter().map(|kind| kind.plural.to_owned()));
        // Callers who may not list a kind everywhere may in some namespaces.
        watched.push(Namespace::META.plural.to_owned());
    }
    watched
}

/// What the configuration says of custom resources.
fn custom_resources(config: &Config) -> CustomResources {
    let wanted = config.custom_resource_definitions.iter().map(|wanted| Wanted {
        group: wanted.group.clone(),
        version: Some(wanted.version.clone()).filter(|version| !version.is_empty()),
        kind: wanted.kind.clone(),
        namespaces: wanted.namespaces.clone(),
    });
    let references = config.custom_resource_references.iter().map(|rule| ReferenceConfig {
        from: rule.from.clone(),
        path: rule.path.clone(),
        to: rule.to.clone(),
        namespaced: rule.namespaced,
    });
    CustomResources { wanted: wanted.collect(), references: references.collect() }
}

/// The registry tells of no moment when the last cluster settles, so it is asked; that is cheap, and ends with the start.
async fn ready_when_settled(life: &Lifecycle, registry: &Registry) {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    while !registry.settled() {
        ticks.tick().await;
    }
    life.advance(Phase::Ready);
}
