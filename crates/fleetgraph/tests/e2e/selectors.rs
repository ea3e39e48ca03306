//! Selectors and filters against the API server: it is asked the same questions, and answers first.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::ControlPlane;

use crate::{bed::Bed, client, compare};

/// Objects that differ in what selectors look at.
async fn seed(plane: &ControlPlane) {
    let mut items = Vec::new();
    let apps = ["cart", "shop", "pay"];
    let (namespaces, policies) = (["default", "kube-public"], ["Always", "OnFailure", "Never"]);
    for n in 0..24 {
        let mut labels = serde_json::Map::new();
        labels.insert("app".into(), apps[n % 3].into());
        if n % 2 == 0 {
            labels.insert("tier".into(), ["web", "api", ""][n % 3].into());
        }
        if n % 4 == 0 {
            labels.insert("example.com/weight".into(), n.to_string().into());
        }
        if n % 5 == 0 {
            labels.insert("in".into(), "notin".into());
        }
        items.push(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": format!("p{n:02}"), "namespace": namespaces[n % 2], "labels": labels },
            "spec": {
                "restartPolicy": policies[n % 3],
                "nodeName": if n % 3 == 0 { Value::from("absent-node") } else { Value::Null },
                "schedulerName": if n % 3 == 1 { "nobody" } else { "default-scheduler" },
                "hostNetwork": n % 6 == 0,
                "containers": [{ "name": "c", "image": format!("registry.example/{}:{n}", apps[n % 3]) }],
                "serviceAccountName": "default",
            },
        }));
    }
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), list.to_string()).unwrap();
    plane.kubectl(&["create", "-f", file.path().to_str().unwrap()]).await.unwrap();
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// The names that the API server gives, or `None` if it refuses.
async fn theirs(plane: &ControlPlane, parameter: &str, selector: &str) -> Option<BTreeSet<String>> {
    let path = format!("/api/v1/pods?{parameter}={}", escape(selector));
    let text = plane.kubectl(&["get", "--raw", &path]).await.ok()?;
    let list: Value = serde_json::from_str(&text).unwrap();
    Some(
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect(),
    )
}

async fn ours(bed: &Bed, parameter: &str, selector: &str) -> Option<BTreeSet<String>> {
    let query = format!("query($s: String!) {{ pods(filter: {{ {parameter}: $s }}) {{ name }} }}");
    let answer = client::answer(bed.http(), &query, json!({ "s": selector })).await;
    if let Some(errors) = answer.get("errors") {
        assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT", "{selector:?}: {errors}");
        return None;
    }
    let pods = answer["data"]["pods"].as_array().unwrap();
    Some(pods.iter().map(|pod| pod["name"].as_str().unwrap().to_owned()).collect())
}

