//! What is counted and timed: every name, unit and label. With the feature `metrics` it is recorded
//! through the facade crate of that name; without a recorder, each costs one load.
//!
//! | name | kind | unit | labels | what |
//! |---|---|---|---|---|
//! | [`REFRESHES`] | counter | | `outcome`: `rotated` `unread` `rejected` `in_doubt` `not_sent` `rate_limited` `misconfigured` | what came of each spend of a refresh token |
//! | [`REFRESH_SECONDS`] | histogram | seconds | | from a request to X until its answer |
//! | [`DOUBTS`] | counter | | | sends whose outcome is not known, resends included |
//! | [`VERDICTS`] | counter | | `verdict`: `moved` `heard` `candidate` `token_invalid` `answer_lost` | X's words that a token is invalid, and what they came to |
//! | [`ADOPTIONS`] | counter | | | tokens taken over that another holder had rotated |
//! | [`LEASE_WAITS`] | counter | | | looks at a login that another holder is refreshing |
//! | [`LEASE_WAIT_SECONDS`] | histogram | seconds | | how long a caller waited for another holder |
//! | [`TOKEN_AGE_SECONDS`] | histogram | seconds | | the age of the tokens that were handed out after a look at the store; those from memory are not counted |
//! | [`SPILLS`] | counter | | `outcome`: `spilled` `kept_in_memory` `saved` `recovered` | pairs that the store would not take: where they went first, and that they are in it after all |
//! | [`SIGN_OUTS`] | counter | | `outcome`: `revoked` `failed` | sign-outs at X |
//! | [`QUEUE`] | counter | | `outcome`: `rotated` `signed_out` `left` `failed` | logins that the queue worked on |
//! | [`QUEUE_PAUSES`] | counter | | | times that the queue stopped because X failed for many |
//! | [`CLOCK_AHEAD_SECONDS`] | gauge | seconds | | how far this machine's clock is ahead of X's, by the `Date` of the last pair; below zero if it is behind |
//!
//! No label holds an account, an app or any part of a token, so the number of series is fixed.

/// `xpkce_refreshes_total`
pub const REFRESHES: &str = "xpkce_refreshes_total";
/// `xpkce_refresh_seconds`
pub const REFRESH_SECONDS: &str = "xpkce_refresh_seconds";
/// `xpkce_doubts_total`
pub const DOUBTS: &str = "xpkce_doubts_total";
/// `xpkce_verdicts_total`
pub const VERDICTS: &str = "xpkce_verdicts_total";
/// `xpkce_adoptions_total`
pub const ADOPTIONS: &str = "xpkce_adoptions_total";
/// `xpkce_lease_waits_total`
pub const LEASE_WAITS: &str = "xpkce_lease_waits_total";
/// `xpkce_lease_wait_seconds`
pub const LEASE_WAIT_SECONDS: &str = "xpkce_lease_wait_seconds";
/// `xpkce_token_age_seconds`
pub const TOKEN_AGE_SECONDS: &str = "xpkce_token_age_seconds";
/// `xpkce_spills_total`
pub const SPILLS: &str = "xpkce_spills_total";
/// `xpkce_sign_outs_total`
pub const SIGN_OUTS: &str = "xpkce_sign_outs_total";
/// `xpkce_queue_total`
pub const QUEUE: &str = "xpkce_queue_total";
/// `xpkce_queue_pauses_total`
pub const QUEUE_PAUSES: &str = "xpkce_queue_pauses_total";
/// `xpkce_clock_ahead_seconds`
pub const CLOCK_AHEAD_SECONDS: &str = "xpkce_clock_ahead_seconds";

/// A counter.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Counting {
    /// Its name.
    pub name: &'static str,
    /// Its label's name, if it has values.
    pub label: &'static str,
    /// The values of its label; none where it has no label.
    pub values: &'static [&'static str],
    /// What is counted.
    pub what: &'static str,
}

const fn by(
    name: &'static str,
    label: &'static str,
    values: &'static [&'static str],
    what: &'static str,
) -> Counting {
    Counting { name, label, values, what }
}

const fn plain(name: &'static str, what: &'static str) -> Counting {
    by(name, "", &[], what)
}

