//! A set of scopes reads back as what it was written from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xpkce::Scopes;

fuzz_target!(|text: &str| {
    let scopes = Scopes::parse(text);
    assert_eq!(Scopes::parse(&scopes.to_string()), scopes);
    for scope in scopes.iter() {
        assert!(scopes.contains(scope));
        assert!(text.contains(scope));
    }
    assert_eq!(scopes.len(), scopes.iter().count());
    assert_eq!(scopes.is_empty(), scopes.iter().next().is_none());
});
