//! A pseudo terminal: what a command shows there, and the keys that a person types at it.

use std::io::{BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use crate::chromium::PATIENCE;
use crate::world::{PROGRAM, World, assert_shows_no_refresh_token};

/// A line of shell that runs at a pseudo terminal of its own, and ends with this.
pub(crate) struct Screen {
    child: Child,
    keys: ChildStdin,
    told: Receiver<u8>,
    seen: Vec<u8>,
}

impl Screen {
    /// Runs a line of shell in which `$XPKCE` is the command.
    pub(crate) fn open(world: &World, line: &str) -> Self {
        let mut command: Command = world.command("/usr/bin/script");
        command
            .args(["-qec", line, "/dev/null"])
            .env("XPKCE", PROGRAM)
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let bytes = BufReader::new(stdout).bytes().map_while(Result::ok);
            bytes.map(|byte| tell.send(byte)).take_while(Result::is_ok).for_each(drop);
        });
        Self { keys: child.stdin.take().unwrap(), child, told, seen: Vec::new() }
    }

    /// Waits for one more byte. False when the command has ended.
    ///
    /// # Panics
    /// When nothing comes for long: what is asked is not what the test answers.
    #[track_caller]
    pub(crate) fn goes_on(&mut self) -> bool {
        match self.told.recv_timeout(PATIENCE) {
            Ok(byte) => self.seen.push(byte),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => panic!("it waits for something: {}", self.shown()),
        }
        true
    }

    /// Returns all that was shown until now.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Types once a text was shown; returns what was shown until then, since the last time.
    #[track_caller]
    pub(crate) fn type_when_told(&mut self, awaited: &str, keys: &str) -> String {
        let before = self.seen.len();
        let is_told = |seen: &[u8]| String::from_utf8_lossy(seen).contains(awaited);
        while !is_told(&self.seen[before..]) {
            assert!(self.goes_on(), "never shown: {awaited}\nshown: {}", self.shown());
        }
        self.type_keys(keys);
        String::from_utf8_lossy(&self.seen[before..]).into_owned()
    }

    /// Waits for the end; returns the exit code, and what was shown since the last keys.
    #[track_caller]
    pub(crate) fn rest(mut self) -> (Option<i32>, String) {
        let before = self.seen.len();
        while self.goes_on() {}
        let shown = String::from_utf8_lossy(&self.seen[before..]).into_owned();
        assert_shows_no_refresh_token(&self.shown());
        (self.child.wait().unwrap().code(), shown)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
