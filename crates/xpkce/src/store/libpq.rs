//! Recognises PostgreSQL addresses in libpq's keyword form, which no store here reads.

/// What such an address begins with, of libpq's words.
const WORDS: [&str; 38] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "port",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslpassword",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Returns whether a store's address is in libpq's keyword form, `host=… password=…`.
pub(super) fn is_libpq_dsn(address: &str) -> bool {
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
        assert!(is_libpq_dsn("keepalives=1 host=h password=hunter2"));
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
