//! X's own Python class as a peer, in a process that stays for the whole run.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::answer::{CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE, TOKEN_ANSWER};
use crate::cost::Cost;
use crate::endpoint::Endpoint;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/xdk_peer.py");

/// A Python that has `xdk` loaded.
pub struct Python {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts the interpreter that the tests use.
    pub fn start(interpreter: &str, endpoint: &Endpoint) -> Self {
        let mut process = Command::new(interpreter)
            .arg(SCRIPT)
            .args([&endpoint.kept, &endpoint.fresh, &endpoint.late])
            .args([CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE, TOKEN_ANSWER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter can be started");
        let ask = process.stdin.take().expect("its input was asked for");
        let answers = BufReader::new(process.stdout.take().expect("its output was asked for"));
        let mut this = Self { process, ask, answers };
        assert_eq!(this.line(), "ready", "the peer did not start");
        this
    }

    /// Lets it do `count` operations, `abreast` threads at a time.
    pub fn turn(&mut self, operation: &str, count: usize, abreast: usize) -> Cost {
        writeln!(self.ask, "{operation} {count} {abreast}").unwrap();
        let line = self.line();
        let (wall, cpu) = line.split_once(' ').expect("two numbers");
        Cost { wall: wall.parse().unwrap(), cpu: cpu.parse().unwrap(), memory: 0.0 }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
