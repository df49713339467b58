//! The fields of an answer's JSON object. The fields that are expected have places of their own, so
//! that none is searched for, copied or compared more than once.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

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

    /// Reads a JSON object of which [`fill`](Self::fill) does not read every value: one that is
    /// complete and still no value here, such as `1e400`, half a surrogate pair or a list of lists
    /// without end, costs its own field. Slower, and finds the same fields in what `fill` reads.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub(super) fn one_by_one(json: &str) -> serde_json::Result<Self> {
        let mut fields = Self::default();
        let mut json = serde_json::Deserializer::from_str(json);
        json.deserialize_map(OneByOne(&mut fields))?;
        json.end()?;
        Ok(fields)
    }

    fn put(&mut self, name: Name, value: Option<Value>) {
        match (name, value) {
            (Name::Read(place), value) => self.read[place] = value,
            (Name::Other(name), Some(value)) => _ = self.rest.insert(name, value),
            (Name::Other(name), None) => _ = self.rest.remove(&name),
        }
    }
}

/// Reads an object whose texts and values are skipped first, which asks for their grammar alone and
/// does not go deeper into the stack.
struct OneByOne<'a>(&'a mut Fields);

impl<'de> Visitor<'de> for OneByOne<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if let Ok(name) = serde_json::from_str(name.get()) {
                self.0.put(name, alone(value));
            }
        }
        Ok(())
    }
}

/// Reads a value that may be as deep as in its object and no deeper: what is kept is written into
/// an object again, and read from there.
fn alone(value: &RawValue) -> Option<Value> {
    let enclosed = Zeroizing::new(format!("[{}]", value.get()));
    let [value] = serde_json::from_str(&enclosed).ok()?;
    Some(value)
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
    use proptest::prelude::*;

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
        for json in ["[]", "{} {}", "{\"a\":1", "{\"a\":NaN}", "{\"a\":\"\u{1}\"}"] {
            assert!(Fields::default().fill(json).is_err(), "{json}");
            assert!(Fields::one_by_one(json).is_err(), "{json}");
        }
    }

    /// Complete JSON that is no value here.
    fn unreadable() -> [String; 4] {
        let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        ["1e400".into(), r#""\ud83d""#.into(), deep(127), deep(400_000)]
    }

    #[test]
    fn a_value_that_cannot_be_read_costs_its_own_field() {
        for odd in unreadable() {
            let json = format!(r#"{{"scope":1,"a":2,"a":{odd},"expires_in":{odd},"b":3}}"#);
            assert!(Fields::default().fill(&json).is_err());
            let fields = Fields::one_by_one(&json).unwrap();
            assert_eq!(Value::Object(fields.rest()), serde_json::json!({"scope": 1, "b": 3}));
        }
    }

    #[test]
    fn a_name_that_cannot_be_read_costs_its_own_field() {
        let fields = Fields::one_by_one(r#"{"a":1,"\ud83d":2,"\u0073cope":3}"#).unwrap();
        assert_eq!(Value::Object(fields.rest()), serde_json::json!({"a": 1, "scope": 3}));
    }

    #[test]
    fn what_is_read_one_by_one_can_be_read_again() {
        let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
        let fields = Fields::one_by_one(&format!(r#"{{"a":{deep},"b":1e400}}"#)).unwrap();
        let written = Value::Object(fields.rest()).to_string();
        assert_eq!(Value::Object(read(&written).rest()).to_string(), format!(r#"{{"a":{deep}}}"#));
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|it| it.to_string()),
            any::<f64>().prop_map(|it| serde_json::json!(it).to_string()),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?",
            ".{0,9}".prop_map(|it| serde_json::json!(it).to_string()),
            r#""(\\u[0-9a-cA-C][0-9a-fA-F]{3}|\\["\\/bfnrt]|[a-z]){0,5}""#,
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            let name = prop_oneof!["[a-c]", ".{0,3}", Just("scope".to_owned())]
                .prop_map(|it| serde_json::json!(it).to_string());
            let list = prop::collection::vec(inner.clone(), 0..5);
            let object = prop::collection::vec((name, inner), 0..5).prop_map(|fields| {
                let fields = fields.iter().map(|(name, value)| format!("{name} :\t{value}"));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            });
            prop_oneof![list.prop_map(|list| format!("[ {} ]", list.join(" ,\n"))), object]
        })
    }

    proptest! {
        #[test]
        fn one_by_one_finds_what_is_read_at_once(json in json()) {
            let mut at_once = Fields::default();
            let is_read = at_once.fill(&json).is_ok();
            let one_by_one = Fields::one_by_one(&json);
            prop_assert_eq!(one_by_one.is_ok(), json.starts_with('{'), "{}", &json);
            if is_read {
                prop_assert_eq!(one_by_one.unwrap().rest(), at_once.rest());
            }
        }

        #[test]
        fn one_by_one_takes_no_text_that_is_no_json(
            json in json(), at in any::<prop::sample::Index>(), odd in any::<char>(),
        ) {
            let mut odd_one: Vec<char> = json.chars().collect();
            *at.get_mut(&mut odd_one) = odd;
            let odd_one: String = odd_one.iter().collect();
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&odd_one).is_ok();
            let is_object = is_json && odd_one.trim_start().starts_with('{');
            prop_assert_eq!(Fields::one_by_one(&odd_one).is_ok(), is_object);
        }
    }
}
