//! What must hold between the objects of a cluster: every name that one says exists, and what one counts is there.

use serde_json::Value;

use crate::everything::{Everything, is_ready, list, matches, text};

/// What doesn't hold, as text.
pub fn faults(all: &Everything) -> Vec<String> {
    let mut faults = Vec::new();
    for (kind, objects) in &all.of {
        for ((namespace, name), object) in objects {
            let mut found = Vec::new();
            owners(all, namespace, object, &mut found);
            match kind.as_str() {
                "Pod" => pod(all, namespace, object, &mut found),
                "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" => {
                    workload(all, kind, namespace, object, &mut found)
                }
                "Service"
                | "PodDisruptionBudget"
                | "HorizontalPodAutoscaler"
                | "EndpointSlice"
                | "Ingress" => network(all, kind, namespace, object, &mut found),
                "RoleBinding" | "ClusterRoleBinding" => binding(all, namespace, object, &mut found),
                "PersistentVolumeClaim" | "PersistentVolume" => volume(all, kind, object, &mut found),
                "Certificate"
                    if all.get("Secret", namespace, text(&object["spec"]["secretName"])).is_none() =>
                {
                    found.push("no secret".to_owned())
                }
                _ => {}
            }
            if object.to_string().contains("${") {
                found.push(format!("a placeholder is left: {object}"));
            }
            faults.extend(found.into_iter().map(|fault| format!("{kind} {namespace}/{name}: {fault}")));
        }
    }
    nodes(all, &mut faults);
    faults
}

fn owners(all: &Everything, namespace: &str, object: &Value, faults: &mut Vec<String>) {
    for owner in list(&object["metadata"]["ownerReferences"]) {
        let (kind, name) = (text(&owner["kind"]), text(&owner["name"]));
        let found = all.get(kind, namespace, name).or_else(|| all.get(kind, "", name));
        match found {
            Some(found) if found["metadata"]["uid"] == owner["uid"] => {}
            Some(_) => faults.push(format!("{kind} {name} has another uid")),
            None => faults.push(format!("its owner {kind} {name} isn't there")),
        }
    }
}

fn pod(all: &Everything, namespace: &str, pod: &Value, faults: &mut Vec<String>) {
    let spec = &pod["spec"];
    let mut need = |kind: &str, namespace: &str, name: &Value| {
        if all.get(kind, namespace, text(name)).is_none() {
            faults.push(format!("{kind} {name} isn't there"));
        }
    };
    if spec.get("nodeName").is_some() {
        need("Node", "", &spec["nodeName"]);
    }
    need("ServiceAccount", namespace, &spec["serviceAccountName"]);
    if spec.get("priorityClassName").is_some() {
        need("PriorityClass", "", &spec["priorityClassName"]);
    }
    for volume in list(&spec["volumes"]) {
        for (source, key, kind) in [
            ("configMap", "name", "ConfigMap"),
            ("secret", "secretName", "Secret"),
            ("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"),
        ] {
            if volume.get(source).is_some() {
                need(kind, namespace, &volume[source][key]);
            }
        }
    }
    let containers = || ["initContainers", "containers"].into_iter().flat_map(|key| list(&spec[key]));
    for container in containers() {
        for source in list(&container["envFrom"]) {
            need("ConfigMap", namespace, &source["configMapRef"]["name"]);
        }
        for variable in list(&container["env"]).filter(|v| v["valueFrom"].get("secretKeyRef").is_some()) {
            need("Secret", namespace, &variable["valueFrom"]["secretKeyRef"]["name"]);
        }
    }
    for mount in containers().flat_map(|container| list(&container["volumeMounts"])) {
        if !list(&spec["volumes"]).any(|volume| volume["name"] == mount["name"]) {
            faults.push(format!("no volume {}", mount["name"]));
        }
    }
    let waits = pod["status"]["phase"] == "Pending";
    if spec.get("nodeName").is_some() && pod["metadata"].get("deletionTimestamp").is_none() && !waits {
        let node = all.get("Node", "", text(&spec["nodeName"]));
        let address = node.map(|node| &node["status"]["addresses"][0]["address"]);
        if address.is_some_and(|address| pod["status"]["hostIP"] != *address) {
            faults.push("its host has another address".to_owned());
        }
        if list(&pod["status"]["containerStatuses"]).count() != list(&spec["containers"]).count() {
            faults.push("it hasn't a status for each container".to_owned());
        }
    }
}

