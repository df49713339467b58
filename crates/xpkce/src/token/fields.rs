//! An object's fields as an answer brings them: few, and each looked for once, so a list does
//! better than a map.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::answer::Take;

/// The fields of a JSON object. Of two with the same name the later one counts.
pub(super) struct Fields<'a>(Vec<(Name<'a>, Value)>);

/// A name without an escape is borrowed from the text.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Take for Fields<'_> {
    fn take(&mut self, name: &str) -> Option<Value> {
        let mut last = None;
        for (_, value) in self.0.extract_if(.., |(held, _)| held.0 == name) {
            last = Some(value);
        }
        last
    }

    fn rest(self) -> Map<String, Value> {
        self.0.into_iter().map(|(name, value)| (name.0.into_owned(), value)).collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(8);
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Fields<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn of_two_fields_with_one_name_the_later_counts() {
        let mut fields = read(r#"{"a":1,"b":2,"\u0061":3}"#);
        assert_eq!(fields.take("a"), Some(3.into()));
        assert_eq!(fields.take("a"), None);
    }

    #[test]
    fn what_nobody_took_is_left() {
        let mut fields = read(r#"{"a":1,"b":2,"c":[3]}"#);
        fields.take("b");
        assert_eq!(Value::Object(fields.rest()), serde_json::json!({"a": 1, "c": [3]}));
    }

    #[test]
    fn only_an_object_has_fields() {
        assert!(serde_json::from_str::<Fields<'_>>("[]").is_err());
        assert!(serde_json::from_str::<Fields<'_>>("{} {}").is_err());
    }
}
