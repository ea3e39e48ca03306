//! Custom resources: cert-manager's, Argo CD's, and one of the company's own.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::catalogue::App;
use super::definitions;
use super::events::{self, Said, Subject};
use super::site::{At, DAY, Site, hex, text};
use super::workload::Trouble;
use crate::cluster::WriteOptions;
use crate::object::{Slot, intern};

/// Registers the definitions, which must be there before their instances.
pub(super) fn define(site: &mut Site<'_>) {
    let Some(resource) = site.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions") else {
        return;
    };
    for definition in definitions::all() {
        if let Err(error) = site.cluster.create(&resource, "", definition, &WriteOptions::default()) {
            site.forms.faults.push(error.to_string());
        }
    }
}

pub(super) fn issuer(site: &mut Site<'_>) {
    let at =
        At { namespace: "", name: intern("letsencrypt"), created: site.now - 250 * DAY, uid: site.uid() };
    site.add("cert-manager.io/v1/clusterissuers", "letsencrypt", at, &[], || {
        json!({
            "apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {},
            "spec": {"acme": {"server": "https://acme-v02.api.letsencrypt.org/directory", "email": "platform@acme.example", "privateKeySecretRef": {"name": "letsencrypt"}}},
            "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "ACMEAccountRegistered", "message": "The ACME account was registered with the ACME server", "lastTransitionTime": "${created}", "observedGeneration": 1}]},
        })
    });
}

/// A certificate and the secret that it writes.
pub(super) fn certificate(site: &mut Site<'_>, namespace: &str, name: &str, host: &str, expired: bool) {
    let created = site.ago(150 * DAY, 250 * DAY);
    let ends =
        if expired { site.now - 2 * DAY } else { site.now + 40 * DAY + (site.now - created) % (40 * DAY) };
    let uid = site.uid();
    let name = intern(&format!("{name}-tls"));
    let slots = [
        ("host", text(host)),
        ("from", Slot::Time(ends - 90 * DAY)),
        ("until", Slot::Time(ends)),
        ("renewal", Slot::Time(ends - 30 * DAY)),
        ("failed", Slot::Time(site.now - 7_200)),
    ];
    let at = At { namespace, name: name.clone(), created, uid };
    site.add("cert-manager.io/v1/certificates", &format!("{expired}"), at, &slots, || {
        let message = "Certificate expired on ${until}";
        let ready = match expired {
            true => json!({"type": "Ready", "status": "False", "reason": "Expired", "message": message, "lastTransitionTime": "${until}", "observedGeneration": 1}),
            false => json!({"type": "Ready", "status": "True", "reason": "Ready", "message": "Certificate is up to date and has not expired", "lastTransitionTime": "${from}", "observedGeneration": 1}),
        };
        let mut conditions = vec![ready];
        if expired {
            conditions.push(json!({"type": "Issuing", "status": "False", "reason": "Failed", "message": "The certificate request has failed to complete and will be retried: Failed to wait for order resource to become ready: order is in \"errored\" state", "lastTransitionTime": "${failed}", "observedGeneration": 1}));
        }
        json!({
            "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {},
            "spec": {"secretName": "${name}", "dnsNames": ["${host}"], "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io"}, "duration": "2160h0m0s", "renewBefore": "720h0m0s"},
            "status": {"notBefore": "${from}", "notAfter": "${until}", "renewalTime": "${renewal}", "revision": 2, "conditions": conditions},
        })
    });
    let at = At { namespace, name: name.clone(), created: created + 40, uid: site.uid() };
    site.add("v1/secrets", "tls", at, &[("host", text(host))], || {
        let pem = |what: &str, seed: &str| BASE64_STANDARD.encode(format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", BASE64_STANDARD.encode(hex(seed, 200))));
        json!({
            "metadata": {
                "labels": {"controller.cert-manager.io/fao": "true"},
                "annotations": {"cert-manager.io/certificate-name": "${name}", "cert-manager.io/common-name": "${host}", "cert-manager.io/alt-names": "${host}", "cert-manager.io/issuer-name": "letsencrypt", "cert-manager.io/issuer-kind": "ClusterIssuer", "cert-manager.io/issuer-group": "cert-manager.io"},
            },
            "type": "kubernetes.io/tls", "data": {"tls.crt": pem("CERTIFICATE", "crt"), "tls.key": pem("PRIVATE KEY", "key")},
        })
    });
    if expired {
        let subject = Subject { api_version: "cert-manager.io/v1", kind: "Certificate", name, uid };
        events::add(
            site,
            namespace,
            &subject,
            &Said::warning(
                "Failed",
                "The certificate request has failed to complete and will be retried",
                "cert-manager-certificates-issuing",
                6,
            ),
        );
    }
}

/// The company's own record of what was released, and Argo CD's application.
pub(super) fn release(site: &mut Site<'_>, app: &App, namespace: &str, version: &str, trouble: Trouble) {
    let well = trouble == Trouble::None;
    let stuck = matches!(trouble, Trouble::StuckRollout | Trouble::NoRoom);
    let slots = [
        ("version", text(version)),
        ("space", text(namespace)),
        ("at", Slot::Time(site.now - if stuck { 3_000 } else { 3 * DAY })),
        ("commit", Slot::Text(hex(&format!("{}{version}", app.name), 40).into())),
        ("cluster", text(&site.place.name.clone())),
    ];
    let created = site.ago(60 * DAY, 200 * DAY);
    let at = At { namespace, name: intern(app.name), created, uid: site.uid() };
    site.add("platform.acme.example/v1/releases", &format!("{}/{stuck}", app.name), at, &slots, || {
        let (phase, ready, reason) = if stuck { ("Deploying", "False", "RolloutStuck") } else { ("Deployed", "True", "RolloutComplete") };
        json!({
            "apiVersion": "platform.acme.example/v1", "kind": "Release", "metadata": {"labels": super::template::labels(app)},
            "spec": {"application": app.name, "team": app.team, "version": "${version}", "commit": "${commit}", "strategy": {"type": "Rolling", "stepPercent": 25}, "approvers": [format!("{}-leads", app.team)]},
            "status": {"phase": phase, "observedGeneration": 1, "deployedAt": "${at}", "conditions": [{"type": "Ready", "status": ready, "reason": reason, "message": "", "lastTransitionTime": "${at}"}]},
        })
    });
    if super::site::hash(app.team) % 3 != 1 {
        return;
    }
    let name = intern(&format!("{namespace}-{}", app.name));
    let at = At { namespace: "argocd", name, created, uid: site.uid() };
    let health = if stuck {
        "Degraded"
    } else if well {
        "Healthy"
    } else {
        "Progressing"
    };
    site.add("argoproj.io/v1alpha1/applications", &format!("{}/{health}", app.name), at, &slots, || {
        application(app, health)
    });
}

fn application(app: &App, health: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"labels": {"acme.example/team": app.team}, "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
        "spec": {
            "project": app.team, "destination": {"server": "https://kubernetes.default.svc", "namespace": "${space}"},
            "source": {"repoURL": format!("https://git.acme.example/{}/deploy.git", app.team), "path": format!("apps/{}/overlays/${{cluster}}", app.name), "targetRevision": "main"},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        },
        "status": {
            "sync": {"status": "Synced", "revision": "${commit}"}, "health": {"status": health, "lastTransitionTime": "${at}"}, "reconciledAt": "${at}",
            "summary": {"images": [format!("{}:${{version}}", super::catalogue::image(app))]},
        },
    })
}
