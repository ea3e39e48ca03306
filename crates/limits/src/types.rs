//! What the cost of a document needs to know of the schema: each field's type, whether it is a list, and what
//! bounds its size. Learnt once, from the SDL.

use std::collections::HashMap;

use async_graphql_parser::{
    Error, parse_schema,
    types::{BaseType, FieldDefinition, ServiceDocument, Type, TypeKind, TypeSystemDefinition},
};

/// The arguments that say how many objects a list has at most.
pub(crate) const SIZE_ARGUMENTS: [&str; 3] = ["first", "last", "limit"];

/// The arguments of which a list has an object for each entry.
pub(crate) const KEY_ARGUMENTS: [&str; 2] = ["representations", "ids"];

/// The fields of a connection that have its `first` objects.
pub(crate) const CONNECTION_LISTS: [&str; 3] = ["edges", "nodes", "differences"];

/// The introspection system (GraphQL, 4.2), which no SDL contains.
const INTROSPECTION: &str = "
    type __Schema { types: [__Type!]! queryType: __Type! mutationType: __Type subscriptionType: __Type
        directives: [__Directive!]! }
    type __Type { fields: [__Field!] interfaces: [__Type!] possibleTypes: [__Type!] enumValues: [__EnumValue!]
        inputFields: [__InputValue!] ofType: __Type }
    type __Field { args: [__InputValue!]! type: __Type! }
    type __InputValue { type: __Type! }
    type __EnumValue { name: String! }
    type __Directive { args: [__InputValue!]! }
";

/// A field as the cost sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldType {
    /// The named type inside lists and non-nulls.
    pub named: String,
    pub is_list: bool,
    /// Whether an argument says how many objects there are.
    pub has_size: bool,
    /// The size that the schema gives where the argument is left out.
    pub default_size: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct TypeMap {
    fields: HashMap<String, HashMap<String, FieldType>>,
    pub query: String,
    pub mutation: String,
    pub subscription: String,
}

impl TypeMap {
    pub fn of_sdl(sdl: &str) -> Result<Self, Error> {
        let mut map = Self {
            fields: HashMap::new(),
            query: "Query".to_owned(),
            mutation: "Mutation".to_owned(),
            subscription: "Subscription".to_owned(),
        };
        map.learn(parse_schema(sdl)?);
        map.learn(parse_schema(INTROSPECTION)?);
        let plain = |named: &str| FieldType {
            named: named.to_owned(),
            is_list: false,
            has_size: false,
            default_size: None,
        };
        let root = map.fields.entry(map.query.clone()).or_default();
        root.insert("__schema".to_owned(), plain("__Schema"));
        root.insert("__type".to_owned(), plain("__Type"));
        root.entry("_entities".to_owned()).or_insert_with(|| FieldType { is_list: true, ..plain("_Entity") });
        Ok(map)
    }

    fn learn(&mut self, document: ServiceDocument) {
        for definition in document.definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => {
                    let roots = schema.node;
                    let named = [
                        (roots.query, &mut self.query),
                        (roots.mutation, &mut self.mutation),
                        (roots.subscription, &mut self.subscription),
                    ];
                    for (given, root) in named {
                        given.into_iter().for_each(|name| *root = name.node.to_string());
                    }
                }
                TypeSystemDefinition::Type(definition) => {
                    let fields = match definition.node.kind {
                        TypeKind::Object(object) => object.fields,
                        TypeKind::Interface(interface) => interface.fields,
                        _ => continue,
                    };
                    let known = self.fields.entry(definition.node.name.node.to_string()).or_default();
                    for field in fields {
                        known.insert(field.node.name.node.to_string(), FieldType::of(&field.node));
                    }
                }
                TypeSystemDefinition::Directive(_) => {}
            }
        }
    }

    /// `None` for a field that the schema doesn't have, which validation reports.
    pub fn field(&self, parent: &str, name: &str) -> Option<&FieldType> {
        self.fields.get(parent)?.get(name)
    }
}

impl FieldType {
    fn of(field: &FieldDefinition) -> Self {
        let sizes = || {
            let arguments = field.arguments.iter().map(|argument| &argument.node);
            arguments.filter(|argument| SIZE_ARGUMENTS.contains(&argument.name.node.as_str()))
        };
        let defaults = sizes().filter_map(|argument| argument.default_value.as_ref());
        Self {
            named: named(&field.ty.node).to_owned(),
            is_list: matches!(field.ty.node.base, BaseType::List(_)),
            has_size: sizes().next().is_some(),
            default_size: defaults.filter_map(|value| super::values::size(&value.node)).max(),
        }
    }
}

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}