/// Selectors from a grammar that also makes broken ones, the same each time.
fn generated_label_selectors(count: usize) -> Vec<String> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut pick = move |choices: &[&str]| -> String {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        choices[(state % choices.len() as u64) as usize].to_owned()
    };
    (0..count)
        .map(|_| {
            let terms: Vec<String> = (0..pick(&["1", "1", "2", "3"]).parse::<usize>().unwrap())
                .map(|_| {
                    let key =
                        pick(&["app", "tier", "in", "missing", "example.com/weight", "a/b/c", "-x", "notin"]);
                    let value = pick(&[
                        "cart",
                        "web",
                        "",
                        "notin",
                        "0",
                        "4",
                        "-4",
                        "a b",
                        "x_",
                        "99999999999999999999",
                    ]);
                    let other = pick(&["shop", "api", "", "cart"]);
                    let space = pick(&["", " ", "\t"]);
                    match pick(&["=", "==", "!=", "in", "notin", "exists", "!", ">", "<", "bare(", "odd"])
                        .as_str()
                    {
                        "in" => format!("{key} in{space}({value},{other})"),
                        "notin" => format!("{key}{space} notin ({value}{space},{other})"),
                        "exists" => key,
                        "!" => format!("!{space}{key}"),
                        "bare(" => format!("{key} in ({value}"),
                        "odd" => format!("{key} {value}"),
                        operator => format!("{key}{space}{operator}{space}{value}"),
                    }
                })
                .collect();
            terms.join(&pick(&[",", ",", ", ", ",,"]))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_give_what_the_api_server_gives_and_refuse_what_it_refuses() {
    let bed = Bed::start(&["selected"]).await;
    let plane = bed.plane("selected");
    seed(plane).await;
    compare::until_equal(&bed, plane).await;
    let mut cases: Vec<(&str, &str, String)> = [
        "",
        "app=cart",
        "app==cart,tier=web",
        "app!=cart",
        "tier",
        "!tier",
        "tier=",
        "tier in ()",
        "tier in (,web)",
        "tier in (web,)",
        "tier notin (web,api)",
        "example.com/weight>0",
        "example.com/weight<0",
        "example.com/weight>-9,example.com/weight<9",
        "in=notin",
        "in in (notin)",
        "notin notin (notin)",
        "app in (cart, shop), !tier",
        ",",
        "app=cart,",
        ",app",
        "a=b=c",
        "=",
        "!",
        "app>cart",
        "app in cart",
        "app in (cart",
        "x y",
        "app=cart app=shop",
        "(app)",
        "ünicode=x",
        "app=ü",
        "app=-a",
        "app=a-",
        "a.b/c",
        "A.b/c",
        "app !=cart",
    ]
    .iter()
    .map(|selector| ("labelSelector", "labelSelector", (*selector).to_owned()))
    .collect();
    cases.extend(generated_label_selectors(80).into_iter().map(|s| ("labelSelector", "labelSelector", s)));
    cases.extend(
        [
            "metadata.name=p01",
            "metadata.namespace=default",
            "metadata.namespace!=default,status.phase=Pending",
            "status.phase=Pending",
            "status.phase!=Pending",
            "spec.nodeName=absent-node",
            "spec.nodeName=",
            "spec.nodeName!=",
            "spec.restartPolicy=Never",
            "spec.schedulerName=nobody",
            "spec.serviceAccountName=default",
            "spec.hostNetwork=true",
            "spec.hostNetwork==false",
            "status.podIP=",
            "status.nominatedNodeName=",
            "spec.unknown=x",
            "metadata.labels=x",
            "status.phase",
            "status.phase=a=b",
            r"metadata.name=a\,b",
            r"metadata.name=a\x",
            "",
            ",",
            "status.phase=Pending,",
            "metadata.uid=x",
        ]
        .iter()
        .map(|selector| ("fieldSelector", "fieldSelector", (*selector).to_owned())),
    );
    let (mut refused, mut answered) = (0, 0);
    for (theirs_parameter, ours_parameter, selector) in &cases {
        let theirs = theirs(plane, theirs_parameter, selector).await;
        let ours = ours(&bed, ours_parameter, selector).await;
        assert_eq!(ours, theirs, "{theirs_parameter} {selector:?}");
        if theirs.is_some() { answered += 1 } else { refused += 1 }
    }
    eprintln!("{answered} selectors answered alike, {refused} refused alike");
    assert!(answered > 50 && refused > 20, "the cases are of both sorts: {answered}, {refused}");
}

type Condition = Box<dyn Fn(&Value) -> bool>;

#[tokio::test(flavor = "multi_thread")]
async fn filters_by_phase_node_readiness_name_and_age_agree_with_the_api_servers_objects() {
    let bed = Bed::start(&["filtered"]).await;
    let plane = bed.plane("filtered");
    seed(plane).await;
    plane.kubectl(&["create", "deployment", "web", "--image=nginx:1.27", "--replicas=3"]).await.unwrap();
    bed.until(r#"{ pods(filter: { phase: [RUNNING], ready: true, name: "web-*" }) { name } }"#, |data| {
        data["pods"].as_array().is_some_and(|pods| pods.len() == 3)
    })
    .await;
    compare::until_equal(&bed, plane).await;
    let all = compare::theirs(plane, "/api/v1/pods").await;
    let ready = |pod: &Value| {
        pod["status"]["conditions"].as_array().is_some_and(|conditions| {
            conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
        })
    };
    let node = all
        .values()
        .find_map(|pod| pod["spec"]["nodeName"].as_str().filter(|n| *n != "absent-node"))
        .unwrap()
        .to_owned();
    let by_node = format!("nodeName: {node:?}");
    let cases: Vec<(&str, Condition)> = vec![
        ("phase: [RUNNING]", Box::new(|pod| pod["status"]["phase"] == "Running")),
        (
            "phase: [PENDING, FAILED]",
            Box::new(|pod| pod["status"]["phase"] == "Pending" || pod["status"]["phase"] == "Failed"),
        ),
        (&by_node, Box::new(move |pod| pod["spec"]["nodeName"] == node.as_str())),
        ("ready: true", Box::new(ready)),
        ("ready: false", Box::new(move |pod| !ready(pod))),
        (r#"name: "p0*""#, Box::new(|pod| pod["metadata"]["name"].as_str().unwrap().starts_with("p0"))),
        (
            r#"name: "p?5""#,
            Box::new(|pod| {
                let n = pod["metadata"]["name"].as_str().unwrap();
                n.len() == 3 && n.starts_with('p') && n.ends_with('5')
            }),
        ),
        (
            r#"namespaces: ["kube-public", "default"]"#,
            Box::new(|pod| {
                ["default", "kube-public"].contains(&pod["metadata"]["namespace"].as_str().unwrap())
            }),
        ),
        (
            r#"namespaces: ["kube-public"], phase: [PENDING]"#,
            Box::new(|pod| {
                pod["metadata"]["namespace"] == "kube-public" && pod["status"]["phase"] == "Pending"
            }),
        ),
        (r#"newerThan: "1h""#, Box::new(|_| true)),
        (r#"olderThan: "1h""#, Box::new(|_| false)),
        (r#"clusters: ["filtered"]"#, Box::new(|_| true)),
    ];
    for (filter, matches) in cases {
        let expected: BTreeSet<&str> = all
            .values()
            .filter(|pod| matches(pod))
            .map(|pod| pod["metadata"]["name"].as_str().unwrap())
            .collect();
        let data = bed.data(&format!("{{ pods(filter: {{ {filter} }}) {{ name }} }}")).await;
        let got: BTreeSet<&str> =
            data["pods"].as_array().unwrap().iter().map(|pod| pod["name"].as_str().unwrap()).collect();
        assert_eq!(got, expected, "{filter}");
    }
}
