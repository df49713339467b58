//! What is sealed opens in its place, with its key, unchanged; and nowhere else.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "silence/silence.rs"]
mod silence;

use xpkce::grant::{Account, Generation, GrantId, PairId};
use xpkce::seal::{Place, Sealed, Sealer};
use xpkce::{Error, Reason};

use self::silence::Silence;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const ANOTHER: &str = "//////////////////////////////////////////8=";
const SECRET: &[u8] = b"bGFzdCByZWZyZXNoIHRva2Vu";

fn sealer() -> Sealer {
    Sealer::from_text(KEY).unwrap()
}

fn account() -> Account {
    Account::new("app", "2244994945")
}

fn sealed() -> Sealed {
    sealer().seal(refresh_of(&account(), &GrantId::new([1; 16]), 1), SECRET).unwrap()
}

fn refresh_of<'a>(account: &'a Account, grant: &'a GrantId, generation: u64) -> Place<'a> {
    Place::Refresh(account, grant, Generation(generation))
}

fn open(sealed: &Sealed) -> Result<Vec<u8>, Error> {
    let silence = Silence::listen();
    let place = (account(), GrantId::new([1; 16]));
    let opened = sealer().open(refresh_of(&place.0, &place.1, 1), sealed);
    Ok(opened.inspect_err(|why| silence.hear(why))?.to_vec())
}

#[test]
fn what_is_sealed_opens_in_its_place() {
    assert_eq!(open(&sealed()).unwrap(), SECRET);
}

#[test]
fn an_empty_secret_is_sealed_too() {
    let sealed = sealer().seal(Place::KeyCheck, b"").unwrap();
    assert!(sealer().open(Place::KeyCheck, &sealed).unwrap().is_empty());
}

/// What version 0.1.0 sealed with the key above, place by place.
const SEALED: [&str; 8] = [
    "614753fca098ca22.YNCpsLXfjwAZdZKBMTzfoYTLZIdfm9XIXabsCNlGICP0ZMHAg-YyKJSHZAlwZmw7R-1d34v6qcm6X5LcZ0ByHA",
    "614753fca098ca22.KnXe9sJQHdwK5JBT_21nslpani1obLsjOcZOb1-JFcecHrlOkU8ZnBZvaIxpIdWp518zRde58Qt35OqOvoTP1Q",
    "614753fca098ca22.HU6rMoL-SEllfAJ_Lx9Bmg3fAFX88VnnugvzO1We9EbLPVphzVwJwYobKbNFa4kogwt7CZRxt0qpr8-AdkgL1A",
    "614753fca098ca22.Ks4F1NOck6pTr-iIYk8f2qKzXTDq4zQTuKWAX8aojyXE6ACa3PieSCB8Iech3EncK1Bs8hONQK4jFCwct0H7wQ",
    "614753fca098ca22.E9WgWYtYn_naUVw3dq0FXWKKNRV0KHgYvpMxa4mPrmjOmFVlNFk0Qkf0x-WCJDQfMtb11k43jdDxlRznFqVWcg",
    "614753fca098ca22.0hshhXWjsNRPQHyRBSwXTANnob5KGR-lcf6tEE_8bpFM01HzXZTz9EWCHKpiTnNob5TE3TXDjQcR2EjE3VlV6g",
    "614753fca098ca22.7m-T6XnRgDZjMAdmEPRBhMbCtNZcH9qea3chiCK0mgU3OWaspwTRy11DfxvjNtzjD09NTi1Ja9joqFYXx7YiMg",
    "614753fca098ca22.k4T4ELqTV466i3TX_cgMNWYnACXB8Ge8ihscYHmBjZt3jMk-wpJCkLhgki21DmDk7G6QbHNSDGgzx9sUeV1CJA",
];

#[test]
fn what_was_sealed_once_opens_for_ever() {
    let (account, grant, pair) = (account(), GrantId::new([1; 16]), PairId::new([2; 16]));
    let places = [
        Place::Access(&account, &grant, Generation(7)),
        Place::Refresh(&account, &grant, Generation(7)),
        Place::Candidate(&account, &pair),
        Place::Unread(&account, &grant, Generation(7)),
        Place::Login("key"),
        Place::Spill(&account, &grant, Generation(7)),
        Place::KeyCheck,
        Place::ClientSecret("app"),
    ];
    for (place, sealed) in places.into_iter().zip(SEALED) {
        let sealed = Sealed::try_from(sealed.to_owned()).unwrap();
        assert_eq!(*sealer().open(place, &sealed).unwrap(), SECRET, "{place}");
    }
}

#[test]
fn the_same_secret_never_looks_the_same() {
    assert_ne!(String::from(sealed()), String::from(sealed()));
}

#[test]
fn a_sealed_secret_comes_back_from_json_as_one_string() {
    let written = serde_json::to_value(sealed()).unwrap();
    assert!(written.is_string());
    assert_eq!(open(&serde_json::from_value(written).unwrap()).unwrap(), SECRET);
}

