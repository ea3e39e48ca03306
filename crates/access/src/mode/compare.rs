//! The rules that an API server lists for fleetgraph's own account, next to those that follow from the roles.
//!
//! An authorizer that evaluates roles lists each rule of each role that is bound to the account, word for word. A rule too
//! many means that something else grants, too; one too few, that roles don't grant here. `kube-apiserver` creates
//! its default roles and bindings even where no authorizer looks at them.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::rbac::Rule;

/// `SelfSubjectRulesReview.status`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Listed {
    #[serde(deserialize_with = "crate::read::or_default")]
    pub resource_rules: Vec<Rule>,
    pub incomplete: bool,
    pub evaluation_error: String,
}

/// Why local evaluation is not exact, as far as the account's own rules tell.
pub(crate) fn differs(ours: &[Rule], listed: &Listed) -> Option<String> {
    if listed.incomplete {
        let why =
            if listed.evaluation_error.is_empty() { "it doesn't say why" } else { &listed.evaluation_error };
        return Some(format!("an authorizer of the cluster can't list its rules: {why}"));
    }
    let (ours, theirs) = (texts(ours), texts(&listed.resource_rules));
    if let Some(more) = theirs.difference(&ours).next() {
        return Some(format!("something beside roles and bindings grants: {more}"));
    }
    if let Some(less) = ours.difference(&theirs).next() {
        return Some(format!("roles and bindings don't grant what they say: {less}"));
    }
    ours.is_empty().then(|| {
        "no role is bound to fleetgraph's account, so that nothing shows whether roles and bindings decide".to_owned()
    })
}

fn texts(rules: &[Rule]) -> BTreeSet<String> {
    fn sorted(list: &[Box<str>]) -> String {
        list.iter().map(|word| &**word).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
    }
    let text = |rule: &Rule| {
        let Rule { verbs, api_groups, resources, resource_names, .. } = rule;
        let [verbs, groups, resources, names] =
            [verbs, api_groups, resources, resource_names].map(|list| sorted(list));
        format!("verbs [{verbs}], groups [{groups}], resources [{resources}], names [{names}]")
    };
    rules.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(resources: &[&str]) -> Vec<Rule> {
        let rule = |resource: &&str| Rule {
            verbs: vec!["get".into()],
            api_groups: vec!["".into()],
            resources: vec![(*resource).into()],
            ..Rule::default()
        };
        resources.iter().map(rule).collect()
    }

    fn listed(resources: &[&str]) -> Listed {
        Listed { resource_rules: rules(resources), ..Listed::default() }
    }

    #[test]
    fn equal_rules_show_that_roles_decide_whatever_their_order() {
        assert_eq!(differs(&rules(&["pods", "nodes"]), &listed(&["nodes", "pods", "pods"])), None);
    }

    #[test]
    fn a_rule_too_many_or_too_few_shows_that_they_do_not() {
        let more = differs(&rules(&["pods"]), &listed(&["pods", "*"])).unwrap();
        assert!(more.contains("resources [*]"), "{more}");
        let less = differs(&rules(&["pods", "nodes"]), &listed(&["pods"])).unwrap();
        assert!(less.contains("resources [nodes]"), "{less}");
    }

    #[test]
    fn no_rules_at_all_show_nothing() {
        assert!(differs(&[], &listed(&[])).is_some());
    }

    #[test]
    fn a_list_that_is_not_complete_shows_nothing_either() {
        let text = r#"{"incomplete": true, "evaluationError": "webhook", "resourceRules": null}"#;
        let listed: Listed = serde_json::from_str(text).unwrap();
        assert!(differs(&[], &listed).unwrap().contains("webhook"));
    }
}
