//! What a connection string means to us. tokio-postgres knows neither `verify-full` nor
//! `sslrootcert`, and takes less than a checked certificate for secure; we do not.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use url::Url;

use crate::{Error, Reason, Result};

/// A connection string, read.
pub(super) struct Dsn {
    pub(super) config: Config,
    /// The certificates to trust, where not those of the system.
    pub(super) roots: Option<PathBuf>,
}

/// How long a connection may take, TLS and password included.
pub(super) const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// When an idle connection is probed.
const IDLE_PROBE: Duration = Duration::from_secs(30);

/// How long a server may leave what was sent without an acknowledgement, before the connection is
/// given up for a new one.
const SILENCE: Duration = Duration::from_secs(15);

impl Dsn {
    /// Reads `postgres://user:password@host:port/database?sslmode=..&sslrootcert=..`.
    ///
    /// A connection to another machine is encrypted and its certificate checked unless `sslmode` is
    /// `disable`; one to this machine is plain unless `sslmode` says otherwise.
    pub(super) fn parse(text: &str) -> Result<Self> {
        // Never the source: it may quote the password.
        let mut url = Url::parse(text).map_err(|_| malformed("it is not a URL"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(malformed("it does not begin with postgres://"));
        }
        let (ours, theirs): (Vec<_>, Vec<_>) =
            url.query_pairs().into_owned().partition(|(name, _)| name.starts_with("ssl"));
        url.set_query(None);
        if !theirs.is_empty() {
            // Not `query_pairs_mut`, which writes a space as a plus: libpq reads that as a plus.
            let pair = |(name, value): &(String, String)| format!("{name}={}", encoded(value));
            url.set_query(Some(&theirs.iter().map(pair).collect::<Vec<_>>().join("&")));
        }
        let mut config: Config =
            url.as_str().parse().map_err(|_| malformed("it has a parameter that is not known"))?;
        let (mut mode, mut roots) = (None, None);
        for (name, value) in ours {
            match &*name {
                "sslmode" => mode = Some(value),
                "sslrootcert" if value == "system" => roots = None,
                "sslrootcert" => roots = Some(PathBuf::from(value)),
                _ => {
                    return Err(malformed(
                        "of the ssl parameters, sslmode and sslrootcert are known",
                    ));
                }
            }
        }
        config
            .ssl_mode(ssl_mode(mode.as_deref(), &config)?)
            .connect_timeout(CONNECT_DEADLINE)
            .keepalives_idle(IDLE_PROBE)
            .tcp_user_timeout(SILENCE)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("xpkce");
        }
        Ok(Self { config, roots })
    }
}

fn ssl_mode(mode: Option<&str>, config: &Config) -> Result<SslMode> {
    match mode {
        None if config.get_hosts().iter().all(is_this_machine) => Ok(SslMode::Disable),
        Some("disable") => Ok(SslMode::Disable),
        // Stricter than asked for, which no certificate in order notices.
        None | Some("require" | "verify-ca" | "verify-full") => Ok(SslMode::Require),
        Some(_) => Err(malformed("sslmode is one of disable, require, verify-ca and verify-full")),
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        _ => true,
    }
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn malformed(why: &'static str) -> Error {
    Error::new(Reason::InvalidSetting, format!("the PostgreSQL address cannot be used: {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn mode(text: &str) -> SslMode {
        Dsn::parse(text).unwrap().config.get_ssl_mode()
    }

    #[test]
    fn another_machine_is_spoken_to_in_checked_tls() {
        let dsn = "postgres://xp:secret@db.example.com/xp";
        for tail in ["", "?sslmode=require", "?sslmode=verify-ca", "?sslmode=verify-full"] {
            assert_eq!(mode(&format!("{dsn}{tail}")), SslMode::Require, "{tail}");
        }
    }

    #[test]
    fn plain_text_is_for_this_machine_or_by_request() {
        assert_eq!(mode("postgres://xp@localhost/xp"), SslMode::Disable);
        assert_eq!(mode("postgres://xp@127.0.0.1:5433/xp"), SslMode::Disable);
        assert_eq!(mode("postgres://xp@db.example.com/xp?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://xp@localhost/xp?sslmode=verify-full"), SslMode::Require);
    }

    #[test]
    fn the_roots_are_those_of_a_file_or_of_the_system() {
        let roots = |tail| {
            let dsn = format!("postgres://xp@db.example.com/xp?sslrootcert={tail}");
            Dsn::parse(&dsn).unwrap().roots
        };
        assert_eq!(roots("system"), None);
        assert_eq!(roots("/root.crt"), Some(PathBuf::from("/root.crt")));
    }

    #[test]
    fn a_mode_that_may_fall_back_to_plain_text_is_refused() {
        for mode in ["prefer", "allow", "", "VERIFY-FULL"] {
            let dsn = format!("postgres://xp@db.example.com/xp?sslmode={mode}");
            assert_eq!(Dsn::parse(&dsn).err().unwrap().reason(), Reason::InvalidSetting);
        }
    }

    #[test]
    fn other_parameters_pass_unchanged() {
        let dsn = "postgres://xp@localhost/xp?options=-c%20search_path%3Da&sslmode=disable";
        let config = Dsn::parse(dsn).unwrap().config;
        assert_eq!(config.get_options(), Some("-c search_path=a"));
    }

    #[test]
    fn an_address_that_cannot_be_used_is_not_repeated() {
        for dsn in ["secret", "mysql://xp:secret@h/d", "postgres://xp:secret@h/d?secret=1"] {
            let why = Dsn::parse(dsn).err().unwrap();
            assert_eq!(why.reason(), Reason::InvalidSetting);
            assert!(!format!("{why:?}").contains("secret"), "{why:?}");
        }
    }
}