#[test]
fn nothing_opens_in_another_place() {
    let (mine, theirs) = (account(), Account::new("app", "783214"));
    let app = Account::new("another", "2244994945");
    let (grant, later) = (GrantId::new([1; 16]), GrantId::new([2; 16]));
    let (pair, next) = (PairId::new([1; 16]), PairId::new([2; 16]));
    let g = Generation;
    let places = [
        Place::Access(&mine, &grant, g(1)),
        Place::Refresh(&mine, &grant, g(1)),
        Place::Unread(&mine, &grant, g(1)),
        Place::Spill(&mine, &grant, g(1)),
        Place::Refresh(&theirs, &grant, g(1)),
        Place::Refresh(&app, &grant, g(1)),
        Place::Refresh(&mine, &later, g(1)),
        Place::Refresh(&mine, &grant, g(2)),
        Place::Candidate(&mine, &pair),
        Place::Candidate(&mine, &next),
        Place::Candidate(&theirs, &pair),
        Place::Login("state"),
        Place::Login("another state"),
        Place::KeyCheck,
    ];
    for (at, place) in places.iter().enumerate() {
        let sealed = sealer().seal(*place, SECRET).unwrap();
        for (other_at, other) in places.iter().enumerate() {
            let opened = sealer().open(*other, &sealed);
            assert_eq!(opened.is_ok(), at == other_at, "{place:?} in {other:?}");
        }
    }
}

#[test]
fn parts_of_a_place_do_not_run_into_each_other() {
    let grant = GrantId::new([1; 16]);
    let (one, other) = (Account::new("ab", "c"), Account::new("a", "bc"));
    let sealed = sealer().seal(refresh_of(&one, &grant, 1), SECRET).unwrap();
    assert!(sealer().open(refresh_of(&other, &grant, 1), &sealed).is_err());
}

#[test]
fn every_flipped_bit_is_noticed() {
    let written = String::from(sealed());
    for at in 0..written.len() {
        for bit in 0..7 {
            let mut bytes = written.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let flipped = String::from_utf8(bytes).unwrap();
            let opened = Sealed::try_from(flipped).and_then(|sealed| open(&sealed));
            assert!(opened.is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    let written = String::from(sealed());
    for length in 0..written.len() {
        let opened = Sealed::try_from(written[..length].to_owned()).and_then(|cut| open(&cut));
        assert!(opened.is_err(), "{length} bytes");
    }
}

#[test]
fn another_key_is_named_in_the_error() {
    let sealed = Sealer::from_text(ANOTHER).unwrap().seal(Place::KeyCheck, SECRET).unwrap();
    let why = sealer().open(Place::KeyCheck, &sealed).unwrap_err();
    assert_eq!(why.reason(), Reason::Key);
    assert!(why.to_string().contains(&sealed.key().to_string()));
}

#[test]
fn a_secret_under_the_name_of_another_key_does_not_open() {
    let both = Sealer::from_text(&format!("{ANOTHER} {KEY}")).unwrap();
    let text = String::from(both.seal(Place::KeyCheck, SECRET).unwrap());
    let (_, text) = text.split_once('.').unwrap();
    let forged = Sealed::try_from(format!("{}.{text}", both.keys()[0])).unwrap();
    assert_eq!(both.open(Place::KeyCheck, &forged).unwrap_err().reason(), Reason::Key);
}

#[test]
fn the_last_key_seals_and_every_key_opens() {
    let before = sealer().seal(Place::KeyCheck, SECRET).unwrap();
    let both = Sealer::from_text(&format!("{KEY}\n{ANOTHER}\n")).unwrap();
    assert_eq!(both.open(Place::KeyCheck, &before).unwrap().as_slice(), SECRET);
    let after = both.seal(Place::KeyCheck, SECRET).unwrap();
    assert_eq!(*after.key(), Sealer::from_text(ANOTHER).unwrap().current());
}

#[test]
fn a_key_is_32_bytes_in_base64() {
    for wrong in ["", " ", "AAEC", "not base64!", &KEY[1..], &format!("{KEY}{KEY}")] {
        assert_eq!(Sealer::from_text(wrong).unwrap_err().reason(), Reason::Key, "{wrong}");
    }
    let unpadded = KEY.trim_end_matches('=');
    assert_eq!(Sealer::from_text(unpadded).unwrap().current(), sealer().current());
    let url_safe = ANOTHER.replace('/', "_");
    let another = Sealer::from_text(ANOTHER).unwrap().current();
    assert_eq!(Sealer::from_text(&url_safe).unwrap().current(), another);
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?} {:?} {}", sealer(), sealed(), open_error());
    for secret in [KEY, "AAECAwQF", "0, 1, 2, 3", &String::from(sealed())[17..40]] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn open_error() -> Error {
    sealer().open(Place::KeyCheck, &sealed()).unwrap_err()
}
