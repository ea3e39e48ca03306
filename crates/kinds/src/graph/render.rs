//! Graphs as text for those who draw them.

use std::fmt::Write as _;

use fleetgraph_core::{EdgeType, HealthState};

use super::Graph;

/// [Mermaid](https://mermaid.js.org/syntax/flowchart.html).
pub fn mermaid(graph: &Graph) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (number, place) in graph.places.iter().enumerate() {
        let label =
            format!("{}<br/>{}", mermaid_text(place.vertex.kind()), mermaid_text(place.vertex.name()));
        let class = match place.vertex.health().state {
            HealthState::Degraded | HealthState::Missing => ":::broken",
            HealthState::Progressing => ":::moving",
            _ => "",
        };
        let _ = writeln!(text, "  n{number}[\"{label}\"]{class}");
    }
    for edge in &graph.edges {
        let _ = writeln!(text, "  n{} -->|{}| n{}", edge.from, word(edge.edge), edge.to);
    }
    text.push_str("  classDef broken stroke:#c00,stroke-width:3px\n  classDef moving stroke:#d80\n");
    text
}

/// [DOT](https://graphviz.org/doc/info/lang.html).
pub fn dot(graph: &Graph) -> String {
    let mut text = "digraph {\n  rankdir=LR\n  node [shape=box]\n".to_owned();
    for (number, place) in graph.places.iter().enumerate() {
        let color = match place.vertex.health().state {
            HealthState::Degraded | HealthState::Missing => ", color=red",
            HealthState::Progressing => ", color=orange",
            _ => "",
        };
        let (kind, name) = (dot_text(place.vertex.kind()), dot_text(place.vertex.name()));
        let _ = writeln!(text, "  n{number} [label=\"{kind}\\n{name}\"{color}]");
    }
    for edge in &graph.edges {
        let _ = writeln!(text, "  n{} -> n{} [label=\"{}\"]", edge.from, edge.to, word(edge.edge));
    }
    text.push_str("}\n");
    text
}

/// Names of objects are all but free of special characters; custom ones need not be.
pub fn mermaid_text(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' => "#quot;".to_owned(),
            '#' => "#35;".to_owned(),
            '<' => "#lt;".to_owned(),
            '>' => "#gt;".to_owned(),
            c if c.is_control() => " ".to_owned(),
            c => c.to_string(),
        })
        .collect()
}

pub fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " ")
}

/// The words of a relation.
pub fn word(edge: EdgeType) -> &'static str {
    match edge {
        EdgeType::OwnedBy => "owned by",
        EdgeType::RunsOn => "runs on",
        EdgeType::Uses => "uses",
        EdgeType::Selects => "selects",
        EdgeType::BoundTo => "bound to",
        EdgeType::RoutesTo => "routes to",
        EdgeType::Scales => "scales",
        EdgeType::Grants => "grants",
        EdgeType::GrantsTo => "grants to",
        EdgeType::Concerns => "concerns",
        EdgeType::InstanceOf => "instance of",
        EdgeType::ManagedBy => "managed by",
        EdgeType::RefersTo => "refers to",
    }
}
