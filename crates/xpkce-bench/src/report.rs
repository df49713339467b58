//! What came of it, as Markdown: every figure beside its peers, and what we promised.

use std::fmt::{self, Write as _};

use crate::contest::Outcome;
use crate::cost::Cost;

const INTRODUCTION: &str = "\
# Performance

Written by `./bench` from one run; run it again rather than trust it. Peers take turns, so that what
else the machine does falls on all of them; figures are medians of the turns. \"x\" is how many times
what ours takes a peer takes. Processor time is that of the client's process; the token endpoint is
a stand-in that answers from memory, in a process of its own, on another core, over plain HTTP on
loopback. Wall times on loopback are not what a user feels: X itself takes about 200 ms.
";

const BEYOND: &str = "\
What is promised of saved refreshes is a share of what our store commits. A database that is asked for
the least that it can be asked for commits more; of that it is the following share.";

const NOTES: &str = "\
## What is compared

- Every peer signs in as the same confidential client and gets the same answer.
- `oauth2` is the crate over its own `reqwest`, set up as its documentation says: without deadlines. Ours has one for
  connecting and one for the whole request; the two timers are what a fresh connection costs more. Its reading of an answer is JSON
  alone; ours is the whole verdict, with the instant of expiry and each secret in a type that wipes it.
- `xdk` is X's Python class as it comes: an exchange opens a connection of its own each time. Its fresh
  token is `is_token_expired()` and `access_token`. 64 in flight are 64 threads.
- \"Through the keeper\" is a whole refresh of a login: a lease saved before it, the pair sealed and saved after it.
- Refreshes saved: the keeper on the store, both in this process, against the stand-in. A saved refresh is two commits, flushed (`synchronous=FULL`; `fsync=on`), and is held against two that nobody
  shares a flush with, of a record that the keeper has written, its history full: one connection of SQLite, up to as many of PostgreSQL as our store has. \"Our store alone\" is what the keeper's store commits when it is
  told to. \"The database alone\" is the least that the database can be asked for: one prepared update, by its number, in a table of three columns. Ours compares the revision, keeps the index of
  what is due, and prepares nothing on PostgreSQL, because a pooler may give each transaction another connection.
  The stores and PostgreSQL's server share the processors with the client. \"Each record read first\" is a keeper of more logins than it remembers the records of. \"Beside another keeper\" is one that shares
  its folder, as two processes of one machine do.
- 4,096 in flight: the client on one processor, its keeper too; the stand-in, which answers after 200 ms, on the other. X's class has 1,024 threads.
- A million accounts: the memory of the keeper and of its tokens, the handles included, the store's own not.
  One read of as much memory, at a place that depends on the read before, is what the machine takes to look anywhere in it
  where nothing overlaps; a token is two looks: at the account, which says whether it is fresh, and at the token, which nobody waits for until it is used. Much of a look
  is the way to the page: the second line is the same with huge ones, which an operator may ask for by that variable.
- A fresh token of ours is awaited again and again inside one task.
- The herd is let go by one lock that all wait for, each with its store open; the time is from there to when the last one has its token.
- The bare program opens a file of SQLite, reads one row and prints it: the least that such a command can be. All three
  programs are copied first, as an installation copies them: what a linker has just written takes longer to start.
  Ours also opens its key, unseals the token and finds out which login is meant. Both files have a write-ahead log and nobody else has
  them open. The last change of ours is seven seconds ago, so that it is read as one at rest; up to five seconds after a change it makes
  a log and removes it, as the bare program does each time.
";

/// The report of a run.
pub struct Report {
    is_short: bool,
    /// Told before threads are pinned: afterwards the system counts one processor.
    machine: String,
    sections: String,
    targets: Vec<Target>,
    beyond: Vec<Target>,
    counts: Vec<Count>,
}

struct Target {
    what: String,
    found: f64,
    promise: Promise,
}

/// On which side of a figure what was found must be.
#[derive(Clone, Copy)]
enum Promise {
    AtMost(f64),
    AtLeast(f64),
}

impl Promise {
    fn is_kept(self, found: f64) -> bool {
        match self {
            Self::AtMost(limit) => found <= limit,
            Self::AtLeast(limit) => found >= limit,
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "at most {}", figure(*limit)),
            Self::AtLeast(limit) => write!(f, "at least {}", figure(*limit)),
        }
    }
}

struct Count {
    what: String,
    ours: f64,
    other: Option<f64>,
    limit: f64,
}

