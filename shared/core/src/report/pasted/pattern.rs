//! Finds the constant text of a line in whatever stands around it: timestamps, levels, scopes, JSON.

/// What changes in a line, by the name that its pattern gives it.
pub(super) type Values = Vec<(&'static str, String)>;

/// A pattern, found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// First byte.
    pub(super) start: usize,
    /// Behind the last byte of its constant text.
    pub(super) end: usize,
    /// How much of it is constant: of two that overlap, the one with more is meant.
    pub(super) weight: usize,
    /// What changes.
    pub(super) values: Values,
}

/// A text as patterns are compared with it: quotes vanish, whatever stands between words is one space. The escapes of
/// a JSON string are looked through.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.peek() {
                Some('n' | 't' | 'r') => {
                    chars.next();
                    space(&mut out);
                }
                Some('"' | '\\') => {}
                _ => out.push(c),
            },
            '"' | '\'' | '`' | '“' | '”' | '‘' | '’' => {}
            c if c.is_whitespace() => space(&mut out),
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// A pattern's parts.
enum Piece {
    Constant(String),
    Hole(&'static str),
}

/// `<text>` takes several words, every other hole one.
const SEVERAL: &str = "text";

fn pieces(pattern: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (n, part) in pattern.split('<').enumerate() {
        let constant = match part.split_once('>').filter(|_| n > 0) {
            Some((hole, rest)) => {
                pieces.push(Piece::Hole(hole));
                rest
            }
            None => part,
        };
        if !constant.is_empty() {
            pieces.push(Piece::Constant(constant.to_ascii_lowercase()));
        }
    }
    pieces
}

/// Every place of a pattern in a text that [`plain`] made, letter case apart.
pub(super) fn find(pattern: &'static str, text: &str) -> Vec<Found> {
    let pieces = pieces(pattern);
    // One byte stays one byte, so places in the one are places in the other.
    let lower = text.to_ascii_lowercase();
    let anchor = pieces.iter().find_map(|piece| match piece {
        Piece::Constant(constant) => Some(constant.as_str()),
        Piece::Hole(_) => None,
    });
    let Some(anchor) = anchor else {
        return Vec::new();
    };
    lower
        .match_indices(anchor)
        .filter_map(|(at, _)| matched(&pieces, text, &lower, at))
        .collect()
}

/// The pattern with its first constant at this place.
fn matched(pieces: &[Piece], text: &str, lower: &str, at: usize) -> Option<Found> {
    let mut found = Found {
        start: at,
        end: at,
        weight: 0,
        values: Vec::new(),
    };
    let mut open: Option<&'static str> = None;
    for (n, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Hole(name) if n == 0 => {
                let before = text.get(..at)?;
                let word = before.rsplit(' ').next().filter(|word| !word.is_empty())?;
                found.start = at - word.len();
                found
                    .values
                    .push((name, word.trim_end_matches(':').to_owned()));
            }
            Piece::Hole(name) => open = Some(name),
            Piece::Constant(constant) => {
                let skipped = match open {
                    None => 0,
                    Some(_) => lower.get(found.end..)?.find(constant.as_str())?,
                };
                let place = found.end + skipped;
                if !lower.get(place..)?.starts_with(constant.as_str()) {
                    return None;
                }
                if let Some(name) = open.take() {
                    let value = text.get(found.end..place)?;
                    if name != SEVERAL && value.contains(' ') {
                        return None;
                    }
                    found.values.push((name, value.to_owned()));
                }
                found.end = place + constant.len();
                found.weight += constant.len();
            }
        }
    }
    if let Some(name) = open {
        let rest = text.get(found.end..)?.trim_start();
        let word = rest.split(' ').next().unwrap_or(rest);
        let word = word.trim_end_matches([',', ';', ':', '.', ')', '}', ']']);
        if name != SEVERAL {
            if word.is_empty() {
                return None;
            }
            found.values.push((name, word.to_owned()));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::{find, plain};

    fn values(pattern: &'static str, text: &str) -> Vec<Vec<(&'static str, String)>> {
        let text = plain(text);
        find(pattern, &text)
            .into_iter()
            .map(|found| found.values)
            .collect()
    }

    fn pairs(list: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        list.iter().map(|(k, v)| (*k, (*v).to_owned())).collect()
    }

    #[test]
    fn quotes_newlines_and_escapes_do_not_matter() {
        assert_eq!(plain(" a \"b\"\n\t 'c'\\\"d\\\" \\n e "), "a b cd e");
        assert_eq!(plain("filter chain '' has"), "filter chain has");
    }

    #[test]
    fn holes_are_words() {
        let pattern = "gateway <gateway>:<port> listener missed";
        assert_eq!(
            values(pattern, "warn Gateway rcmd/a:80 listener\n  missed network"),
            [pairs(&[("gateway", "rcmd/a"), ("port", "80")])]
        );
        assert!(values(pattern, "gateway a b:80 listener missed").is_empty());
        assert_eq!(
            values("bound to: <name>", "bound to: a/b}, c"),
            [pairs(&[("name", "a/b")])]
        );
        assert!(values("bound to: <name>", "bound to: ").is_empty());
        assert_eq!(
            values("<name> has duplicate", "error: 'x_1' has duplicate"),
            [pairs(&[("name", "x_1")])]
        );
    }

    #[test]
    fn every_place_is_found() {
        assert_eq!(values("port <port> is", "port 1 is, port 2 is").len(), 2);
        assert!(find("<port>", "80").is_empty());
    }

    #[test]
    fn letters_of_several_bytes_are_no_trouble() {
        assert_eq!(values("端口 <port> is", "х端口 8 is ä").len(), 1);
        assert_eq!(values("<a> is", "ä is").len(), 1);
    }
}
