//! A person who pastes a hint at a terminal, answers what is asked, and approves in the browser.

use crate::browser::get;
use crate::screen::Screen;
use crate::world::{Done, PROGRAM, World};

/// How a pasted command ended.
pub(crate) struct Pasted {
    pub(crate) code: Option<i32>,
    pub(crate) shown: String,
}

impl Done {
    /// Returns the hint that was printed.
    #[track_caller]
    pub(crate) fn hint(&self) -> &str {
        let hint = self.stderr.lines().find_map(|line| line.trim().strip_prefix("hint: "));
        hint.unwrap_or_else(|| panic!("no hint: {}", self.stderr))
    }

    /// Returns the command that the hint ends with.
    #[track_caller]
    pub(crate) fn advised(&self) -> &str {
        command_in(self.hint())
    }
}

/// Returns the command that a hint is, or ends with.
#[track_caller]
pub(crate) fn command_in(hint: &str) -> &str {
    let start = match hint.starts_with("xpkce ") {
        true => 0,
        false => hint.rfind(": xpkce ").unwrap_or_else(|| panic!("no command: {hint}")) + 2,
    };
    &hint[start..]
}

/// Pastes a command, and types `answers` at what is asked for, each when its prompt is shown.
/// What asks for something else fails the test.
#[track_caller]
pub(crate) fn paste(world: &World, command: &str, answers: &[(&str, &str)]) -> Pasted {
    let bin = world.folder().join("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(PROGRAM, bin.join("xpkce")).unwrap();
    }
    // Wide enough that no URL is folded, and without a browser that could open.
    let line = format!("PATH={}:$PATH; stty cols 1000; {command}", bin.display());
    let mut screen = Screen::open(world, &line);
    let mut typed = 0;
    while screen.goes_on() {
        let shown = screen.shown();
        let fresh = &shown[typed..];
        let answer = match answers.iter().find(|(prompt, _)| fresh.ends_with(prompt)) {
            Some((_, answer)) => format!("{answer}\n"),
            None if fresh.ends_with("[Y/n] ") => "y\n".to_owned(),
            None if fresh.ends_with("Callback URL: ") => {
                format!("{}\n", world.approve(&url_in(&shown)))
            }
            None if fresh.contains("Waiting for X to call back at") && fresh.ends_with("…") => {
                get(&world.approve(&url_in(&shown)));
                String::new()
            }
            None => continue,
        };
        screen.type_keys(&answer);
        typed = shown.len();
    }
    let shown = screen.shown();
    Pasted { code: screen.rest().0, shown }
}

fn url_in(shown: &str) -> String {
    let is_url = |word: &&str| word.contains("/oauth2/authorize?");
    shown.split_whitespace().rfind(is_url).unwrap().to_owned()
}

impl Pasted {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        self.exited(0)
    }

    #[track_caller]
    pub(crate) fn exited(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.shown);
        self
    }

    /// Returns the hint that was printed, without its colour.
    #[track_caller]
    pub(crate) fn hint(&self) -> &str {
        let line = self.shown.lines().find(|line| line.contains("hint:")).unwrap();
        line.split("hint:").nth(1).unwrap().trim_start_matches("\u{1b}[0m").trim()
    }
}