impl Report {
    /// Begins a report.
    pub fn new(is_short: bool) -> Self {
        Self {
            is_short,
            machine: machine(),
            sections: String::new(),
            targets: Vec::new(),
            beyond: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Adds a promise: `found` is at most `limit`.
    pub fn target(&mut self, what: &str, found: f64, limit: f64) {
        let promise = Promise::AtMost(limit);
        self.targets.push(Target { what: what.to_owned(), found, promise });
    }

    /// Adds a promise: `found` is at least `limit`.
    pub fn floor(&mut self, what: &str, found: f64, limit: f64) {
        let promise = Promise::AtLeast(limit);
        self.targets.push(Target { what: what.to_owned(), found, promise });
    }

    /// Adds a figure that goes beyond a promise: one would like `found` to be at least `limit`.
    pub fn beyond(&mut self, what: &str, found: f64, limit: f64) {
        let promise = Promise::AtLeast(limit);
        self.beyond.push(Target { what: what.to_owned(), found, promise });
    }

    /// Adds a count of instructions: a promise that no noise can break.
    pub fn instructions(&mut self, what: &str, other: Option<f64>, ours: f64, limit: f64) {
        self.counts.push(Count { what: what.to_owned(), ours, other, limit });
    }

    /// Adds a contest of operations that take nanoseconds.
    pub fn nanoseconds(&mut self, outcome: &Outcome) {
        self.table(outcome, "ns", 1.0, false);
    }

    /// Adds a contest of round trips.
    pub fn round_trips(&mut self, outcome: &Outcome) {
        self.table(outcome, "us", 1e3, false);
    }

    /// Adds a contest of what is done over and over: how often in a second.
    pub fn rates(&mut self, outcome: &Outcome) {
        let Some((_, ours)) = outcome.peers.first() else { return };
        let out = &mut self.sections;
        let _ = writeln!(out, "### {}\n", capital(&outcome.title));
        let _ = writeln!(out, "| | a second | x | CPU us each |\n|---|---:|---:|---:|");
        for (name, cost) in &outcome.peers {
            let (rate, times) = (figure(cost.rate()), cost.rate() / ours.rate());
            let cpu = if cost.cpu.is_nan() { "-".to_owned() } else { figure(cost.cpu / 1e3) };
            let _ = writeln!(out, "| {name} | {rate} | {times:.2} | {cpu} |");
        }
        out.push('\n');
    }

    /// Adds a table of its own.
    pub fn section(&mut self, title: &str, table: &str) {
        let _ = writeln!(self.sections, "### {title}\n\n{table}");
    }

    /// Adds a contest of whole processes.
    pub fn processes(&mut self, outcome: &Outcome) {
        self.table(outcome, "ms", 1e6, true);
    }

    /// Returns whether an instruction gate is broken. The other targets are told and not enforced:
    /// on a shared machine they are as good as its neighbours.
    pub fn has_failed(&self) -> bool {
        self.counts.iter().any(|count| count.ours > count.limit)
    }

    fn table(&mut self, outcome: &Outcome, unit: &str, scale: f64, has_memory: bool) {
        let Some((_, ours)) = outcome.peers.first() else { return };
        let out = &mut self.sections;
        let memory = if has_memory { " peak MiB |" } else { "" };
        let rule = if has_memory { "---:|" } else { "" };
        let _ = writeln!(out, "### {}\n", capital(&outcome.title));
        let _ = writeln!(out, "| | wall {unit} | x | CPU {unit} | x |{memory}");
        let _ = writeln!(out, "|---|---:|---:|---:|---:|{rule}");
        for (name, cost) in &outcome.peers {
            let Cost { wall, cpu, memory } = *cost;
            let memory =
                if has_memory { format!(" {:.1} |", memory / 1024.0) } else { String::new() };
            let _ = writeln!(
                out,
                "| {name} | {} | {:.2} | {} | {:.2} |{memory}",
                figure(wall / scale),
                wall / ours.wall,
                figure(cpu / scale),
                cpu / ours.cpu,
            );
        }
        out.push('\n');
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{INTRODUCTION}\nMachine: {}.", self.machine)?;
        if self.is_short {
            writeln!(
                f,
                "\n**A short run: it shows that everything runs. The figures mean little.**"
            )?;
        }
        writeln!(f, "\n## Promises\n\n| | found | promised | |\n|---|---:|---:|---|")?;
        for Target { what, found, promise } in &self.targets {
            let verdict = if promise.is_kept(*found) { "kept" } else { "**missed**" };
            writeln!(f, "| {what} | {} | {promise} | {verdict} |", figure(*found))?;
        }
        writeln!(f, "\n{BEYOND}\n\n| | found | the same share | |\n|---|---:|---:|---|")?;
        for Target { what, found, promise } in &self.beyond {
            let verdict = if promise.is_kept(*found) { "reached" } else { "**not reached**" };
            writeln!(f, "| {what} | {} | {promise} | {verdict} |", figure(*found))?;
        }
        writeln!(f, "\n## Instructions, by callgrind\n\nGates: a run that passes one fails.\n")?;
        writeln!(f, "| one operation | xpkce | oauth2 5 | at most | |\n|---|---:|---:|---:|---|")?;
        for Count { what, ours, other, limit } in &self.counts {
            let verdict = if ours <= limit { "kept" } else { "**missed**" };
            let other = other.map_or("-".to_owned(), figure);
            writeln!(
                f,
                "| {what} | {} | {other} | {} | {verdict} |",
                figure(*ours),
                figure(*limit)
            )?;
        }
        write!(f, "\n## Contests\n\n{}{NOTES}", self.sections)
    }
}

/// Three digits are what such a figure is worth.
fn figure(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{cores} cores, {processor}, {system}, shared with others")
}
