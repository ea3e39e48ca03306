use fleetgraph_core::ClusterId;
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::CertificateAuthority;

use super::*;
use crate::connection::{guard::Refused, resolve};

fn kubeconfig(cluster: Value, user: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": "here",
        "contexts": [{ "name": "here", "context": { "cluster": "c", "user": "u", "namespace": "shop" } }],
        "clusters": [{ "name": "c", "cluster": cluster }],
        "users": [{ "name": "u", "user": user }],
    })
}

fn good() -> Value {
    kubeconfig(json!({ "server": "https://api.example:6443" }), json!({ "token": "hush" }))
}

fn read(config: &Value, context: Option<&str>) -> Result<Uploaded, UploadError> {
    Uploaded::kubeconfig(&config.to_string().into(), context, &UploadRules::default())
}

fn text(text: &str) -> Result<Uploaded, UploadError> {
    Uploaded::kubeconfig(&text.into(), None, &UploadRules::default())
}

fn with(cluster: Value, user: Value) -> UploadError {
    let mut config = good();
    for (part, more) in [("clusters", cluster), ("users", user)] {
        let inner = if part == "clusters" { "cluster" } else { "user" };
        let Value::Object(more) = more else { panic!("an object") };
        config[part][0][inner].as_object_mut().unwrap().extend(more);
    }
    read(&config, None).unwrap_err()
}

#[test]
fn a_kubeconfig_with_a_token_is_accepted_whole() {
    let uploaded = read(&good(), None).unwrap();
    assert_eq!(uploaded.server(), "https://api.example:6443");
    let spec = uploaded.spec(ClusterId::new("x").unwrap(), &UploadRules::default());
    resolve::check(&spec).unwrap();
    assert!(spec.guard.is_some());
    assert!(!format!("{spec:?} {uploaded:?}").contains("hush"));
}

#[test]
fn a_kubeconfig_with_a_client_certificate_is_accepted() {
    let authority = CertificateAuthority::new("ca").unwrap();
    let pair = authority.client_certificate("u", &[], std::time::Duration::from_secs(3600)).unwrap();
    let encoded = |pem: &str| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(pem)
    };
    let cluster =
        json!({ "server": "https://10.0.0.1", "certificate-authority-data": encoded(&authority.pem()) });
    let user = json!({
        "client-certificate-data": encoded(&pair.certificate_pem), "client-key-data": encoded(&pair.key_pem),
    });
    read(&kubeconfig(cluster.clone(), user.clone()), None).unwrap();
    let half = json!({ "client-certificate-data": user["client-certificate-data"] });
    assert_eq!(read(&kubeconfig(cluster.clone(), half), None).unwrap_err(), UploadError::HalfAnIdentity);
    let swapped = json!({
        "client-certificate-data": user["client-key-data"], "client-key-data": user["client-certificate-data"],
    });
    let error = read(&kubeconfig(cluster, swapped), None).unwrap_err();
    assert_eq!(error, UploadError::Unusable("client certificate"));
}

#[test]
fn whatever_runs_a_program_or_reads_a_file_is_refused_by_its_name() {
    let none = || json!({});
    let exec = json!({ "exec": { "apiVersion": "client.authentication.k8s.io/v1", "command": "sh" } });
    assert_eq!(with(none(), exec), UploadError::Plugin);
    let provider =
        json!({ "auth-provider": { "name": "oidc", "config": { "idp-issuer-url": "https://x" } } });
    assert_eq!(with(none(), provider), UploadError::AuthProvider);
    for (key, in_user) in [
        ("certificate-authority", false),
        ("client-certificate", true),
        ("client-key", true),
        ("tokenFile", true),
    ] {
        // Even where data beside it would go before the file.
        let entry = json!({ key: "/etc/passwd", format!("{key}-data"): "x" });
        let entry = if key == "tokenFile" { json!({ key: "/etc/passwd" }) } else { entry };
        let error = if in_user { with(none(), entry) } else { with(entry, none()) };
        assert!(matches!(error, UploadError::File { key: named, .. } if named == key), "{error}");
    }
}

