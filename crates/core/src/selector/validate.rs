//! The rules for label keys and values (`IsQualifiedName`, `IsValidLabelValue` of apimachinery).

const NAME_MAX: usize = 63;
const PREFIX_MAX: usize = 253;

/// `[prefix/]name`; the error says what is wrong.
pub fn label_key(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.contains('/') {
        return Err(format!("label key {key:?} has more than one '/'"));
    }
    if prefix.is_some_and(|p| p.is_empty() || p.len() > PREFIX_MAX || !p.split('.').all(dns_label)) {
        return Err(format!("label key {key:?}: the part before '/' must be a DNS subdomain"));
    }
    if name.is_empty() || name.len() > NAME_MAX || !alphanumeric_ends(name) {
        return Err(format!(
            "label key {key:?}: the name must be 1 to {NAME_MAX} letters, digits, '-', '_' or '.', and start and \
             end with a letter or digit"
        ));
    }
    Ok(())
}

pub fn label_value(value: &str) -> Result<(), String> {
    if value.is_empty() || (value.len() <= NAME_MAX && alphanumeric_ends(value)) {
        return Ok(());
    }
    Err(format!(
        "label value {value:?} must be at most {NAME_MAX} letters, digits, '-', '_' or '.', and start and end with \
         a letter or digit"
    ))
}

fn alphanumeric_ends(s: &str) -> bool {
    let bytes = s.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn dns_label(s: &str) -> bool {
    let bytes = s.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}
