//! A configuration is either right or refused, with everything that is wrong and where.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::{fs, path::PathBuf, time::Duration};

use fleetgraph::config::{self, AuthMethod, Config, Overrides, Problems};
use fleetgraph_core::KindMeta;
use proptest::prelude::*;

const PODS: KindMeta = KindMeta {
    group: "",
    version: "v1",
    kind: "Pod",
    plural: "pods",
    singular: "pod",
    namespaced: true,
    rules: &[],
};
const DEPLOYMENTS: KindMeta = KindMeta {
    group: "apps",
    version: "v1",
    kind: "Deployment",
    plural: "deployments",
    singular: "deployment",
    namespaced: true,
    rules: &[],
};

/// A file `fleet.yaml` with this text.
struct File {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn holding(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fleet.yaml");
        fs::write(&path, text).unwrap();
        Self { _dir: dir, path }
    }

    fn load_with(&self, overrides: &Overrides) -> Result<Config, Problems> {
        config::load(Some(&self.path), overrides, &[&PODS, &DEPLOYMENTS])
    }

    fn load(&self) -> Result<Config, Problems> {
        self.load_with(&Overrides::default())
    }
}

/// What is wrong with a text, a line for each fault, without the folder of the file.
fn faults(text: &str) -> Vec<String> {
    let file = File::holding(text);
    let folder = format!("{}/", file.path.parent().unwrap().display());
    match file.load() {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(problems) => problems.0.iter().map(|problem| problem.to_string().replace(&folder, "")).collect(),
    }
}

/// The example of DictaMesh's own documentation, without the keys whose function isn't here.
#[test]
fn a_file_with_the_seeds_keys_is_read() {
    let config = File::holding(
        r#"
clusters:
  - id: "prod-us-east-1"
    name: "Production US East"
    environment: "prod"
    region: "us-east-1"
    auth_method: "kubeconfig"
    kubeconfig_path: "/path/to/kubeconfig"
    kubeconfig_context: "prod-context"
    qps: 50.0
    burst: 100
    timeout: "30s"
  - id: edge
    auth_method: token
    service_account_token: "your-bearer-token"
    api_server_url: "https://k8s-api.example.com:6443"
    tls_config:
      insecure: false
      ca_file: "/path/to/ca.crt"
default_namespace: "default"
watch_resources: [pods, Deployment]
resync_period: "10m"
"#,
    )
    .load()
    .unwrap();
    assert_eq!(config.clusters.len(), 2);
    assert_eq!(config.clusters[0].kubeconfig_context, "prod-context");
    assert_eq!(config.clusters[1].auth_method, AuthMethod::Token);
    assert_eq!(config.resync_period, Duration::from_secs(600));
}

#[test]
fn no_file_an_empty_file_and_empty_sections_mean_the_defaults() {
    assert_eq!(config::load(None, &Overrides::default(), &[]).unwrap(), Config::default());
    for text in [
        "",
        "# nothing\n",
        "---\n",
        "telemetry:\nregistry:\n  # max_concurrent_initial_lists: 4\nclusters:\n",
    ] {
        assert_eq!(File::holding(text).load().unwrap(), Config::default(), "{text:?}");
    }
}

#[test]
fn every_fault_of_a_file_is_reported_at_once_with_its_place() {
    insta::assert_snapshot!(
        faults(
            r#"clusters:
  - id: prod:eu
    auth_methd: token
    qps: fast
  - id: edge
    auth_method: tokn
    burst: 0
  - id: edge
    auth_method: token
    tls_config: {insecure: true, ca_file: /ca.crt, cert_file: /tls.crt}
watch_resources: [pods, dployments]
resync_periode: 10m
telemetry:
  log_level: verbose
  log_format: jsn
"#
        )
        .join("\n")
    );
}

