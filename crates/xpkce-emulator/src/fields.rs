//! JSON objects whose keys keep the order they were written in.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// An object in wire order (`serde_json` would sort the keys).
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, Field)>);

#[derive(Clone, Debug, serde::Serialize)]
#[serde(untagged)]
enum Field {
    Plain(Value),
    Nested(Fields),
}

impl Fields {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.push((key.to_owned(), Field::Plain(value.into())));
        self
    }

    pub(crate) fn with_fields(mut self, key: &str, fields: Fields) -> Self {
        self.0.push((key.to_owned(), Field::Nested(fields)));
        self
    }

    /// Reads an object, or none if `body` is something else.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        match serde_json::from_slice(body).ok()? {
            Value::Object(map) => {
                Some(Self(map.into_iter().map(|(key, value)| (key, Field::Plain(value))).collect()))
            }
            _ => None,
        }
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        match self.0.iter().find(|(name, _)| name == key)? {
            (_, Field::Plain(value)) => Some(value),
            (_, Field::Nested(_)) => None,
        }
    }

    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.remove(key);
        self.0.push((key.to_owned(), Field::Plain(value.into())));
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.0.retain(|(name, _)| name != key);
    }

    /// Puts the keys in random order: clients must not depend on it.
    pub(crate) fn shuffled(mut self) -> Self {
        crate::mint::shuffle(&mut self.0);
        self
    }

    pub(crate) fn compact(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers always serialise")
    }

    /// Two-space indentation, no final newline: the way `/2/` errors look.
    pub(crate) fn pretty(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("strings and numbers always serialise")
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
