//! What every cluster has plenty of and nobody counts: dashboards and events. They bring a cluster to its exact size.

use rand::RngExt;
use serde_json::json;

use super::catalogue::APPS;
use super::events::{self, Said, Subject};
use super::site::{At, DAY, Site};
use crate::object::intern;

const PANELS: &[&str] = &["overview", "latency", "errors", "saturation", "slo", "costs"];

pub(super) fn fill(site: &mut Site<'_>, objects: usize) {
    let mut index = 0;
    while site.count() < objects {
        if index % 2 == 0 {
            dashboard(site, index / 2);
        } else {
            pulled(site);
        }
        index += 1;
    }
}

fn dashboard(site: &mut Site<'_>, index: usize) {
    let app = &APPS[index % APPS.len()];
    let panel = PANELS[index / APPS.len() % PANELS.len()];
    let round = index / (APPS.len() * PANELS.len());
    let name = match round {
        0 => format!("dashboard-{}-{panel}", app.name),
        round => format!("dashboard-{}-{panel}-{round}", app.name),
    };
    let created = site.ago(20 * DAY, 200 * DAY);
    let at = At { namespace: "monitoring", name: intern(&name), created, uid: site.uid() };
    site.add("v1/configmaps", &format!("dashboard/{}/{panel}", app.name), at, &[], || {
        let board = json!({
            "title": format!("{} {panel}", app.name), "tags": [app.team], "refresh": "30s",
            "panels": [{"type": "timeseries", "title": panel, "targets": [{"expr": format!("sum(rate(http_requests_total{{app=\"{}\"}}[5m])) by (code)", app.name)}]}],
        });
        json!({"metadata": {"labels": {"grafana_dashboard": "1", "acme.example/team": app.team}}, "data": {"dashboard.json": board.to_string()}})
    });
}

fn pulled(site: &mut Site<'_>) {
    let machine = site.rng.random_range(0..site.machines.len());
    let machine = &site.machines[machine];
    let subject = Subject { api_version: "v1", kind: "Node", name: machine.name.clone(), uid: machine.uid };
    let said = if machine.lost {
        Said::warning("NodeNotReady", "Node is not ready", "node-controller", 3)
    } else {
        Said::normal("ImageGCSucceeded", "Image garbage collection freed 1288490188 bytes", "kubelet")
    };
    events::add(site, "default", &subject, &said);
}