#[test]
fn rules_for_personal_data_that_can_not_hold_are_refused() {
    let faults = faults(
        r#"pii:
  labelled_fields: [spec, metadata.name]
  rules:
    - kinds: [pod, deploments]
      fields: [data.*, metadata.labels.mail, "spec.hosts[*]"]
    - namespaces: [Shop]
      label_selector: "tier in"
    - kinds: [customers.shop.example]
      fields: ["spec.customer.email", "metadata.annotations.shop\\.example/mail"]
"#,
    );
    for (place, reason) in [
        ("pii.labelled_fields[1]", "what identifies objects"),
        ("pii.rules[0].fields[1]", "what identifies objects"),
        ("pii.rules[0].fields[2]", "write .* for each item"),
        ("pii.rules[0].kinds", "did you mean \"deployments\"?"),
        ("pii.rules[1].fields", "missing"),
        ("pii.rules[1].namespaces", "names of namespaces"),
        ("pii.rules[1].label_selector", "label selector"),
        ("pii.rules[2].kinds", "`enable_custom_resources` is off"),
    ] {
        assert!(
            faults.iter().any(|fault| fault.contains(place) && fault.contains(reason)),
            "{place}: {reason}: {faults:#?}"
        );
    }
    assert_eq!(faults.len(), 8, "{faults:#?}");
}

#[test]
fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
    assert_eq!(
        faults("qps: 50\nclusters:\n  - id: a\n    resync_period: 10m\n"),
        [
            "fleet.yaml:1:1: qps: unknown key here; it belongs in clusters[]",
            "fleet.yaml:4:5: clusters[0].resync_period: unknown key here; it belongs at the top level",
        ]
    );
}

#[test]
fn settings_of_dictamesh_without_a_function_here_are_refused_by_name() {
    let faults = faults(
        "enable_cache: true\ncache_ttl: 5m\nenable_rbac: false\nenable_relationships: true\nworker_pool_size: 10\n",
    );
    assert_eq!(faults.len(), 5);
    for (n, fault) in faults.iter().enumerate() {
        assert!(fault.starts_with(&format!("fleet.yaml:{}:1: ", n + 1)), "{fault}");
        assert!(fault.contains("DictaMesh") && fault.contains("isn't one here"), "{fault}");
    }
}

#[test]
fn changes_need_somebody_in_whose_name_they_are_made() {
    assert_eq!(
        faults("enable_mutations: true\n"),
        [
            "fleet.yaml:1:1: enable_mutations: needs to know in whose name: configure `authentication`, or a `catalog` that is kept"
        ]
    );
    for config in
        ["enable_mutations: false", "enable_mutations: true\ncatalog:\n  directory: /var/lib/fleetgraph\n"]
    {
        assert!(File::holding(config).load().is_ok(), "{config}");
    }
}

#[test]
fn each_method_of_authentication_says_what_it_needs_and_what_it_would_ignore() {
    insta::assert_snapshot!(
        faults(
            r#"clusters:
  - {id: a, auth_method: token}
  - {id: b, auth_method: oidc, api_server_url: "https://b"}
  - {id: c, auth_method: in_cluster, kubeconfig_path: /kube/config}
  - {id: d, auth_method: kubeconfig, service_account_token: abc, oidc: {client_id: x}}
  - {id: e, auth_method: certificate, api_server_url: "e.example:6443"}
  - {id: f, auth_method: service_account, api_server_url: "https://f", service_account_token: abc, service_account_token_file: /t}
"#
        )
        .join("\n")
    );
}

#[test]
fn bounds_that_would_shut_everybody_out_are_refused() {
    assert_eq!(
        faults("http:\n  max_connections: 0\n  max_header_bytes: 100\n  sse: {keep_alive: 0s}\n"),
        [
            "fleet.yaml:2:3: http.max_connections: must be at least 1",
            "fleet.yaml:3:3: http.max_header_bytes: must be at least 8192, hyper's smallest buffer",
            "fleet.yaml:4:9: http.sse.keep_alive: must be longer than zero",
        ]
    );
}

#[test]
fn text_that_is_not_yaml_is_refused_with_its_line() {
    let faults = faults("clusters:\n  - id: [a\nlisten: x\n");
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("fleet.yaml:") && faults[0].contains("not valid YAML"), "{faults:?}");
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let faults = faults("default_namespace: a\ndefault_namespace: b\n");
    assert!(faults[0].starts_with("fleet.yaml:2:1") && faults[0].contains("default_namespace"), "{faults:?}");
}

