//! Scopes: an open set, because X's list grows and an unknown name must never cost a rotated pair.

use serde::{Deserialize, Serialize};

/// A set of scopes in the order they were given, without repeats.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<String>);
