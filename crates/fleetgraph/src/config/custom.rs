//! What is watched besides the kinds that the server knows, as the configuration file says it.

use super::settings::{choice, settings};

settings! {
    /// A kind that is watched besides those that the server knows.
    pub struct CustomResourceConfig {
        /// API group, such as `cert-manager.io`; empty for the core group.
        group: String = String::new(),
        /// Version to watch. Empty: the one that the definition stores, or that the API server prefers.
        version: String = String::new(),
        /// Kind, such as `Certificate`. Required. It may be one that comes with Kubernetes, such as `PodTemplate`.
        kind: String = String::new(),
        /// Namespaces to watch. Empty: all.
        namespaces: Vec<String> = Vec::new(),
    }
}

settings! {
    /// Where custom resources of a kind name other objects.
    pub struct CustomResourceReferenceConfig {
        /// Kind that refers, as plural and group: `certificates.cert-manager.io`. Required.
        from: String = String::new(),
        /// JSONPath to a name or a list of names, as Kubernetes writes it: `.spec.secretName`. Required.
        path: String = String::new(),
        /// Kind that is referred to, as plural and group: `secrets`, `issuers.cert-manager.io`. Required.
        to: String = String::new(),
        /// Whether the other lies in the object's own namespace; `false` if it is cluster-scoped.
        namespaced: bool = true,
    }
}

choice! {
    /// What is read of secrets. Their values are never kept.
    pub enum SecretDetail {
        /// Names, labels and other metadata; the API server sends nothing else.
        Metadata = "metadata",
        /// Also type, key names and sizes; the values are dropped while they are decoded.
        Keys = "keys",
    }
}
