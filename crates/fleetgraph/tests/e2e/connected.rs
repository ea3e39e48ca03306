//! Clusters that are connected while the program runs, with real API servers: checked, sealed, taken up by every replica,
//! remembered over a restart, seen by their own tenant alone, and gone when they are disconnected.

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use catalog::{Catalog, Location, NewTenant, Quotas, Settings, seal::Sealer};
use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::{ControlPlane, Credentials, Fleet, Options};

use crate::{
    bed::{self, PATIENCE},
    client::{self, Subscription, code},
    server::{Server, program},
};

const CONNECT: &str =
    "mutation($input: ConnectClusterInput!) { connectCluster(input: $input) { id name environment region } }";
const EVERYTHING: &str = "{ clusters { id name } pods { id } freshness { cluster } }";

struct Bed {
    fleet: Fleet,
    config: String,
    dir: tempfile::TempDir,
    /// All that was ever answered.
    answers: Mutex<String>,
}

fn port(url: &str) -> &str {
    url.rsplit(':').next().unwrap()
}

impl Bed {
    /// The control plane `one` is configured, and `two` is not.
    async fn start() -> Self {
        let fleet = Fleet::start_with(vec![Options::bare("one"), Options::bare("two")]).await.unwrap();
        for plane in fleet.planes() {
            for arguments in [
                &["create", "namespace", "shop"][..],
                &["create", "serviceaccount", "default", "-n", "shop"],
                &["run", "cart", "-n", "shop", "--image=cart"],
                &["create", "serviceaccount", "fleet", "-n", "shop"],
                &["create", "clusterrole", "fleet", "--verb=get,list,watch", "--resource=*.*"],
                &[
                    "create",
                    "clusterrolebinding",
                    "fleet",
                    "--clusterrole=fleet",
                    "--serviceaccount=shop:fleet",
                ],
                &["create", "clusterrolebinding", "root", "--clusterrole=cluster-admin", "--user=root"],
            ] {
                plane.kubectl(arguments).await.unwrap();
            }
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("keys"), "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n").unwrap();
        let mut config = format!("clusters:\n{}", bed::cluster(fleet.plane("one").unwrap()));
        let two = fleet.plane("two").unwrap();
        write!(
            config,
            "catalog:\n  directory: {0}/catalog\n  key_files: [{0}/keys]\n\
             connections:\n  allowed_addresses: [127.0.0.1/32]\n  allowed_ports: [{1}]\n  max_clusters_per_tenant: 1\n",
            dir.path().display(),
            port(&two.url()),
        )
        .unwrap();
        Self { fleet, config, dir, answers: Mutex::default() }
    }

    fn two(&self) -> &ControlPlane {
        self.fleet.plane("two").unwrap()
    }

    /// An API token, made by command.
    fn token(&self, arguments: &[&str]) -> String {
        let file = self.dir.path().join("command.yaml");
        std::fs::write(&file, &self.config).unwrap();
        let arguments = [&["token", "create", "--name=test", "--user=root"], arguments].concat();
        let output = program().args(arguments).arg("--config").arg(file).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("fgt_"), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text.trim().to_owned()
    }

    async fn ask(&self, server: &Server, token: &str, query: &str, variables: Value) -> Value {
        let answer = client::answer_as(server.http(), token, query, variables).await;
        self.answers.lock().unwrap().push_str(&answer.to_string());
        answer
    }

