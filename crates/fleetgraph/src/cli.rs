//! The command line.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    command::{self, AuditCommand, CatalogArguments, KeyCommand, TenantCommand, TokenCommand},
    config::{self, Overrides, Problems, Source},
    simulated::{self, Demo, Simulate},
};

/// One GraphQL federation subgraph over a whole fleet of Kubernetes clusters.
#[derive(Debug, Parser)]
#[command(name = "fleetgraph", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the fleet until SIGTERM or SIGINT.
    Serve(Settings),
    /// Serve a simulated fleet, on this machine alone, to see what fleetgraph makes of it.
    Demo(Demo),
    /// Simulate the API servers of a fleet, to try fleetgraph or anything else against.
    Simulate(Simulate),
    /// Make, list and revoke fleetgraph's own API tokens.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Make, list, change and delete tenants, and set how much each may ask for.
    Tenant {
        #[command(subcommand)]
        command: TenantCommand,
    },
    /// Change the key that seals stored credentials.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Look at the audit trail.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Print the schema of the federation subgraph.
    Schema,
    /// Print the configuration with every key, its default and its description.
    Config {
        /// Check a file instead, and say everything that is wrong with it, with line and column.
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
        /// Print the reference page of the documentation.
        #[arg(long, conflicts_with = "check", hide = true)]
        markdown: bool,
    },
}

/// The settings that the command line and the environment can make. They go before those of the file.
#[derive(Debug, Args)]
pub struct Settings {
    /// Configuration file; without one, every context of the kubeconfig, or the cluster of the pod.
    #[arg(long, value_name = "FILE", env = "FLEETGRAPH_CONFIG")]
    config: Option<PathBuf>,
    /// Address of the GraphQL server [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR", env = "FLEETGRAPH_LISTEN")]
    listen: Option<String>,
    /// Address of Prometheus' /metrics [default: 127.0.0.1:9090].
    #[arg(long, value_name = "ADDR", env = "FLEETGRAPH_METRICS_LISTEN")]
    metrics_listen: Option<String>,
    /// Take these contexts of the kubeconfig as the clusters, instead of those that are configured; repeatable.
    #[arg(long = "context", value_name = "NAME")]
    contexts: Vec<String>,
    /// Clusters as YAML, or the path of a file that holds them; instead of those of the configuration file.
    #[arg(
        long = "clusters-config",
        value_name = "YAML|FILE",
        env = "CLUSTERS_CONFIG",
        hide_env_values = true
    )]
    clusters: Option<String>,
    /// PostgreSQL for the catalog: postgres://user:password@host:5432/database; prefer the variable, which `ps` doesn't show.
    #[arg(long, value_name = "DSN", env = "POSTGRES_DSN", hide_env_values = true)]
    postgres_dsn: Option<String>,
    /// What is logged: a level, or a filter such as info,cluster_registry=debug [default: info].
    #[arg(long, value_name = "FILTER", env = "FLEETGRAPH_LOG")]
    log_level: Option<String>,
    /// Form of the log: text or json [default: text].
    #[arg(long, value_name = "FORMAT", env = "FLEETGRAPH_LOG_FORMAT")]
    log_format: Option<String>,
    /// Collector for traces, metrics and logs, by OTLP over gRPC, such as http://otel-collector:4317.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
    /// Name of this service in traces, metrics and logs [default: fleetgraph].
    #[arg(long, value_name = "NAME", env = "OTEL_SERVICE_NAME")]
    service_name: Option<String>,
}

impl Settings {
    /// What flags and variables say of the configuration's keys.
    fn overrides(&self) -> Overrides {
        Overrides {
            listen: self.listen.clone(),
            metrics_listen: self.metrics_listen.clone(),
            clusters: self.clusters.clone(),
            postgres_dsn: self.postgres_dsn.clone(),
            log_level: self.log_level.clone(),
            log_format: self.log_format.clone(),
            otlp_endpoint: self.otlp_endpoint.clone(),
            service_name: self.service_name.clone(),
        }
    }
}

