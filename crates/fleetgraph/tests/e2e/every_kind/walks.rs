//! Relations against kubectl: selectors as `kubectl get -l` answers them, owners by the references in its JSON, names by
//! the objects that it finds under them.

use std::{collections::BTreeSet, time::Instant};

use serde_json::{Value, json};
use testkit::ControlPlane;

use super::fixture::{Fixture, Plane, start};
use crate::{
    bed::{Bed, PATIENCE},
    client, compare,
};

const CLUSTER: &str = "walked";
/// What uses config maps, secrets and claims. A replica set's template isn't looked at: its deployment and its pods are.
const USERS: &str =
    "pods,deployments,statefulsets,daemonsets,jobs,cronjobs,serviceaccounts,ingresses,persistentvolumes";

/// `Kind/name` of objects of one namespace.
type Names = BTreeSet<String>;

struct Walk {
    bed: Bed,
    count: usize,
}

impl Walk {
    fn plane(&self) -> &ControlPlane {
        self.bed.plane(CLUSTER)
    }

    /// The objects that `kubectl get` lists.
    async fn kubectl(&self, arguments: &str) -> Vec<Value> {
        let mut all = vec!["get", "-n", "shop", "-o", "json"];
        // A selector has no spaces of its own to be split at.
        let words: Vec<String> = arguments.split(' ').map(|word| word.replace('\u{b}', " ")).collect();
        all.extend(words.iter().map(String::as_str));
        let list: Value = serde_json::from_str(&self.plane().kubectl(&all).await.unwrap()).unwrap();
        list["items"].as_array().cloned().unwrap_or_else(|| vec![list])
    }