    async fn until(
        &self,
        server: &Server,
        token: &str,
        query: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(server, token, query, json!({})).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{query} still answers {answer}; {}", server.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Another tenant than the one that always is.
    async fn tenant(&self, name: &str) {
        let settings = Settings::new(Location::Directory(self.dir.path().join("catalog")));
        let catalog = Catalog::open(&settings, Sealer::without_keys()).await.unwrap();
        let new = NewTenant {
            name: name.into(),
            display_name: name.into(),
            quotas: Quotas::default(),
            created_by: "test".into(),
        };
        catalog.create_tenant(new).await.unwrap();
        catalog.close().await;
    }

    /// The kubeconfig of two's service account, and the token in it.
    async fn kubeconfig(&self) -> (String, String) {
        let lifetime = Duration::from_secs(3600);
        let token = self.two().service_account_token("shop", "fleet", lifetime).await.unwrap();
        (self.two().kubeconfig(&Credentials::Bearer(token.clone())), token)
    }

    /// The bytes of every file of the catalog.
    fn stored(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.dir.path().join("catalog")).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

fn message(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap_or("none")
}

fn has_pod(answer: &Value, id: &str) -> bool {
    answer["data"]["pods"].as_array().is_some_and(|pods| pods.iter().any(|pod| pod["id"] == id))
}

fn input(kubeconfig: &str) -> Value {
    json!({ "input": {
        "id": "two", "name": "The second", "environment": "test", "region": "eu", "kubeconfig": kubeconfig,
    } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_connected_remembered_and_disconnected_while_queries_run() {
    let bed = Bed::start().await;
    let mut server = Server::configured(&bed.config);
    let admin = bed.token(&["--admin"]);
    bed.tenant("other").await;
    let stranger = bed.token(&["--admin", "--tenant=other"]);
    bed.until(&server, &admin, EVERYTHING, |answer| has_pod(answer, "one:shop:cart")).await;

    // Whoever asks meanwhile is not disturbed.
    let stop = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let (address, admin, stop) = (server.http(), admin.clone(), Arc::clone(&stop));
        async move {
            let mut asked = 0;
            while !stop.load(Ordering::Relaxed) {
                let query = "{ pods(cluster: \"one\") { id } }";
                let answer = client::answer_as(address, &admin, query, json!({})).await;
                assert!(has_pod(&answer, "one:shop:cart") && answer.get("errors").is_none(), "{answer}");
                asked += 1;
                // A caller has a quota.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            asked
        }
    });
    let events = "subscription { clusterEvents { type reason cluster { id } } }";
    let mut seen = Subscription::start_as(server.http(), &admin, events).await;

    let (kubeconfig, secret) = bed.kubeconfig().await;
    let connected = bed.ask(&server, &admin, CONNECT, input(&kubeconfig)).await;
    assert_eq!(
        connected["data"]["connectCluster"],
        json!({ "id": "two", "name": "The second", "environment": "test", "region": "eu" }),
        "{connected}"
    );
    bed.until(&server, &admin, EVERYTHING, |answer| has_pod(answer, "two:shop:cart")).await;
    seen.until(|event| event["clusterEvents"]["cluster"]["id"] == "two").await;
    let taken = bed.ask(&server, &admin, CONNECT, input(&kubeconfig)).await;
    assert_eq!(code(&taken), "CONFLICT", "{taken}");

    // Another tenant's administrator has none of it.
    let nothing = bed.ask(&server, &stranger, EVERYTHING, json!({})).await;
    assert_eq!(
        (&nothing["data"]["clusters"], &nothing["data"]["pods"]),
        (&json!([]), &json!([])),
        "{nothing}"
    );
    let mut unknown = Vec::new();
    for id in ["two", "one", "nowhere"] {
        for mutation in ["disconnectCluster", "reconnectCluster"] {
            let answer = bed
                .ask(
                    &server,
                    &stranger,
                    &format!("mutation {{ {mutation}(id: {id:?}) {{ id }} }}"),
                    json!({}),
                )
                .await;
            assert_eq!(code(&answer), "CLUSTER_NOT_FOUND", "{answer}");
            unknown.push(message(&answer).replace(id, "…"));
        }
    }
    unknown.dedup();
    assert_eq!(unknown.len(), 1, "what isn't theirs looks as what isn't there: {unknown:?}");
    let audit = bed.ask(&server, &stranger, "{ auditLog { cluster action code } }", json!({})).await;
    let (tried, made): (Vec<_>, Vec<_>) = audit["data"]["auditLog"]
        .as_array()
        .unwrap()
        .iter()
        .partition(|record| record["action"] != "createApiToken");
    assert!(made.iter().all(|record| record["cluster"].is_null()), "{audit}");
    assert_eq!(tried.len(), 6, "their own attempts: {audit}");
    assert!(tried.iter().all(|record| record["code"] == "CLUSTER_NOT_FOUND"), "{audit}");

    // Whoever administers it finds it, and nobody else.
    let list = "{ connectedClusters { id tenant name server connectedBy } }";
    let listed = bed.ask(&server, &admin, list, json!({})).await;
    let [two] = listed["data"]["connectedClusters"].as_array().unwrap().as_slice() else {
        panic!("{listed}")
    };
    assert_eq!(
        (&two["id"], &two["tenant"], &two["connectedBy"]),
        (&json!("two"), &json!("default"), &json!("root"))
    );
    assert_eq!(bed.ask(&server, &stranger, list, json!({})).await["data"]["connectedClusters"], json!([]));
    let robot = bed.token(&[]);
    assert_eq!(code(&bed.ask(&server, &robot, list, json!({})).await), "FORBIDDEN");

    // Another replica takes it up, and a restart remembers it.
    let replica = Server::configured(&bed.config);
    bed.until(&replica, &admin, EVERYTHING, |answer| has_pod(answer, "two:shop:cart")).await;
    stop.store(true, Ordering::Relaxed);
    assert!(asking.await.unwrap() > 0);
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    let mut logs = server.log();
    let server = Server::configured(&bed.config);
    bed.until(&server, &admin, EVERYTHING, |answer| has_pod(answer, "two:shop:cart")).await;

    // Closed and opened again, with what is stored and with another token.
    let again = "mutation($with: ClusterCredentialsInput) { reconnectCluster(id: \"two\", credentials: $with) { id } }";
    let reopened = bed.ask(&server, &admin, again, json!({})).await;
    assert_eq!(reopened["data"]["reconnectCluster"]["id"], "two", "{reopened}");
    let other = bed.kubeconfig().await.1;
    let direct = json!({
        "server": bed.two().url(), "token": other, "certificateAuthority": bed.two().ca_pem(),
    });
    let reopened = bed.ask(&server, &admin, again, json!({ "with": direct })).await;
    assert_eq!(reopened["data"]["reconnectCluster"]["id"], "two", "{reopened}");
    bed.until(&server, &admin, EVERYTHING, |answer| has_pod(answer, "two:shop:cart")).await;
    let refused = json!({ "with": { "server": bed.two().url(), "token": "wrong-hush",
        "certificateAuthority": bed.two().ca_pem() } });
    assert_eq!(code(&bed.ask(&server, &admin, again, refused).await), "CLUSTER_UNAUTHENTICATED");
    bed.until(&replica, &admin, EVERYTHING, |answer| has_pod(answer, "two:shop:cart")).await;

    // Gone from every answer: here at once, elsewhere soon.
    let mut seen = Subscription::start_as(server.http(), &admin, events).await;
    let mut pods =
        Subscription::start_as(server.http(), &admin, "subscription { podEvents { type pod { id } } }").await;
    let gone =
        bed.ask(&server, &admin, "mutation { disconnectCluster(id: \"two\") { id } }", json!({})).await;
    assert_eq!(gone["data"]["disconnectCluster"]["id"], "two", "{gone}");
    let after = bed.ask(&server, &admin, EVERYTHING, json!({})).await;
    assert!(!after["data"].to_string().contains("two"), "{after}");
    bed.until(&replica, &admin, EVERYTHING, |answer| {
        has_pod(answer, "one:shop:cart") && !answer["data"].to_string().contains("two")
    })
    .await;
    let removed = seen.until(|event| event["clusterEvents"]["reason"] == "Removed").await;
    assert_eq!(removed["clusterEvents"]["cluster"]["id"], "two");
    bed.two().kubectl(&["run", "late", "-n", "shop", "--image=late"]).await.unwrap();
    bed.fleet.plane("one").unwrap().kubectl(&["run", "last", "-n", "shop", "--image=last"]).await.unwrap();
    let event = pods.until(|event| event["podEvents"]["type"] == "CREATED").await;
    assert_eq!(event["podEvents"]["pod"]["id"], "one:shop:last");

    // It is all on record, and the secrets are nowhere.
    let audit = bed
        .ask(&server, &admin, "{ auditLog { action outcome cluster tenant code details } }", json!({}))
        .await;
    let records = audit["data"]["auditLog"].as_array().unwrap();
    for (action, outcome, code) in [
        ("connectCluster", "INTENT", Value::Null),
        ("connectCluster", "SUCCESS", Value::Null),
        ("connectCluster", "FAILURE", json!("CONFLICT")),
        ("reconnectCluster", "SUCCESS", Value::Null),
        ("reconnectCluster", "FAILURE", json!("CLUSTER_UNAUTHENTICATED")),
        ("disconnectCluster", "INTENT", Value::Null),
        ("disconnectCluster", "SUCCESS", Value::Null),
    ] {
        let found = records.iter().any(|record| {
            record["action"] == action
                && record["outcome"] == outcome
                && record["code"] == code
                && record["cluster"] == "two"
                && record["tenant"] == "default"
        });
        assert!(found, "no {action} {outcome} {code} in {audit}");
    }
    let strangers = records.iter().filter(|record| record["code"] == "CLUSTER_NOT_FOUND").count();
    assert_eq!(strangers, 0, "what others tried in vain is their own tenant's: {audit}");
    logs += &server.log();
    logs += &replica.log();
    let answers = bed.answers.lock().unwrap().clone();
    let stored = bed.stored();
    for secret in [secret.as_str(), &other, "wrong-hush"] {
        // The signature's end is secret by itself.
        let part = &secret[secret.len().saturating_sub(24)..];
        assert!(!logs.contains(part), "in a log");
        assert!(!answers.contains(part), "in an answer");
        assert!(
            !stored.windows(part.len()).any(|window| window == part.as_bytes()),
            "in the catalog's files"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_used_or_is_not_allowed_is_refused_and_nothing_of_it_stays() {
    let bed = Bed::start().await;
    let judged = format!("{}authentication:\n  token_reviews:\n    - cluster: judge\n", bed.config);
    let server = Server::configured(&judged);
    let admin = bed.token(&["--admin"]);
    bed.until(&server, &admin, EVERYTHING, |answer| has_pod(answer, "one:shop:cart")).await;
    let (good, _) = bed.kubeconfig().await;
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut config: Value = serde_json::from_str(&good).unwrap();
        change(&mut config);
        input(&config.to_string())
    };
    let connect = async |token: &str, input: Value| {
        let answer = bed.ask(&server, token, CONNECT, input).await;
        (code(&answer).to_owned(), message(&answer).to_owned())
    };

    // Who may not.
    let robot = bed.token(&[]);
    let reader = bed.token(&["--admin", "--read-only"]);
    let bound = bed.token(&["--admin", "--cluster=one"]);
    let within = bed.token(&["--admin", "--namespace=shop"]);
    for token in [&robot, &reader, &bound, &within] {
        assert_eq!(connect(token, input(&good)).await.0, "FORBIDDEN");
    }
    let mut foreign = input(&good);
    foreign["input"]["tenant"] = json!("other");
    assert_eq!(connect(&admin, foreign).await.0, "FORBIDDEN");

    // What may not.
    let user = |user: Value| changed(&move |config| config["users"][0]["user"] = user.clone());
    let server_at = |url: &str| {
        let url = url.to_owned();
        changed(&move |config| config["clusters"][0]["cluster"]["server"] = json!(url))
    };
    let url = bed.two().url();
    for (wrong, says) in [
        (user(json!({ "exec": { "command": "touch", "args": ["/tmp/hush"] } })), "exec plugin"),
        (user(json!({ "tokenFile": "/etc/passwd" })), "tokenFile"),
        (user(json!({ "token": "hush", "as": "root" })), "acts as"),
        (server_at("https://169.254.169.254"), "allowed_"),
        (server_at(&url.replace("127.0.0.1", "127.0.0.2")), "allowed_addresses"),
        (server_at("https://127.0.0.1:22"), "allowed_ports"),
        (server_at(&url.replace("https", "http")), "https://"),
        (input("clusters: [hush"), "not the YAML"),
        (json!({ "input": { "id": "two" } }), "either kubeconfig"),
        (json!({ "input": { "id": "a:b", "kubeconfig": "x" } }), "character"),
        (
            json!({ "input": { "id": "two", "kubeconfig": "x", "name": "x".repeat(201) } }),
            "name may have 200",
        ),
        (json!({ "input": { "id": "two", "kubeconfig": "x", "region": "a\nb" } }), "region may have"),
    ] {
        let (code, message) = connect(&admin, wrong).await;
        assert_eq!(code, "BAD_USER_INPUT", "{message}");
        assert!(message.contains(says) && !message.contains("hush"), "{message}");
    }
    for id in ["one", "judge"] {
        let mut taken = input(&good);
        taken["input"]["id"] = json!(id);
        assert_eq!(
            connect(&admin, taken).await.0,
            "CONFLICT",
            "of the configuration, or says who callers are: {id}"
        );
    }
    let fixed =
        bed.ask(&server, &admin, "mutation { disconnectCluster(id: \"one\") { id } }", json!({})).await;
    assert_eq!(code(&fixed), "CONFLICT", "{fixed}");

    // What doesn't answer as it should.
    let (code, message) = connect(&admin, user(json!({ "token": "wrong" }))).await;
    assert_eq!(code, "CLUSTER_UNAUTHENTICATED", "{message}");
    bed.two().kubectl(&["create", "serviceaccount", "powerless", "-n", "shop"]).await.unwrap();
    let lifetime = Duration::from_secs(600);
    let powerless = bed.two().service_account_token("shop", "powerless", lifetime).await.unwrap();
    let (code, message) = connect(&admin, user(json!({ "token": powerless }))).await;
    assert_eq!(code, "CLUSTER_FORBIDDEN", "{message}");
    let other = changed(&|config| {
        config["clusters"][0]["cluster"].as_object_mut().unwrap().remove("certificate-authority-data");
    });
    assert_eq!(connect(&admin, other).await.0, "CLUSTER_TLS");

    let after = bed.ask(&server, &admin, EVERYTHING, json!({})).await;
    assert!(!after["data"].to_string().contains("two"), "{after}");
    assert_eq!(connect(&admin, input(&good)).await.0, "none", "the same id is free still");
    let mut another = input(&good);
    another["input"]["id"] = json!("three");
    let (code, message) = connect(&admin, another).await;
    assert_eq!(code, "CONFLICT", "{message}");
    assert!(message.contains("max_clusters_per_tenant"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_to_seal_with_nothing_is_connected() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!("catalog:\n  directory: {}\n", dir.path().join("catalog").display());
    let server = Server::configured(&config);
    let file = dir.path().join("command.yaml");
    std::fs::write(&file, &config).unwrap();
    let arguments = ["token", "create", "--admin", "--name=test", "--user=root", "--config"];
    let output = program().args(arguments).arg(file).output().unwrap();
    let admin = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let input = json!({ "input": { "id": "x", "server": "https://192.0.2.1", "token": "hush" } });
    let answer = client::answer_as(server.http(), &admin, CONNECT, input).await;
    assert_eq!(code(&answer), "NOT_CONFIGURED", "{answer}");
    assert!(message(&answer).contains("catalog.key_files"), "{answer}");
    assert!(!server.log().contains("hush"));
}