impl Cli {
    /// Runs the command. A wrong configuration ends with code 2, as a wrong command line does; a failure with 1.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Serve(settings) => serve(&settings),
            Command::Demo(arguments) => outcome(simulated::demo(&arguments)),
            Command::Simulate(arguments) => outcome(simulated::simulate(&arguments)),
            Command::Token { command } => {
                with_config(command.catalog(), |config| command::token(config, &command))
            }
            Command::Tenant { command } => {
                with_config(command.catalog(), |config| command::tenant(config, &command))
            }
            Command::Key { command } => {
                with_config(command.catalog(), |config| command::key(config, &command))
            }
            Command::Audit { command } => {
                with_config(command.catalog(), |config| command::audit(config, &command))
            }
            Command::Schema => print(&graphql::federation_sdl()),
            Command::Config { check: Some(file), .. } => check(&file),
            Command::Config { markdown: true, .. } => print(&config::reference_markdown()),
            Command::Config { .. } => print(&config::commented_default()),
        }
    }
}

fn serve(settings: &Settings) -> ExitCode {
    let file = settings.config.clone().filter(|file| !file.as_os_str().is_empty());
    let source = Source::new(file, settings.overrides());
    let config = match source.load(&kinds::kind_set().metas()) {
        Ok(config) => config,
        Err(problems) => return refuse(&problems),
    };
    outcome(crate::serve::run(&config, &settings.contexts, Some(source), |_| {}))
}

/// Runs a command over the catalog of a configuration.
fn with_config(
    catalog: &CatalogArguments,
    run: impl FnOnce(&config::Config) -> anyhow::Result<String>,
) -> ExitCode {
    let file = catalog.config.as_deref().filter(|file| !file.as_os_str().is_empty());
    let overrides = Overrides { postgres_dsn: catalog.postgres_dsn.clone(), ..Overrides::default() };
    match config::load(file, &overrides, &kinds::kind_set().metas()) {
        Ok(config) => match run(&config) {
            Ok(text) => print(&text),
            Err(error) => outcome(Err(error)),
        },
        Err(problems) => refuse(&problems),
    }
}

fn outcome(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("fleetgraph: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn check(file: &Path) -> ExitCode {
    match config::load(Some(file), &Overrides::default(), &kinds::kind_set().metas()) {
        Ok(_) => print(&format!("{}: ok\n", file.display())),
        Err(problems) => refuse(&problems),
    }
}

fn refuse(problems: &Problems) -> ExitCode {
    complain(&problems.to_string());
    ExitCode::from(2)
}

fn complain(text: &str) {
    // Who has closed stderr does not want to know; the exit code says it too.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader, such as `head`, had enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("fleetgraph: can't write: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::config::OVERRIDES;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The reference page is written from `OVERRIDES`.
    #[test]
    fn every_flag_that_sets_a_key_is_listed_with_its_variable() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let given: BTreeSet<_> = serve
            .get_arguments()
            .filter(|argument| !["config", "contexts"].contains(&argument.get_id().as_str()))
            .map(|argument| {
                (
                    argument.get_long().unwrap().to_owned(),
                    argument.get_env().unwrap().to_str().unwrap().to_owned(),
                )
            })
            .collect();
        let listed: BTreeSet<_> =
            OVERRIDES.iter().map(|known| (known.flag.to_owned(), known.variable.to_owned())).collect();
        assert_eq!(given, listed);
    }

    #[test]
    fn each_override_reaches_the_key_that_it_is_listed_for() {
        let command = |flag: &str, value: &str| {
            let cli = Cli::parse_from(["fleetgraph", "serve", &format!("--{flag}"), value]);
            let Command::Serve(settings) = cli.command else { panic!("not serve") };
            serde_json::to_value(config::load(None, &settings.overrides(), &[]).unwrap()).unwrap()
        };
        for known in OVERRIDES {
            let value = match known.key {
                "listen" | "metrics_listen" => "127.0.0.1:4321",
                "clusters" => "[{id: x}]",
                "catalog.postgres_dsn" => "postgres://u:p@h/d",
                "telemetry.log_level" => "trace",
                "telemetry.log_format" => "json",
                _ => "http://somewhere:1",
            };
            let config = command(known.flag, value);
            let found = known.key.split('.').fold(&config, |value, key| &value[key]);
            match known.key {
                "clusters" => assert_eq!(found[0]["id"], "x"),
                // It has a password.
                "catalog.postgres_dsn" => assert_eq!(found, "(hidden)"),
                _ => assert_eq!(found, value, "{}", known.flag),
            }
        }
    }
}