#[test]
fn values_of_the_wrong_shape_are_refused_one_by_one() {
    let found =
        faults("clusters: prod\ntelemetry: [a]\nresync_period: 10\nwatch_resources: [1]\nlisten: 8080\n");
    assert_eq!(found.len(), 5, "{found:#?}");
    for (line, fault) in found.iter().enumerate() {
        assert!(fault.starts_with(&format!("fleet.yaml:{}:", line + 1)), "{fault}");
    }
    assert!(faults("just text\n")[0].starts_with("fleet.yaml:1:1"));
    assert!(faults("- a\n- b\n")[0].starts_with("fleet.yaml:1:1"));
}

#[test]
fn a_token_appears_in_no_message_and_in_no_debug_text() {
    let config = File::holding(
        "clusters:\n  - {id: a, auth_method: token, api_server_url: 'https://a', service_account_token: hush-hush}\n",
    )
    .load()
    .unwrap();
    assert!(!format!("{config:?}").contains("hush"));
    assert!(!serde_json::to_string(&config).unwrap().contains("hush"));

    let faults =
        faults("clusters:\n  - {id: a, auth_method: token, service_account_token: 4711471147114711}\n")
            .join("\n");
    assert!(faults.contains("service_account_token") && !faults.contains("4711"), "{faults}");
}

#[test]
fn an_address_that_others_can_reach_is_refused_unless_callers_are_asked_who_they_are() {
    for key in ["listen", "metrics_listen"] {
        for address in ["0.0.0.0:7000", "[::]:7000", "192.0.2.1:7000"] {
            let fault = faults(&format!("{key}: '{address}'\n")).remove(0);
            assert!(fault.starts_with(&format!("fleet.yaml:1:1: {key}: {address}")), "{fault}");
            assert!(
                fault.contains("nobody would be asked who they are") && fault.contains("127.0.0.1:7000"),
                "{fault}"
            );
        }
        File::holding(&format!("{key}: '[::1]:7000'\n")).load().unwrap();
        let oidc = "authentication: {oidc: [{issuer: 'https://issuer', audiences: [us]}]}";
        for asked in [oidc, "catalog: {directory: /var/lib/fleetgraph}"] {
            File::holding(&format!("{key}: '0.0.0.0:7000'\n{asked}\n")).load().unwrap();
        }
    }
}

#[test]
fn what_is_laid_over_goes_before_the_file_and_is_checked_like_it() {
    let file =
        File::holding("listen: 127.0.0.1:1111\ntelemetry: {service_name: from-file, log_level: debug}\n");
    let config = file
        .load_with(&Overrides {
            listen: Some("127.0.0.1:2222".into()),
            service_name: Some("from-flag".into()),
            log_format: Some("json".into()),
            log_level: Some(String::new()),
            ..Overrides::default()
        })
        .unwrap();
    assert_eq!(config.listen.port(), 2222);
    assert_eq!(config.telemetry.service_name, "from-flag");
    assert_eq!(config.telemetry.log_level, "debug", "an empty variable counts as unset");
    assert_eq!(config.telemetry.log_format, config::LogFormat::Json);

    let problems = file
        .load_with(&Overrides {
            listen: Some("0.0.0.0:80".into()),
            log_level: Some("lout".into()),
            ..Default::default()
        })
        .unwrap_err()
        .to_string();
    assert!(problems.contains("--listen or FLEETGRAPH_LISTEN: listen: 0.0.0.0:80"), "{problems}");
    assert!(problems.contains("--log-level or FLEETGRAPH_LOG: telemetry.log_level: \"lout\""), "{problems}");
}

#[test]
fn clusters_config_is_a_list_a_mapping_or_a_path_and_replaces_the_files_clusters() {
    let file = File::holding("clusters:\n  - id: from-file\n");
    let elsewhere = File::holding("clusters:\n  - id: x\n  - id: y\n");
    let path = elsewhere.path.display().to_string();
    for (given, ids) in [
        ("- id: x\n", vec!["x"]),
        ("clusters: [{id: x}]", vec!["x"]),
        (path.as_str(), vec!["x", "y"]),
        ("[]", vec![]),
    ] {
        let overrides = Overrides { clusters: Some(given.into()), ..Overrides::default() };
        let config = file.load_with(&overrides).unwrap();
        let read: Vec<_> = config.clusters.iter().map(|cluster| cluster.id.as_str()).collect();
        assert_eq!(read, ids, "{given}");
    }
}

