//! What PostgreSQL's errors mean to a caller.

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::{Severity, SqlState};

use crate::{Error, Reason};

/// Turns the driver's error into ours.
pub(super) fn failure(why: tokio_postgres::Error) -> Error {
    let meaning = match why.as_db_error() {
        Some(said) => meaning(said.code(), said.message()),
        None => without_code(&why),
    };
    meaning.with_source(why)
}

/// Turns the pool's error into ours.
pub(super) fn no_connection(why: PoolError) -> Error {
    match why {
        PoolError::Backend(why) => failure(why),
        PoolError::Timeout(TimeoutType::Wait) => {
            Error::new(Reason::Busy, "no connection to the store became free in time")
        }
        PoolError::Timeout(_) => {
            Error::new(Reason::Store, "the store's server did not take a connection in time")
        }
        why => Error::new(Reason::Store, "there is no connection to the store").with_source(why),
    }
}

/// Returns whether another transaction was in the way, and the same one may succeed now.
pub(super) fn is_conflict(why: &tokio_postgres::Error) -> bool {
    matches!(
        why.code(),
        Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
    )
}

/// Returns whether the server went on after the error, and so has undone the transaction.
pub(super) fn is_undone(why: &tokio_postgres::Error) -> bool {
    why.as_db_error().is_some_and(|why| why.parsed_severity() == Some(Severity::Error))
}

/// Returns whether the server was told to stop, or stops by itself after so long.
pub(super) fn is_stopped(why: &tokio_postgres::Error) -> bool {
    why.code() == Some(&SqlState::QUERY_CANCELED)
}

const REFUSED: &str = "the store refused the user or the password";
const NO_DATABASE: &str = "the store's database does not exist";

fn read_only() -> Error {
    let message = "the store's server takes no writes: it is a standby, or read-only";
    Error::new(Reason::Store, message).with_hint("name the server that takes writes")
}

fn meaning(code: &SqlState, said: &str) -> Error {
    let (reason, message) = match *code {
        SqlState::PROTOCOL_VIOLATION => return of_pooler(said),
        SqlState::READ_ONLY_SQL_TRANSACTION => return read_only(),
        SqlState::DISK_FULL => {
            return Error::new(Reason::Store, "the store's disk is full")
                .with_hint("make room on the server's disk");
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            return Error::new(Reason::Store, "the store's user lacks a privilege on its tables")
                .with_hint("grant it the tables xpkce_…, or CREATE on their schema to make them");
        }
        SqlState::INVALID_SCHEMA_NAME => {
            return Error::new(Reason::Store, "the store's user has no schema for its tables")
                .with_hint("give it a schema on its search_path, with CREATE on it");
        }
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            (Reason::InvalidSetting, REFUSED)
        }
        SqlState::INVALID_CATALOG_NAME => (Reason::InvalidSetting, NO_DATABASE),
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
            (Reason::Store, "the store's server is stopping, or starting")
        }
        SqlState::LOCK_NOT_AVAILABLE => (Reason::Busy, "another transaction holds the row"),
        SqlState::QUERY_CANCELED => (Reason::Busy, "the store did not answer in time"),
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
            (Reason::Busy, "the store waited for this program, and undid what it had begun")
        }
        SqlState::TOO_MANY_CONNECTIONS => (Reason::Busy, "the store has no free connection"),
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            (Reason::Busy, "other transactions were in the way again and again")
        }
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            (Reason::StoreDamaged, "the store is damaged")
        }
        _ => (Reason::Store, "the store refused a statement"),
    };
    Error::new(reason, message)
}

/// What a pooler says for itself. PgBouncer has one code for all of it, and most of it is that it has no
/// connection to the server: `server_login_retry`, `query_wait_timeout`, `server conn crashed?`.
fn of_pooler(said: &str) -> Error {
    let is_about = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (reason, message) = if is_about(&["authentication failed", "no such user", "role \""]) {
        (Reason::InvalidSetting, REFUSED)
    } else if is_about(&["no such database", "does not exist"]) {
        (Reason::InvalidSetting, NO_DATABASE)
    } else {
        (Reason::Store, "the store's server cannot be reached through its pooler now")
    };
    Error::new(reason, message)
}

/// What the driver itself found wrong, of which it has words alone.
fn without_code(why: &tokio_postgres::Error) -> Error {
    let found = std::error::Error::source(why).map(ToString::to_string).unwrap_or_default();
    if why.to_string().starts_with("invalid configuration") {
        return Error::new(Reason::InvalidSetting, "the PostgreSQL address lacks something");
    }
    if found.contains("does not allow writes") {
        return read_only();
    }
    let failed = Error::new(Reason::Store, "the connection to the store failed");
    match advice(&found) {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}

/// What mends a connection that TLS did not let come about.
fn advice(found: &str) -> Option<&'static str> {
    Some(match found {
        name if name.contains("not valid for name") => {
            "name the server in the address as its certificate does"
        }
        age if age.contains("certificate expired") => "renew the server's certificate",
        trust if trust.contains("invalid peer certificate") => {
            "add sslrootcert=FILE to the address's parameters: the certificate that vouches for the server's"
        }
        plain if plain.contains("does not support TLS") => {
            "turn TLS on at the server, or add sslmode=disable to the address's parameters"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::CertificateError::{ExpiredContext, UnknownIssuer};
    use rustls::pki_types::UnixTime;

    use super::*;

    #[test]
    fn a_certificate_that_has_ended_is_renewed_and_not_trusted() {
        let advised = |why| advice(&rustls::Error::InvalidCertificate(why).to_string());
        let at = |secs| UnixTime::since_unix_epoch(Duration::from_secs(secs));
        let ended = ExpiredContext { time: at(2), not_after: at(1) };
        assert_eq!(advised(ended), Some("renew the server's certificate"));
        assert!(advised(UnknownIssuer).is_some_and(|hint| hint.contains("sslrootcert=FILE")));
    }

    #[test]
    fn a_pooler_without_its_server_is_told_from_one_that_refuses_the_address() {
        for (said, reason) in [
            ("server login has been failed, try again later (server_login_retry)", Reason::Store),
            ("pgbouncer cannot connect to server", Reason::Store),
            ("query_wait_timeout", Reason::Store),
            ("server conn crashed?", Reason::Store),
            ("\"trust\" authentication failed", Reason::InvalidSetting),
            ("no such user: other", Reason::InvalidSetting),
            ("role \"other\" does not exist", Reason::InvalidSetting),
            ("no such database: other", Reason::InvalidSetting),
            ("database \"other\" does not exist", Reason::InvalidSetting),
        ] {
            let why = meaning(&SqlState::PROTOCOL_VIOLATION, said);
            assert_eq!(why.reason(), reason, "{said}: {why}");
            let is_away = why.to_string().contains("cannot be reached");
            assert_eq!(is_away, reason == Reason::Store, "{said}: {why}");
        }
    }
}
