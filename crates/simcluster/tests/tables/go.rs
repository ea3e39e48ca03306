//! What OpenAPI doesn't tell of a field and Go's struct tags do: whether its zero value is written.
//!
//! The sources are those of the pinned test server, in the Go module cache. A field that OpenAPI has and the sources
//! lack is an error, so this can't quietly misread them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

type Fields = BTreeMap<String, Vec<String>>;

#[derive(Debug, Default)]
pub struct Tags {
    /// Scalars that are left out when they are empty, false or 0, by definition.
    pub omit_zero: Fields,
    /// Times, lists and maps that are written as null when there is none, by definition.
    pub nulls: Fields,
}

#[derive(Debug, Clone)]
struct Tag {
    go_type: String,
    json: String,
    options: Vec<String>,
}

#[derive(Default)]
struct Sources {
    /// By Go module.
    modules: BTreeMap<String, PathBuf>,
    /// By package (`io.k8s.api.core.v1`), then by type.
    packages: BTreeMap<String, BTreeMap<String, Vec<Tag>>>,
}

/// # Errors
/// When Go or the sources are missing, or a field isn't in them.
pub fn read(definitions: &BTreeMap<String, Value>) -> Result<Tags> {
    let (mut tags, mut sources) = (Tags::default(), Sources::default());
    for (name, definition) in definitions {
        let Some(properties) = definition["properties"].as_object() else { continue };
        let (package, of) = name.rsplit_once('.').context("a definition without a package")?;
        let fields = sources.fields(package, of)?;
        let (mut omitted, mut nulls) = (BTreeSet::new(), BTreeSet::new());
        for (property, schema) in properties {
            let tag = fields.get(property).with_context(|| format!("no Go field for {name}.{property}"))?;
            let is = |option: &str| tag.options.iter().any(|o| o == option);
            // Of the embedded TypeMeta, which every object that is sent has.
            if definition["x-kubernetes-group-version-kind"].is_array()
                && matches!(property.as_str(), "apiVersion" | "kind")
            {
                continue;
            }
            let value = !tag.go_type.starts_with(['*', '[']) && !tag.go_type.starts_with("map[");
            let scalar = matches!(schema["type"].as_str(), Some("string" | "integer" | "boolean" | "number"));
            // Times are strings to OpenAPI, by reference; Go's omitempty doesn't know an empty struct.
            let time = matches!(tag.go_type.rsplit('.').next(), Some("Time" | "MicroTime"));
            if value && time && !is("omitzero") || !value && !is("omitempty") {
                nulls.insert(property.clone());
            } else if value && scalar && is("omitempty") {
                omitted.insert(property.clone());
            }
        }
        for (into, found) in [(&mut tags.omit_zero, omitted), (&mut tags.nulls, nulls)] {
            if !found.is_empty() {
                into.insert(name.clone(), found.into_iter().collect());
            }
        }
    }
    Ok(tags)
}

impl Sources {
    /// The fields of a struct by their JSON names, those of embedded structs among them.
    fn fields(&mut self, package: &str, of: &str) -> Result<BTreeMap<String, Tag>> {
        if !self.packages.contains_key(package) {
            let types = parse(&self.directory(package)?)?;
            self.packages.insert(package.to_owned(), types);
        }
        let types = self.packages.get(package).context("a package that was just read")?;
        let tags = types.get(of).with_context(|| format!("no Go struct {package}.{of}"))?.clone();
        let mut fields = BTreeMap::new();
        for tag in tags {
            if !tag.options.iter().any(|option| option == "inline") {
                fields.insert(tag.json.clone(), tag);
                continue;
            }
            let (package, of) = match tag.go_type.split_once('.') {
                Some(("metav1", of)) => ("io.k8s.apimachinery.pkg.apis.meta.v1", of),
                Some(("v1" | "corev1", of)) => ("io.k8s.api.core.v1", of),
                Some((other, _)) => bail!("{package}.{of} embeds a type of the unknown import {other}"),
                None => (package, tag.go_type.as_str()),
            };
            fields.extend(self.fields(package, of)?);
        }
        Ok(fields)
    }

    /// `io.k8s.api.core.v1` is `core/v1` of the module `k8s.io/api`.
    fn directory(&mut self, package: &str) -> Result<PathBuf> {
        let (module, rest) =
            package.strip_prefix("io.k8s.").and_then(|rest| rest.split_once('.')).context("a package")?;
        if !self.modules.contains_key(module) {
            self.modules.insert(module.to_owned(), locate(&format!("k8s.io/{module}"))?);
        }
        Ok(self.modules[module].join(rest.replace('.', "/")))
    }
}

/// Where Go keeps the version of a module that the test server is built from.
fn locate(module: &str) -> Result<PathBuf> {
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/kubernetes");
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", module]).current_dir(pins).env("GOWORK", "off");
    let output = go.output().context("running go")?;
    let answer: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    answer["Dir"].as_str().map(PathBuf::from).with_context(|| format!("{module}: {answer}"))
}

fn parse(directory: &Path) -> Result<BTreeMap<String, Vec<Tag>>> {
    let mut types = BTreeMap::new();
    for file in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".go") || name.ends_with("_test.go") || name.starts_with("zz_") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let mut current: Option<(String, Vec<Tag>)> = None;
        for line in text.lines() {
            if let Some(of) = line.strip_prefix("type ").and_then(|rest| rest.strip_suffix(" struct {")) {
                current = Some((of.to_owned(), Vec::new()));
            } else if line == "}" {
                types.extend(current.take());
            } else if let Some((_, tags)) = &mut current {
                tags.extend(field(line));
            }
        }
    }
    Ok(types)
}

/// A line such as ``Replicas *int32 `json:"replicas,omitempty"` ``.
fn field(line: &str) -> Option<Tag> {
    let (declared, tag) = line.trim().split_once('`')?;
    if declared.starts_with("//") {
        return None;
    }
    let json = tag.split_once("json:\"")?.1.split_once('"')?.0;
    let go_type = declared.split_whitespace().last()?.to_owned();
    let mut parts = json.split(',').map(str::to_owned);
    Some(Tag { go_type, json: parts.next()?, options: parts.collect() })
}
