//! An object's fields as an answer brings them: those that it is read for have places of their own,
//! so that none is looked for, copied or compared more than once.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::answer::Take;

/// The fields that an answer is read for.
const READ: [&str; 6] =
    ["access_token", "refresh_token", "token_type", "expires_in", "expires_at", "scope"];

/// The fields of a JSON object. Of two with the same name the later one counts.
#[derive(Default)]
pub(super) struct Fields {
    read: [Option<Value>; READ.len()],
    rest: Map<String, Value>,
}

/// A field's place, or the name of one that has none.
enum Name {
    Read(usize),
    Other(String),
}

impl Take for Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        match place(name) {
            Some(place) => self.read[place].take(),
            None => self.rest.remove(name),
        }
    }

    fn rest(mut self) -> Map<String, Value> {
        for (name, value) in READ.iter().zip(self.read) {
            if let Some(value) = value {
                self.rest.insert((*name).to_owned(), value);
            }
        }
        self.rest
    }
}

fn place(name: &str) -> Option<usize> {
    READ.iter().position(|read| *read == name)
}

impl Fields {
    /// Reads a JSON object into the places that are here, so that they are not moved about.
    ///
    /// # Errors
    /// When the text is no object, or more than one.
    pub(super) fn fill(&mut self, json: &str) -> serde_json::Result<()> {
        let mut json = serde_json::Deserializer::from_str(json);
        json.deserialize_map(Object(self))?;
        json.end()
    }
}

struct Object<'a>(&'a mut Fields);

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key()? {
            let value = map.next_value()?;
            match name {
                Name::Read(place) => self.0.read[place] = Some(value),
                Name::Other(name) => _ = self.0.rest.insert(name, value),
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(place(name).map_or_else(|| Name::Other(name.to_owned()), Name::Read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Fields {
        let mut fields = Fields::default();
        fields.fill(json).unwrap();
        fields
    }

    #[test]
    fn of_two_fields_with_one_name_the_later_counts() {
        let mut fields = read(r#"{"a":1,"b":2,"\u0061":3}"#);
        assert_eq!(fields.take("a"), Some(3.into()));
        assert_eq!(fields.take("a"), None);
        let mut fields = read(r#"{"scope":1,"b":2,"\u0073cope":3}"#);
        assert_eq!(fields.take("scope"), Some(3.into()));
        assert_eq!(fields.take("scope"), None);
    }

    #[test]
    fn what_nobody_took_is_left() {
        let mut fields = read(r#"{"a":1,"b":2,"c":[3],"scope":4,"expires_in":5}"#);
        fields.take("b");
        fields.take("scope");
        let rest = serde_json::json!({"a": 1, "c": [3], "expires_in": 5});
        assert_eq!(Value::Object(fields.rest()), rest);
    }

    #[test]
    fn only_an_object_has_fields() {
        assert!(Fields::default().fill("[]").is_err());
        assert!(Fields::default().fill("{} {}").is_err());
    }
}
