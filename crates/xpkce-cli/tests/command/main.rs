//! The command as its users run it: real processes of the built program, an empty home, a cleared
//! environment, and the emulator in the place of X.
#![allow(clippy::unwrap_used)]

mod alike;
mod apps;
mod bad_input;
mod browser;
mod chromium;
mod demo;
mod emulator;
mod errors;
mod files;
mod headless;
mod help;
mod hints;
mod keep;
mod keep_apps;
mod keys;
mod life;
mod pasted;
#[cfg(feature = "postgres")]
mod postgres;
mod read_only;
mod screen;
mod secrets;
mod settings;
mod shapes;
mod status;
mod terminal;
mod two_processes;
mod webdriver;
mod world;
