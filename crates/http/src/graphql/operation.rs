//! Takes a request up to the point of execution: the gate, the syntax, the choice of the operation, its variables.

use async_graphql::{
    Request, ServerError, Value, Variables,
    parser::{
        Error as ParseError,
        types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
    },
};
use fleetgraph_core::ErrorCode;

use super::answer::coded;
use crate::{
    context::{Gate, RequestContext},
    documents::{Documents, Resolved, Sent},
};

/// A request that may be executed.
#[derive(Debug)]
pub(crate) struct Operation {
    pub request: Request,
    pub kind: OperationType,
}

impl Operation {
    /// Prepares a request, or says why it can't be executed.
    ///
    /// The gate comes first, since its limits guard the parser. It may leave the parsed document in the request.
    pub fn prepare(
        gate: &dyn Gate,
        documents: &Documents,
        context: &RequestContext,
        sent: Sent,
    ) -> Result<Self, Vec<ServerError>> {
        let exempt = gate.may_send_any_document(context);
        let Resolved { request, keep } = documents.resolve(sent, exempt).map_err(|error| vec![error])?;
        let mut request = gate.admit(context, request)?;
        let name = request.operation_name.clone();
        if let Err(error) = request.parsed_query() {
            return Err(vec![syntax_error(&request.query, error)]);
        }
        if let Some((hash, text)) = keep {
            documents.keep(hash, text);
        }
        // Taken out while the document borrows the whole request.
        let variables = std::mem::take(&mut request.variables);
        let kind = Self::check(&mut request, name.as_deref(), &variables)?;
        request.variables = variables;
        Ok(Self { request, kind })
    }

    fn check(
        request: &mut Request,
        name: Option<&str>,
        variables: &Variables,
    ) -> Result<OperationType, Vec<ServerError>> {
        let document = request.parsed_query().map_err(|error| vec![error])?;
        let (name, definition) = choose(document, name)?;
        let span = tracing::Span::current();
        span.record("graphql.operation.type", definition.ty.to_string());
        if let Some(name) = name {
            span.record("graphql.operation.name", name);
        }
        check_variables(definition, variables)?;
        Ok(definition.ty)
    }
}

/// The operation that the request asks for (GraphQL, 6.1), with its name.
fn choose<'a>(
    document: &'a ExecutableDocument,
    name: Option<&'a str>,
) -> Result<(Option<&'a str>, &'a OperationDefinition), Vec<ServerError>> {
    let refuse = |message: String| Err(vec![coded(ErrorCode::BadRequest, message)]);
    let unknown = |name: &str| refuse(format!("the document has no operation named {name:?}"));
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok((None, &operation.node)),
        (DocumentOperations::Multiple(operations), None) => {
            let mut all = operations.iter();
            match (all.next(), all.next()) {
                (Some((name, operation)), None) => Ok((Some(name), &operation.node)),
                _ => refuse("the document has several operations; say which by operationName".to_owned()),
            }
        }
        (DocumentOperations::Multiple(operations), Some(name)) => match operations.get(name) {
            Some(operation) => Ok((Some(name), &operation.node)),
            None => unknown(name),
        },
        (DocumentOperations::Single(_), Some(name)) => unknown(name),
    }
}

/// Variables that must be given and are not (GraphQL, 6.1.2). async-graphql notices this only where such a
/// variable is used, and then as an error of that field.
fn check_variables(operation: &OperationDefinition, variables: &Variables) -> Result<(), Vec<ServerError>> {
    let missing: Vec<ServerError> = operation
        .variable_definitions
        .iter()
        .filter(|definition| !definition.node.var_type.node.nullable)
        .filter(|definition| match variables.get(&definition.node.name.node) {
            Some(value) => *value == Value::Null,
            None => definition.node.default_value.is_none(),
        })
        .map(|definition| {
            let node = &definition.node;
            let message =
                format!("the variable ${} of type {} needs a value", node.name.node, node.var_type.node);
            let mut error = coded(ErrorCode::BadUserInput, message);
            error.locations.push(definition.pos);
            error
        })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}

/// The parser draws the faulty line in several lines of text; callers get its last one, and the place as numbers.
fn syntax_error(query: &str, error: ServerError) -> ServerError {
    // The parser is asked again, since its own error was already turned into text; this is not the hot path.
    let Err(cause) = async_graphql::parser::parse_query(query) else { return error };
    let message = match &cause {
        ParseError::Syntax { message, start, .. } => {
            let expected = message.lines().last().unwrap_or_default().trim_start_matches([' ', '=']);
            format!("syntax error at line {}, column {}: {expected}", start.line, start.column)
        }
        ParseError::RecursionLimitExceeded => "the document is nested too deep to be parsed".to_owned(),
        other => other.to_string(),
    };
    let code = match cause {
        ParseError::RecursionLimitExceeded => ErrorCode::DepthLimit,
        _ => ErrorCode::GraphqlParseFailed,
    };
    ServerError { locations: error.locations, ..coded(code, message) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderMap;

    use super::*;
    use crate::{config::HttpConfig, context::Transport, request_id::RequestId};

    fn prepare(request: Request) -> Result<Operation, Vec<ServerError>> {
        let context = RequestContext {
            request_id: RequestId::random(),
            transport: Transport::Http,
            headers: Arc::new(HeaderMap::new()),
            peer: None,
            connection_params: None,
            extensions: http::Extensions::new(),
            caller: None,
        };
        let open = |_: &RequestContext, request: Request| Ok(request);
        let documents = Documents::load(&HttpConfig::default()).unwrap();
        Operation::prepare(&open, &documents, &context, Sent { request, has_query: true, reference: None })
    }

    fn refused(request: Request) -> (String, String) {
        let errors = prepare(request).unwrap_err();
        let error = &errors[0];
        let Some(Value::String(code)) = error.extensions.as_ref().unwrap().get("code") else {
            panic!("no code")
        };
        (code.clone(), error.message.clone())
    }

    #[test]
    fn a_syntax_error_is_one_line_that_says_where() {
        let (code, message) = refused(Request::new("{ pods { "));
        assert_eq!(code, "GRAPHQL_PARSE_FAILED");
        assert!(message.starts_with("syntax error at line 1, column 10: expected"), "{message}");
        assert_eq!(message.lines().count(), 1);
    }

    #[test]
    fn the_operation_is_chosen_by_name_only_when_there_are_several() {
        let two = "query A { a } mutation B { b }";
        assert_eq!(prepare(Request::new(two).operation_name("B")).unwrap().kind, OperationType::Mutation);
        assert_eq!(prepare(Request::new("query A { a }")).unwrap().kind, OperationType::Query);
        assert_eq!(refused(Request::new(two)).0, "BAD_REQUEST");
        assert_eq!(refused(Request::new(two).operation_name("C")).0, "BAD_REQUEST");
        assert_eq!(refused(Request::new("{ a }").operation_name("C")).0, "BAD_REQUEST");
    }

    #[test]
    fn a_variable_that_must_be_given_is_missed_even_where_it_is_not_used() {
        let query = "query ($id: ID!, $n: Int! = 1, $m: Int) { a }";
        let (code, message) = refused(Request::new(query));
        assert_eq!(code, "BAD_USER_INPUT");
        assert!(message.contains("$id of type ID!"), "{message}");
        let given = |json| Request::new(query).variables(Variables::from_json(json));
        assert!(prepare(given(serde_json::json!({"id": "x"}))).is_ok());
        assert!(prepare(given(serde_json::json!({"id": null}))).is_err());
        assert!(prepare(given(serde_json::json!({"id": "x", "n": null}))).is_err());
    }
}
