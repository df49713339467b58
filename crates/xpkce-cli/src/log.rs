//! The library's events on standard error, without colour.

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::{Failure, Kind, Result};

/// Logs what the setting asks for, or else as much as `-v` was given, or else warnings.
pub(crate) fn start(setting: Option<&str>, verbose: u8) -> Result<()> {
    let wanted = match (setting, verbose) {
        (_, 2..) => of_xpkce(Level::TRACE),
        (_, 1) => of_xpkce(Level::DEBUG),
        (Some(setting), 0) => parse(setting)?,
        (None, 0) => quiet(),
    };
    let is_quiet = setting.is_none() && verbose == 0;
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(!is_quiet);
    // Its warnings about a machine without certificates come with every HTTPS request.
    let filter = wanted.with_target("rustls_platform_verifier", LevelFilter::OFF);
    let registry = tracing_subscriber::registry().with(filter);
    if is_quiet {
        registry.with(layer.without_time()).init();
    } else {
        registry.with(layer).init();
    }
    Ok(())
}

fn of_xpkce(level: Level) -> Targets {
    Targets::new().with_default(Level::WARN).with_target("xpkce", level)
}

/// What a command tells by itself is not logged as well.
fn quiet() -> Targets {
    Targets::new()
        .with_default(Level::WARN)
        .with_target("xpkce::keeper::unlabelled", LevelFilter::OFF)
}

fn parse(setting: &str) -> Result<Targets> {
    let unread =
        || Failure::new(Kind::Configure, "XPKCE_LOG cannot be read").hint("export XPKCE_LOG=debug");
    // Any other word alone is a target, of which nothing is heard if it is a level misspelt.
    let is_known = |word: &str| {
        word.contains('=') || word.starts_with("xpkce") || word.parse::<LevelFilter>().is_ok()
    };
    if !setting.split(',').map(str::trim).any(is_known) {
        return Err(unread().why(&"it names no level, such as debug or hyper=debug"));
    }
    setting.parse().map_err(|why| unread().why(&why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_misspelt_is_told() {
        for known in ["debug", "xpkce::keeper", "xpkce=trace,hyper=info", "info, hyper", "off", "3"]
        {
            assert!(parse(known).is_ok(), "{known}");
        }
        for unknown in ["%%%", "debgu", "hyper"] {
            assert_eq!(parse(unknown).unwrap_err().kind, Kind::Configure, "{unknown}");
        }
    }
}