    /// What a relation of an object leads to.
    async fn ours(&self, kind: &str, name: &str, relation: &str) -> Names {
        let namespace = if CLUSTER_SCOPED.contains(&kind) { "" } else { r#"namespace: "shop", "# };
        let (open, close) = (relation.replace('.', " { "), " }".repeat(relation.matches('.').count()));
        let query = format!(
            r#"{{ {kind}(cluster: "{CLUSTER}", {namespace}name: {name:?}) {{ {open} {{ kind name }}{close} }} }}"#
        );
        let answer = client::answer(self.bed.http(), &query, json!({})).await;
        assert!(answer.get("errors").is_none(), "{query}: {}", answer["errors"]);
        let mut found = Names::new();
        collect(&super::fields::pick(&answer["data"][kind], relation), &mut found);
        found
    }

    /// The relation leads to the objects that kubectl names, both asked again until they agree. `of_theirs` makes what
    /// is expected of what kubectl lists for `arguments`.
    async fn leads_to(
        &mut self,
        (kind, name, relation): (&str, &str, &str),
        arguments: &str,
        of_theirs: impl Fn(&Value) -> bool,
    ) -> Names {
        let deadline = Instant::now() + PATIENCE;
        self.count += 1;
        loop {
            let theirs: Names =
                self.kubectl(arguments).await.iter().filter(|object| of_theirs(object)).map(label).collect();
            let ours = self.ours(kind, name, relation).await;
            if ours == theirs {
                return ours;
            }
            assert!(
                Instant::now() < deadline,
                "{kind} {name}: {relation} leads to {ours:?}, and kubectl get {arguments} gives {theirs:?}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    /// The same, where there must be something to find.
    async fn finds(
        &mut self,
        walk: (&str, &str, &str),
        arguments: &str,
        of_theirs: impl Fn(&Value) -> bool,
    ) -> Names {
        let found = self.leads_to(walk, arguments, of_theirs).await;
        assert!(!found.is_empty(), "{walk:?} finds nothing, and so does kubectl get {arguments}");
        found
    }

    /// Waits until controllers have made this many objects.
    async fn made(&self, arguments: &str, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let objects = self.kubectl(arguments).await;
            if objects.len() == count {
                return objects;
            }
            assert!(Instant::now() < deadline, "{} of {count} objects: {arguments}", objects.len());
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
}

const CLUSTER_SCOPED: &[&str] = &[
    "node",
    "namespace",
    "persistentVolume",
    "ingressClass",
    "clusterRole",
    "clusterRoleBinding",
    "storageClass",
    "priorityClass",
    "customResourceDefinition",
];

fn collect(value: &Value, found: &mut Names) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(_) => {
            found.insert(format!("{}/{}", value["kind"].as_str().unwrap(), value["name"].as_str().unwrap()));
        }
        _ => {}
    }
}

fn label(object: &Value) -> String {
    format!("{}/{}", object["kind"].as_str().unwrap(), name(object))
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn any(_: &Value) -> bool {
    true
}

/// Whether an object is owned by one of that kind and name.
fn owned_by(kind: &'static str, name: &str) -> impl Fn(&Value) -> bool {
    let name = name.to_owned();
    move |object| {
        let owners = object["metadata"]["ownerReferences"].as_array();
        owners
            .is_some_and(|owners| owners.iter().any(|owner| owner["kind"] == kind && owner["name"] == *name))
    }
}

/// A label selector as an argument of kubectl, with vertical tabs in the place of spaces.
fn argument(selector: &Value) -> String {
    let mut terms = Vec::new();
    if let Some(labels) = selector["matchLabels"].as_object() {
        terms.extend(labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap())));
    }
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap();
        let values: Vec<_> = expression["values"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|value| value.as_str().unwrap())
            .collect();
        let values = values.join(",");
        terms.push(match expression["operator"].as_str().unwrap() {
            "In" => format!("{key}\u{b}in\u{b}({values})"),
            "NotIn" => format!("{key}\u{b}notin\u{b}({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            operator => panic!("{operator}"),
        });
    }
    terms.join(",")
}

/// Whether any part of an object names another under one of these keys, each `key/name-key`.
fn mentions<'a>(keys: &'a [&'a str], wanted: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |object| {
        fn search(value: &Value, keys: &[&str], wanted: &str) -> bool {
            match value {
                Value::Array(items) => items.iter().any(|item| search(item, keys, wanted)),
                Value::Object(members) => members.iter().any(|(key, value)| {
                    let named = keys.iter().filter_map(|path| path.split_once('/')).any(|(parent, child)| {
                        let parts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                        key == parent && parts.iter().any(|part| part[child] == *wanted)
                    });
                    named || search(value, keys, wanted)
                }),
                _ => false,
            }
        }
        let mut object = object.clone();
        // What kubectl applied is no reference, nor is what else is written about the object.
        object.as_object_mut().unwrap().remove("metadata");
        search(&object, keys, wanted)
    }
}

async fn walked() -> Walk {
    let bed = start(CLUSTER, Plane::Whole).await;
    let fixture = Fixture::read();
    fixture.apply(bed.plane(CLUSTER)).await;
    let walk = Walk { bed, count: 0 };
    let plane = walk.plane();
    plane
        .kubectl(&["-n", "shop", "create", "job", "nightly-by-hand", "--from=cronjob/nightly"])
        .await
        .unwrap();
    // Once more, so that there are two replica sets.
    walk.made("pods -l pod-template-hash,app=web", 3).await;
    plane.kubectl(&["-n", "shop", "set", "env", "deployment/web", "ROUND=2"]).await.unwrap();
    walk.made("replicasets -l app=web", 2).await;
    walk.made("pods -l app=db,apps.kubernetes.io/pod-index", 2).await;
    compare::until_equal(&walk.bed, walk.plane()).await;
    walk
}

#[tokio::test(flavor = "multi_thread")]
async fn each_relation_leads_where_kubectl_says_and_back() {
    let mut walk = walked().await;
    selectors(&mut walk).await;
    owners(&mut walk).await;
    storage(&mut walk).await;
    traffic(&mut walk).await;
    users(&mut walk).await;
    rights(&mut walk).await;
    the_rest(&mut walk).await;
    eprintln!("{} walks", walk.count);
}

/// Services, disruption budgets and network policies; and for each pod, those that select it.
async fn selectors(walk: &mut Walk) {
    for (kind, plural, relation, back) in [
        ("service", "services", "pods", "services"),
        ("podDisruptionBudget", "poddisruptionbudgets", "pods", "podDisruptionBudgets"),
        ("networkPolicy", "networkpolicies", "pods", "networkPolicies"),
    ] {
        let selecting = walk.kubectl(plural).await;
        let mut pairs = BTreeSet::new();
        for object in &selecting {
            let spec = &object["spec"];
            let selector = match kind {
                // A service without a selector selects nothing; the others everything.
                "service" if spec["selector"].is_null() => "no=such-label".to_owned(),
                "service" => argument(&json!({ "matchLabels": spec["selector"] })),
                "networkPolicy" => argument(&spec["podSelector"]),
                _ => argument(&spec["selector"]),
            };
            let arguments =
                if selector.is_empty() { "pods".to_owned() } else { format!("pods -l {selector}") };
            let pods = walk.leads_to((kind, name(object), relation), &arguments, any).await;
            pairs.extend(pods.into_iter().map(|pod| (pod, name(object).to_owned())));
        }
        assert!(pairs.len() > 5, "{kind}: {pairs:?}");
        for pod in walk.kubectl("pods").await {
            let selects = |object: &Value| pairs.contains(&(label(&pod), name(object).to_owned()));
            walk.leads_to(("pod", name(&pod), back), plural, selects).await;
        }
    }
}

async fn owners(walk: &mut Walk) {
    let of_web =
        walk.finds(("deployment", "web", "replicaSets"), "replicasets", owned_by("Deployment", "web")).await;
    let mut pods = Names::new();
    for set in &of_web {
        let set = set.trim_start_matches("ReplicaSet/");
        pods.extend(walk.leads_to(("replicaSet", set, "pods"), "pods", owned_by("ReplicaSet", set)).await);
        walk.finds(("replicaSet", set, "deployment"), "deployments", |d| name(d) == "web").await;
        walk.finds(("replicaSet", set, "ownedBy"), "deployments", |d| name(d) == "web").await;
    }
    walk.finds(("deployment", "web", "pods"), "pods", |pod| pods.contains(&label(pod))).await;
    for (kind, one, name) in [
        ("StatefulSet", "statefulSet", "db"),
        ("DaemonSet", "daemonSet", "agent"),
        ("Job", "job", "count"),
        ("Job", "job", "nightly-by-hand"),
        ("ReplicaSet", "replicaSet", "alone"),
    ] {
        walk.finds((one, name, "pods"), "pods", owned_by(kind, name)).await;
    }
    walk.finds(("cronJob", "nightly", "jobs"), "jobs", owned_by("CronJob", "nightly")).await;
    walk.finds(("job", "nightly-by-hand", "cronJob"), "cronjobs", any).await;
    walk.leads_to(("job", "count", "cronJob"), "cronjobs", |_| false).await;
    walk.leads_to(("cronJob", "nightly", "activeJobs"), "jobs", |_| false).await;
    // Back, for each pod: the controller among its owners.
    for pod in walk.kubectl("pods").await {
        let owners = pod["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        let is_owner = |object: &Value| owners.iter().any(|owner| owner["uid"] == object["metadata"]["uid"]);
        let all = "replicasets,statefulsets,daemonsets,jobs";
        walk.leads_to(("pod", name(&pod), "ownedBy"), all, is_owner).await;
    }
}

async fn storage(walk: &mut Walk) {
    let of_class = |object: &Value| object["spec"]["storageClassName"] == "fast";
    // The volume controller binds them to each other.
    let deadline = Instant::now() + PATIENCE;
    while walk.kubectl("persistentvolumeclaims data").await[0]["status"]["phase"] != "Bound" {
        assert!(Instant::now() < deadline, "the claim isn't bound");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    walk.finds(("persistentVolumeClaim", "data", "volume"), "persistentvolumes disk", any).await;
    walk.finds(("persistentVolume", "disk", "claim"), "persistentvolumeclaims data", any).await;
    walk.leads_to(("persistentVolume", "broken", "claim"), "persistentvolumeclaims", |claim| {
        name(claim) == "gone"
    })
    .await;
    walk.leads_to(("persistentVolumeClaim", "copy", "volume"), "persistentvolumes", |_| false).await;
    walk.finds(("persistentVolumeClaim", "data", "storageClass"), "storageclasses fast", any).await;
    walk.leads_to(("persistentVolumeClaim", "copy", "storageClass"), "storageclasses", |class| {
        name(class) == "absent"
    })
    .await;
    walk.finds(("persistentVolume", "disk", "storageClass"), "storageclasses fast", any).await;
    walk.finds(("storageClass", "fast", "persistentVolumes"), "persistentvolumes", of_class).await;
    walk.finds(("storageClass", "fast", "persistentVolumeClaims"), "persistentvolumeclaims", of_class).await;
    let claims = mentions(&["persistentVolumeClaim/claimName"], "data");
    walk.finds(("persistentVolumeClaim", "data", "pods"), "pods", &claims).await;
    walk.finds(("persistentVolumeClaim", "data", "usedBy"), USERS, &claims).await;
    for pod in walk.kubectl("pods").await {
        let named = |claim: &Value| mentions(&["persistentVolumeClaim/claimName"], name(claim))(&pod);
        walk.leads_to(("pod", name(&pod), "persistentVolumeClaims"), "persistentvolumeclaims", named).await;
    }
    walk.finds(("persistentVolume", "disk", "secrets"), "secrets in-env", any).await;
}

async fn traffic(walk: &mut Walk) {
    walk.finds(("ingress", "web", "services"), "services web db", any).await;
    walk.finds(("ingress", "web", "secrets"), "secrets", |secret| ["cert", "absent"].contains(&name(secret)))
        .await;
    walk.finds(("ingress", "web", "tls.secret"), "secrets cert", any).await;
    walk.finds(("ingress", "web", "rules.paths.backend.service.service"), "services web db", any).await;
    walk.finds(("ingress", "web", "defaultBackend.service.service"), "services web", any).await;
    walk.finds(("ingress", "web", "ingressClass"), "ingressclasses front", any).await;
    let to = |service: &'static str| move |ingress: &Value| mentions(&["service/name"], service)(ingress);
    walk.finds(("service", "db", "ingresses"), "ingresses", to("db")).await;
    walk.finds(("service", "web", "ingresses"), "ingresses", to("web")).await;
    walk.leads_to(("service", "outside", "ingresses"), "ingresses", to("outside")).await;
    let of_class = |ingress: &Value| ingress["spec"]["ingressClassName"] == "front";
    walk.finds(("ingressClass", "front", "ingresses"), "ingresses", of_class).await;
    for service in ["web", "db"] {
        let slices = format!("endpointslices -l kubernetes.io/service-name={service}");
        let slices = walk.finds(("service", service, "endpointSlices"), &slices, any).await;
        for slice in slices {
            let slice = slice.trim_start_matches("EndpointSlice/");
            walk.finds(("endpointSlice", slice, "service"), &format!("services {service}"), any).await;
            let object = walk.kubectl(&format!("endpointslices {slice}")).await.remove(0);
            let pods = |pod: &Value| mentions(&["targetRef/name"], name(pod))(&object);
            walk.leads_to(("endpointSlice", slice, "pods"), "pods", pods).await;
        }
    }
    endpoints(walk).await;
}

/// The endpoints of a service are those of its slices together.
async fn endpoints(walk: &mut Walk) {
    let query = format!(
        r#"{{ service(cluster: "{CLUSTER}", namespace: "shop", name: "db") {{ endpoints {{
            ready notReady endpoints {{ addresses ready podName }} ports {{ port protocol name }} }} }} }}"#
    );
    let deadline = Instant::now() + PATIENCE;
    loop {
        let slices = walk.kubectl("endpointslices -l kubernetes.io/service-name=db").await;
        let all: Vec<_> = slices
            .iter()
            .flat_map(|slice| slice["endpoints"].as_array().cloned().unwrap_or_default())
            .collect();
        let ready = all.iter().filter(|endpoint| endpoint["conditions"]["ready"] == true).count();
        let names = |all: &[Value], path: &str| -> BTreeSet<String> {
            all.iter()
                .filter_map(|endpoint| super::fields::pick(endpoint, path).as_str().map(str::to_owned))
                .collect()
        };
        let ours = walk.bed.data(&query).await["service"]["endpoints"].take();
        let shown = ours["endpoints"].as_array().unwrap();
        let equal = ours["ready"] == ready
            && ours["notReady"] == all.len() - ready
            && names(shown, "podName") == names(&all, "targetRef.name");
        if equal {
            walk.count += 1;
            return;
        }
        assert!(Instant::now() < deadline, "the endpoints of db are {ours}, and kubectl gives {all:?}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// Config maps, secrets and service accounts: who uses them, and what a pod uses.
async fn users(walk: &mut Walk) {
    const CONFIG_MAP: &[&str] = &["configMap/name", "configMapRef/name", "configMapKeyRef/name"];
    const SECRET: &[&str] = &[
        "secret/secretName",
        "secret/name",
        "secretRef/name",
        "secretKeyRef/name",
        "imagePullSecrets/name",
        "secrets/name",
        "tls/secretName",
        "nodePublishSecretRef/name",
    ];
    for map in ["settings", "from-env", "projected"] {
        walk.finds(("configMap", map, "usedBy"), USERS, mentions(CONFIG_MAP, map)).await;
    }
    for secret in ["registry", "clerk-token", "cert", "in-env", "projected"] {
        walk.finds(("secret", secret, "usedBy"), USERS, mentions(SECRET, secret)).await;
    }
    for pod in walk.kubectl("pods").await {
        let map = |map: &Value| mentions(CONFIG_MAP, name(map))(&pod);
        // The token's certificate is projected into every pod.
        walk.leads_to(("pod", name(&pod), "configMaps"), "configmaps", map).await;
        let secret = |secret: &Value| mentions(SECRET, name(secret))(&pod);
        walk.leads_to(("pod", name(&pod), "secrets"), "secrets", secret).await;
        let account = |account: &Value| pod["spec"]["serviceAccountName"] == name(account);
        walk.finds(("pod", name(&pod), "serviceAccount"), "serviceaccounts", account).await;
        let node = |node: &Value| pod["spec"]["nodeName"] == name(node);
        walk.leads_to(("pod", name(&pod), "node"), "nodes", node).await;
    }
    for (kind, plural, name) in [
        ("deployment", "deployments", "web"),
        ("statefulSet", "statefulsets", "db"),
        ("daemonSet", "daemonsets", "agent"),
        ("job", "jobs", "count"),
        ("cronJob", "cronjobs", "nightly"),
    ] {
        let object = walk.kubectl(&format!("{plural} {name}")).await.remove(0);
        let label = |other: &Value| other["metadata"]["name"].as_str().unwrap().to_owned();
        walk.finds((kind, name, "configMaps"), "configmaps", |map| {
            mentions(CONFIG_MAP, &label(map))(&object)
        })
        .await;
        walk.finds((kind, name, "secrets"), "secrets", |secret| mentions(SECRET, &label(secret))(&object))
            .await;
        walk.finds((kind, name, "serviceAccount"), "serviceaccounts clerk", any).await;
    }
}

async fn rights(walk: &mut Walk) {
    let clerk = |binding: &Value| mentions(&["subjects/name"], "clerk")(binding);
    let bindings = walk.finds(("serviceAccount", "clerk", "roleBindings"), "rolebindings", clerk).await;
    assert_eq!(bindings.len(), 2);
    walk.finds(("serviceAccount", "clerk", "clusterRoleBindings"), "clusterrolebindings", |binding| {
        clerk(binding) && name(binding) == "clerks-view"
    })
    .await;
    walk.finds(("serviceAccount", "clerk", "roles"), "roles till", any).await;
    walk.finds(("serviceAccount", "clerk", "clusterRoles"), "clusterroles shop-viewer", any).await;
    walk.finds(("serviceAccount", "clerk", "secrets"), "secrets clerk-token", any).await;
    walk.finds(("serviceAccount", "clerk", "imagePullSecrets"), "secrets registry", any).await;
    let by_clerk = |pod: &Value| pod["spec"]["serviceAccountName"] == "clerk";
    walk.finds(("serviceAccount", "clerk", "pods"), "pods", by_clerk).await;
    walk.finds(("roleBinding", "clerk-till", "role"), "roles till", any).await;
    walk.finds(("roleBinding", "clerk-views", "role"), "clusterroles shop-viewer", any).await;
    walk.finds(("clusterRoleBinding", "clerks-view", "role"), "clusterroles shop-viewer", any).await;
    for (kind, binding) in [("roleBinding", "clerk-till"), ("clusterRoleBinding", "clerks-view")] {
        walk.finds((kind, binding, "subjects.serviceAccount"), "serviceaccounts clerk", any).await;
    }
    walk.finds(("role", "till", "roleBindings"), "rolebindings clerk-till", any).await;
    walk.finds(("clusterRole", "shop-viewer", "roleBindings"), "rolebindings clerk-views", any).await;
    walk.finds(("clusterRole", "shop-viewer", "clusterRoleBindings"), "clusterrolebindings clerks-view", any)
        .await;
}

async fn the_rest(walk: &mut Walk) {
    walk.finds(("horizontalPodAutoscaler", "web", "target"), "deployments web", any).await;
    walk.finds(("deployment", "web", "horizontalPodAutoscalers"), "horizontalpodautoscalers web", any).await;
    walk.leads_to(("deployment", "held", "horizontalPodAutoscalers"), "horizontalpodautoscalers", |_| false)
        .await;
    walk.finds(("statefulSet", "db", "service"), "services db", any).await;
    for node in walk.kubectl("nodes").await {
        let on = format!("pods -A --field-selector spec.nodeName={}", name(&node));
        walk.leads_to(("node", name(&node), "pods"), &on, any).await;
    }
    for relation in [
        "configMaps",
        "cronJobs",
        "daemonSets",
        "deployments",
        "ingresses",
        "jobs",
        "limitRanges",
        "networkPolicies",
        "persistentVolumeClaims",
        "pods",
        "resourceQuotas",
        "secrets",
        "serviceAccounts",
        "services",
        "statefulSets",
    ] {
        walk.finds(("namespace", "shop", relation), &relation.to_lowercase(), any).await;
    }
    for (one, kind, object) in
        [("pod", "Pod", "plain"), ("horizontalPodAutoscaler", "HorizontalPodAutoscaler", "web")]
    {
        let about =
            format!("events --field-selector involvedObject.kind={kind},involvedObject.name={object}");
        walk.finds((one, object, "events"), &about, any).await;
    }
    for event in ["plain.1", "plain.2"] {
        walk.finds(("event", event, "involvedObject"), "pods plain", any).await;
    }
}
