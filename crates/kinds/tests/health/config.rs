//! Storage, settings and rights.

use fleetgraph_core::{
    HealthState::{Degraded, Healthy, Progressing, Unknown},
    Kind,
};
use kinds::{
    ClusterRole, ClusterRoleBinding, ConfigMap, Lease, LimitRange, PersistentVolume, PersistentVolumeClaim,
    PriorityClass, ResourceQuota, Role, RoleBinding, Secret, ServiceAccount, StorageClass,
};
use serde_json::json;

use crate::check;

#[test]
fn claims_are_judged_by_their_phase() {
    check::<PersistentVolumeClaim>(&[
        (
            "bound to its volume",
            json!({"metadata": {"name": "data", "namespace": "shop"},
                   "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}},
                            "storageClassName": "fast", "volumeMode": "Filesystem", "volumeName": "pvc-1"},
                   "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "10Gi"}}}),
            Healthy,
            "",
        ),
        (
            "bound and being resized",
            json!({"spec": {"volumeName": "pvc-1"}, "status": {"phase": "Bound", "conditions": [
                {"type": "Resizing", "status": "True", "lastTransitionTime": "2026-11-21T04:08:52Z"}]}}),
            Healthy,
            "",
        ),
        (
            "waiting for its first consumer",
            json!({"spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}}),
            Progressing,
            "Pending",
        ),
        (
            "its volume is gone",
            json!({"spec": {"volumeName": "pvc-1"}, "status": {"phase": "Lost"}}),
            Degraded,
            "Lost",
        ),
        ("without a status", json!({"spec": {"storageClassName": "fast"}}), Progressing, "Pending"),
        ("an empty status", json!({"status": {}}), Progressing, "Pending"),
        (
            "a status that is null",
            json!({"status": null, "spec": null, "metadata": null}),
            Progressing,
            "Pending",
        ),
        (
            "parts that are null",
            json!({"metadata": {"annotations": null}, "spec": {"accessModes": null, "resources": null, "selector": null,
                   "dataSource": null}, "status": {"phase": null, "capacity": null, "conditions": null}}),
            Progressing,
            "Pending",
        ),
        ("a phase that nobody knows", json!({"status": {"phase": "Dreaming"}}), Unknown, "UnknownPhase"),
    ]);
}

#[test]
fn volumes_are_judged_by_their_phase() {
    check::<PersistentVolume>(&[
        (
            "bound to its claim",
            json!({"spec": {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"],
                            "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data", "uid": "u"},
                            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"},
                            "persistentVolumeReclaimPolicy": "Delete", "storageClassName": "fast"},
                   "status": {"phase": "Bound", "lastPhaseTransitionTime": "2026-11-21T04:08:52Z"}}),
            Healthy,
            "",
        ),
        (
            "free for a claim",
            json!({"spec": {"nfs": {"server": "10.0.0.9", "path": "/data"}}, "status": {"phase": "Available"}}),
            Healthy,
            "",
        ),
        (
            "kept after its claim was deleted",
            json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}, "status": {"phase": "Released"}}),
            Healthy,
            "Released",
        ),
        (
            "failed to be reclaimed",
            json!({"status": {"phase": "Failed", "message": "no recycler", "reason": "RecyclerFailed"}}),
            Degraded,
            "RecyclerFailed",
        ),
        ("failed without a word", json!({"status": {"phase": "Failed", "reason": ""}}), Degraded, "Failed"),
        ("not ready yet", json!({"status": {"phase": "Pending"}}), Progressing, "Pending"),
        ("without a status", json!({"spec": {"hostPath": {"path": "/x"}}}), Progressing, "Pending"),
        (
            "parts that are null",
            json!({"metadata": {"annotations": null}, "spec": {"claimRef": null, "csi": null, "nodeAffinity": null,
                   "mountOptions": null}, "status": {"phase": null}}),
            Progressing,
            "Pending",
        ),
        (
            "a driver whose parts are null",
            json!({"spec": {"csi": {"driver": null, "nodeStageSecretRef": {"name": null}}}, "status": {"phase": "Bound"}}),
            Healthy,
            "",
        ),
        ("a phase that nobody knows", json!({"status": {"phase": "Dreaming"}}), Unknown, "UnknownPhase"),
    ]);
}