#[test]
fn a_database_that_a_flag_names_takes_the_place_of_the_files_directory() {
    let file = File::holding("catalog:\n  directory: /var/lib/fleetgraph\n");
    let postgres_dsn = Some("postgres://u@127.0.0.1/db".to_owned());
    let config = file.load_with(&Overrides { postgres_dsn, ..Overrides::default() }).unwrap();
    assert!(!config.catalog.postgres_dsn.is_empty());
    assert_eq!(config.catalog.directory, PathBuf::new());
}

#[test]
fn a_fault_in_clusters_config_names_the_variable_and_the_line_in_it() {
    let wrong = |text: &str| {
        let overrides = Overrides { clusters: Some(text.into()), ..Overrides::default() };
        config::load(None, &overrides, &[]).unwrap_err().to_string()
    };
    assert_eq!(
        wrong("- id: a\n- id: b\n  qsp: 5\n"),
        "--clusters-config or CLUSTERS_CONFIG:3:3: clusters[1].qsp: unknown key; did you mean \"qps\"?"
    );
    assert!(wrong("clusters: []\nlisten: x\n").contains("expected a list of clusters"));
    assert!(wrong("/no/such/file").contains("/no/such/file: can't read the file"));
}

#[test]
fn the_printed_default_is_the_default() {
    let printed = config::commented_default();
    assert_eq!(File::holding(&printed).load().unwrap(), Config::default());
}

/// The example cluster can be uncommented as it stands.
#[test]
fn the_printed_example_cluster_is_valid() {
    let printed = config::commented_default();
    let (before, example) = printed.split_once("clusters: []\n").unwrap();
    let example: String =
        example.lines().map_while(|line| line.strip_prefix("# ")).flat_map(|line| [line, "\n"]).collect();
    let config = File::holding(&format!("{before}{example}")).load().unwrap();
    assert_eq!(config.clusters[0], config::ClusterConfig { id: "prod-eu".into(), ..Default::default() });
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    assert!(
        fs::read_to_string(path).unwrap_or_default() == config::reference_markdown(),
        "docs/configuration.md is out of date: run `cargo run -p fleetgraph -- config --markdown > docs/configuration.md`"
    );
}

/// Text that is nearly a configuration: right and wrong keys, values of all types, any indentation.
fn nearly_a_file() -> impl Strategy<Value = String> {
    let keys = [
        "clusters",
        "id",
        "auth_method",
        "telemetry",
        "log_level",
        "qsp",
        "listen",
        "tls_config",
        "- id",
        "<<",
        "*a",
    ];
    let values = [
        "",
        "prod",
        "7",
        "-1",
        "1e99",
        "true",
        "~",
        "[a, {b: c}]",
        "{id: 1}",
        "\"x",
        "&a y",
        "10m",
        "|",
        "!!int x",
    ];
    let line =
        (0usize..4, proptest::sample::select(keys.to_vec()), proptest::sample::select(values.to_vec()))
            .prop_map(|(indent, key, value)| format!("{}{key}: {value}\n", "  ".repeat(indent)));
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn whatever_a_file_holds_it_is_read_or_refused_with_a_reason(text in prop_oneof![nearly_a_file(), any::<String>()]) {
        match File::holding(&text).load() {
            Ok(_) => {}
            Err(Problems(problems)) => {
                prop_assert!(!problems.is_empty());
                let lines = text.lines().count() as u64;
                for problem in problems {
                    prop_assert!(!problem.message.is_empty());
                    let line = problem.at.map_or(1, |at| at.line);
                    prop_assert!((1..=lines + 1).contains(&line), "{problem}");
                }
            }
        }
    }
}

#[test]
fn custom_resources_say_what_is_missing_and_need_their_switch() {
    let faults = faults(
        "custom_resource_definitions:\n  - group: example.com\ncustom_resource_references:\n  - {from: widgets.example.com, \
         path: '.spec[', to: secrets}\n",
    );
    let has = |at: &str, text: &str| {
        assert!(
            faults.iter().any(|fault| fault.contains(at) && fault.contains(text)),
            "{at} {text}: {faults:?}"
        );
    };
    has("custom_resource_definitions[0]", "kind");
    has("custom_resource_references[0].path", "no JSONPath");
    has("enable_custom_resources", "must be true");
    let faults = self::faults("enable_custom_resources: true\nwatch_resources: [pods]\n");
    assert!(faults.len() == 1 && faults[0].contains("customresourcedefinitions"), "{faults:?}");
}
