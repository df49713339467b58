//! What the commands say that read and write the store, in one story that goes the same way on SQLite and
//! on PostgreSQL, word by word.

use std::fmt::Write as _;

use xpkce_emulator::{Endpoint, Fault, FaultRule, Problem};

use crate::keys::an_hour_passes;
use crate::world::{World, snapshot};

/// What was asked, and what was answered.
struct Story {
    world: World,
    told: String,
}

impl Story {
    fn ask(&mut self, arguments: &[&str]) {
        self.ask_with(arguments, "");
    }

    fn ask_with(&mut self, arguments: &[&str], input: &str) {
        let done = self.world.run_with(arguments, input);
        let (code, words) = (done.code.unwrap(), arguments.join(" "));
        writeln!(self.told, "$ xpkce {words}    # {code}").unwrap();
        self.told += &done.stdout;
        self.told += &done.stderr;
        self.told += "\n";
    }
}

/// A token record whose access token has ended, with this refresh token.
fn record(refresh_token: &str) -> String {
    serde_json::json!({
        "access_token": "long-gone", "token_type": "bearer", "refresh_token": refresh_token,
        "scope": ["tweet.read", "users.read", "offline.access"], "expires_at": 1_700_000_000,
    })
    .to_string()
}

fn tell(world: World) {
    let mut story = Story { world, told: String::new() };
    for nobody in [&["status"][..], &["token"], &["keep", "--once"]] {
        story.ask(nobody);
    }
    let callback = story.world.approve(&story.world.start(&[]));
    story.ask_with(&["login", "finish"], &callback);
    story.ask_with(&["login", "finish"], &callback);
    for use_of_it in [
        &["status"][..],
        &["token"],
        &["refresh"],
        &["request", "GET", "/2/users/me"],
        &["status", "--json"],
        &["status", "--history"],
    ] {
        story.ask(use_of_it);
    }

    for keys in [
        &["key", "list"][..],
        &["key", "rotate", "--add-only"],
        &["key", "list"],
        &["key", "seal"],
        &["key", "list", "--json"],
        &["key", "rotate"],
        &["key", "prune"],
    ] {
        story.ask(keys);
    }
    an_hour_passes(&story.world);
    for after in [&["key", "prune"][..], &["key", "list"], &["token"]] {
        story.ask(after);
    }

    let outage = Fault::Problem { problem: Problem::ServiceUnavailable };
    story.world.x.fault(FaultRule::new(Endpoint::Refresh, outage).times(2));
    for in_doubt in [&["refresh"][..], &["status"], &["token"], &["status", "--json"]] {
        story.ask(in_doubt);
    }

    let pair = story.world.pair_of_another_program();
    story.ask_with(&["import"], "{}");
    story.ask_with(&["import"], &record("never-issued"));
    story.ask_with(&["import"], &record(&pair));
    story.ask(&["status"]);
    story.ask(&["keep", "--once"]);
    story.ask(&["logout", "--account", "unlabelled-2", "--forget"]);

    let callback = story.world.approve_as(&story.world.start(&[]), "bo_sample");
    story.ask_with(&["login", "finish", "--json"], &callback);
    story.world.x.disconnect_app("ada_example");
    for two in [
        &["token"][..],
        &["refresh", "--account", "ada_example"],
        &["status"],
        &["logout", "--account", "ada_example", "--yes"],
        &["logout", "--account", "bo_sample", "--json"],
        &["logout", "--account", "bo_sample"],
        &["status", "--json"],
        &["token"],
    ] {
        story.ask(two);
    }

    insta::with_settings!({filters => vec![
        (r"[A-Za-z0-9_-]{91}", "[TOKEN]"),
        (r"transaction id is [0-9a-f]+", "transaction id is [ID]"),
        (r"\b[0-9a-f]{16}\b", "[KEY]"),
        (r"\b1[789]\d{8}\b", "[SECONDS]"),
        (r"\d+ d \d+ h ago", "[LONG] ago"),
        (r"(?:\d+ (?:s|min)|now) ago|just now", "[LATELY]"),
        (r"wait \d+ (?:s|min)", "wait [WAIT]"),
        (r"in (?:2 h|1 h 5\d min)", "in [LIFE]"),
        // X's order of them, which is another each time.
        (r#"(?:"?(?:users\.read|tweet\.read|offline\.access)"?[, ]?){3}"#, "[SCOPES] "),
        (r" {2,}", "  "),
    ]}, {
        snapshot(&story.world, || insta::assert_snapshot!("alike", story.told));
    });
}

#[test]
fn on_sqlite() {
    tell(World::with_app());
}

#[cfg(feature = "postgres")]
#[test]
fn on_postgres() {
    let server = crate::postgres::server::Server::own();
    tell(crate::postgres::on_postgres(&server));
}
