//! The addresses of PostgreSQL that no store here reads: words and values, as libpq has them.

/// What such an address begins with, of libpq's words.
const WORDS: [&str; 14] = [
    "application_name",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "passfile",
    "password",
    "port",
    "service",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
];

/// Returns whether a store's address is in libpq's form, `host=… password=…`. It is no path then,
/// and nothing of it may be repeated.
pub fn is_libpq_dsn(address: &str) -> bool {
    let Some((word, _)) = address.split_once('=') else { return false };
    WORDS.contains(&word.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_are_an_address_and_no_path() {
        assert!(is_libpq_dsn("host=h password=hunter2 dbname=d"));
        assert!(is_libpq_dsn(" user = xp password = hunter2"));
    }

    #[test]
    fn a_path_may_have_an_equals_sign() {
        for path in
            ["xpkce.db", "a=b.db", "/srv/host=1/xpkce.db", "./host=h", "postgres://h/d?user=xp"]
        {
            assert!(!is_libpq_dsn(path), "{path}");
        }
    }
}
