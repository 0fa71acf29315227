//! What a document holds while its objects are read: texts are borrowed from it, and a map is a list of its entries.
//!
//! A tenth of the time and of the memory that a [`Value`] takes, which only patches and error messages need.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::{Number, Value};

use super::scalar::integral;

/// A value of a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Scratch<'t> {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'t, str>),
    List(Vec<Scratch<'t>>),
    Map(Map<'t>),
}

/// Entries in the order written, each key once.
pub(super) type Map<'t> = Vec<(Cow<'t, str>, Scratch<'t>)>;

impl<'t> Scratch<'t> {
    /// The value of a key, in a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else {
            return None;
        };
        entries.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Takes the items of a list out of a map.
    pub(super) fn take_list(&mut self, key: &str) -> Option<Vec<Self>> {
        let Self::Map(entries) = self else {
            return None;
        };
        match entries.iter_mut().find(|(k, _)| k == key) {
            Some((_, Self::List(items))) => Some(std::mem::take(items)),
            _ => None,
        }
    }

    /// The text, when it is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same value, owning all that it holds.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::List(items) => items.into_iter().map(Self::into_value).collect(),
            Self::Map(entries) => entries
                .into_iter()
                .map(|(key, value)| (key.into_owned(), value.into_value()))
                .collect(),
        }
    }

    /// `null` is absent, and an integral float is an integer, as for the API server.
    pub(super) fn tidy(&mut self) {
        match self {
            Self::Map(entries) => {
                entries.retain(|(_, value)| *value != Self::Null);
                entries.iter_mut().for_each(|(_, value)| value.tidy());
            }
            Self::List(items) => items.iter_mut().for_each(Self::tidy),
            Self::Number(number) if number.is_f64() => {
                if let Some(integer) = number.as_f64().and_then(integral) {
                    *number = integer.into();
                }
            }
            _ => {}
        }
    }
}

/// A map that is being filled.
#[derive(Default)]
pub(super) struct Entries<'t> {
    list: Map<'t>,
    /// Where each key stands, once there are too many to look through.
    places: BTreeMap<Cow<'t, str>, usize>,
}

impl<'t> Entries<'t> {
    /// How many keys are looked through: hardly a map of a manifest has more.
    const FEW: usize = 32;

    fn place(&self, key: &str) -> Option<usize> {
        if self.list.len() <= Self::FEW {
            return self.list.iter().position(|(k, _)| k == key);
        }
        self.places.get(key).copied()
    }

    /// Sets the value of a key; whether it was there already.
    pub(super) fn insert(&mut self, key: Cow<'t, str>, value: Scratch<'t>) -> bool {
        if let Some(entry) = self.place(&key).and_then(|at| self.list.get_mut(at)) {
            entry.1 = value;
            return true;
        }
        self.list.push((key, value));
        if self.list.len() > Self::FEW {
            // With the first that is too many all those before it, afterwards just the new one.
            let known = self.places.len();
            let new = self.list.iter().enumerate().skip(known);
            self.places
                .extend(new.map(|(at, (key, _))| (key.clone(), at)));
        }
        false
    }

    /// The map.
    pub(super) fn finish(self) -> Map<'t> {
        self.list
    }
}

impl<'de: 't, 't> Deserialize<'de> for Scratch<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;

        impl<'de> Visitor<'de> for Anything {
            type Value = Scratch<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any valid JSON value")
            }

            fn visit_unit<E>(self) -> Result<Scratch<'de>, E> {
                Ok(Scratch::Null)
            }

            fn visit_bool<E>(self, bool: bool) -> Result<Scratch<'de>, E> {
                Ok(Scratch::Bool(bool))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scratch<'de>, E> {
                Ok(Scratch::Number(number.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scratch<'de>, E> {
                Ok(Scratch::Number(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scratch<'de>, E> {
                Ok(Number::from_f64(number).map_or(Scratch::Null, Scratch::Number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scratch<'de>, E> {
                Ok(Scratch::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scratch<'de>, E> {
                Ok(Scratch::Text(Cow::Borrowed(text)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scratch<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Scratch::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scratch<'de>, A::Error> {
                let mut entries = Entries::default();
                while let Some((key, value)) = map.next_entry()? {
                    if let Scratch::Text(key) = key {
                        entries.insert(key, value);
                    }
                }
                Ok(Scratch::Map(entries.finish()))
            }
        }

        deserializer.deserialize_any(Anything)
    }
}

impl<'de> IntoDeserializer<'de> for &'de Scratch<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// As `serde_json` reads a view from a [`Value`].
impl<'de> Deserializer<'de> for &'de Scratch<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Scratch::Null => visitor.visit_unit(),
            Scratch::Bool(bool) => visitor.visit_bool(*bool),
            Scratch::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (_, Some(number)) => visitor.visit_i64(number),
                _ => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Scratch::Text(text) => visitor.visit_borrowed_str(text),
            Scratch::List(items) => {
                let mut items = SeqDeserializer::new(items.iter());
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Scratch::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.as_ref(), value));
                let mut entries = MapDeserializer::new(entries);
                let value = visitor.visit_map(&mut entries)?;
                entries.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Scratch::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum identifier
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_any_size_has_each_key_once() {
        for size in [3, Entries::FEW, Entries::FEW + 1, 200] {
            let mut entries = Entries::default();
            let key = |n: usize| Cow::Owned(format!("k{n}"));
            for n in 0..size {
                assert!(!entries.insert(key(n), Scratch::Bool(false)));
            }
            for n in 0..size {
                assert!(entries.insert(key(n), Scratch::Bool(true)), "{n} of {size}");
            }
            let map = entries.finish();
            assert_eq!(map.len(), size);
            assert!(map.iter().all(|(_, value)| *value == Scratch::Bool(true)));
        }
    }

    #[test]
    fn is_the_same_value_as_serde_json_reads() {
        let text = r#"{"a": [1, -2, 0.5, true, null, "x\n"], "b": {"a": 1, "a": 2}}"#;
        let scratch: Scratch<'_> = serde_json::from_str(text).unwrap();
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(Value::deserialize(&scratch).unwrap(), value);
        assert_eq!(scratch.into_value(), value);
    }
}
