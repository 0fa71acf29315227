//! Labels, selectors and annotations: small maps, and a mesh has a hundred thousand of them.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Texts by key, in the order of the keys. Most have one or two entries: a list of just those takes a tenth of what a
/// tree's node does.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// No labels.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(k, _)| k.as_str().cmp(key))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&String> {
        let at = self.place(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Whether a key is there, whatever its value.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    /// Sets the value of a key.
    pub fn insert(&mut self, key: String, value: String) {
        match self.place(&key) {
            Ok(at) => {
                if let Some(entry) = self.0.get_mut(at) {
                    entry.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// Leaves only the entries that are wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&String, &String) -> bool) {
        self.0.retain(|(key, value)| wanted(key, value));
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> Iter<'_> {
        self.into_iter()
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(_, value)| value)
    }
}

/// Keys and values, by key.
pub(super) type Iter<'l> = std::iter::Map<
    std::slice::Iter<'l, (String, String)>,
    fn(&'l (String, String)) -> (&'l String, &'l String),
>;

impl<'l> IntoIterator for &'l Labels {
    type Item = (&'l String, &'l String);
    type IntoIter = Iter<'l>;

    fn into_iter(self) -> Iter<'l> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl FromIterator<(String, String)> for Labels {
    /// Of two values of one key the later stays.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(entries: I) -> Self {
        let mut labels = Self::new();
        for (key, value) in entries {
            labels.insert(key, value);
        }
        labels
    }
}

impl<const N: usize> From<[(String, String); N]> for Labels {
    fn from(entries: [(String, String); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Labels, A::Error> {
                let mut labels =
                    Labels(Vec::with_capacity(entries.size_hint().unwrap_or(0).min(64)));
                while let Some((key, value)) = entries.next_entry()? {
                    labels.insert(key, value);
                }
                Ok(labels)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn are_in_the_order_of_their_keys_and_the_last_of_a_key_counts() {
        let labels: Labels =
            serde_json::from_str(r#"{"version": "v1", "app": "db", "version": "v2"}"#).unwrap();
        let entries: Vec<_> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(entries, ["app=db", "version=v2"]);
        assert_eq!(labels.get("app").map(String::as_str), Some("db"));
        assert!(labels.contains_key("version") && !labels.contains_key("a"));
    }
}
