//! Where a configuration comes from, and which source wins: flags > environment > file > defaults.
//!
//! clap reads flags and variables into [`Overrides`] and already lets a flag win over its variable. What is left is plain:
//! an override that is set takes the place of the file's value, and is read and checked like it.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
};

use fleetgraph_core::KindMeta;

use super::{
    Config, Problems,
    check::Check,
    document::{Content, Document, Node},
    keys, read,
};

/// A key that a flag or a variable can set.
#[derive(Debug, Clone, Copy)]
pub struct Override {
    pub key: &'static str,
    pub flag: &'static str,
    pub variable: &'static str,
}

/// Every such key, for the reference; a test compares it with the command line.
pub const OVERRIDES: &[Override] = &[
    Override { key: "listen", flag: "listen", variable: "FLEETGRAPH_LISTEN" },
    Override { key: "metrics_listen", flag: "metrics-listen", variable: "FLEETGRAPH_METRICS_LISTEN" },
    Override { key: "clusters", flag: "clusters-config", variable: "CLUSTERS_CONFIG" },
    Override { key: "catalog.postgres_dsn", flag: "postgres-dsn", variable: "POSTGRES_DSN" },
    Override { key: "telemetry.log_level", flag: "log-level", variable: "FLEETGRAPH_LOG" },
    Override { key: "telemetry.log_format", flag: "log-format", variable: "FLEETGRAPH_LOG_FORMAT" },
    Override {
        key: "telemetry.otlp_endpoint",
        flag: "otlp-endpoint",
        variable: "OTEL_EXPORTER_OTLP_ENDPOINT",
    },
    Override { key: "telemetry.service_name", flag: "service-name", variable: "OTEL_SERVICE_NAME" },
];

/// What flags and variables say; `None` where they say nothing.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub listen: Option<String>,
    pub metrics_listen: Option<String>,
    /// A path, or the YAML itself.
    pub clusters: Option<String>,
    pub postgres_dsn: Option<String>,
    pub log_level: Option<String>,
    pub log_format: Option<String>,
    pub otlp_endpoint: Option<String>,
    pub service_name: Option<String>,
}

/// Where a configuration is read from, to be read again when that changes.
#[derive(Clone)]
pub struct Source {
    file: Option<PathBuf>,
    overrides: Overrides,
    seen: Seen,
}

/// What the files held; `None` for one that couldn't be read.
type Seen = Vec<Option<u64>>;

impl Source {
    /// Looks at the files, so that whatever changes from now on is seen to.
    #[must_use]
    pub fn new(file: Option<PathBuf>, overrides: Overrides) -> Self {
        let mut this = Self { file, overrides, seen: Vec::new() };
        this.seen = this.look();
        this
    }

    /// Reads and checks the whole.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self, kinds: &[&KindMeta]) -> Result<Config, Problems> {
        load(self.file.as_deref(), &self.overrides, kinds)
    }

    /// What the files held when this was made.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// What the files hold now, as something to compare. Blocks.
    #[must_use]
    pub fn look(&self) -> Seen {
        let clusters = self.overrides.clusters.as_deref().and_then(clusters_file);
        let files = self.file.iter().cloned().chain(clusters);
        files
            .map(|file| {
                let mut hasher = DefaultHasher::new();
                std::fs::read(file).ok()?.hash(&mut hasher);
                Some(hasher.finish())
            })
            .collect()
    }
}

/// The file that CLUSTERS_CONFIG names, if it isn't the YAML itself.
fn clusters_file(text: &str) -> Option<PathBuf> {
    match Document::parse("", text).ok()?.root.content {
        Content::Scalar(serde_json::Value::String(path)) => Some(path.into()),
        _ => None,
    }
}

/// Reads the file (if any), lays the overrides over it, and checks the whole.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(file: Option<&Path>, overrides: &Overrides, kinds: &[&KindMeta]) -> Result<Config, Problems> {
    let mut document = match file {
        Some(path) => open(path)?,
        None => Document::parse("defaults", "")?,
    };
    overrides.lay_over(&mut document)?;
    let mut problems = Vec::new();
    keys::check(&mut document, &mut problems);
    let config: Config = read::read(&mut document, &mut problems);
    Check::new(&document, &mut problems).config(&config, kinds);
    Problems(problems).into_result(config)
}

fn open(path: &Path) -> Result<Document, Problems> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Document::parse(&name, &text),
        Err(error) => Err(Problems::single(name, format!("can't read the file: {error}"))),
    }
}

impl Overrides {
    /// Puts each value that is set into the document, in the place of the file's own. An empty one counts as unset: a
    /// deployment manifest can set a variable to nothing, but can't unset it.
    fn lay_over(&self, document: &mut Document) -> Result<(), Problems> {
        for (known, value) in OVERRIDES.iter().zip(self.values()) {
            let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else { continue };
            let source = format!("--{} or {}", known.flag, known.variable);
            if known.key == "clusters" {
                let clusters = clusters(&source, value)?;
                document.replace(known.key, clusters.root, clusters.source);
            } else {
                if known.key == "catalog.postgres_dsn" {
                    // Instead of what the file says.
                    document.replace("catalog.directory", Node::text(""), source.clone());
                }
                document.replace(known.key, Node::text(value), source);
            }
        }
        Ok(())
    }

    /// In the order of [`OVERRIDES`].
    fn values(&self) -> [&Option<String>; OVERRIDES.len()] {
        let Self {
            listen,
            metrics_listen,
            clusters,
            postgres_dsn,
            log_level,
            log_format,
            otlp_endpoint,
            service_name,
        } = self;
        [listen, metrics_listen, clusters, postgres_dsn, log_level, log_format, otlp_endpoint, service_name]
    }
}

/// The clusters of CLUSTERS_CONFIG: a list, or a mapping with the one key `clusters`; in the value itself or in the file
/// that it names.
fn clusters(source: &str, text: &str) -> Result<Document, Problems> {
    let mut document = Document::parse(source, text)?;
    if let Content::Scalar(serde_json::Value::String(path)) = &document.root.content {
        document = open(Path::new(path))?;
    }
    match &mut document.root.content {
        Content::List(_) => Ok(document),
        Content::Map(entries) if entries.len() == 1 && entries[0].key == "clusters" => {
            document.root = entries.remove(0).node;
            Ok(document)
        }
        Content::Map(_) | Content::Scalar(_) => Err(Problems(vec![document.problem(
            &[],
            "expected a list of clusters, or a mapping with the one key \"clusters\"; other settings belong in the file \
             of --config",
        )])),
    }
}
