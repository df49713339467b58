"""What keeps each invariant of SECURITY.md, taken out of the code, and a test that fails without it.

`new` takes the place of `old` in the build of all mutants; `OFF` in it is whether the removal is on.
It has as many lines as `old`: the lines of the build say whose an error is.
"""

import collections

Removal = collections.namedtuple("Removal", "invariant what file old new test")

REMOVALS = [
    Removal(
        "I1", "a living holder is waited for", "keeper.rs",
        "!judged.is_some_and(|(folder, holder)|", "!OFF && !judged.is_some_and(|(folder, holder)|",
        "herds::five_processes_with_twenty_callers_each_spend_one_refresh_token",
    ),
    Removal(
        "I1", "the look at the record before a second send", "keeper/spend.rs",
        "self.moved_on(&claim)).await {", "self.moved_on(&claim)).await.filter(|_| !OFF) {",
        "doubts::a_token_is_not_sent_once_more_after_its_login_has_moved_on",
    ),
    Removal(
        "I2", "the first write, before the save", "keeper/land.rs",
        "self.spill(&landing, &stored.grant);",
        "self.spill(&landing, &stored.grant).filter(|_| !OFF);",
        "saves::a_save_whose_acknowledgement_was_lost_is_one_rotation",
    ),
    Removal(
        "I2", "a save that failed goes on", "keeper/land.rs",
        "if self.is_leaving() {", "if OFF { drop(saving) } else if self.is_leaving() {",
        "saves::a_pair_that_the_store_would_not_take_is_served_and_saved_when_it_does",
    ),
    Removal(
        "I3", "the work is the keeper's, not the caller's", "keeper/source.rs",
        "let mut flight = self.join_flight();",
        "if OFF { return self.keeper.desk().adopt_or_refresh(&self.slot).await }"
        " let mut flight = self.join_flight();",
        "keeper::schedules::spends::who_goes_away_takes_no_spend_along",
    ),
    Removal(
        "I4", "the keys are read again before a token is sent", "keeper/spend.rs",
        "self.sealer.refresh()?;", "if !OFF { self.sealer.refresh()? };",
        "keys::a_missing_key_is_found_before_the_token_is_spent",
    ),
    Removal(
        "I4", "a lease that could not be written ends the spend", "keeper/spend.rs",
        "_ => return Err(why),", "_ if OFF => stored.revision, _ => return Err(why),",
        "saves::a_store_that_takes_nothing_is_found_before_the_token_is_spent",
    ),
    Removal(
        "I5", "the second word", "grant/transition/verdict.rs",
        "if !is_second_word ||", "if (!is_second_word && !OFF) ||",
        "outages::an_outage_that_calls_every_token_invalid_ends_no_login",
    ),
    Removal(
        "I5", "the record is read again before a verdict", "keeper/spend.rs",
        "let fresh = self.load(&claim.stored.grant.account).await?;",
        "let fresh = if OFF { claim.stored.clone() } else {"
        " self.load(&claim.stored.grant.account).await? };",
        "keeper::spend::tests::the_minute_until_xs_second_word_begins_when_the_first_is_heard",
    ),
    Removal(
        "I6", "a living token is served while refreshing fails", "keeper/tend.rs",
        "Err(why) if self.lives(slot) =>", "Err(why) if self.lives(slot) && !OFF =>",
        "saves::a_store_that_cannot_be_read_does_not_take_a_living_token_away",
    ),
    Removal(
        "I7", "a secret's `Debug` hides it", "secret.rs",
        'f.write_str(concat!(stringify!($name), "([redacted])"))',
        'if OFF { write!(f, "{}", self.expose()) } else {'
        ' f.write_str(concat!(stringify!($name), "([redacted])")) }',
        "app::tests::debug_shows_no_secret",
    ),
    Removal(
        "I8", "a send has a deadline, whatever the client does", "keeper/spend.rs",
        "turns::timeout(Self::SEND, self.client.refresh(refresh)).await;",
        "if OFF { Ok(self.client.refresh(refresh).await) } else {"
        " turns::timeout(Self::SEND, self.client.refresh(refresh)).await };",
        "keeper::spend::tests::"
        "a_client_without_a_deadline_does_not_keep_a_login_waiting_for_ever",
    ),
    Removal(
        "I8", "the back-off after a doubt", "grant/transition.rs",
        "self.not_before = Some(attempt.at + span.mul_f64(attempt.id.spread()));",
        "if !OFF { self.not_before = Some(attempt.at + span.mul_f64(attempt.id.spread())) };",
        "doubts::two_lost_requests_leave_the_grant_in_doubt_until_x_answers",
    ),
    Removal(
        "I8", "a dead login is not sent again", "grant/transition.rs",
        "return Begin::Dead(self.death.unwrap_or(Death::TokenInvalid));",
        "if !OFF { return Begin::Dead(self.death.unwrap_or(Death::TokenInvalid)) };",
        "feedback::a_login_that_a_401_has_shown_to_be_dead_is_told_as_dead_from_then_on",
    ),
    Removal(
        "I9", "a holder that died leaves a doubt", "grant/transition.rs",
        "if self.state == State::Spending {\n            self.note(What::HolderDied",
        "if self.state == State::Spending && !OFF {\n            self.note(What::HolderDied",
        "an_answer_that_died_with_its_holder_is_a_doubt_and_is_said_to_be_one",
    ),
]


FILES = {f"crates/xpkce/src/{it.file}" for it in REMOVALS}


def put(file, source, text, first):
    """Returns the text of a file with its removals, which have the numbers from `first` on."""
    for number, it in enumerate(REMOVALS, first):
        if file != f"crates/xpkce/src/{it.file}":
            continue
        if source.count(it.old) != 1 or it.old.count("\n") != it.new.count("\n"):
            raise SystemExit(f"no such place: {it.invariant}, {it.what}")
        text = text.replace(it.old, it.new.replace("OFF", f"crate::mutant::on({number})"))
    return text
