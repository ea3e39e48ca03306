//! Reads sizes and conditions from arguments, with the request's variables filled in.

use async_graphql::{Name, Value, Variables};
use async_graphql_parser::{
    Positioned,
    types::{Directive, Field, OperationDefinition},
};

use super::types::{KEY_ARGUMENTS, SIZE_ARGUMENTS};

/// What the variables of one operation stand for.
pub(crate) struct Inputs<'a> {
    pub variables: &'a Variables,
    pub operation: &'a OperationDefinition,
}

impl Inputs<'_> {
    /// How many objects the arguments ask for at most; `None` if they don't say. Of several, the largest counts.
    pub fn size(&self, field: &Field) -> Option<u64> {
        let by_number = SIZE_ARGUMENTS.iter().filter_map(|name| {
            let value = field.get_argument(name)?.node.clone();
            let value = value.into_const_with(|variable| self.lookup(&variable).cloned().ok_or(())).ok()?;
            size(&value)
        });
        let by_keys = KEY_ARGUMENTS.iter().filter_map(|name| self.entries(field, name));
        by_number.chain(by_keys).max()
    }

    /// The length of a list argument. A variable's list is not copied, since it may be most of the request.
    fn entries(&self, field: &Field, name: &str) -> Option<u64> {
        let mut of_variable = None;
        let literal = field.get_argument(name)?.node.clone().into_const_with(|variable| {
            of_variable = self.lookup(&variable).and_then(length);
            Ok::<_, ()>(Value::Null)
        });
        of_variable.or_else(|| literal.ok().as_ref().and_then(length))
    }

    /// Whether `@skip` or `@include` leaves a selection out.
    pub fn is_skipped(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().any(|directive| {
            let leaves_out = match directive.node.name.node.as_str() {
                "skip" => true,
                "include" => false,
                _ => return false,
            };
            let condition = directive.node.get_argument("if").and_then(|condition| {
                let value = condition.node.clone();
                value.into_const_with(|variable| self.lookup(&variable).cloned().ok_or(())).ok()
            });
            matches!(condition, Some(Value::Boolean(holds)) if holds == leaves_out)
        })
    }

    fn lookup(&self, name: &Name) -> Option<&Value> {
        self.variables.get(name).or_else(|| {
            let mut definitions =
                self.operation.variable_definitions.iter().map(|definition| &definition.node);
            definitions.find(|definition| definition.name.node == *name)?.default_value()
        })
    }
}

/// A size that a value stands for. What is no whole number is refused by the executor, and a negative one bounds
/// nothing from above, so it counts as none.
pub(crate) fn size(value: &Value) -> Option<u64> {
    let Value::Number(number) = value else { return None };
    number.as_u64().or_else(|| number.as_i64().map(|_| 0))
}

fn length(value: &Value) -> Option<u64> {
    match value {
        Value::List(entries) => Some(entries.len() as u64),
        _ => None,
    }
}
