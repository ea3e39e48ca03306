//! Tenants by command: what they are called, what keeps them, and what is on record.

use catalog::{ClusterChange, NewCluster, seal::Sealer};
use fleetgraph_core::ClusterId;

use crate::kept::Kept;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_made_changed_listed_and_deleted_only_when_nothing_is_its_own() {
    let kept = Kept::new("");
    let refused = |arguments: &[&str], why: &str| {
        let (code, text) = kept.command(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        assert!(text.contains(why), "{arguments:?}: {text}");
    };
    kept.done(&["tenant", "create", "shop", "--display-name=The shop", "--complexity-per-minute=5000"]);
    kept.done(&["tenant", "create", "bank", "--subscriptions=0"]);
    kept.done(&["tenant", "create", "empty"]);
    for name in ["Shop", "a b", "a,b", ""] {
        refused(&["tenant", "create", name], "can't name a tenant");
    }
    refused(&["tenant", "create", "shop"], "exists already");
    refused(&["tenant", "update", "nobody", "--subscriptions=1"], "there is no tenant \"nobody\"");
    let (code, text) = kept.command(&["tenant", "update", "shop", "--subscriptions=many"]);
    assert_eq!(code, Some(2), "{text}");

    kept.done(&["tenant", "update", "shop", "--requests-per-second=7"]);
    let list = kept.done(&["tenant", "list"]);
    let line = |name: &str| {
        let line = list.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(line("shop").starts_with("shop The shop 7 5000 default "), "{list}");
    assert!(line("bank").starts_with("bank bank default default unbounded "), "{list}");
    assert!(line("default").starts_with("default Default default default default "), "{list}");

    // What keeps it: a token, even one that was revoked, and a cluster.
    let token = kept.token("ann", &["--tenant=shop"]);
    kept.done(&["token", "revoke", token.split('_').nth(1).unwrap()]);
    let catalog = kept.catalog(Sealer::ephemeral().unwrap()).await;
    let cluster = ClusterChange {
        tenant: "bank".to_owned(),
        name: "Vault".to_owned(),
        environment: String::new(),
        region: String::new(),
        server: "https://127.0.0.1:6443".to_owned(),
        disabled: true,
    };
    let id = ClusterId::new("vault").unwrap();
    let document = b"{}".to_vec().into();
    let new = NewCluster { id: id.clone(), cluster, document, created_by: "test".to_owned() };
    let record = catalog.insert_cluster(new).await.unwrap();
    for name in ["shop", "bank"] {
        refused(&["tenant", "delete", name], "has clusters");
    }
    let configured = format!(
        "clusters:\n  - {{ id: kiosk, tenant: empty, auth_method: token, api_server_url: 'https://127.0.0.1:1', \
         service_account_token: none }}\n{}",
        kept.config
    );
    let (code, text) = kept.command_with(&configured, &["tenant", "delete", "empty"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("gives \"empty\" the clusters kiosk"), "{text}");
    refused(&["tenant", "delete", "default"], "the default tenant always exists");
    refused(&["tenant", "delete", "nobody"], "there is no tenant");
    kept.done(&["tenant", "delete", "empty"]);
    catalog.remove_cluster(&record).await.unwrap();
    catalog.close().await;
    kept.done(&["tenant", "delete", "bank"]);
    let list = kept.done(&["tenant", "list"]);
    assert!(list.contains("shop") && !list.contains("bank") && !list.contains("empty"), "{list}");

    let verified = kept.done(&["audit", "verify"]);
    // Intent and result of: 3 made, 5 refused, 1 changed, a token made and revoked, 4 not deleted, 2 deleted.
    assert!(verified.starts_with("34 records"), "{verified}");
}
