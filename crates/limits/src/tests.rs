//! The limits as a whole, on a schema of the shapes that they know.

use async_graphql::{Request, Variables};
use fleetgraph_core::ErrorCode;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const SDL: &str = "
    type Query {
        pods(limit: Int): [Pod!]!
        recent(limit: Int = 7): [Pod!]!
        podsConnection(first: Int, last: Int): PodConnection!
        byIds(ids: [ID!]!): [Pod!]!
        cluster(id: ID!): Cluster
        version: String!
    }
    type Subscription { podEvents: Pod! }
    type Cluster { id: ID! deployments: [Deployment!]! pods(limit: Int): [Pod!]! }
    type Deployment { id: ID! pods: [Pod!]! cluster: Cluster }
    type Pod { id: ID! name: String! node: String! phase: String! labels: [Label!]! owner: Deployment
        a: Int b: Int c: Int d: Int e: Int f: Int }
    type Label { key: String! value: String! }
    type PodConnection { edges: [PodEdge!]! nodes: [Pod!]! pageInfo: PageInfo! totalCount: Int! }
    type PodEdge { cursor: String! node: Pod! }
    type PageInfo { hasNextPage: Boolean! }
";

fn limits(config: LimitsConfig) -> Limits {
    Limits::new(config, SDL).unwrap()
}

fn admit(query: &str) -> Result<(), LimitError> {
    limits(LimitsConfig::default()).admit(&mut Request::new(query)).map(drop)
}

/// Where the schema may be asked for.
fn admit_explorer(query: &str) -> Result<(), LimitError> {
    let config = LimitsConfig { introspection: true, ..LimitsConfig::default() };
    limits(config).admit(&mut Request::new(query)).map(drop)
}

fn code(result: Result<(), LimitError>) -> ErrorCode {
    result.unwrap_err().code()
}

/// The cost, found by the limit itself.
fn cost_with(query: &str, variables: serde_json::Value) -> u64 {
    let config = LimitsConfig { max_complexity: 0, ..LimitsConfig::default() };
    let mut request = Request::new(query).variables(Variables::from_json(variables));
    match limits(config).admit(&mut request) {
        Err(LimitError::Complexity { actual, .. }) => actual,
        other => panic!("{other:?} for {query}"),
    }
}

fn cost(query: &str) -> u64 {
    cost_with(query, json!({}))
}

/// What tools send to learn a schema, with types inside nine others, as current ones do.
fn introspection() -> String {
    let type_ref = format!("kind name {} {}", "ofType { kind name ".repeat(9), "} ".repeat(9));
    format!(
        "query IntrospectionQuery {{ __schema {{ description queryType {{ name kind }} mutationType {{ name kind }}
           subscriptionType {{ name kind }} types {{ ...Full }}
           directives {{ name description isRepeatable locations args(includeDeprecated: true) {{ ...Input }} }} }} }}
         fragment Full on __Type {{ kind name description specifiedByURL
           fields(includeDeprecated: true) {{ name description args(includeDeprecated: true) {{ ...Input }}
             type {{ ...Ref }} isDeprecated deprecationReason }}
           inputFields(includeDeprecated: true) {{ ...Input }} interfaces {{ ...Ref }}
           enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }}
           possibleTypes {{ ...Ref }} }}
         fragment Input on __InputValue {{ name description type {{ ...Ref }} defaultValue isDeprecated }}
         fragment Ref on __Type {{ {type_ref} }}"
    )
}

#[test]
fn a_plain_list_of_ten_thousand_with_ten_fields_is_admitted() {
    let ten = "id name node phase a b c d e f";
    assert_eq!(cost(&format!("{{ pods(limit: 10000) {{ {ten} }} }}")), 110_000);
    assert_eq!(admit(&format!("{{ pods(limit: 10000) {{ {ten} }} }}")), Ok(()));
    assert_eq!(admit(&format!("{{ pods {{ {ten} }} }}")), Ok(()));
}

#[test]
fn the_introspection_of_tools_is_admitted_and_an_endless_one_is_not() {
    assert_eq!(admit_explorer(&introspection()), Ok(()));
    let endless =
        format!("{{ __schema {{ types {{ {} name {} }} }} }}", "fields { type { ".repeat(8), "} }".repeat(8));
    assert_eq!(code(admit_explorer(&endless)), ErrorCode::ComplexityLimit);
}

#[test]
fn the_schema_is_not_told_whatever_the_alias_or_the_fragment() {
    for query in [
        &*introspection(),
        "{ __schema { queryType { name } } }",
        "{ version x: __type(name: \"Pod\") { name } }",
        "{ ...F } fragment F on Query { ... on Query { a: __schema { types { name } } } }",
        "{ version } fragment F on Query { __type(name: \"Pod\") { name } }",
        "query A { version } query B { __schema { types { name } } }",
        "{ version __schema @skip(if: true) { types { name } } }",
        "{ pods { __schema { types { name } } } }",
        "subscription { __schema { types { name } } }",
    ] {
        assert_eq!(code(admit(query)), ErrorCode::IntrospectionDisabled, "{query}");
    }
    assert_eq!(admit("{ __typename a: __typename _service { sdl } pods { __typename } }"), Ok(()));
    assert_eq!(admit("{ __schema: version pods { __type: name } }"), Ok(()), "an alias is no field");
}

