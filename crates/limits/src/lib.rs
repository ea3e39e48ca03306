//! Refuses documents that would cost too much, before anything is executed.
//!
//! The limits run on the parsed document, in front of the schema: an async-graphql extension would cost 20 % on wide
//! lists even if it did nothing, and the library's own limits know no list sizes, give no codes, and walk fragments
//! once for each path to them, so that a short document can cost any amount of time.
//!
//! ```text
//!   bytes ─▶ tokens, brackets ─▶ parser ─▶ depth, aliases, … ─▶ cost ─▶ the parsed document, for the executor
//!            one pass, no tree             one walk, fragments once
//! ```

mod config;
mod error;
#[cfg(test)]
mod fuzz;
mod lexer;
mod measure;
#[cfg(test)]
mod tests;
mod types;
mod values;

use async_graphql::{Request, Variables};
use async_graphql_parser::types::{ExecutableDocument, OperationType};

pub use config::LimitsConfig;
pub use error::LimitError;
use measure::{Measure, Walk};
use types::TypeMap;
use values::Inputs;

/// The limits, with what they know of the schema.
#[derive(Debug)]
pub struct Limits {
    config: LimitsConfig,
    types: TypeMap,
}

impl Limits {
    /// Limits for documents of this schema.
    ///
    /// # Errors
    /// When the SDL can't be parsed.
    pub fn new(config: LimitsConfig, sdl: &str) -> Result<Self, async_graphql_parser::Error> {
        Ok(Self { config, types: TypeMap::of_sdl(sdl)? })
    }

    /// Related objects at most that an answer may really hold, which is counted while it is made.
    #[must_use]
    pub fn max_related_objects(&self) -> u64 {
        self.config.max_related_objects
    }

    /// Lets a request through, with its document parsed, so that it is parsed only once. Gives the estimated size of its
    /// answer in nodes: of the operation that costs most, if there are several.
    ///
    /// A document that isn't GraphQL is let through unparsed: to report that is not a matter of limits.
    ///
    /// # Errors
    /// The first limit that is exceeded.
    pub fn admit(&self, request: &mut Request) -> Result<u64, LimitError> {
        let (actual, max) = (request.query.len(), self.config.max_document_bytes);
        if actual > max {
            return Err(LimitError::DocumentTooLarge { actual, max });
        }
        lexer::check(&request.query, self.config.max_tokens)?;
        // Taken out while the document borrows the whole request.
        let variables = std::mem::take(&mut request.variables);
        let checked = match request.parsed_query() {
            Ok(document) => self.check(document, &variables),
            Err(_) => Ok(0),
        };
        request.variables = variables;
        checked
    }

    /// Checks every operation of the document, since all of them are validated, whichever is executed.
    fn check(&self, document: &ExecutableDocument, variables: &Variables) -> Result<u64, LimitError> {
        let (mut selections, mut cost) = (0_u64, 0);
        for (_, operation) in document.operations.iter() {
            let inputs = Inputs { variables, operation: &operation.node };
            let mut walk = Walk::new(document, &self.types, &self.config, inputs);
            let measure = walk.operation()?;
            selections = selections.saturating_add(measure.selections);
            self.compare(&measure, selections)?;
            cost = cost.max(measure.cost);
            // https://spec.graphql.org/October2021/#sec-Single-root-field
            if operation.node.ty == OperationType::Subscription && measure.fields > 1 {
                return Err(LimitError::SubscriptionFields { actual: measure.fields });
            }
        }
        if let Some((_, operation)) = document.operations.iter().next() {
            let inputs = Inputs { variables, operation: &operation.node };
            let mut walk = Walk::new(document, &self.types, &self.config, inputs);
            for name in document.fragments.keys() {
                let measure = walk.fragment(name.as_str())?;
                within(measure.selections, self.config.max_selections, |actual, max| {
                    LimitError::Selections { actual, max }
                })?;
            }
        }
        Ok(cost)
    }

    fn compare(&self, measure: &Measure, selections: u64) -> Result<(), LimitError> {
        let config = &self.config;
        if measure.depth > config.max_depth {
            return Err(LimitError::Depth { max: config.max_depth });
        }
        within(selections, config.max_selections, |actual, max| LimitError::Selections { actual, max })?;
        within(measure.fields, config.max_root_fields, |actual, max| LimitError::RootFields { actual, max })?;
        within(measure.aliases, config.max_aliases, |actual, max| LimitError::Aliases { actual, max })?;
        within(measure.directives, config.max_directives, |actual, max| LimitError::Directives {
            actual,
            max,
        })?;
        within(measure.cost, config.max_complexity, |actual, max| LimitError::Complexity { actual, max })
    }
}

fn within(actual: u64, max: u64, error: impl FnOnce(u64, u64) -> LimitError) -> Result<(), LimitError> {
    if actual > max { Err(error(actual, max)) } else { Ok(()) }
}
