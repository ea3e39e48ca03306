//! What the registry has to know of a kind: its names at the API server, the small typed value that lists,
//! filters and sorts need of each object, and the keys under which an object is found.

use std::borrow::Cow;

use crate::{FieldSelector, Health, Istr, LabelSelector, Labels, ReferenceRule, Relation, Timestamp};

/// The names of a kind, as the API server knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KindMeta {
    /// Empty for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub singular: &'static str,
    pub namespaced: bool,
    /// Where objects of a kind that is known at run time only name others.
    pub rules: &'static [ReferenceRule],
}

impl KindMeta {
    /// `pods`, `deployments.apps`: the name that is unique in a cluster.
    #[must_use]
    pub fn resource(&self) -> Cow<'static, str> {
        if self.group.is_empty() {
            Cow::Borrowed(self.plural)
        } else {
            Cow::Owned(format!("{}.{}", self.plural, self.group))
        }
    }

    /// Whether a resource's name, `deployments.apps`, is that of this kind.
    #[must_use]
    pub fn is_resource(&self, name: &str) -> bool {
        match name.strip_prefix(self.plural) {
            Some("") => self.group.is_empty(),
            Some(rest) => rest.strip_prefix('.').is_some_and(|group| group == self.group),
            None => false,
        }
    }

    /// Whether a name that a person writes means this kind: `pods`, `pod`, `Pod`, `deployments.apps`.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        [self.plural, self.singular, self.kind].iter().any(|known| known.eq_ignore_ascii_case(name))
            || self.is_resource(name)
    }

    /// `v1`, `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> Cow<'static, str> {
        if self.group.is_empty() {
            Cow::Borrowed(self.version)
        } else {
            Cow::Owned(format!("{}/{}", self.group, self.version))
        }
    }
}

