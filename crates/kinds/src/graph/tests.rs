use super::{ResourceId, render};

#[test]
fn an_id_names_its_resource_and_its_object_whatever_stands_in_them() {
    for (text, resource, cluster, namespace, name) in [
        ("pods/prod:shop:cart-1", "pods", "prod", "shop", "cart-1"),
        ("nodes/prod::node-1", "nodes", "prod", "", "node-1"),
        (
            "clusterroles.rbac.authorization.k8s.io/eks/eu::system:node:a/b",
            "clusterroles.rbac.authorization.k8s.io",
            "eks/eu",
            "",
            "system:node:a/b",
        ),
    ] {
        let id: ResourceId = text.parse().unwrap();
        assert_eq!(
            (&*id.resource, id.object.cluster.as_str(), &*id.object.namespace, &*id.object.name),
            (resource, cluster, namespace, name)
        );
        assert_eq!(id.to_string(), text);
    }
    for wrong in ["", "pods", "/prod:shop:x", "pods/prod", "pods/prod:shop:"] {
        assert!(wrong.parse::<ResourceId>().is_err(), "{wrong}");
    }
}

#[test]
fn texts_can_t_end_the_labels_that_they_stand_in() {
    assert_eq!(render::mermaid_text("a\"b<c>#d\ne"), "a#quot;b#lt;c#gt;#35;d e");
    assert_eq!(render::dot_text("a\"b\\c\nd"), "a\\\"b\\\\c d");
}