fn workload(all: &Everything, kind: &str, namespace: &str, object: &Value, faults: &mut Vec<String>) {
    let (spec, status) = (&object["spec"], &object["status"]);
    let selector = &spec["selector"]["matchLabels"];
    if !matches(selector, &spec["template"]["metadata"]["labels"]) {
        faults.push("its selector doesn't match its template".to_owned());
    }
    let uid = &object["metadata"]["uid"];
    let of = |child: &'static str| {
        all.all(child)
            .filter(move |(space, _, value)| {
                *space == namespace && list(&value["metadata"]["ownerReferences"]).any(|o| o["uid"] == *uid)
            })
            .map(|(_, _, value)| value)
    };
    if kind == "Deployment" {
        let total: i64 = of("ReplicaSet").map(|set| set["status"]["replicas"].as_i64().unwrap_or(0)).sum();
        if total != status["replicas"].as_i64().unwrap_or(0) {
            faults.push(format!("it counts {} replicas of {total}", status["replicas"]));
        }
        return;
    }
    for pod in of("Pod") {
        if !matches(selector, &pod["metadata"]["labels"]) {
            faults.push(format!("pod {} doesn't match", pod["metadata"]["name"]));
        }
    }
    if kind == "Job" {
        return;
    }
    let total = of("Pod").filter(|pod| pod["metadata"].get("deletionTimestamp").is_none()).count();
    let ready =
        of("Pod").filter(|pod| is_ready(pod) && pod["metadata"].get("deletionTimestamp").is_none()).count();
    let (counted, counted_ready) = match kind {
        "DaemonSet" => (&status["currentNumberScheduled"], &status["numberReady"]),
        _ => (&status["replicas"], &status["readyReplicas"]),
    };
    for (what, counted, there) in [("pods", counted, total), ("ready pods", counted_ready, ready)] {
        if usize::try_from(counted.as_i64().unwrap_or(0)) != Ok(there) {
            faults.push(format!("it counts {counted} {what} of {there}"));
        }
    }
}

fn network(all: &Everything, kind: &str, namespace: &str, object: &Value, faults: &mut Vec<String>) {
    let spec = &object["spec"];
    match kind {
        "PodDisruptionBudget"
            if all.pods_matching(namespace, &spec["selector"]["matchLabels"]).next().is_none() =>
        {
            faults.push("it matches no pod".to_owned())
        }
        "Service" if all.pods_matching(namespace, &spec["selector"]).next().is_none() => {
            faults.push("it selects no pod".to_owned())
        }
        "HorizontalPodAutoscaler"
            if all.get("Deployment", namespace, text(&spec["scaleTargetRef"]["name"])).is_none() =>
        {
            faults.push("no target".to_owned())
        }
        "EndpointSlice" => slice(all, namespace, object, faults),
        "Ingress" => {
            if all.get("IngressClass", "", text(&spec["ingressClassName"])).is_none() {
                faults.push("no class".to_owned());
            }
            for tls in list(&spec["tls"]) {
                if all.get("Secret", namespace, text(&tls["secretName"])).is_none() {
                    faults.push("no certificate".to_owned());
                }
            }
            for path in list(&spec["rules"]).flat_map(|rule| list(&rule["http"]["paths"])) {
                let backend = &path["backend"]["service"];
                let service = all.get("Service", namespace, text(&backend["name"]));
                if !service.is_some_and(|service| {
                    list(&service["spec"]["ports"]).any(|port| port["name"] == backend["port"]["name"])
                }) {
                    faults.push(format!("no backend {backend}"));
                }
            }
        }
        _ => {}
    }
}