#[test]
fn passwords_impersonation_proxies_and_unchecked_certificates_are_refused() {
    let none = || json!({});
    assert_eq!(with(none(), json!({ "username": "u" })), UploadError::Password);
    assert_eq!(with(none(), json!({ "password": "hush" })), UploadError::Password);
    for key in ["as", "as-uid"] {
        assert_eq!(with(none(), json!({ key: "root" })), UploadError::Impersonation);
    }
    assert_eq!(with(none(), json!({ "as-groups": ["system:masters"] })), UploadError::Impersonation);
    assert_eq!(with(json!({ "proxy-url": "http://proxy:3128" }), none()), UploadError::Proxy);
    assert_eq!(with(json!({ "insecure-skip-tls-verify": true }), none()), UploadError::Insecure);
    assert_eq!(
        read(&kubeconfig(json!({ "server": "https://a" }), json!({})), None).unwrap_err(),
        UploadError::NoCredentials
    );
}

#[test]
fn proxies_and_unchecked_certificates_can_be_allowed() {
    let rules = UploadRules { allow_insecure: true, allow_proxy: true, ..UploadRules::default() };
    let cluster =
        |proxy: &str| json!({ "server": "https://a", "insecure-skip-tls-verify": true, "proxy-url": proxy });
    let read = |proxy: &str| {
        let config = kubeconfig(cluster(proxy), json!({ "token": "t" })).to_string();
        Uploaded::kubeconfig(&config.into(), None, &rules)
    };
    let spec = read("http://proxy:3128").unwrap().spec(ClusterId::new("x").unwrap(), &rules);
    assert!(spec.tls.insecure);
    assert_eq!(spec.proxy_url.as_deref(), Some("http://proxy:3128"));
    for proxy in ["socks5://proxy:1080", "http://user:hush@proxy:3128", "file:///etc/passwd"] {
        assert_eq!(read(proxy).unwrap_err(), UploadError::Unusable("proxy URL"), "{proxy}");
    }
}

#[test]
fn a_context_that_is_missing_or_ambiguous_is_refused_and_the_others_are_named() {
    let mut config = good();
    config["contexts"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "there", "context": { "cluster": "x" } }));
    assert!(
        matches!(read(&config, Some("gone")), Err(UploadError::MissingContext { known, .. }) if known.len() == 2)
    );
    assert!(matches!(read(&config, Some("there")), Err(UploadError::Missing { what: "cluster", .. })));
    config["current-context"] = json!("");
    let error = read(&config, None).unwrap_err().to_string();
    assert!(error.contains("\"here\"") && error.contains("\"there\""), "{error}");
    read(&config, Some("here")).unwrap();

    for part in ["contexts", "clusters", "users"] {
        let mut config = good();
        let twice = config[part][0].clone();
        config[part].as_array_mut().unwrap().push(twice);
        assert!(matches!(read(&config, None), Err(UploadError::Ambiguous { .. })), "{part}");
    }
    let mut config = good();
    config["contexts"][0]["context"]["user"] = json!("gone");
    assert!(matches!(read(&config, None), Err(UploadError::Missing { what: "user", .. })));
}

#[test]
fn only_the_chosen_context_has_to_be_acceptable() {
    let mut config = good();
    config["users"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "other", "user": { "exec": { "command": "sh" } } }));
    read(&config, None).unwrap();
}

#[test]
fn addresses_and_schemes_that_connections_may_not_use_are_refused_at_once() {
    for (server, refused) in [
        ("http://api.example:6443", Refused::NotHttps),
        ("https://127.0.0.1:6443", Refused::Address),
        ("https://[::ffff:169.254.169.254]", Refused::Address),
        ("https://api.example:22", Refused::Port(22)),
    ] {
        assert_eq!(with(json!({ "server": server }), json!({})), UploadError::Refused(refused), "{server}");
    }
    for server in
        ["", "api.example", "https://", "https://u:p@api.example", "https://a?x=y", "file:///etc/passwd"]
    {
        let error = with(json!({ "server": server }), json!({}));
        assert_eq!(error, UploadError::Unusable("API server's URL"), "{server}");
    }
}

