//! The help, as it is shown.

use crate::world::{World, snapshot};

#[test]
fn the_help_of_every_command() {
    let world = World::new();
    let commands: [&[&str]; 24] = [
        &[],
        &["demo"],
        &["app"],
        &["app", "add"],
        &["app", "list"],
        &["app", "remove"],
        &["app", "check"],
        &["login"],
        &["login", "start"],
        &["login", "finish"],
        &["token"],
        &["status"],
        &["refresh"],
        &["request"],
        &["logout"],
        &["import"],
        &["keep"],
        &["key"],
        &["key", "list"],
        &["key", "rotate"],
        &["key", "seal"],
        &["key", "prune"],
        &["emulator"],
        &["completions"],
    ];
    for command in commands {
        let help = world.run(&[command, &["--help"]].concat()).succeeded();
        assert_eq!(help.stderr, "");
        let name = format!("help_{}", command.join("_"));
        snapshot(&world, || insta::assert_snapshot!(name, help.stdout));
    }
}

#[test]
fn every_shell_gets_completions() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.run(&["completions", shell]).succeeded().stdout;
        assert!(script.contains("xpkce") && script.contains("emulator"), "{shell}");
    }
}
