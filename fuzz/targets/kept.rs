//! Whatever lies in a store or in a file of waiting pairs is read, or refused, and opens nothing.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use xpkce::grant::{Account, Grant};
use xpkce::keeper::{spilled_keys, waiting_pairs};
use xpkce::seal::{Place, Sealed, Sealer};
use xpkce::store::{Revision, Stored, contract};
use xpkce::{LoginStatus, Timestamp};

use self::field::{value, with};

mod field;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A key that nothing here is sealed with.
static SEALER: LazyLock<Sealer> =
    LazyLock::new(|| Sealer::from_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap());

/// The folder, and the one file in it.
static HOLDERS: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0123456789abcdef0123456789abcdef.holder");
    (folder, file)
});

// A field of a record, the JSON in its place, and where a file of waiting pairs ends.
fuzz_target!(|input: (u8, Option<u64>, &str, u16)| {
    let (field, number, text, end) = input;
    let value = value(number, text);
    let grant = serde_json::to_value(contract::grant(Account::new("app", "user"))).unwrap();
    if let Ok(grant) = serde_json::from_value::<Grant>(with(grant, field, value.clone())) {
        look_at(grant);
    }
    if let Ok(sealed) = Sealed::try_from(text.to_owned()) {
        assert!(SEALER.open(Place::KeyCheck, &sealed).is_err());
    }
    let _ = Sealer::from_text(text);

    let (folder, file) = &*HOLDERS;
    let mut written = slot(with(spilled(), field, value).to_string().as_bytes());
    written.extend(slot(text.as_bytes()));
    written.truncate(written.len().saturating_sub(end.into()));
    std::fs::write(file, written).unwrap();
    let _ = spilled_keys(folder.path());
    let _ = waiting_pairs(folder.path(), NOW);
});

fn look_at(grant: Grant) {
    let written = serde_json::to_string(&grant).unwrap();
    let read: Grant = serde_json::from_str(&written).expect("what was written is read");
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
    if let Some(minute) = grant.due_minute() {
        assert!(minute >= grant.due_at().unwrap().as_millis().div_euclid(60_000));
    }
    if let Some(token) = &grant.refresh {
        let place = Place::Refresh(&grant.account, &grant.grant_id, grant.generation);
        assert!(SEALER.open(place, token).is_err());
    }
    let grant = Arc::new(grant);
    let stored = Stored { grant, revision: Revision(1), lease_left: Duration::ZERO, now: NOW };
    let _ = LoginStatus::of(&stored, NOW);
}

fn spilled() -> Value {
    let id = "0123456789abcdef0123456789abcdef";
    json!({
        "account": { "app": "app", "user": "user" }, "grant_id": id, "generation": 1,
        "spent_pair": id, "pair": id, "attempt": id, "received_at": 1_600_000_000_000_i64,
        "holder": { "boot_id": "b", "pid": 1, "liveness": null },
        "secrets": "0123456789abcdef.c2VhbGVk",
    })
}

/// A record with its header, in slots of its own.
fn slot(record: &[u8]) -> Vec<u8> {
    const SLOT: usize = 16 * 1024;
    let sum = record.chunks(8).fold(record.len() as u64, |sum, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    });
    let mut slot = (record.len() as u32).to_le_bytes().to_vec();
    slot.extend(sum.to_le_bytes());
    slot.extend(record);
    slot.resize(slot.len().next_multiple_of(SLOT), 0);
    slot
}