#[test]
fn unknown_keys_anchors_several_documents_and_long_texts_are_refused() {
    assert!(matches!(with(json!({ "sever": "x" }), json!({})), UploadError::NotKubeconfig(_)));
    let plain = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n\
                 clusters: [{name: c, cluster: {server: 'https://a'}}]\nusers: [{name: u, user: {token: t}}]\n";
    text(plain).unwrap();
    for wrong in [
        plain.replace("token: t", "token: &t hush"),
        plain.replace("current-context: a", "current-context: &a a").replace("name: a", "name: *a"),
        format!("{plain}---\n{plain}"),
        format!("{plain}users: []\n"),
        plain.replace("{token: t}", "{token: [hush]}"),
        format!("preferences: {}{}\n{plain}", "[".repeat(1000), "]".repeat(1000)),
        "hush".to_owned(),
        String::new(),
    ] {
        let error = text(&wrong).unwrap_err();
        assert!(
            matches!(error, UploadError::NotKubeconfig(_) | UploadError::NoContext { .. }),
            "{wrong}: {error}"
        );
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nextensions: [*b,*b,*b,*b]\n";
    assert!(matches!(text(bomb), Err(UploadError::NotKubeconfig(_))));
    assert_eq!(text(&format!("{plain}#{}", "x".repeat(MAX_BYTES))).unwrap_err(), UploadError::TooLong);
}

#[test]
fn tokens_and_certificates_that_no_server_takes_are_refused() {
    assert_eq!(with(json!({}), json!({ "token": "two words" })), UploadError::Unusable("token"));
    for authority in ["bm90IGEgY2VydGlmaWNhdGU=", "%%%", "-----BEGIN CERTIFICATE-----\nAAAA"] {
        let error = with(json!({ "certificate-authority-data": authority }), json!({}));
        assert_eq!(error, UploadError::Unusable("certificate authority"), "{authority}");
    }
    let error = with(json!({ "tls-server-name": "not a name" }), json!({}));
    assert_eq!(error, UploadError::Unusable("TLS server name"));
}

#[test]
fn a_server_a_token_and_an_authority_are_enough() {
    let rules = UploadRules::default();
    let direct =
        Direct { server: "https://10.0.0.1:6443".into(), token: Some("hush".into()), ..Direct::default() };
    let uploaded = Uploaded::direct(direct.clone(), &rules).unwrap();
    let spec = uploaded.spec(ClusterId::new("x").unwrap(), &rules);
    assert!(matches!(spec.auth, Auth::Token { token: Token::Inline(_), .. }));
    let refused = Uploaded::direct(Direct { token: None, ..direct.clone() }, &rules).unwrap_err();
    assert_eq!(refused, UploadError::NoCredentials);
    let long = Direct { authority: Some("x".repeat(MAX_BYTES)), ..direct };
    assert_eq!(Uploaded::direct(long, &rules).unwrap_err(), UploadError::TooLong);
}

#[test]
fn a_document_reads_back_and_is_judged_by_the_rules_of_today() {
    let uploaded = read(&good(), None).unwrap();
    let document = uploaded.to_document();
    let again = Uploaded::from_document(&document, &UploadRules::default()).unwrap();
    assert_eq!(again.to_document().expose_secret(), document.expose_secret());
    let stricter = UploadRules {
        guard: Guard::new(crate::connection::guard::AddressRules::new([], [443])),
        ..UploadRules::default()
    };
    let refused = Uploaded::from_document(&document, &stricter).unwrap_err();
    assert_eq!(refused, UploadError::Refused(Refused::Port(6443)));
    for wrong in ["", "{}", "{\"version\":2}"] {
        let document = wrong.as_bytes().to_vec().into();
        assert_eq!(
            Uploaded::from_document(&document, &UploadRules::default()).unwrap_err(),
            UploadError::Stored
        );
    }
}

/// Keys and values as kubeconfigs have them, in places where they may or may not belong.
fn pieces() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "server",
        "token",
        "tokenFile",
        "exec",
        "command",
        "auth-provider",
        "client-key",
        "client-key-data",
        "client-certificate",
        "certificate-authority",
        "proxy-url",
        "as",
        "username",
        "extensions",
        "name",
        "cluster",
        "user",
        "context",
        "contexts",
        "clusters",
        "users",
        "current-context",
        "https://api:6443",
        "/etc/passwd",
        "&a",
        "*a",
        "<<",
        "---",
        "|",
        ">",
        "!!str",
        "!include x",
        "'",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "- ",
        ",",
        "\n",
        "\n  ",
        "\n    ",
        "#",
        "\t",
        "\u{feff}",
        "true",
        "null",
        "~",
        "0x7f",
        "c",
        "u",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

/// A kubeconfig with some keys more.
fn near_misses() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "server",
        "token",
        "tokenFile",
        "exec",
        "auth-provider",
        "client-key",
        "client-key-data",
        "as",
        "client-certificate",
        "client-certificate-data",
        "certificate-authority",
        "certificate-authority-data",
        "proxy-url",
        "username",
        "tls-server-name",
        "insecure-skip-tls-verify",
        "extensions",
    ]);
    let value = prop_oneof![
        Just(json!("/etc/passwd")),
        Just(json!("https://api:6443")),
        Just(json!("https://127.0.0.1")),
        Just(json!({ "command": "sh" })),
        Just(json!(true)),
        Just(json!(null)),
        Just(json!("")),
        Just(json!("x")),
    ];
    let entries = || prop::collection::vec((key.clone(), value.clone()), 0..3);
    (entries(), entries()).prop_map(|(cluster, user)| {
        let mut config = good();
        for (part, inner, more) in [("clusters", "cluster", cluster), ("users", "user", user)] {
            for (key, value) in more {
                config[part][0][inner][key] = value;
            }
        }
        config
    })
}

