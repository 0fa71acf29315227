//! The way to a field inside an object.

use std::borrow::Cow;
use std::fmt;

/// One step of a field path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a map.
    Key(Cow<'static, str>),
    /// An item of a list, from 0.
    Index(usize),
}

/// The way to a field inside an object, such as `.spec.servers[0].port.number`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(pub Vec<Segment>);

impl FieldPath {
    /// The object itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Parses a path of plain keys and indices: `spec.servers[0].port.number`. Brackets that hold no number are
    /// taken as a key, so `labels[app.kubernetes.io/name]` works.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut path = Self::root();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(tail) = rest.strip_prefix('[') {
                let (inner, after) = tail.split_once(']').unwrap_or((tail, ""));
                path = match inner.parse::<usize>() {
                    Ok(n) => path.index(n),
                    Err(_) => path.key(inner.to_owned()),
                };
                rest = after;
            } else {
                let tail = rest.strip_prefix('.').unwrap_or(rest);
                let end = tail.find(['.', '[']).unwrap_or(tail.len());
                let (key, after) = tail.split_at(end);
                if !key.is_empty() {
                    path = path.key(key.to_owned());
                }
                rest = after;
                if key.is_empty() && !rest.starts_with('[') {
                    rest = rest.get(1..).unwrap_or("");
                }
            }
        }
        path
    }

    /// This path and one more key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Segment::Key(key.into()));
        self
    }

    /// This path and one more index.
    #[must_use]
    pub fn index(mut self, n: usize) -> Self {
        self.0.push(Segment::Index(n));
        self
    }

    /// This path followed by another.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// Whether two paths are about one thing: one leads to the other, or both are fields of the same item of a list.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let of_item = |path: &Self| match path.0.split_last() {
            Some((_, parent)) if parent.iter().any(|s| matches!(s, Segment::Index(_))) => {
                Some(parent.to_vec())
            }
            _ => None,
        };
        let same_item = of_item(self).is_some_and(|item| of_item(other) == Some(item));
        same_item || self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }

    /// The JSON pointer of RFC 6901, such as `/spec/servers/0`.
    #[must_use]
    pub fn pointer(&self) -> String {
        self.0
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
                Segment::Index(n) => format!("/{n}"),
            })
            .collect()
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Key(key) if key.contains(['.', '/', '[']) => write!(f, "[{key}]")?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(n) => write!(f, "[{n}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::FieldPath;

    #[test]
    fn meets_what_is_in_it_and_beside_it_in_an_item() {
        for (a, b, meets) in [
            ("spec.servers[0]", "spec.servers[0].port.name", true),
            (
                "spec.servers[0].port.number",
                "spec.servers[0].port.name",
                true,
            ),
            (
                "spec.servers[0].port.number",
                "spec.servers[1].port.number",
                false,
            ),
            ("spec.hosts", "spec.gateways", false),
            ("spec.hosts[0]", "spec.hosts[1]", false),
        ] {
            let (a, b) = (FieldPath::of(a), FieldPath::of(b));
            assert_eq!(a.meets(&b), meets, "{a} {b}");
            assert_eq!(b.meets(&a), meets, "{b} {a}");
        }
    }

    #[test]
    fn prints_as_it_was_parsed() {
        for text in [
            ".spec.servers[0].port.number",
            ".metadata.annotations[networking.istio.io/exportTo]",
            ".spec.tcp[0].match[1].port",
        ] {
            assert_eq!(FieldPath::of(text).to_string(), text);
        }
        assert_eq!(
            FieldPath::of("spec.gateways[0]").pointer(),
            "/spec/gateways/0"
        );
    }
}