/// A key under which objects are found, besides their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexKey<'a> {
    /// Objects that carry this label.
    Label(&'a str, &'a str),
    /// Objects that name this uid among their owners.
    Owner(&'a str),
    /// Objects that Argo CD tracks as parts of this application, by the annotation that it leaves.
    Application(&'a str),
    /// Objects of a kind that refer to another by a declared relation, such as a pod to its node. The target
    /// lies in the same cluster; its namespace is empty if it is cluster-scoped.
    Ref { relation: &'static str, namespace: &'a str, name: &'a str },
    /// Objects whose selector is filed under this pair, one of those that it requires. Whoever carries labels
    /// finds the selectors that may match it under each of them, and under the empty pair: there are those that
    /// require no pair. See [`LabelSelector::filed_under`].
    Selector { namespace: &'a str, key: &'a str, value: &'a str },
}

/// A word of an object that people search for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'a> {
    /// A container image.
    Image(&'a str),
    /// An IP address or a host name.
    Address(&'a str),
}

impl<'a> Text<'a> {
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Image(text) | Self::Address(text) => text,
        }
    }
}

/// A Kubernetes kind, known at compile time.
pub trait Kind: Sized + Send + Sync + 'static {
    const META: KindMeta;

    /// What lists, filters and sorts need of an object; everything else is decoded on demand.
    type Columns: Send + Sync + 'static;

    /// Whether the kind is watched where the configuration does not list kinds.
    const BY_DEFAULT: bool = true;

    /// Reads the columns from an object's JSON, `metadata.managedFields` already removed.
    ///
    /// # Errors
    /// When a field has a type that the API does not allow. A missing or null field is never an error.
    fn columns(object: &str) -> Result<Self::Columns, serde_json::Error>;

    /// The same for a type that stands for several kinds, of which `kind` is the object's.
    ///
    /// # Errors
    /// As [`Kind::columns`].
    fn columns_of(kind: &'static KindMeta, object: &str) -> Result<Self::Columns, serde_json::Error> {
        let _ = kind;
        Self::columns(object)
    }

    /// The kind of an object, for a type that stands for several.
    fn kind_of(columns: &Self::Columns) -> &'static KindMeta {
        let _ = columns;
        &Self::META
    }

    /// Takes out of an object's JSON what must not be kept. It is called before anything else reads the text.
    fn redact(object: String) -> Result<String, serde_json::Error> {
        Ok(object)
    }

    /// How an object is doing, by its status. That it is being deleted is seen elsewhere.
    fn health(columns: &Self::Columns) -> Health {
        let _ = columns;
        Health::healthy()
    }

    /// Emits what a free-text search looks at besides names and labels.
    fn texts<'a>(columns: &'a Self::Columns, emit: &mut dyn FnMut(Text<'a>)) {
        let _ = (columns, emit);
    }

    /// The relations whose references [`Kind::references`] emits.
    const RELATIONS: &'static [Relation] = &[];

    /// The relation of a kind that selects pods of its namespace by their labels. It is not among
    /// [`Kind::RELATIONS`].
    const SELECTS: Option<&'static Relation> = None;

    /// What [`Kind::SELECTS`] selects; `None` if an object selects nothing.
    fn selector(columns: &Self::Columns) -> Option<LabelSelector> {
        let _ = columns;
        None
    }

    /// Emits the declared references of an object. Labels and owners are indexed for every kind.
    fn references<'a>(meta: &'a Meta, columns: &'a Self::Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        let _ = (meta, columns, emit);
    }

    /// The field labels, besides `metadata.name` and `metadata.namespace`, that the API server's field
    /// selectors support for this kind.
    const FIELDS: &'static [&'static str] = &[];

    /// Those of [`Kind::FIELDS`] that are the name of a declared reference to a cluster-scoped object, with its
    /// relation: a selector that fixes one is answered from the index.
    const INDEXED_FIELDS: &'static [(&'static str, &'static str)] = &[];

    /// The value of one of [`Kind::FIELDS`]; an absent value is the empty string, as at the API server.
    fn field<'a>(columns: &'a Self::Columns, field: &str) -> Cow<'a, str> {
        let _ = (columns, field);
        Cow::Borrowed("")
    }

    /// Whether an object matches a field selector that was checked with [`FieldSelector::check`].
    fn matches_fields(selector: &FieldSelector, meta: &Meta, columns: &Self::Columns) -> bool {
        selector.matches(|field| match field {
            "metadata.name" => Cow::Borrowed(&*meta.name),
            "metadata.namespace" => Cow::Borrowed(&*meta.namespace),
            other => Self::field(columns, other),
        })
    }
}

/// What all objects have, and what is asked for most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Empty for a cluster-scoped object.
    pub namespace: Istr,
    pub name: Box<str>,
    pub uid: Box<str>,
    pub resource_version: Box<str>,
    /// 0 where the API server does not count generations.
    pub generation: i64,
    pub labels: Labels,
    pub owners: Box<[OwnerRef]>,
    pub created: Option<Timestamp>,
    /// When deletion was asked for.
    pub deleted: Option<Timestamp>,
    /// The application that Argo CD's tracking annotation names: `application`, or `namespace_application`.
    pub application: Option<Box<str>>,
}

impl Meta {
    /// The uid and the resourceVersion: two objects of one name for which both are equal are the same.
    #[must_use]
    pub fn version(&self) -> (&str, &str) {
        (&self.uid, &self.resource_version)
    }

    /// Whether an object can be the owner of another: one that has a namespace owns nothing outside of it, whatever
    /// objects there say. The garbage collector does not follow such a reference either.
    #[must_use]
    pub fn may_own(&self, dependent: &Self) -> bool {
        self.namespace.is_empty() || self.namespace == dependent.namespace
    }

    /// The owner that manages the object, if one does.
    #[must_use]
    pub fn controller(&self) -> Option<&OwnerRef> {
        self.owners.iter().find(|owner| owner.controller)
    }
}

/// An entry of `metadata.ownerReferences`. The owner lies in the same namespace, or is cluster-scoped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRef {
    pub api_version: Istr,
    pub kind: Istr,
    pub name: Istr,
    pub uid: Istr,
    pub controller: bool,
}
