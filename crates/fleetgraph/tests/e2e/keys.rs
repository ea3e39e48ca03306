//! The key that seals stored credentials is changed by command, beside a server that runs.

use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use catalog::{
    ClusterChange, NewCluster,
    seal::{KeySource, Sealer},
};
use fleetgraph_core::ClusterId;

use crate::{bed::PATIENCE, kept::Kept, server::Server};

const SECRET: &str = "hush-hush-token";

fn sealer(kept: &Kept, names: &[&str]) -> Sealer {
    let sources: Vec<_> = names.iter().map(|name| KeySource::File(kept.path(name))).collect();
    Sealer::new(&sources).unwrap()
}

/// The configuration with these keys.
fn config(kept: &Kept, names: &[&str]) -> String {
    format!(
        "{}  {}\nconnections:\n  allowed_addresses: [127.0.0.1/32]\n  allowed_ports: [1]\n",
        kept.config,
        config_of_files(kept, names)
    )
}

fn config_of_files(kept: &Kept, names: &[&str]) -> String {
    let files: Vec<_> = names.iter().map(|name| kept.path(name).display().to_string()).collect();
    format!("key_files: [{}]", files.join(", "))
}

fn change(name: &str) -> ClusterChange {
    ClusterChange {
        tenant: "default".to_owned(),
        name: name.to_owned(),
        environment: String::new(),
        region: String::new(),
        server: "https://127.0.0.1:1".to_owned(),
        disabled: false,
    }
}

fn cluster(id: &str) -> NewCluster {
    let document = serde_json::json!({
        "version": 1, "server": "https://127.0.0.1:1", "authority": null, "server_name": null, "insecure": false,
        "proxy_url": null, "token": SECRET, "certificate": null, "key": null,
    });
    let document = document.to_string().into_bytes().into();
    NewCluster {
        id: ClusterId::new(id).unwrap(),
        cluster: change(id),
        document,
        created_by: "test".to_owned(),
    }
}

/// Waits until what is stored of a cluster was opened so often.
fn opened(server: &Server, cluster: &str, times: usize) {
    let deadline = Instant::now() + PATIENCE;
    let line = format!("\"cluster\":\"{cluster}\"");
    let count = || {
        let log = server.log();
        log.lines().filter(|text| text.contains("\"message\":\"watching\"") && text.contains(&line)).count()
    };
    while count() < times {
        assert!(Instant::now() < deadline, "not opened: {}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_changed_beside_a_running_server_and_the_old_one_is_needed_no_more() {
    let kept = Kept::new("");
    for (name, byte) in [("a", 1), ("b", 2)] {
        std::fs::write(kept.path(name), STANDARD.encode([byte; 32])).unwrap();
    }
    let old = kept.catalog(sealer(&kept, &["a"])).await;
    for id in ["one", "two"] {
        old.insert_cluster(cluster(id)).await.unwrap();
    }
    old.close().await;
    let (of_b, of_both) = (config(&kept, &["b"]), config(&kept, &["b", "a"]));

    // Without the key that sealed, nothing opens, and it is said of what.
    let (code, text) = kept.command_with(&of_b, &["key", "rotate"]);
    assert_eq!(code, Some(1), "{text}");
    for part in
        ["0 sealed anew", "2 could not be opened", "one: ", "two: ", "which isn't among the configured ones"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let without = Server::configured(&of_b);
    let line = without.logged(|line| line["message"] == "what is stored of a cluster can't be used");
    assert!(line["fields"]["error"].as_str().unwrap().contains("isn't among the configured ones"), "{line}");
    drop(without);
    let (code, text) = kept.command_with(&kept.config, &["key", "rotate"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("there is no key to seal with"), "{text}");

    // With both, beside a server that has both.
    let server = Server::configured(&of_both);
    opened(&server, "one", 1);
    let both = kept.catalog(sealer(&kept, &["b", "a"])).await;
    both.insert_cluster(cluster("three")).await.unwrap();
    opened(&server, "three", 1);
    let (code, text) = kept.command_with(&of_both, &["key", "rotate"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(text, "2 sealed anew with the first key, 1 were already, 0 could not be opened\n");
    let (_, text) = kept.command_with(&of_both, &["key", "rotate"]);
    assert_eq!(text, "0 sealed anew with the first key, 3 were already, 0 could not be opened\n");
    // The server reads what was sealed anew, when there is reason to.
    let one = both.cluster(&ClusterId::new("one").unwrap()).await.unwrap().unwrap();
    both.update_cluster(&one, change("renamed"), None).await.unwrap();
    opened(&server, "one", 2);
    both.close().await;
    let mut said = server.log();
    drop(server);

    // The old key is gone, and all opens.
    std::fs::remove_file(kept.path("a")).unwrap();
    let server = Server::configured(&of_b);
    for id in ["one", "two", "three"] {
        opened(&server, id, 1);
    }
    said += &server.log();
    drop(server);

    // From the environment, where there are no files.
    let key = std::fs::read_to_string(kept.path("b")).unwrap();
    std::fs::remove_file(kept.path("b")).unwrap();
    let of_variable = of_b.replace(&config_of_files(&kept, &["b"]), "key_variables: [SEALING_KEY]");
    let (code, text) = kept.command_with(&of_variable, &["key", "rotate"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("environment variable SEALING_KEY: it isn't set"), "{text}");
    let (code, text) = kept.command_in(&of_variable, &["key", "rotate"], &[("SEALING_KEY", &key)]);
    assert_eq!(
        (code, &*text),
        (Some(0), "0 sealed anew with the first key, 3 were already, 0 could not be opened\n")
    );
    said += &text;
    assert!(!said.contains(SECRET) && !said.contains(&key));

    let (code, verified) = kept.command_in(&of_variable, &["audit", "verify"], &[("SEALING_KEY", &key)]);
    assert_eq!(code, Some(0), "{verified}");
    // Four rotations that had a key, each with intent and result.
    assert!(verified.starts_with("8 records"), "{verified}");
}