#[test]
fn settings_and_limits_are_healthy_as_long_as_they_are_there() {
    check::<ConfigMap>(&[
        (
            "with settings",
            json!({"data": {"a": "b"}, "binaryData": {"c": "YQ=="}, "immutable": true}),
            Healthy,
            "",
        ),
        ("empty", json!({}), Healthy, ""),
        ("parts that are null", json!({"data": null, "binaryData": null, "immutable": null}), Healthy, ""),
    ]);
    check::<Secret>(&[
        ("of a type that nobody knows", json!({"type": "example.org/x", "data": {"a": 1}}), Healthy, ""),
        ("known by its metadata only", json!({"metadata": {"name": "s"}}), Healthy, ""),
        ("parts that are null", json!({"type": null, "data": null, "immutable": null}), Healthy, ""),
    ]);
    check::<ResourceQuota>(&[
        (
            "used up",
            json!({"spec": {"hard": {"pods": "2"}}, "status": {"hard": {"pods": "2"}, "used": {"pods": "2"}}}),
            Healthy,
            "",
        ),
        ("without a status", json!({"spec": {"hard": {"pods": "2"}}}), Healthy, ""),
    ]);
    check::<LimitRange>(&[
        (
            "with limits",
            json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "500m"}}, {"type": "Dream"}]}}),
            Healthy,
            "",
        ),
        ("parts that are null", json!({"spec": {"limits": [{"type": null, "max": null}]}}), Healthy, ""),
        ("without a spec", json!({"spec": null}), Healthy, ""),
    ]);
    check::<StorageClass>(&[
        (
            "the default",
            json!({"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
                   "provisioner": "ebs.csi.aws.com", "volumeBindingMode": "WaitForFirstConsumer"}),
            Healthy,
            "",
        ),
        (
            "parts that are null",
            json!({"metadata": null, "parameters": null, "allowedTopologies": [{"matchLabelExpressions": null}]}),
            Healthy,
            "",
        ),
    ]);
    check::<PriorityClass>(&[
        (
            "the highest",
            json!({"value": 2000001000, "globalDefault": false, "description": "x"}),
            Healthy,
            "",
        ),
        ("parts that are null", json!({"value": null, "preemptionPolicy": null}), Healthy, ""),
    ]);
    check::<Lease>(&[
        (
            "held",
            json!({"spec": {"holderIdentity": "node-1", "leaseDurationSeconds": 40,
                   "renewTime": "2026-11-21T04:08:52.123456Z"}}),
            Healthy,
            "",
        ),
        ("given up", json!({"spec": {"holderIdentity": "", "renewTime": null}}), Healthy, ""),
        ("without a spec", json!({}), Healthy, ""),
    ]);
}

#[test]
fn rights_are_healthy_whether_or_not_they_lead_anywhere() {
    let binding = json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "gone"},
                         "subjects": [{"kind": "ServiceAccount", "name": "cart", "namespace": "shop"},
                                      {"kind": "Robot", "name": "r2"}, {"kind": null, "name": null}]});
    check::<RoleBinding>(&[
        ("of a role", binding.clone(), Healthy, ""),
        ("of nothing to nobody", json!({"roleRef": null, "subjects": null}), Healthy, ""),
    ]);
    check::<ClusterRoleBinding>(&[
        ("of a role", binding, Healthy, ""),
        ("of nothing to nobody", json!({}), Healthy, ""),
    ]);
    let rules =
        json!({"rules": [{"verbs": ["*"], "apiGroups": [""], "resources": ["pods"]}, {"verbs": null}]});
    check::<Role>(&[
        ("with rules", rules.clone(), Healthy, ""),
        ("without rules", json!({"rules": null}), Healthy, ""),
    ]);
    check::<ClusterRole>(&[
        ("with rules", rules, Healthy, ""),
        (
            "gathered from others",
            json!({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}, "rules": null}),
            Healthy,
            "",
        ),
        ("parts that are null", json!({"aggregationRule": null}), Healthy, ""),
    ]);
    check::<ServiceAccount>(&[
        (
            "with secrets",
            json!({"secrets": [{"name": "token"}, {"name": null}], "imagePullSecrets": [{"name": "pull"}]}),
            Healthy,
            "",
        ),
        ("parts that are null", json!({"secrets": null, "automountServiceAccountToken": null}), Healthy, ""),
    ]);
}

#[test]
fn a_part_of_the_wrong_type_is_an_error_and_not_a_guess() {
    assert!(PersistentVolumeClaim::columns(r#"{"status":{"phase":7}}"#).is_err());
    assert!(PersistentVolume::columns(r#"{"spec":{"csi":"x"}}"#).is_err());
    assert!(ConfigMap::columns(r#"{"data":{"a":1}}"#).is_err());
    assert!(RoleBinding::columns(r#"{"subjects":{}}"#).is_err());
}
