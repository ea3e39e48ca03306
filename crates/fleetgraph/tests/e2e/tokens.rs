//! fleetgraph's own API tokens and its audit trail, with the real program over a real cluster: made by command and by
//! mutation, bound, revoked, remembered over a restart, and on record.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Fleet, Options};

use crate::{
    bed::{self, PATIENCE},
    client::{self, Subscription, code},
    server::{Server, program},
};

const PODS: &str = "{ pods { id } }";

struct Bed {
    fleet: Fleet,
    server: Server,
    config: String,
    dir: tempfile::TempDir,
}

impl Bed {
    async fn start() -> Self {
        let fleet = Fleet::start_with(vec![Options::bare("tokens")]).await.unwrap();
        let plane = fleet.plane("tokens").unwrap();
        for namespace in ["shop", "bank"] {
            plane.kubectl(&["create", "namespace", namespace]).await.unwrap();
            plane.kubectl(&["create", "configmap", "-n", namespace, "settings"]).await.unwrap();
        }
        plane
            .kubectl(&[
                "create",
                "clusterrolebinding",
                "readers",
                "--clusterrole=cluster-admin",
                "--user=robot",
            ])
            .await
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "clusters:\n{}catalog:\n  directory: {}\n",
            bed::cluster(plane),
            dir.path().join("catalog").display()
        );
        let server = Server::configured(&config);
        Self { fleet, server, config, dir }
    }

    /// Runs a command with the server's own configuration.
    fn command(&self, arguments: &[&str]) -> (bool, String) {
        let file = self.dir.path().join("command.yaml");
        std::fs::write(&file, &self.config).unwrap();
        let output = program().args(arguments).arg("--config").arg(file).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout) + &text(output.stderr))
    }

    fn made(&self, arguments: &[&str]) -> String {
        let (fine, text) =
            self.command(&[&["token", "create", "--name=test", "--user=robot"], arguments].concat());
        assert!(fine && text.starts_with("fgt_"), "{text}");
        text.trim().to_owned()
    }

    async fn ask(&self, token: &str, query: &str) -> Value {
        client::answer_as(self.server.http(), token, query, json!({})).await
    }

    /// Asks until the answer is as wanted.
    async fn until(
        &self,
        token: &str,
        query: &str,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let answer = self.ask(token, query).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{query} still answers {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn has_configs(answer: &Value, count: usize) -> bool {
    answer["data"]["configMaps"]
        .as_array()
        .is_some_and(|all| all.iter().filter(|one| one["name"] == "settings").count() == count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_bound_used_revoked_and_on_record() {
    const CONFIGS: &str = "{ configMaps { name namespaceName } }";
    let mut bed = Bed::start().await;
    assert_eq!(code(&bed.ask("", PODS).await), "UNAUTHENTICATED", "nobody comes in without one");
    assert_eq!(code(&bed.ask("fgt_nobody_knows", PODS).await), "UNAUTHENTICATED");

    let admin = bed.made(&["--admin"]);
    bed.until(&admin, CONFIGS, PATIENCE, |answer| has_configs(answer, 2)).await;
    let viewer = bed.ask(&admin, "{ viewer { user admin readOnly tenants method namespaces } }").await;
    assert_eq!(
        viewer["data"]["viewer"],
        json!({
            "user": "robot", "admin": true, "readOnly": false, "tenants": ["default"], "method": "api_token",
            "namespaces": null,
        })
    );

    // Until it is known that roles are all that decides there, the cluster is asked.
    let mode = json!([{ "tenant": "default", "accessMode": { "kind": "RBAC" } }]);
    bed.until(&admin, "{ clusters { tenant accessMode { kind } } }", PATIENCE, |answer| {
        answer["data"]["clusters"] == mode
    })
    .await;

    // By mutation, bound to a namespace, and to reading.
    let made = bed
        .ask(
            &admin,
            r#"mutation { createApiToken(input: { name: "shop only", user: "robot", namespaces: ["shop"],
                expiresAt: "2099-01-01T00:00:00Z" }) { secret token { id name readOnly namespaces createdBy } } }"#,
        )
        .await;
    let created = &made["data"]["createApiToken"];
    assert_eq!(created["token"]["createdBy"], "robot", "{made}");
    assert_eq!(
        (&created["token"]["readOnly"], &created["token"]["namespaces"]),
        (&json!(true), &json!(["shop"]))
    );
    let (secret, id) =
        (created["secret"].as_str().unwrap().to_owned(), created["token"]["id"].as_str().unwrap().to_owned());
    bed.until(&secret, CONFIGS, PATIENCE, |answer| has_configs(answer, 1)).await;
    assert_eq!(
        bed.ask(&secret, "{ nodes { id } clusterRoles { id } }").await["data"]["clusterRoles"],
        json!([])
    );
    for refused in
        ["{ apiTokens { id } }", "{ auditLog { sequence } }", "mutation { revokeApiToken(id: \"x\") { id } }"]
    {
        assert_eq!(code(&bed.ask(&secret, refused).await), "FORBIDDEN", "{refused}");
    }
    for wrong in [
        r#"user: "system:admin", expiresAt: "2099-01-01T00:00:00Z""#,
        r#"user: "x", groups: ["system:masters"], expiresAt: "2099-01-01T00:00:00Z""#,
        r#"user: "x", expiresAt: "2001-01-01T00:00:00Z""#,
        r#"user: "x\ny", expiresAt: "2099-01-01T00:00:00Z""#,
        r#"user: "x", tenants: ["another"], expiresAt: "2099-01-01T00:00:00Z""#,
    ] {
        let answer = bed
            .ask(
                &admin,
                &format!("mutation {{ createApiToken(input: {{ name: \"n\", {wrong} }}) {{ secret }} }}"),
            )
            .await;
        assert!(["BAD_USER_INPUT", "FORBIDDEN"].contains(&code(&answer)), "{wrong}: {answer}");
    }

    // Whoever mixes up a token and its id must not find the token on record.
    let mistaken = format!("mutation {{ revokeApiToken(id: {secret:?}) {{ id }} }}");
    assert_eq!(code(&bed.ask(&admin, &mistaken).await), "NOT_FOUND");

    // Open streams end with their token.
    let stream = Subscription::start_as(
        bed.server.http(),
        &secret,
        "subscription { configMapEvents { resourceType } }",
    );
    let stream = stream.await;
    let revoked =
        bed.ask(&admin, &format!("mutation {{ revokeApiToken(id: {id:?}) {{ revokedBy }} }}")).await;
    assert_eq!(revoked["data"]["revokeApiToken"]["revokedBy"], "robot", "{revoked}");
    let within = Duration::from_secs(5);
    bed.until(&secret, PODS, within, |answer| code(answer) == "UNAUTHENTICATED").await;
    let (close, reason) = stream.closed().await;
    assert_eq!(close, 4403, "{reason}");

    // It is all on record, and the record is whole.
    let log = bed.ask(&admin, "{ auditLog { action outcome code user object address requestId } }").await;
    let records = log["data"]["auditLog"].as_array().unwrap();
    let of = |action: &str, outcome: &str| {
        records.iter().find(|record| record["action"] == action && record["outcome"] == outcome)
    };
    for (action, outcome) in [
        ("createApiToken", "INTENT"),
        ("createApiToken", "SUCCESS"),
        ("revokeApiToken", "INTENT"),
        ("revokeApiToken", "SUCCESS"),
    ] {
        let record = of(action, outcome).unwrap_or_else(|| panic!("no {action} {outcome} in {log}"));
        assert_eq!((&record["user"], &record["address"]), (&json!("robot"), &json!("127.0.0.1")), "{record}");
        assert!(record["requestId"].is_string());
    }
    // So is what was refused before anything was tried.
    for (action, code, object) in [
        ("createApiToken", "BAD_USER_INPUT", json!("ApiToken \"n\"")),
        ("createApiToken", "FORBIDDEN", json!("ApiToken \"n\"")),
        ("revokeApiToken", "FORBIDDEN", Value::Null),
        ("revokeApiToken", "NOT_FOUND", Value::Null),
    ] {
        let refused = records.iter().any(|record| {
            record["action"] == action
                && record["outcome"] == "FAILURE"
                && record["code"] == code
                && record["object"] == object
        });
        assert!(refused, "no {action} {code} of {object} in {log}");
    }
    let (fine, verified) = bed.command(&["audit", "verify"]);
    assert!(fine && verified.contains("none changed or missing"), "{verified}");

    // The log has the heads, and an earlier one shows whether the trail is still the same.
    let line = bed.server.logged(|line| line["message"] == "the head of the audit trail");
    let head = line["fields"]["head"].as_str().unwrap();
    let (fine, verified) = bed.command(&["audit", "verify", "--head", head]);
    assert!(fine, "{verified}");
    let (seq, hash) = head.split_once(':').unwrap();
    let other = format!("{seq}:{}{}", if hash.starts_with('0') { '1' } else { '0' }, &hash[1..]);
    let (fine, verified) = bed.command(&["audit", "verify", "--head", &other]);
    assert!(!fine && verified.contains("written anew"), "{verified}");
    for refused in [&["--user=system:admin"][..], &["--user=x", "--group=system:masters"], &["--user=a\tb"]] {
        let (fine, said) = bed.command(&[&["token", "create", "--name=n"], refused].concat());
        assert!(!fine && !said.contains("fgt_"), "{said}");
    }

    // A restart remembers.
    drop(bed.server);
    bed.server = Server::configured(&bed.config);
    bed.until(&admin, CONFIGS, PATIENCE, |answer| has_configs(answer, 2)).await;
    assert_eq!(code(&bed.ask(&secret, PODS).await), "UNAUTHENTICATED");
    let (_, list) = bed.command(&["token", "list"]);
    assert!(list.contains("shop only") && list.contains("revoked") && !list.contains("fgt_"), "{list}");

    // The secrets themselves are nowhere.
    let log = bed.server.log();
    for token in [&admin, &secret] {
        let secret = token.rsplit('_').next().unwrap();
        assert!(!log.contains(secret), "in the log");
        for entry in std::fs::read_dir(bed.dir.path().join("catalog")).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "in the catalog");
        }
    }
    drop(bed.fleet);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_goes_on_record_and_one_that_is_missing_does_not() {
    let bed = Bed::start().await;
    let admin = bed.made(&["--admin"]);
    bed.ask("", PODS).await;
    bed.ask("fgt_nobody_knows", PODS).await;
    bed.ask("eyJub3QiOiJvbmUifQ.e30.x", PODS).await;
    let (fine, verified) = bed.command(&["audit", "verify"]);
    assert!(fine, "{verified}");
    // One was made by command, intent and result; two credentials were refused.
    assert!(verified.starts_with("4 records"), "{verified}");
    let log = bed.ask(&admin, "{ auditLog { action outcome } }").await;
    assert_eq!(
        log["data"]["auditLog"],
        json!([
            { "action": "createApiToken", "outcome": "SUCCESS" },
            { "action": "createApiToken", "outcome": "INTENT" },
        ]),
        "what was refused is of no tenant: {log}"
    );
    let (fine, listed) = bed.command(&["audit", "list", "--limit", "3"]);
    assert!(fine, "{listed}");
    let records: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<_> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["authenticate", "authenticate", "createApiToken"], "the newest first: {listed}");
    assert!(!listed.contains("nobody_knows") && !listed.contains("eyJub3Qi"), "{listed}");
}
