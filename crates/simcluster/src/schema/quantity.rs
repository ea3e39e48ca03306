//! Quantities in their canonical form: the server answers `1` for `1000m`, and `500m` for `0.5`.

use serde_json::Value;

/// The canonical text, or `None` if this is no quantity.
pub(crate) fn canonical(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let split =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() + fraction.len() > 20 {
        return None;
    }
    let mut mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?;
    let sign = if negative { "-" } else { "" };
    if let Some(power) =
        ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|s| *s == suffix && !s.is_empty())
    {
        return Some(format!("{sign}{}", binary(mantissa, scale, power)?));
    }
    let exponent: i32 = match suffix {
        "n" => -9,
        "u" => -6,
        "m" => -3,
        "" => 0,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        "P" => 15,
        "E" => 18,
        _ => suffix.strip_prefix(['e', 'E'])?.parse().ok().filter(|e: &i32| e.abs() < 24)?,
    };
    let decimal_exponent = suffix.starts_with(['e', 'E']) && suffix.len() > 1;
    if mantissa == 0 {
        return Some("0".to_owned());
    }
    let mut exponent = exponent - scale;
    // Nothing is finer than nano: it is rounded up.
    while exponent < -9 {
        mantissa = (mantissa + 9) / 10;
        exponent += 1;
    }
    while mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    while exponent.rem_euclid(3) != 0 {
        mantissa *= 10;
        exponent -= 1;
    }
    let suffix = match exponent {
        _ if decimal_exponent && exponent != 0 => format!("e{exponent}"),
        -9 => "n".to_owned(),
        -6 => "u".to_owned(),
        -3 => "m".to_owned(),
        0 => String::new(),
        3 => "k".to_owned(),
        6 => "M".to_owned(),
        9 => "G".to_owned(),
        12 => "T".to_owned(),
        15 => "P".to_owned(),
        18 => "E".to_owned(),
        _ => format!("e{exponent}"),
    };
    Some(format!("{sign}{mantissa}{suffix}"))
}

/// Binary suffixes stay binary; below 1024, or with a fraction that no power of 1024 takes, they become plain numbers.
fn binary(mantissa: i128, scale: i32, power: usize) -> Option<String> {
    let mut value = mantissa.checked_mul(1024_i128.checked_pow(u32::try_from(power).ok()?)?)?;
    for _ in 0..scale {
        value = value.checked_add(9)? / 10;
    }
    if value == 0 {
        return Some("0".to_owned());
    }
    let mut power = 0;
    while value % 1024 == 0 && power < 6 {
        value /= 1024;
        power += 1;
    }
    Some(format!("{value}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn quantities_are_written_as_the_server_writes_them() {
        for (given, canonical) in [
            (json!("1000m"), "1"),
            (json!("0.5"), "500m"),
            (json!("1500m"), "1500m"),
            (json!("1024Mi"), "1Gi"),
            (json!("1.5Gi"), "1536Mi"),
            (json!("128Mi"), "128Mi"),
            (json!(2), "2"),
            (json!("0"), "0"),
            (json!("1e3"), "1e3"),
            (json!("2000000"), "2M"),
        ] {
            assert_eq!(super::canonical(&given).as_deref(), Some(canonical), "{given}");
        }
        assert_eq!(super::canonical(&json!("one")), None);
    }
}
