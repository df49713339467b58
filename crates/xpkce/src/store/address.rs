//! Where a store is, as people write it. Settings, and what they are called, are their readers'.

use std::error::Error as StdError;
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use super::PostgresUri;
use super::libpq::is_libpq_dsn;

/// Where a store is. Both kinds are known to every build, whatever its features can open.
#[derive(Debug)]
pub enum StoreAddress {
    /// One SQLite file. The path may be relative, as it was written.
    File(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUri),
}

impl StoreAddress {
    /// Reads a path, `sqlite:PATH`, `postgres://…` or `postgresql://…`. A path need not be UTF-8.
    ///
    /// # Errors
    ///
    /// What is none of these, or is nearly an address: it is not taken for a path, because a file's
    /// name would hold the password then.
    pub fn parse(address: impl AsRef<OsStr>) -> Result<Self, StoreAddressError> {
        let address = address.as_ref();
        let Some(text) = address.to_str() else {
            // What is no text is a path, or an address whose password is in another encoding.
            let nearly = address.to_string_lossy();
            let is_address = nearly.contains("://") || is_for_postgres(&nearly);
            return if is_address {
                Err(StoreAddressError::UnknownKind)
            } else {
                Ok(Self::File(address.into()))
            };
        };
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(PostgresUri::new(text)));
        }
        if is_for_postgres(text) {
            return Err(StoreAddressError::NoUrl);
        }
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        // SQLite's own words for a store that nobody could come back to, or that has parameters.
        if path.contains("://") || path.starts_with("file:") || path.starts_with(":memory:") {
            return Err(StoreAddressError::UnknownKind);
        }
        if path.is_empty() { Err(StoreAddressError::Empty) } else { Ok(Self::File(path.into())) }
    }
}

/// Returns whether it is meant for PostgreSQL, also where a slash is missing.
fn is_for_postgres(text: &str) -> bool {
    is_libpq_dsn(text) || text.starts_with("postgres:") || text.starts_with("postgresql:")
}

/// Why an address names no store. Does not hold the address, because a password may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreAddressError {
    /// It names no file.
    Empty,
    /// It is meant for PostgreSQL and is no URL: it lacks a slash, or is in libpq's keyword form,
    /// `host=… password=…`.
    NoUrl,
    /// It is a URL of another kind or is not UTF-8, or has SQLite's own words for what is no file.
    UnknownKind,
}

impl fmt::Display for StoreAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the store's address names no file",
            Self::NoUrl => "a store on PostgreSQL is a URL",
            Self::UnknownKind => "this kind of store is not known",
        })
    }
}

impl StdError for StoreAddressError {}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn refusal(address: &str) -> StoreAddressError {
        StoreAddress::parse(address).unwrap_err()
    }

    fn is_at(address: impl AsRef<OsStr>, path: impl AsRef<Path>) -> bool {
        let read = StoreAddress::parse(address);
        matches!(read, Ok(StoreAddress::File(at)) if at == path.as_ref())
    }

    #[test]
    fn a_path_is_kept_as_it_was_written() {
        for path in ["x.db", "a b.db", "../x.db", "/srv/x.db", "a=b.db", "c:/x.db"] {
            assert!(is_at(path, path), "{path}");
        }
        assert!(is_at("sqlite:x.db", "x.db") && is_at("sqlite:/x.db", "/x.db"));
    }

    #[test]
    fn an_address_without_a_path_names_no_file() {
        assert_eq!(refusal(""), StoreAddressError::Empty);
        assert_eq!(refusal("sqlite:"), StoreAddressError::Empty);
    }

    #[test]
    fn a_url_of_postgresql_is_kept_whole_and_is_not_shown() {
        for url in ["postgres://user:hunter2@host/db", "postgresql://user:hunter2@host/db"] {
            let address = StoreAddress::parse(url).unwrap();
            assert!(!format!("{address:?}").contains("hunter2"));
            let StoreAddress::Postgres(uri) = address else { panic!("it is a path") };
            assert_eq!(uri.expose(), url);
        }
    }

    #[test]
    fn what_is_meant_for_postgresql_is_no_path() {
        for address in [
            "host=h password=hunter2 dbname=d",
            "postgres:/user:hunter2@host/db",
            "postgresql:user:hunter2@host/db",
        ] {
            assert_eq!(refusal(address), StoreAddressError::NoUrl, "{address}");
        }
    }

    #[test]
    fn sqlites_own_words_and_other_kinds_of_url_are_no_path() {
        for address in [
            ":memory:",
            "sqlite::memory:",
            "file:x?mode=memory",
            "sqlite:file:x",
            "mysql://user:hunter2@host/db",
        ] {
            assert_eq!(refusal(address), StoreAddressError::UnknownKind, "{address}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_a_path_unless_it_is_nearly_an_address() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = OsStr::from_bytes(b"/srv/\xff/x.db");
        assert!(is_at(path, path));
        for address in [
            &b"postgres://user:hunter2\xff@host/db"[..],
            b"postgres:/user:hunter2\xff@host/db",
            b"host=h password=hunter2\xff",
            b"mysql://user:hunter2\xff@host/db",
        ] {
            let refused = StoreAddress::parse(OsStr::from_bytes(address)).unwrap_err();
            assert_eq!(refused, StoreAddressError::UnknownKind);
        }
    }
}
