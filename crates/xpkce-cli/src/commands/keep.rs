//! `xpkce keep`: the keeper that runs for itself. What is due, and when, is the library's affair.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use xpkce::keeper::{Round, Tending};

use super::Context;
use crate::choose::named;
use crate::failure::{Failure, Kind, Result};
use crate::interrupt::Told;
use crate::output::Output;

mod keepers;
use keepers::Keepers;

mod line;
use line::Line;

mod scrape;

const AFTER_HELP: &str = "\
With --json every event is one line on standard output:
  {\"event\":\"started\",\"apps\",\"metrics\"}: metrics is a URL or null
  {\"event\":\"login\",\"app\",\"user\",\"outcome\",\"generation\",\"error\"}: outcome is rotated,
    signed_out or failed
  {\"event\":\"round\",\"app\",\"rotated\",\"signed_out\",\"left\",\"failed\",\"recovered\",\"held_for\"}:
    held_for is in seconds, or null; a round with nothing to do is not reported
  {\"event\":\"failed\",\"app\",\"error\",\"again_in\"}: the store failed; again_in is in seconds
  {\"event\":\"apps\",\"apps\",\"error\"}: these apps are kept from now on; error says why not all
  {\"event\":\"stopped\",\"signal\"}: interrupt, terminate or hangup
error is null or {\"kind\",\"message\",\"why\",\"hint\"}; every line has \"at\", in Unix seconds.

SIGTERM ends it with 0, after the answers from X are saved; Ctrl-C likewise, with 130.

Examples:
  xpkce keep
  xpkce keep --metrics 9464

In a crontab; it prints nothing if nothing is due:
  */5 * * * * /usr/local/bin/xpkce keep --once";

/// Keep every login alive, even while nothing uses it.
///
/// Refreshes a login in use before its access token expires, and any other before its refresh token
/// does. Runs until it is told to stop. Any number may share a store: each login is refreshed once.
/// It also settles what is in doubt, finishes sign-outs that X has not confirmed, and saves tokens
/// that a killed process left behind. While X fails for many logins it asks less and less often.
/// Apps that are added, changed or removed meanwhile are picked up within seconds.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Keep {
    /// Keep only this app's logins: its name in `xpkce app list`, or its client id.
    #[arg(long, value_name = "NAME", value_parser = named)]
    app: Option<String>,
    /// Do what is due now, then end: 0 when all of it went well, 5 when something must be tried
    /// again.
    #[arg(long)]
    once: bool,
    /// Work on this many logins at once.
    #[arg(long, value_name = "N", default_value = "32")]
    concurrency: NonZeroU16,
    /// Serve metrics for Prometheus at http://ADDRESS/metrics; the address is 127.0.0.1 if not given.
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = address)]
    metrics: Option<SocketAddr>,
}

impl Keep {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let (lines, told) = unbounded_channel();
        let tending = |app: &str| self.tending(app, &lines);
        let mut keepers = Keepers::start(context, self.app.clone(), tending).await?;
        let serving = self.metrics.map(scrape::Scrape::start).transpose()?;
        let metrics = serving.as_ref().map(scrape::Scrape::url);
        if !self.once || context.output.is_json() || context.output.is_watched() {
            tell(&lines, Line::started(&keepers.apps(), metrics));
        }
        let telling = print_all(context.output, told);
        if self.once {
            let rounds = self.keep_once(keepers, lines);
            let (rounds, printed) = tokio::join!(rounds, telling);
            printed?;
            return settled(rounds?);
        }
        let mut stop = context.heed.begin();
        let found = |found| tell(&lines, Line::apps(found));
        let told = tokio::select! {
            printed = telling => return printed,
            gone = context.output.unread(), if context.output.is_json() => return Err(gone),
            told = stop.told() => told,
            never = keepers.keep(tending, found) => match never {},
            () = scrape::serve(serving) => unreachable!("it serves for as long as it is polled"),
        };
        crate::tell_of_a_long_wait(context.output);
        // Waits for what was sent to X, so that no pair is lost.
        keepers.leave();
        Line::stopped(told).print(context.output)?;
        match told {
            Told::Terminate => Ok(()),
            Told::Interrupt | Told::Hangup => Err(Failure::interrupted()),
        }
    }

    /// Works off what is due now, and tells who listens when that is over.
    async fn keep_once(
        &self,
        keepers: Keepers<'_>,
        lines: UnboundedSender<Line>,
    ) -> Result<Vec<Round>> {
        let keeping = keepers.kept().iter().map(|kept| {
            let tending = self.tending(&kept.app, &lines);
            async move { kept.keeper.keep_once(&tending).await }
        });
        join_all(keeping).await.into_iter().map(|round| Ok(round?)).collect()
    }

    fn tending(&self, app: &str, lines: &UnboundedSender<Line>) -> Tending {
        let (app, lines) = (app.to_owned(), lines.clone());
        Tending::new().with_concurrency(self.concurrency.get().into()).reporting(move |report| {
            if let Some(line) = Line::of(&app, &report) {
                tell(&lines, line);
            }
        })
    }
}

/// Says whether what was due is done.
fn settled(rounds: Vec<Round>) -> Result<()> {
    let failed: u64 = rounds.iter().map(|round| round.failed).sum();
    let held = rounds.into_iter().filter_map(|round| round.held_for).max();
    if failed == 0 && held.is_none() {
        return Ok(());
    }
    let message = match failed {
        0 => "X fails for many logins; some of what is due is left for later".to_owned(),
        1 => "one login could not be kept now".to_owned(),
        many => format!("{many} logins could not be kept now"),
    };
    Err(Failure::new(Kind::Retry, message).hint("xpkce status"))
}

/// A receiver that has gone is the end of the command.
fn tell(lines: &UnboundedSender<Line>, line: Line) {
    let _ = lines.send(line);
}

async fn print_all(output: Output, mut told: UnboundedReceiver<Line>) -> Result<()> {
    while let Some(line) = told.recv().await {
        line.print(output)?;
    }
    Ok(())
}

fn address(text: &str) -> std::result::Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    text.parse().map_err(|_| "give a port, or ADDRESS:PORT such as 127.0.0.1:9464".to_owned())
}

/// How often what was measured is taken together, though nobody asks for it.
const UPKEEP: Duration = Duration::from_secs(30);
