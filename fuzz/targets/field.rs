//! A record with one of its fields replaced: what both targets that read records begin with.

use serde_json::Value;

/// A number of either sign, or a text as JSON where it is some.
pub fn value(number: Option<u64>, text: &str) -> Value {
    match number {
        Some(number) if text.starts_with('-') => number.cast_signed().into(),
        Some(number) => number.into(),
        None => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}

/// Returns the record with `value` in one of its fields: the one that `field` counts to, around.
pub fn with(mut record: Value, field: u8, value: Value) -> Value {
    let fields = record.as_object_mut().unwrap();
    let name = fields.keys().nth(usize::from(field) % fields.len()).unwrap().clone();
    fields.insert(name, value);
    record
}
