//! What a scalar of a manifest means: the YAML 1.1 of kubectl, not the 1.2 of the parser.
//!
//! `yes` and `on` are booleans, `0777` is octal, `1e3` is the integer 1000, a date is a text.

use std::borrow::Cow;

use granit_parser::{ScalarStyle, Tag};
use serde_json::Number;

use super::scratch::Scratch;

/// A scalar that has no place in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadScalar {
    /// `.inf` and `.nan`.
    NotFinite,
    /// The tag says another type than the text has.
    Tag(&'static str),
}

/// The value of a scalar event.
pub(super) fn value<'t>(
    text: Cow<'t, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
) -> Result<Scratch<'t>, BadScalar> {
    let tag = tag.map(|tag| tag.core_suffix().unwrap_or("str"));
    match tag {
        None if style == ScalarStyle::Plain => plain(text),
        None | Some("str") => Ok(Scratch::Text(text)),
        Some("null") => match plain(text)? {
            Scratch::Null => Ok(Scratch::Null),
            _ => Err(BadScalar::Tag("null")),
        },
        Some("bool") => match plain(text)? {
            value @ Scratch::Bool(_) => Ok(value),
            _ => Err(BadScalar::Tag("bool")),
        },
        Some("int" | "float") => match plain(text)? {
            value @ Scratch::Number(_) => Ok(value),
            _ => Err(BadScalar::Tag("number")),
        },
        Some(_) => Ok(Scratch::Text(text)),
    }
}

/// The value of a scalar without quotes.
fn plain(text: Cow<'_, str>) -> Result<Scratch<'_>, BadScalar> {
    Ok(other_than_text(&text)?.unwrap_or(Scratch::Text(text)))
}

fn other_than_text(text: &str) -> Result<Option<Scratch<'static>>, BadScalar> {
    let word = match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Scratch::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            Some(Scratch::Bool(true))
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            Some(Scratch::Bool(false))
        }
        _ => None,
    };
    if word.is_some() {
        return Ok(word);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Err(BadScalar::NotFinite),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Err(BadScalar::NotFinite),
        _ => {}
    }
    let number = match text.bytes().next() {
        Some(b'0'..=b'9' | b'+' | b'-') => number(text),
        // No underscores in this form.
        Some(b'.') if !text.contains('_') => float(text),
        _ => None,
    };
    Ok(number.map(Scratch::Number))
}

fn number(text: &str) -> Option<Number> {
    let plain = if text.contains('_') {
        Cow::Owned(text.replace('_', ""))
    } else {
        Cow::Borrowed(text)
    };
    integer(&plain).or_else(|| float(&plain))
}

fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // A second sign would pass the standard library's parser.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    let signed = if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    };
    match signed {
        Some(number) => Some(number.into()),
        // What 64 bits with a sign cannot hold is a float to kubectl.
        #[allow(clippy::cast_precision_loss)]
        None if negative => Number::from_f64(-(magnitude as f64)),
        #[allow(clippy::cast_precision_loss)]
        None => Number::from_f64(magnitude as f64),
    }
}

fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    if !(has_digits && digits(whole) && digits(fraction) && exponent_fits) {
        return None;
    }
    // Infinite is out of range: then it stays a text.
    let number: f64 = text.parse().ok()?;
    integral(number)
        .map(Number::from)
        .or_else(|| Number::from_f64(number))
}

/// The integer that a float stands for: `1e3` fits where a number is wanted.
pub(super) fn integral(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation)]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn plain(text: &str) -> Result<Value, BadScalar> {
        super::plain(Cow::Borrowed(text)).map(Scratch::into_value)
    }

    /// What kubectl makes of each, asked with `kubectl label --local -o json`.
    #[test]
    fn plain_scalars_mean_what_they_mean_to_kubectl() {
        let texts = [
            "yEs",
            "tRue",
            "nULL",
            "_1",
            ".",
            "1e400",
            "inf",
            "nan",
            "Infinity",
            "12:30:45",
            "1:30",
            "190:20:30",
            "2001-01-01",
            "2001-12-14t21:59:43.10-05:00",
            "2001-01-01 12:00:00",
            "=",
            "<<",
            "1e",
            "e3",
            "0x",
            "0b",
            "0b2",
            "0xg",
            "1 2",
            "a b",
            "1e3.5",
            ".e3",
            "0o8",
            "--1",
            "+-1",
            "0x-1",
            "-",
            "+",
            "1.2.3",
            "10.0.0.1",
            "*.a",
            "0x1p3",
            "1s",
            "é",
        ];
        for text in texts {
            assert_eq!(plain(text), Ok(json!(text)), "{text}");
        }
        for text in [
            "yes", "Yes", "YES", "on", "On", "ON", "y", "Y", "true", "True", "TRUE",
        ] {
            assert_eq!(plain(text), Ok(json!(true)), "{text}");
        }
        for text in [
            "no", "No", "NO", "off", "Off", "OFF", "n", "N", "false", "False", "FALSE",
        ] {
            assert_eq!(plain(text), Ok(json!(false)), "{text}");
        }
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(plain(text), Ok(Value::Null), "{text}");
        }
        let integers: [(&str, i64); 46] = [
            ("0777", 511),
            ("0080", 80),
            ("010", 8),
            ("-010", -8),
            ("+010", 8),
            ("0o777", 511),
            ("0O17", 15),
            ("0x1F", 31),
            ("0X1F", 31),
            ("-0x1F", -31),
            ("+0x1F", 31),
            ("0b101", 5),
            ("0B101", 5),
            ("-0b11", -3),
            ("1_000", 1000),
            ("0x1_F", 31),
            ("1__0", 10),
            ("1_", 1),
            ("1e3", 1000),
            ("1E3", 1000),
            ("1e+3", 1000),
            ("1.5e3", 1500),
            ("1.0", 1),
            ("1.", 1),
            ("+1", 1),
            ("-1", -1),
            ("-0", 0),
            ("+0", 0),
            ("0", 0),
            ("00", 0),
            ("08", 8),
            ("-1e3", -1000),
            ("0e0", 0),
            ("1.e3", 1000),
            (".5e1", 5),
            ("0_7", 7),
            ("07_7", 63),
            ("0.0", 0),
            ("-0.0", 0),
            ("1e15", 1_000_000_000_000_000),
            ("80", 80),
            ("15443", 15443),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("65536", 65536),
            ("1e0", 1),
        ];
        for (text, number) in integers {
            assert_eq!(plain(text), Ok(json!(number)), "{text}");
        }
        for (text, number) in [
            (".5", 0.5),
            ("-.5", -0.5),
            ("+.5", 0.5),
            ("1_0.5", 10.5),
            ("09.5", 9.5),
            ("1.5", 1.5),
            ("1e-3", 0.001),
            ("1.10", 1.1),
            ("1e21", 1e21),
            ("18446744073709551615", 18_446_744_073_709_551_615.0),
            ("123456789012345678901234567890", 1.234_567_890_123_456_8e29),
        ] {
            assert_eq!(plain(text), Ok(json!(number)), "{text}");
        }
        for text in [".inf", "-.inf", "+.Inf", ".INF", ".nan", ".NaN", ".NAN"] {
            assert_eq!(plain(text), Err(BadScalar::NotFinite), "{text}");
        }
    }
}
