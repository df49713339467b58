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

const NOTES: &str = "\
## What is compared

- Every peer signs in as the same confidential client and gets the same answer.
- `oauth2` is the crate over its own `reqwest`, set up as its documentation says: without deadlines. Ours has one for
  connecting and one for the whole request; the two timers are what a fresh connection costs more. Its reading of an answer is JSON
  alone; ours is the whole verdict, with the instant of expiry and each secret in a type that wipes it.
- `xdk` is X's Python class as it comes: an exchange opens a connection of its own each time. Its fresh
  token is `is_token_expired()` and `access_token`. 64 in flight are 64 threads.
- The bare program opens a file of SQLite, reads one row and prints it: the least that such a command can be.
  Ours also opens its key, unseals the token and finds out which login is meant.
";

/// The report of a run.
pub struct Report {
    is_short: bool,
    sections: String,
    targets: Vec<Target>,
    counts: Vec<Count>,
}

struct Target {
    what: String,
    found: f64,
    limit: f64,
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
        Self { is_short, sections: String::new(), targets: Vec::new(), counts: Vec::new() }
    }

    /// Adds a promise: `found` is at most `limit`.
    pub fn target(&mut self, what: &str, found: f64, limit: f64) {
        self.targets.push(Target { what: what.to_owned(), found, limit });
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
        writeln!(f, "{INTRODUCTION}\nMachine: {}.", machine())?;
        if self.is_short {
            writeln!(
                f,
                "\n**A short run: it shows that everything runs. The figures mean little.**"
            )?;
        }
        writeln!(f, "\n## Promises\n\n| | found | at most | |\n|---|---:|---:|---|")?;
        for Target { what, found, limit } in &self.targets {
            let verdict = if found <= limit { "kept" } else { "**missed**" };
            writeln!(f, "| {what} | {} | {} | {verdict} |", figure(*found), figure(*limit))?;
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