/// The counters.
pub const COUNTERS: &[Counting] = &[
    by(
        REFRESHES,
        "outcome",
        &["rotated", "unread", "rejected", "in_doubt", "not_sent", "rate_limited", "misconfigured"],
        "What came of each spend of a refresh token",
    ),
    plain(DOUBTS, "Sends whose outcome is not known"),
    by(
        VERDICTS,
        "verdict",
        &["moved", "heard", "candidate", "token_invalid", "answer_lost"],
        "X's words that a token is invalid, and what they came to",
    ),
    plain(ADOPTIONS, "Tokens taken over that another holder had rotated"),
    plain(LEASE_WAITS, "Looks at a login that another holder is refreshing"),
    by(
        SPILLS,
        "outcome",
        &["spilled", "kept_in_memory", "saved", "recovered"],
        "Pairs that the store would not take at once",
    ),
    by(SIGN_OUTS, "outcome", &["revoked", "failed"], "Sign-outs at X"),
    by(
        QUEUE,
        "outcome",
        &["rotated", "signed_out", "left", "failed"],
        "Logins that the queue worked on",
    ),
    plain(QUEUE_PAUSES, "Times that the queue stopped because X failed for many"),
];

/// The histograms, and suitable bucket bounds in seconds.
pub const HISTOGRAMS: &[(&str, &[f64])] = &[
    (REFRESH_SECONDS, &[0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 40.0]),
    (LEASE_WAIT_SECONDS, &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 20.0, 50.0]),
    (TOKEN_AGE_SECONDS, &[1.0, 60.0, 600.0, 1800.0, 3600.0, 5400.0, 6900.0, 7200.0]),
];

#[cfg(feature = "metrics")]
mod recorded {
    use std::time::Duration;

    use metrics::{
        Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
    };

    use super::*;
    use crate::contained;

    /// Describes each of them to the recorder, and begins each counter at zero: who watches one grow
    /// sees its first step, too. Call it once, after the recorder was installed.
    pub fn describe() {
        for Counting { name, label, values, what } in COUNTERS {
            describe_counter!(*name, Unit::Count, *what);
            if values.is_empty() {
                counter!(*name).increment(0);
            }
            for value in *values {
                counter!(*name, *label => *value).increment(0);
            }
        }
        for (name, what) in [
            (REFRESH_SECONDS, "From a request to X until its answer"),
            (LEASE_WAIT_SECONDS, "How long a caller waited for another holder"),
            (TOKEN_AGE_SECONDS, "The age of tokens handed out after a look at the store"),
        ] {
            describe_histogram!(name, Unit::Seconds, what);
        }
        let what = "How far this machine's clock is ahead of X's, by the last pair";
        describe_gauge!(CLOCK_AHEAD_SECONDS, Unit::Seconds, what);
    }

    pub(crate) fn count(name: &'static str) {
        contained(|| counter!(name).increment(1));
    }

    pub(crate) fn count_by(name: &'static str, label: &'static str, value: &'static str) {
        contained(|| counter!(name, label => value).increment(1));
    }

    pub(crate) fn time(name: &'static str, span: Duration) {
        contained(|| histogram!(name).record(span.as_secs_f64()));
    }

    pub(crate) fn set(name: &'static str, value: f64) {
        contained(|| gauge!(name).set(value));
    }
}

#[cfg(feature = "metrics")]
pub use recorded::describe;
#[cfg(feature = "metrics")]
pub(crate) use recorded::{count, count_by, set, time};

#[cfg(not(feature = "metrics"))]
mod unrecorded {
    use std::time::Duration;

    pub(crate) fn count(_: &'static str) {}

    pub(crate) fn count_by(_: &'static str, _: &'static str, _: &'static str) {}

    pub(crate) fn time(_: &'static str, _: Duration) {}

    pub(crate) fn set(_: &'static str, _: f64) {}
}

#[cfg(not(feature = "metrics"))]
pub(crate) use unrecorded::{count, count_by, set, time};

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName};
    use metrics::{Metadata, Recorder, SharedString, Unit};

    use super::*;

    /// A recorder that fails.
    struct Broken;

    impl CounterFn for Broken {
        fn increment(&self, _: u64) {
            panic!("of a test");
        }

        fn absolute(&self, _: u64) {}
    }

    impl HistogramFn for Broken {
        fn record(&self, _: f64) {
            panic!("of a test");
        }
    }

    impl GaugeFn for Broken {
        fn increment(&self, _: f64) {}

        fn decrement(&self, _: f64) {}

        fn set(&self, _: f64) {
            panic!("of a test");
        }
    }

    impl Recorder for Broken {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Arc::new(Self))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Arc::new(Self))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(Arc::new(Self))
        }
    }

    #[test]
    fn a_recorder_that_panics_stops_nobody() {
        metrics::with_local_recorder(&Broken, || {
            count(DOUBTS);
            count_by(REFRESHES, "outcome", "rotated");
            time(REFRESH_SECONDS, Duration::from_secs(1));
            set(CLOCK_AHEAD_SECONDS, 1.0);
        });
    }
}
