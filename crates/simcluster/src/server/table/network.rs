//! Services and ingresses.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cells::{addresses, created, items, labels, name, number, text};

fn external(value: &Value) -> String {
    let spec = &value["spec"];
    let given: Vec<&str> = items(&spec["externalIPs"]).iter().map(|ip| text(ip, "")).collect();
    match text(&spec["type"], "") {
        "ClusterIP" | "NodePort" if given.is_empty() => "<none>".to_owned(),
        "ClusterIP" | "NodePort" => given.join(","),
        "LoadBalancer" => {
            let balanced = addresses(value);
            let all: Vec<&str> =
                Some(balanced.as_str()).filter(|ips| !ips.is_empty()).into_iter().chain(given).collect();
            if all.is_empty() { "<pending>".to_owned() } else { all.join(",") }
        }
        "ExternalName" => text(&spec["externalName"], "").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

pub(super) fn service(value: &Value, now: Timestamp) -> Vec<Value> {
    let spec = &value["spec"];
    let ports: Vec<String> = items(&spec["ports"])
        .iter()
        .map(|port| {
            let node = match number(&port["nodePort"]) {
                0 => String::new(),
                node => format!(":{node}"),
            };
            format!("{}{node}/{}", number(&port["port"]), text(&port["protocol"], ""))
        })
        .collect();
    vec![
        name(value),
        json!(text(&spec["type"], "")),
        json!(text(&spec["clusterIPs"][0], "<none>")),
        json!(external(value)),
        json!(if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") }),
        created(value, now),
        labels(&spec["selector"]),
    ]
}

pub(super) fn ingress(value: &Value, now: Timestamp) -> Vec<Value> {
    const SHOWN: usize = 3;
    let spec = &value["spec"];
    let rules = items(&spec["rules"]);
    let hosts = rules.iter().map(|rule| text(&rule["host"], "")).filter(|host| !host.is_empty());
    let hosts: Vec<&str> = hosts.take(SHOWN).collect();
    let hosts = match hosts.len() {
        0 => "*".to_owned(),
        SHOWN if rules.len() > SHOWN => format!("{} + {} more...", hosts.join(","), rules.len() - SHOWN),
        _ => hosts.join(","),
    };
    vec![
        name(value),
        json!(text(&spec["ingressClassName"], "<none>")),
        json!(hosts),
        json!(addresses(value)),
        json!(if items(&spec["tls"]).is_empty() { "80" } else { "80, 443" }),
        created(value, now),
    ]
}