#[test]
fn lists_multiply_and_objects_count_one() {
    assert_eq!(cost("{ version }"), 1);
    assert_eq!(cost("{ cluster(id: 1) { id } }"), 2);
    assert_eq!(cost("{ pods(limit: 5) { id name } }"), 5 * 3);
    assert_eq!(cost("{ pods(limit: 5) { labels { key } } }"), 5 * (1 + 10 * 2));
    assert_eq!(cost("{ pods { id } }"), 100 * 2);
    assert_eq!(cost("{ recent { id } }"), 7 * 2);
    assert_eq!(cost("{ cluster(id: 1) { pods { id } deployments { id } } }"), 1 + 10 * 2 + 10 * 2);
    assert_eq!(cost("subscription { podEvents { id } }"), 2);
}

#[test]
fn a_connection_has_as_many_edges_as_its_arguments_say() {
    let edges = "{ totalCount edges { cursor node { id } } }";
    assert_eq!(cost(&format!("{{ podsConnection(first: 20) {edges} }}")), 1 + 1 + 20 * (1 + 1 + 2));
    assert_eq!(cost(&format!("{{ podsConnection {edges} }}")), 1 + 1 + 100 * 4);
    let spread = "{ podsConnection(first: 20) { ...F } } fragment F on PodConnection { nodes { id } }";
    assert_eq!(cost(spread), 1 + 20 * 2);
}

#[test]
fn variables_count_as_what_they_stand_for() {
    let query = "query ($n: Int = 3) { version pods(limit: $n) { id } }";
    assert_eq!(cost_with(query, json!({})), 1 + 3 * 2);
    assert_eq!(cost_with(query, json!({"n": 50})), 1 + 50 * 2);
    assert_eq!(cost_with(query, json!({"n": null})), 1 + 100 * 2);
    assert_eq!(cost_with(query, json!({"n": -5})), 1);
    assert_eq!(
        cost_with("query ($i: [ID!]!) { byIds(ids: $i) { id } }", json!({"i": ["a", "b", "c"]})),
        3 * 2
    );
    assert_eq!(cost("{ byIds(ids: [\"a\", \"b\"]) { id } }"), 2 * 2);
    let entities = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Pod { id name } } }";
    assert_eq!(cost_with(entities, json!({"r": [{"id": 1}, {"id": 2}]})), 2 * 3);
}

#[test]
fn what_is_skipped_costs_nothing() {
    let query = "query ($more: Boolean!) { version pods(limit: 9) @include(if: $more) { id } }";
    assert_eq!(cost_with(query, json!({"more": false})), 1);
    assert_eq!(cost_with(query, json!({"more": true})), 1 + 18);
    assert_eq!(cost("{ version pods @skip(if: true) { id } }"), 1);
}

#[test]
fn each_limit_has_its_own_code_and_admits_what_is_just_within_it() {
    let small = LimitsConfig {
        max_document_bytes: 200,
        max_tokens: 40,
        max_depth: 3,
        max_root_fields: 2,
        max_aliases: 2,
        max_directives: 2,
        max_selections: 20,
        max_complexity: 1000,
        ..LimitsConfig::default()
    };
    let limits = limits(small);
    let check = |query: &str| limits.admit(&mut Request::new(query)).map(drop).map_err(|error| error.code());
    for (within, above, code) in [
        (
            format!("{{ version }}{}", " ".repeat(189)),
            format!("{{ version }}{}", " ".repeat(190)),
            ErrorCode::DocumentTooLarge,
        ),
        (
            format!("{{ version {} }}", "id ".repeat(0)),
            format!("{{ {} }}", "id ".repeat(39)),
            ErrorCode::TokenLimit,
        ),
        (
            "{ cluster { deployments { id } } }".into(),
            "{ cluster { deployments { cluster { id } } } }".into(),
            ErrorCode::DepthLimit,
        ),
        (
            "{ version ...F } fragment F on Query { version }".into(),
            "{ version ...F } fragment F on Query { version version }".into(),
            ErrorCode::RootFieldLimit,
        ),
        (
            "{ a: version b: version }".into(),
            "{ cluster { a: id b: id c: id } }".into(),
            ErrorCode::AliasLimit,
        ),
        ("{ version @a @b }".into(), "{ version @a @b @c }".into(), ErrorCode::DirectiveLimit),
        (
            "{ pods(limit: 500) { id } }".into(),
            "{ pods(limit: 501) { id } }".into(),
            ErrorCode::ComplexityLimit,
        ),
    ] {
        assert_eq!(check(&within), Ok(()), "{within}");
        assert_eq!(check(&above), Err(code), "{above}");
    }
}

