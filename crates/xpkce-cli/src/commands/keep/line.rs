//! What `xpkce keep` tells, as lines for people and as JSON. The shapes are documented in its help.

use std::time::Duration;

use serde::Serialize;
use xpkce::keeper::{Report, Round, Tended};
use xpkce::{Clock as _, SystemClock};

use super::keepers::Found;
use crate::failure::{Failure, Result};
use crate::interrupt::Told;
use crate::output::Output;
use crate::text::{clean, span};

/// One event.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    #[serde(flatten)]
    event: Event,
    at: i64,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Started {
        apps: Vec<String>,
        metrics: Option<String>,
    },
    Apps {
        apps: Vec<String>,
        error: Option<ErrorView>,
    },
    Login(Login),
    Round {
        app: String,
        #[serde(flatten)]
        round: RoundView,
    },
    Failed {
        app: String,
        error: ErrorView,
        again_in: u64,
    },
    Stopped {
        signal: &'static str,
    },
}

#[derive(Debug, Serialize)]
struct Login {
    app: String,
    user: String,
    outcome: &'static str,
    generation: Option<u64>,
    error: Option<ErrorView>,
}

#[derive(Debug, Serialize)]
struct ErrorView {
    kind: &'static str,
    message: String,
    why: Option<String>,
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
struct RoundView {
    rotated: u64,
    signed_out: u64,
    left: u64,
    failed: u64,
    recovered: u64,
    held_for: Option<u64>,
}

impl Line {
    pub(super) fn started(apps: &[String], metrics: Option<String>) -> Self {
        let apps = apps.iter().map(|app| clean(app)).collect();
        Self::now(Event::Started { apps, metrics })
    }

    pub(super) fn apps(found: Found) -> Self {
        let apps = found.apps.iter().map(|app| clean(app)).collect();
        Self::now(Event::Apps { apps, error: found.trouble.map(ErrorView::of_failure) })
    }

    pub(super) fn stopped(told: Told) -> Self {
        Self::now(Event::Stopped { signal: told.name() })
    }

    /// Makes a line of a report; none of one that nobody needs to hear.
    pub(super) fn of(app: &str, report: &Report<'_>) -> Option<Self> {
        let app = clean(app);
        let event = match report {
            Report::Login(account, tended) => Event::Login(Login::of(app, &account.user, tended)?),
            Report::Round(round) if **round == Round::default() => return None,
            Report::Round(round) => Event::Round { app, round: RoundView::of(round) },
            Report::Failed(why, wait) => {
                let error = ErrorView::of(&app, why);
                Event::Failed { app, error, again_in: wait.as_secs() }
            }
            _ => return None,
        };
        Some(Self::now(event))
    }

    fn now(event: Event) -> Self {
        Self { event, at: SystemClock.now().as_secs() }
    }

    /// Prints it where it belongs.
    pub(super) fn print(&self, output: Output) -> Result<()> {
        if output.is_json() {
            return output.json(self);
        }
        match &self.event {
            Event::Started { apps, metrics } => {
                output.say(&keeping(apps));
                if let Some(url) = metrics {
                    output.say(&format!("metrics: {url}"));
                }
            }
            Event::Apps { apps, error: None } => output.say(&keeping(apps)),
            Event::Apps { apps, error: Some(why) } => {
                output.say(&format!("{}; not all can be kept: {}", keeping(apps), why.told()));
            }
            Event::Login(Login { app, user, outcome, error, .. }) => match error {
                Some(why) => output.say(&format!("{app}: {user}: {}", why.told())),
                None if *outcome == "signed_out" => {
                    output.say(&format!("{app}: {user}: signed out"));
                }
                None => {}
            },
            Event::Round { app, round } => output.say(&format!("{app}: {}", round.told())),
            Event::Failed { app, error, again_in } => output.say(&format!(
                "{app}: {}; tried again in {}",
                error.told(),
                span(Duration::from_secs(*again_in))
            )),
            Event::Stopped { .. } => output.say("stopped"),
        }
        Ok(())
    }
}

fn keeping(apps: &[String]) -> String {
    match apps {
        [] => "keeping no logins: there is no app".to_owned(),
        apps => format!("keeping the logins of {}", apps.join(", ")),
    }
}

impl Login {
    fn of(app: String, user: &str, tended: &Tended) -> Option<Self> {
        let (outcome, generation, error) = match tended {
            Tended::Rotated(generation) => ("rotated", Some(generation.0), None),
            Tended::SignedOut => ("signed_out", None, None),
            Tended::Failed(why) => ("failed", None, Some(ErrorView::of(&app, why))),
            _ => return None,
        };
        Some(Self { app, user: clean(user), outcome, generation, error })
    }
}

impl ErrorView {
    /// Always names the app in a hint about one: others may have come since it was taken up.
    fn of(app: &str, error: &xpkce::Error) -> Self {
        Self::of_failure(Failure::from(error.clone()).for_app(Some(app)))
    }

    fn of_failure(failure: Failure) -> Self {
        let Failure { kind, message, why, hint } = failure;
        let hint = hint.map(|hint| hint.text(&[]));
        Self { kind: kind.name(), message, why, hint }
    }

    fn told(&self) -> String {
        match &self.why {
            Some(why) => format!("{} ({why})", self.message),
            None => self.message.clone(),
        }
    }
}

impl RoundView {
    fn of(round: &Round) -> Self {
        Self {
            rotated: round.rotated,
            signed_out: round.signed_out,
            left: round.left,
            failed: round.failed,
            recovered: round.recovered,
            held_for: round.held_for.map(|span| span.as_secs()),
        }
    }

    fn told(&self) -> String {
        let counts = [
            (self.rotated, "rotated"),
            (self.signed_out, "signed out"),
            (self.recovered, "recovered from a process that died"),
            (self.left, "left to others or for later"),
            (self.failed, "failed"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let mut told: Vec<_> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        if let Some(secs) = self.held_for {
            let pause = span(Duration::from_secs(secs));
            told.push(format!("X fails for many: the queue waits {pause}"));
        }
        told.join(", ")
    }
}
