//! What the company runs: its teams and their applications.

/// What an application is written in; decides its probes, variables and needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runtime {
    Go,
    Jvm,
    Node,
    Python,
}

/// Who can reach an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// An ingress with a certificate.
    Public,
    /// A service in the cluster.
    Internal,
    /// Nobody: it works off a queue.
    None,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct App {
    pub team: &'static str,
    pub name: &'static str,
    pub runtime: Runtime,
    /// In production.
    pub replicas: usize,
    pub door: Door,
    pub scaled: bool,
}

const fn app(
    team: &'static str,
    name: &'static str,
    runtime: Runtime,
    replicas: usize,
    door: Door,
    scaled: bool,
) -> App {
    App { team, name, runtime, replicas, door, scaled }
}

use Door::{Internal, None as Closed, Public};
use Runtime::{Go, Jvm, Node, Python};

pub(super) const APPS: &[App] = &[
    app("checkout", "cart", Go, 6, Internal, true),
    app("payments", "payment-api", Jvm, 6, Public, true),
    app("search", "query-service", Jvm, 8, Internal, true),
    app("storefront", "web", Node, 8, Public, true),
    app("identity", "auth", Go, 5, Public, true),
    app("checkout", "checkout-api", Go, 5, Public, true),
    app("catalog", "product-service", Jvm, 5, Internal, true),
    app("platform", "api-gateway", Go, 4, Public, true),
    app("data", "event-collector", Go, 4, Public, true),
    app("notifications", "email-sender", Python, 3, Closed, false),
    app("payments", "ledger", Jvm, 3, Internal, false),
    app("search", "indexer", Python, 4, Closed, true),
    app("storefront", "bff", Node, 5, Internal, true),
    app("logistics", "shipping-api", Go, 3, Public, false),
    app("identity", "session-store", Go, 3, Internal, false),
    app("catalog", "pricing", Go, 4, Internal, true),
    app("checkout", "promotions", Node, 3, Internal, false),
    app("data", "stream-enricher", Jvm, 4, Closed, true),
    app("payments", "fraud-scoring", Python, 4, Internal, true),
    app("logistics", "warehouse-sync", Jvm, 2, Closed, false),
    app("notifications", "push-gateway", Go, 3, Internal, true),
    app("platform", "feature-flags", Go, 2, Internal, false),
    app("search", "suggest", Go, 4, Internal, true),
    app("storefront", "image-proxy", Go, 4, Public, true),
    app("catalog", "inventory", Jvm, 3, Internal, false),
    app("growth", "experiments", Python, 2, Internal, false),
    app("payments", "invoice-renderer", Node, 2, Closed, false),
    app("identity", "user-profile", Jvm, 4, Internal, true),
    app("data", "report-builder", Python, 2, Internal, false),
    app("logistics", "tracking", Node, 3, Public, true),
    app("platform", "developer-portal", Node, 2, Public, false),
    app("growth", "recommendations", Python, 5, Internal, true),
    app("checkout", "tax-service", Jvm, 3, Internal, false),
    app("notifications", "sms-gateway", Go, 2, Closed, false),
    app("search", "ranking-model", Python, 3, Internal, false),
    app("catalog", "media-ingest", Python, 2, Closed, false),
    app("payments", "payout-worker", Go, 3, Closed, false),
    app("growth", "newsletter", Node, 2, Public, false),
    app("data", "metrics-api", Go, 3, Internal, false),
    app("logistics", "route-planner", Python, 3, Internal, true),
];

/// Milli-CPUs and MiB that a container asks for.
pub(super) fn needs(runtime: Runtime) -> (i64, i64) {
    match runtime {
        Runtime::Go => (100, 128),
        Runtime::Node => (150, 256),
        Runtime::Python => (200, 384),
        Runtime::Jvm => (300, 768),
    }
}

/// The registry from which the company's images come.
pub(super) const REGISTRY: &str = "registry.acme.example";

pub(super) fn image(app: &App) -> String {
    format!("{REGISTRY}/{}/{}", app.team, app.name)
}
