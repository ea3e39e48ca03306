//! Measures an operation: how deep, how wide, and how large its answer would be at most.
//!
//! ```text
//!   pods(limit: 100) {            100 × (1 +     the object
//!     name                                1 +    a field
//!     containers { image }                10 × (1 + 1))     a nested list, of assumed size
//!   }
//! ```
//!
//! A fragment is measured once and added as often as it is spread, so the time is that of reading the document, while
//! the sums, which saturate, are those of the document with all fragments written out. Such a sum is what validation
//! and execution would have to walk: twenty fragments that spread the next one twice are a million selections.

use std::collections::HashMap;

use async_graphql_parser::types::{ExecutableDocument, Field, OperationType, Selection, SelectionSet};

use super::{
    config::LimitsConfig,
    error::LimitError,
    types::{CONNECTION_LISTS, FieldType, TypeMap},
    values::Inputs,
};

/// Selection sets inside each other at most, where a fragment's count as well. It is the executor's own bound, which
/// would be reported without a code; and it keeps the walk below within its stack.
pub(crate) const MAX_SETS: usize = 32;

/// The sums of a selection set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Fields inside each other.
    pub depth: usize,
    /// Selection sets inside each other.
    sets: usize,
    /// Fields at this level, with those of fragments.
    pub fields: u64,
    pub aliases: u64,
    pub directives: u64,
    pub selections: u64,
    /// Nodes of the answer.
    pub cost: u64,
    /// Further nodes for each object of the connection that this set is the selection of.
    per_item: u64,
}

impl Measure {
    /// Adds what stands beside this.
    fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.sets = self.sets.max(other.sets);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.selections = self.selections.saturating_add(other.selections);
        self.cost = self.cost.saturating_add(other.cost);
        self.per_item = self.per_item.saturating_add(other.per_item);
    }

    fn without_cost(self) -> Self {
        Self { cost: 0, per_item: 0, ..self }
    }

    /// The cost if the connection around this set has so many objects.
    fn cost_with(self, items: u64) -> u64 {
        self.cost.saturating_add(self.per_item.saturating_mul(items))
    }
}

pub(crate) struct Walk<'a> {
    document: &'a ExecutableDocument,
    types: &'a TypeMap,
    config: &'a LimitsConfig,
    inputs: Inputs<'a>,
    /// `None` while a fragment is being measured: to meet it then is a cycle.
    fragments: HashMap<&'a str, Option<Measure>>,
}

impl<'a> Walk<'a> {
    pub fn new(
        document: &'a ExecutableDocument,
        types: &'a TypeMap,
        config: &'a LimitsConfig,
        inputs: Inputs<'a>,
    ) -> Self {
        Self { document, types, config, inputs, fragments: HashMap::new() }
    }

    /// Measures the whole operation.
    pub fn operation(&mut self) -> Result<Measure, LimitError> {
        let operation = self.inputs.operation;
        let root = match operation.ty {
            OperationType::Query => &self.types.query,
            OperationType::Mutation => &self.types.mutation,
            OperationType::Subscription => &self.types.subscription,
        };
        let mut measure = self.set(&operation.selection_set.node, root, 0)?;
        measure.directives = measure.directives.saturating_add(operation.directives.len() as u64);
        Ok(measure)
    }

    /// Measures a fragment that no operation may have reached: validation will walk it all the same.
    pub fn fragment(&mut self, name: &'a str) -> Result<Measure, LimitError> {
        self.spread(name, 0)
    }

    fn set(&mut self, set: &'a SelectionSet, parent: &'a str, level: usize) -> Result<Measure, LimitError> {
        if level > MAX_SETS {
            return Err(LimitError::SelectionSets { max: MAX_SETS });
        }
        let mut sum = Measure::default();
        for selection in &set.items {
            let (mut measure, directives) = match &selection.node {
                Selection::Field(field) => (self.field(&field.node, parent, level)?, &field.node.directives),
                Selection::InlineFragment(inline) => {
                    let inline = &inline.node;
                    let on = inline.type_condition.as_ref().map_or(parent, |on| on.node.on.node.as_str());
                    (self.set(&inline.selection_set.node, on, level + 1)?, &inline.directives)
                }
                Selection::FragmentSpread(spread) => {
                    let spread = &spread.node;
                    (self.spread(spread.fragment_name.node.as_str(), level + 1)?, &spread.directives)
                }
            };
            measure.selections = measure.selections.saturating_add(1);
            measure.directives = measure.directives.saturating_add(directives.len() as u64);
            sum.add(if self.inputs.is_skipped(directives) { measure.without_cost() } else { measure });
        }
        sum.sets = sum.sets.saturating_add(1);
        if level + sum.sets > MAX_SETS + 1 {
            return Err(LimitError::SelectionSets { max: MAX_SETS });
        }
        Ok(sum)
    }

    fn spread(&mut self, name: &'a str, level: usize) -> Result<Measure, LimitError> {
        match self.fragments.get(name) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(LimitError::FragmentCycle { name: name.to_owned() }),
            None => {}
        }
        // A fragment that isn't there is reported by validation.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Measure::default()) };
        self.fragments.insert(name, None);
        let on = fragment.node.type_condition.node.on.node.as_str();
        let measure = self.set(&fragment.node.selection_set.node, on, level)?;
        self.fragments.insert(name, Some(measure));
        Ok(measure)
    }

    fn field(&mut self, field: &'a Field, parent: &'a str, level: usize) -> Result<Measure, LimitError> {
        // Wherever it stands: beside the root it is no field of anything, and a fragment may be spread anywhere.
        if !self.config.introspection && matches!(field.name.node.as_str(), "__schema" | "__type") {
            return Err(LimitError::Introspection);
        }
        let leaf = field.selection_set.node.items.is_empty();
        let known = self.types.field(parent, field.name.node.as_str());
        let children = if leaf {
            Measure::default()
        } else {
            self.set(&field.selection_set.node, known.map_or("", |known| known.named.as_str()), level + 1)?
        };
        let mut measure = Measure {
            depth: children.depth.saturating_add(1),
            fields: 1,
            aliases: children.aliases.saturating_add(u64::from(field.alias.is_some())),
            ..children.without_cost()
        };
        let nested = self.config.assumed_nested_list_size;
        match known {
            _ if leaf => measure.cost = 1,
            Some(known) if known.is_list => {
                let item = children.cost_with(nested).saturating_add(1);
                if !known.has_size && CONNECTION_LISTS.contains(&field.name.node.as_str()) {
                    measure.per_item = item;
                } else {
                    measure.cost = item.saturating_mul(self.size(field, known, parent));
                }
            }
            Some(known) if known.has_size => {
                measure.cost = children.cost_with(self.size(field, known, parent)).saturating_add(1);
            }
            _ => measure.cost = children.cost_with(nested).saturating_add(1),
        }
        Ok(measure)
    }

    /// How many objects a field has: what its arguments say, or the schema, or what is assumed.
    fn size(&self, field: &Field, known: &FieldType, parent: &str) -> u64 {
        let roots = [&self.types.query, &self.types.mutation, &self.types.subscription];
        self.inputs.size(field).or(known.default_size).unwrap_or_else(|| {
            if roots.into_iter().any(|root| root == parent) {
                self.config.assumed_list_size
            } else {
                self.config.assumed_nested_list_size
            }
        })
    }
}
