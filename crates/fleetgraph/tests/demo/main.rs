//! The demo as a newcomer meets it: one command, what it prints works, and it leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod demo;
mod page;
#[path = "../server/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of the server's life cycle")]
mod server;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use demo::{Demo, Running, gone, until};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

async fn ask(demo: &Demo, query: &str) -> Value {
    let body = json!({ "query": query }).to_string();
    let headers = [("content-type", "application/json")];
    let (status, text) = server::ask(demo.address, "POST /graphql", &headers, &body).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert!(status == 200 && answer["errors"].is_null(), "{status} {answer}");
    answer["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_demo_prints_works_and_is_what_the_readme_says() {
    let demo = Demo::start(&["--churn=0"]);
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let queries = demo.printed_queries();
    assert_eq!(queries.len(), 2, "{}", demo.said);
    for query in &queries {
        assert!(readme.contains(&format!("\"{query}\"")), "the README has another than {query}");
    }
    let data = ask(&demo, &queries[0]).await;
    let clusters = data["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 3);
    assert!(clusters.iter().all(|cluster| cluster["health"]["status"] == "HEALTHY"), "{clusters:?}");
    let broken = data["resources"]["nodes"].as_array().unwrap();
    for reason in ["CrashLoopBackOff", "ImagePullBackOff", "NodeStatusUnknown"] {
        assert!(broken.iter().any(|object| object["health"]["reason"] == reason), "{reason}: {broken:?}");
    }

    let cluster = clusters[0]["id"].as_str().unwrap();
    let query = format!(
        r#"{{ deployment(cluster: "{cluster}", namespace: "checkout", name: "checkout-api") {{ replicas readyReplicas }} }}"#
    );
    let replicas = async || {
        let deployment = ask(&demo, &query).await["deployment"].clone();
        (deployment["replicas"].as_i64().unwrap(), deployment["readyReplicas"].as_i64().unwrap())
    };
    let (wanted, ready) = replicas().await;
    let mut events = demo.subscribe(&queries[1]).await;
    let command = demo.printed_kubectl();
    let kubectl = testkit::Tools::locate().unwrap().program("kubectl");
    let (program, arguments) = command.split_first().unwrap();
    assert_eq!(program, "kubectl");
    let output = tokio::process::Command::new(kubectl).args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Those on the node that is lost stay as they are.
    until("eight replicas, of which the new ones are ready", async || {
        let (now, ready_now) = replicas().await;
        now == 8 && ready_now >= ready + 8 - wanted
    })
    .await;
    events.until("checkout-api").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_of_any_size_goes_on_changing() {
    let demo = Demo::start(&["--clusters=20", "--objects=8000", "--churn=50", "--seed=7"]);
    let data = ask(&demo, "{ clusters { id status { ready } } resources(first: 0) { totalCount } }").await;
    let clusters = data["clusters"].as_array().unwrap();
    assert!(clusters.len() == 20 && clusters.iter().all(|cluster| cluster["status"]["ready"] == true));
    let count = data["resources"]["totalCount"].as_u64().unwrap();
    assert!((6000..10_000).contains(&count), "{count} objects");
    let mut events = demo.subscribe("subscription { podEvents { type pod { id cluster { id } } } }").await;
    for _ in 0..20 {
        events.until("podEvents").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_wrong_and_is_put_right_by_the_readmes_command() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let line = readme.lines().find(|line| line.contains("/simulator/faults -f -")).unwrap();
    let (_, kubectl) = line.split_once(" | ").unwrap();
    let demo = Demo::start(&["--churn=0"]);
    let cluster = ask(&demo, "{ clusters { id } }").await["clusters"][0]["id"].as_str().unwrap().to_owned();
    let words: Vec<&str> = kubectl.split_whitespace().collect();
    assert!(words.contains(&cluster.as_str()), "the README names another cluster than {cluster}");
    let fails = async |faults: &str| {
        let mut command = tokio::process::Command::new(testkit::Tools::locate().unwrap().program("kubectl"));
        let kubeconfig = demo.kubeconfig.to_str().unwrap();
        let words =
            words.iter().skip(1).map(|word| if *word == "fleet.kubeconfig" { kubeconfig } else { word });
        let mut child = command.args(words).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(faults.as_bytes()).await.unwrap();
        assert!(child.wait().await.unwrap().success());
    };
    let live = async || {
        let data = ask(&demo, "{ clusters { freshness { state error } } }").await;
        let lives = |cluster: &&Value| {
            let kinds = cluster["freshness"].as_array().unwrap();
            for error in kinds.iter().filter_map(|kind| kind["error"].as_str()) {
                assert!(error.contains("API server"), "{error:?} says nothing of what to look at");
            }
            kinds.iter().all(|kind| kind["state"] == "LIVE")
        };
        data["clusters"].as_array().unwrap().iter().filter(lives).count()
    };
    fails(r#"{"refuse": true}"#).await;
    until("one of three is not live", async || live().await == 2).await;
    fails("{}").await;
    until("all three are live again", async || live().await == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_ends_with_all_that_it_started_however_it_ends() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::KILL] {
        let mut demo = Demo::start(&[]);
        let simulated = demo.simulated();
        assert!(Path::new(&format!("/proc/{simulated}")).exists());
        let files = demo.kubeconfig.parent().unwrap().to_owned();
        demo.signal(signal);
        demo.ended().await;
        until("the simulated clusters end", async || gone(simulated)).await;
        // Nobody can clean up who was killed.
        assert_eq!(files.exists(), signal == rustix::process::Signal::KILL);
        fs::remove_dir_all(files).ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_whose_clusters_are_killed_says_so_and_ends() {
    let mut demo = Demo::start(&[]);
    let simulated = rustix::process::Pid::from_raw(i32::try_from(demo.simulated()).unwrap()).unwrap();
    let files = demo.kubeconfig.parent().unwrap().to_owned();
    rustix::process::kill_process(simulated, rustix::process::Signal::KILL).unwrap();
    demo.ended().await;
    assert_eq!(demo.status(), Some(1));
    assert!(!files.exists());
}

#[test]
fn a_demo_that_could_not_be_served_is_not_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (listen, says) in
        [(taken.local_addr().unwrap().to_string(), "in use"), ("0.0.0.0:0".to_owned(), "loopback")]
    {
        let output =
            server::program().args(["demo", "--listen", &listen]).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(out.is_empty() && error.contains(&listen) && error.contains(says), "{out}{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_ended_while_it_begins_leaves_nothing_behind_either() {
    let dir = tempfile::tempdir().unwrap();
    let demo = server::program()
        .args(["demo", "--listen=127.0.0.1:0", "--clusters=200", "--objects=200000"])
        .env("TMPDIR", dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut demo = Running(demo);
    let files = || fs::read_dir(dir.path()).unwrap().count();
    until("it has begun", async || files() > 0).await;
    let pid = rustix::process::Pid::from_child(&demo.0);
    until("it ends", async || {
        // The first may come before anybody listens for it, and is the end then as well.
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        demo.0.try_wait().unwrap().is_some()
    })
    .await;
    let listened = demo.0.wait().unwrap().code() == Some(0);
    assert!(!listened || files() == 0, "its files are still there");
}

#[test]
fn a_simulator_serves_this_machine_alone() {
    let output = server::program()
        .args(["simulate", "--listen=0.0.0.0:0", "--kubeconfig=/no/such/directory/kubeconfig"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("loopback"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_takes_the_configuration_that_simulate_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (kubeconfig, config) = (dir.path().join("kubeconfig"), dir.path().join("fleet.yaml"));
    let simulator = server::program()
        .args(["simulate", "--clusters=2", "--objects=500", "--churn=0"])
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .arg("--config")
        .arg(&config)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut simulator = Running(simulator);
    let read = || fs::read_to_string(&config).unwrap_or_default();
    until("the files are written", async || serde_json::from_str::<Value>(&read()).is_ok()).await;
    let text = read();
    let check = server::program().args(["config", "--check"]).arg(&config).output().unwrap();
    assert!(check.status.success(), "{text}");
    // Whoever has the file is the administrator of the clusters.
    assert_eq!(fs::metadata(&kubeconfig).unwrap().permissions().mode() & 0o077, 0);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&simulator.0),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    let status = simulator.0.wait().unwrap();
    assert_eq!(status.code(), Some(0), "a signal is an orderly end");
}
