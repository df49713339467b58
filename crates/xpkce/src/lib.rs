//! xpkce.