#[test]
fn fragments_that_contain_themselves_are_refused_even_if_nothing_spreads_them() {
    for query in [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { version ...B } fragment B on Query { ... on Query { ...A ...A } }",
        "{ version } fragment A on Query { cluster { deployments { cluster { ...B } } } } fragment B on Cluster { ...A ...A }",
    ] {
        assert_eq!(code(admit(query)), ErrorCode::GraphqlValidationFailed, "{query}");
    }
}

#[test]
fn fragments_that_double_are_counted_as_often_as_they_are_spread() {
    let mut bomb = "{ ...F0 } fragment F25 on Query { version }".to_owned();
    for n in 0..25 {
        bomb.push_str(&format!(" fragment F{n} on Query {{ ...F{0} ...F{0} }}", n + 1));
    }
    assert!(matches!(admit(&bomb), Err(LimitError::Selections { actual, .. }) if actual > 1 << 25));
    let unused = bomb.replace("{ ...F0 }", "{ version }");
    assert!(matches!(admit(&unused), Err(LimitError::Selections { .. })));
}

#[test]
fn a_long_chain_of_fragments_is_refused_before_the_executor_walks_it() {
    let chain = |length: usize| {
        let mut query = format!("{{ ...F0 }} fragment F{length} on Query {{ version }}");
        for n in 0..length {
            query.push_str(&format!(" fragment F{n} on Query {{ ...F{} }}", n + 1));
        }
        admit(&query)
    };
    assert_eq!(chain(30), Ok(()));
    assert_eq!(code(chain(1000)), ErrorCode::DepthLimit);
    assert_eq!(code(chain(40)), ErrorCode::DepthLimit);
}

#[test]
fn sums_saturate_where_they_would_overflow() {
    let most = u64::MAX;
    let query =
        format!("{{ pods(limit: {most}) {{ owner {{ pods {{ labels {{ key value }} }} }} }} version }}");
    assert_eq!(cost(&query), most);
}

#[test]
fn an_admitted_request_carries_its_parsed_document_and_one_that_is_not_graphql_is_left_to_others() {
    let mut request = Request::new("query ($n: Int) { pods(limit: $n) { id } }")
        .variables(Variables::from_json(json!({"n": 1})));
    limits(LimitsConfig::default()).admit(&mut request).unwrap();
    // The text no longer matters once the document is there.
    request.query.clear();
    assert_eq!(request.parsed_query().unwrap().operations.iter().count(), 1);
    assert_eq!(request.variables.len(), 1);
    assert_eq!(admit("{ pods { "), Ok(()));
}

/// A selection set of the test schema, of random shape, that may spread the fragments F0 to F3.
fn selections() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("version".to_owned()),
        Just("id".to_owned()),
        Just("x: name".to_owned()),
        (0..4).prop_map(|n| format!("...F{n}")),
        Just("unknown".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let field = prop_oneof![
            any::<u32>().prop_map(|n| format!("pods(limit: {n})")),
            any::<i64>().prop_map(|n| format!("podsConnection(first: {n})")),
            Just("edges".to_owned()),
            Just("node".to_owned()),
            Just("labels".to_owned()),
            Just("... on Pod".to_owned()),
            Just("cluster(id: $id) @include(if: $if)".to_owned()),
        ];
        (field, prop::collection::vec(inner, 1..4))
            .prop_map(|(field, children)| format!("{field} {{ {} }}", children.join(" ")))
    })
}

proptest! {
    #[test]
    fn any_document_is_measured_to_an_end(set in selections(), fragments in prop::collection::vec(selections(), 4)) {
        let mut query = format!("query ($id: ID, $if: Boolean) {{ {set} }}");
        for (n, fragment) in fragments.iter().enumerate() {
            query.push_str(&format!(" fragment F{n} on Query {{ {fragment} }}"));
        }
        let _ = admit(&query);
    }

    #[test]
    fn any_text_is_refused_or_let_through_without_a_panic(text in "\\PC{0,120}") {
        let _ = admit(&text);
    }

    #[test]
    fn asking_for_more_never_costs_less(set in selections(), less in any::<u32>(), more in any::<u32>()) {
        let (less, more) = (less.min(more), less.max(more));
        let set = set.replace("...F", "id f");
        let query = format!("query ($n: Int, $id: ID, $if: Boolean) {{ version pods(limit: $n) {{ {set} }} podsConnection(first: $n) {{ edges {{ {set} }} {set} }} }}");
        let (of_less, of_more) = (cost_with(&query, json!({"n": less})), cost_with(&query, json!({"n": more})));
        prop_assert!(of_less <= of_more, "{of_less} of {less}, {of_more} of {more}: {query}");
    }
}

#[test]
fn a_subscription_has_one_field_at_its_root() {
    assert_eq!(admit("subscription { podEvents { id } }"), Ok(()));
    for query in [
        "subscription { podEvents { id } other: podEvents { id } }",
        "subscription { ...two } fragment two on Subscription { podEvents { id } b: podEvents { id } }",
    ] {
        assert_eq!(admit(query), Err(LimitError::SubscriptionFields { actual: 2 }), "{query}");
        assert_eq!(code(admit(query)), ErrorCode::GraphqlValidationFailed);
    }
    assert_eq!(admit("{ version a: version }"), Ok(()), "a query may have several");
}