/// Accepted: nothing of it makes this machine read, run, or ask anything but an allowed API server.
fn harmless(uploaded: &Uploaded) {
    let rules = UploadRules::default();
    let spec = uploaded.spec(ClusterId::new("x").unwrap(), &rules);
    assert!(resolve::files_of(&spec).is_empty());
    let resolved = resolve::resolve(&spec).unwrap();
    let auth = resolved.config.auth_info;
    assert!(auth.exec.is_none() && auth.auth_provider.is_none() && resolved.plugin.is_none());
    let files = [auth.token_file, auth.client_certificate, auth.client_key];
    assert!(files.iter().all(Option::is_none) && resolved.config.root_cert_file.is_none());
    assert!(auth.username.is_none() && auth.impersonate.is_none() && resolved.config.proxy_url.is_none());
    assert!(!resolved.config.accept_invalid_certs);
    rules.guard.check(&resolved.config.cluster_url).unwrap();
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,300}", context in proptest::option::of(".{0,8}")) {
        let _ = Uploaded::kubeconfig(&text.into(), context.as_deref(), &UploadRules::default());
    }

    #[test]
    fn pieces_of_kubeconfigs_never_panic_and_what_is_accepted_is_harmless(text in pieces()) {
        if let Ok(uploaded) = self::text(&text) {
            harmless(&uploaded);
        }
    }

    #[test]
    fn whatever_is_accepted_names_no_file_and_runs_no_program(config in near_misses()) {
        if let Ok(uploaded) = read(&config, None) {
            harmless(&uploaded);
        }
    }

    #[test]
    fn arbitrary_documents_never_panic(bytes: Vec<u8>) {
        let _ = Uploaded::from_document(&bytes.into(), &UploadRules::default());
    }
}