fn slice(all: &Everything, namespace: &str, object: &Value, faults: &mut Vec<String>) {
    for endpoint in list(&object["endpoints"]) {
        let target = &endpoint["targetRef"];
        let Some(pod) = all.get("Pod", namespace, text(&target["name"])) else {
            faults.push(format!("no pod {}", target["name"]));
            continue;
        };
        let same = pod["metadata"]["uid"] == target["uid"]
            && pod["status"]["podIP"] == endpoint["addresses"][0]
            && pod["spec"]["nodeName"] == endpoint["nodeName"]
            && endpoint["conditions"]["ready"] == is_ready(pod);
        if !same {
            faults.push(format!("pod {} is another: {endpoint}", target["name"]));
        }
    }
    let service = text(&object["metadata"]["labels"]["kubernetes.io/service-name"]);
    let Some(service) = all.get("Service", namespace, service) else { return };
    let ready =
        all.pods_matching(namespace, &service["spec"]["selector"]).filter(|(_, pod)| is_ready(pod)).count();
    let told = list(&object["endpoints"]).filter(|endpoint| endpoint["conditions"]["ready"] == true).count();
    if ready != told {
        faults.push(format!("{told} of {ready} ready endpoints"));
    }
}

fn binding(all: &Everything, namespace: &str, object: &Value, faults: &mut Vec<String>) {
    let role = &object["roleRef"];
    let of = if role["kind"] == "ClusterRole" { "" } else { namespace };
    if all.get(text(&role["kind"]), of, text(&role["name"])).is_none() {
        faults.push(format!("no role {}", role["name"]));
    }
    for subject in list(&object["subjects"]).filter(|subject| subject["kind"] == "ServiceAccount") {
        if all.get("ServiceAccount", text(&subject["namespace"]), text(&subject["name"])).is_none() {
            faults.push(format!("no account {subject}"));
        }
    }
}

fn volume(all: &Everything, kind: &str, object: &Value, faults: &mut Vec<String>) {
    let spec = &object["spec"];
    if all.get("StorageClass", "", text(&spec["storageClassName"])).is_none() {
        faults.push("no class".to_owned());
    }
    if kind == "PersistentVolume" {
        let claim = &spec["claimRef"];
        let found = all.get("PersistentVolumeClaim", text(&claim["namespace"]), text(&claim["name"]));
        if found.is_none_or(|found| {
            found["metadata"]["uid"] != claim["uid"]
                || found["spec"]["volumeName"] != object["metadata"]["name"]
        }) {
            faults.push("its claim is another".to_owned());
        }
    } else if object["status"]["phase"] == "Bound"
        && all.get("PersistentVolume", "", text(&spec["volumeName"])).is_none()
    {
        faults.push("no volume".to_owned());
    }
}

/// No node has more than it can hold.
fn nodes(all: &Everything, faults: &mut Vec<String>) {
    for (_, name, node) in all.all("Node") {
        let pods = all.all("Pod").filter(|(_, _, pod)| {
            pod["spec"]["nodeName"] == name
                && !matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed")
        });
        let (mut cpu, mut count) = (0, 0);
        for (_, _, pod) in pods {
            count += 1;
            cpu += list(&pod["spec"]["containers"])
                .map(|c| millis(text(&c["resources"]["requests"]["cpu"])))
                .sum::<i64>();
        }
        let most = millis(text(&node["status"]["allocatable"]["cpu"]));
        if cpu > most || count > 110 {
            faults.push(format!("Node {name} has {count} pods with {cpu}m of {most}m"));
        }
    }
}

fn millis(text: &str) -> i64 {
    match text.strip_suffix('m') {
        Some(milli) => milli.parse().unwrap_or(0),
        None => text.parse::<i64>().unwrap_or(0) * 1000,
    }
}
