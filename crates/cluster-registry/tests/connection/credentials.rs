//! Credentials of every kind, and their rotation without a restart.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use cluster_registry::connection::{Auth, ConnectError, Token, classify};
use fleetgraph_core::ErrorCode;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{PostParams, WatchEvent, WatchParams};
use testkit::{CertificateAuthority, ControlPlane, Credentials};

use crate::support::{admin, ask, by_token_file, config_maps, eventually, file, open, plane, replace, spec};

fn config_map(name: &str) -> ConfigMap {
    let mut object = ConfigMap::default();
    object.metadata.name = Some(name.to_owned());
    object
}

async fn code(plane: &ControlPlane, auth: Auth) -> Option<ErrorCode> {
    let mut spec = spec(auth);
    spec.tls.ca_data = Some(plane.ca_pem());
    let connection = open(spec).await;
    let answer = ask(&connection).await;
    connection.close().await;
    answer.err().map(|error| {
        let told = classify(&error);
        eprintln!("{error:?} → {}", told.message);
        told.code
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_file_is_used_without_a_restart_and_running_watches_go_on() {
    let plane = plane("token").await;
    let dir = tempfile::tempdir().unwrap();
    let token = plane.token("fleet").unwrap();
    // With a line break at the end, as tools write it.
    let path = file(&dir, "token", &format!("{token}\n"));
    let connection = open(by_token_file(&plane, &path)).await;
    let client = connection.client();
    ask(&connection).await.unwrap();
    let watching = config_maps(&connection);
    let mut watch = watching.watch(&WatchParams::default(), "0").await.unwrap().boxed();

    replace(&path, "expired-token");
    eventually("the wrong token is refused", async || {
        ask(&connection).await.is_err_and(|error| classify(&error).code == ErrorCode::ClusterUnauthenticated)
    })
    .await;

    replace(&path, &token);
    eventually("the new token is accepted", async || ask(&connection).await.is_ok()).await;
    assert!(client.apiserver_version().await.is_ok(), "a client from before the rotation works");

    config_maps(&connection).create(&PostParams::default(), &config_map("seen")).await.unwrap();
    loop {
        let event = tokio::time::timeout(Duration::from_secs(10), watch.try_next()).await;
        match event.expect("the watch from before the rotations has fallen silent").unwrap() {
            Some(WatchEvent::Added(object)) if object.metadata.name.as_deref() == Some("seen") => break,
            Some(_) => {}
            None => panic!("the watch from before the rotations has ended"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_client_certificate_is_used_without_a_restart() {
    let plane = plane("cert").await;
    let dir = tempfile::tempdir().unwrap();
    let stranger = CertificateAuthority::new("stranger").unwrap();
    let wrong = stranger.client_certificate("admin", &["system:masters"], Duration::from_secs(3600)).unwrap();
    let right = plane.client_cert("admin", &["system:masters"]).unwrap();
    let (cert, key) = (file(&dir, "tls.crt", &wrong.certificate_pem), file(&dir, "tls.key", &wrong.key_pem));

    let mut spec = spec(Auth::Certificate { server: plane.url() });
    spec.tls.ca_data = Some(plane.ca_pem());
    spec.tls.cert_file = Some(cert.clone());
    spec.tls.key_file = Some(key.clone());
    let connection = open(spec).await;
    let refused = classify(&ask(&connection).await.unwrap_err());
    assert_eq!(refused.code, ErrorCode::ClusterUnauthenticated, "{}", refused.message);

    // The certificate comes before its key: the pair doesn't fit in between, and the old one stays.
    replace(&cert, &right.certificate_pem);
    eventually("the half-written pair is noticed", async || connection.problem().is_some()).await;
    replace(&key, &right.key_pem);
    eventually("the new certificate is accepted", async || ask(&connection).await.is_ok()).await;
    assert_eq!(connection.problem(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_authority_and_a_rewritten_kubeconfig_are_used_without_a_restart() {
    let plane = plane("ca").await;
    let dir = tempfile::tempdir().unwrap();
    let right = std::fs::read_to_string(plane.kubeconfig_file()).unwrap();
    let wrong_ca = CertificateAuthority::new("other").unwrap().pem();
    let ca = file(&dir, "ca.crt", &wrong_ca);
    let kubeconfig = file(&dir, "config", &right);

    let mut untrusting = spec(Auth::kubeconfig(&kubeconfig, None));
    untrusting.tls.ca_file = Some(ca.clone());
    let connection = open(untrusting).await;
    let error = classify(&ask(&connection).await.unwrap_err());
    assert_eq!(error.code, ErrorCode::ClusterTls, "{}", error.message);
    replace(&ca, &plane.ca_pem());
    eventually("the new authority is trusted", async || ask(&connection).await.is_ok()).await;

    let anonymous = plane.kubeconfig(&Credentials::Bearer("nobody".into()));
    replace(&kubeconfig, &anonymous);
    eventually("the rewritten kubeconfig is used", async || {
        ask(&connection).await.is_err_and(|error| classify(&error).code == ErrorCode::ClusterUnauthenticated)
    })
    .await;
    replace(&kubeconfig, "clusters: [");
    eventually("the broken kubeconfig is noticed", async || {
        matches!(connection.problem(), Some(ConnectError::Kubeconfig { .. }))
    })
    .await;
    replace(&kubeconfig, &right);
    eventually("the repaired kubeconfig is used", async || ask(&connection).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_auth_method_is_accepted_and_wrong_or_weak_credentials_are_told_apart() {
    let plane = plane("methods").await;
    let inline = |token: &str| Token::Inline(token.into());
    let server = || plane.url();
    let fleet = plane.token("fleet").unwrap();
    plane.kubectl(&["create", "serviceaccount", "reader"]).await.unwrap();
    let account = plane.service_account_token("default", "reader", Duration::from_secs(600)).await.unwrap();

    ask(&open(admin(&plane)).await).await.unwrap();
    assert_eq!(code(&plane, Auth::Token { server: server(), token: inline(&fleet) }).await, None);
    assert_eq!(
        code(&plane, Auth::ServiceAccount { server: server(), token: Some(inline(&account)) }).await,
        Some(ErrorCode::ClusterForbidden),
        "a new service account may not list",
    );
    assert_eq!(
        code(&plane, Auth::Token { server: server(), token: inline("wrong") }).await,
        Some(ErrorCode::ClusterUnauthenticated)
    );
    let missing = open_error(Auth::ServiceAccount { server: server(), token: None }).await;
    assert!(missing.to_string().contains("/var/run/secrets"), "{missing}");
    let outside = open_error(Auth::InCluster).await;
    assert!(matches!(outside, ConnectError::NotInCluster(_)), "{outside}");
}

async fn open_error(auth: Auth) -> ConnectError {
    cluster_registry::connection::Connection::open(spec(auth)).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_plugin_is_run_again_when_its_token_is_refused() {
    let plane = plane("exec").await;
    let dir = tempfile::tempdir().unwrap();
    let token = file(&dir, "token", "revoked");
    let script = format!(
        "#!/bin/sh\nprintf '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\
         \"status\":{{\"token\":\"%s\"}}}}' \"$(cat {})\"\n",
        token.display()
    );
    let plugin = file(&dir, "plugin", &script);
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o700)).unwrap();
    let kubeconfig = with_plugin(&plane, &plugin.display().to_string());
    let connection = open(spec(Auth::kubeconfig(file(&dir, "config", &kubeconfig), None))).await;
    let refused = classify(&ask(&connection).await.unwrap_err());
    assert_eq!(refused.code, ErrorCode::ClusterUnauthenticated, "{}", refused.message);
    replace(&token, &plane.token("fleet").unwrap());
    eventually("the plugin's new token is used", async || ask(&connection).await.is_ok()).await;

    let gone = open_error(Auth::kubeconfig(
        file(&dir, "gone", &with_plugin(&plane, "/nowhere/aws-iam-authenticator")),
        None,
    ))
    .await;
    assert!(
        matches!(&gone, ConnectError::PluginMissing { command, .. } if command.contains("aws")),
        "{gone}"
    );
    let failing =
        open_error(Auth::kubeconfig(file(&dir, "false", &with_plugin(&plane, "false")), None)).await;
    assert!(matches!(failing, ConnectError::PluginFailed { .. }), "{failing}");
}

fn with_plugin(plane: &ControlPlane, command: &str) -> String {
    let text = plane.kubeconfig(&Credentials::Anonymous);
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    config["users"][0]["user"] = serde_json::json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "IfAvailable",
    }});
    config.to_string()
}
