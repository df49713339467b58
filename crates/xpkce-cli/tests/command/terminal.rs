//! Prompts, at a pseudo terminal.

use crate::screen::Screen;
use crate::world::World;

#[test]
fn an_app_is_set_up_by_answering_and_the_secret_is_not_shown() {
    let world = World::new();
    let app = world.x.confidential_app();
    let secret = app.client_secret.clone().unwrap();
    let mut screen = Screen::open(&world, "exec $XPKCE app add harbour");
    screen.type_when_told("Client ID: ", &format!("{}\n", app.client_id));
    screen.type_when_told("public app): ", &format!("{secret}\n"));
    let (code, shown) = screen.rest();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("confidential app harbour is set up"), "{shown}");
    assert!(!shown.contains(&secret), "{shown}");
    world.run(&["app", "check", "harbour"]).succeeded();
}

#[test]
fn what_comes_after_a_hidden_answer_is_on_a_line_of_its_own() {
    let world = World::new();
    let add = "exec $XPKCE app add harbour --client-id x --confidential";
    let mut screen = Screen::open(&world, add);
    screen.type_when_told("(not shown): ", "secret\n");
    let (code, shown) = screen.rest();
    assert_eq!(code, Some(0), "{shown}");
    let lines: Vec<&str> = shown.split("\r\n").collect();
    let [before, first, ..] = lines.as_slice() else { panic!("{shown}") };
    assert_eq!(*before, "", "{shown}");
    assert!(!first.is_empty(), "{shown}");
}

#[test]
fn an_end_of_input_at_the_secret_prompt_makes_no_public_app() {
    let world = World::new();
    let mut screen = Screen::open(&world, "exec $XPKCE app add harbour --client-id x");
    screen.type_when_told("public app): ", "\u{4}");
    let (code, shown) = screen.rest();
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("no client secret came"), "{shown}");
}

#[test]
fn an_end_of_input_at_a_prompt_is_told_on_a_line_of_its_own() {
    let world = World::with_app();
    let mut screen = Screen::open(&world, "NO_COLOR=1 exec $XPKCE login finish");
    screen.type_when_told("Callback URL: ", "\u{4}");
    let (_, shown) = screen.rest();
    assert!(shown.contains("\nerror: standard input ended"), "{shown:?}");
}

#[test]
fn ctrl_c_at_the_secret_prompt_exits_with_130_and_restores_the_terminal() {
    let world = World::new();
    let line =
        "trap : INT; $XPKCE app add harbour --client-id x --confidential; echo code=$?; stty -a";
    let mut screen = Screen::open(&world, line);
    screen.type_when_told("(not shown): ", "\u{3}");
    let (_, shown) = screen.rest();
    assert!(shown.contains("code=130"), "{shown}");
    assert!(shown.contains(" echo ") && !shown.contains("-echo "), "{shown}");
    assert!(!world.home().join("apps.toml").exists());
}

#[test]
fn ctrl_c_at_the_callback_prompt_exits_with_130() {
    let world = World::with_app();
    let mut screen = Screen::open(&world, "trap : INT; $XPKCE login --headless; echo code=$?");
    screen.type_when_told("Callback URL: ", "\u{3}");
    let (_, shown) = screen.rest();
    assert!(shown.contains("code=130"), "{shown}");
}

#[test]
fn ctrl_c_while_the_browser_is_waited_for_exits_with_130() {
    let world = World::with_app();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let line = format!(
        "trap : INT; $XPKCE login --redirect-uri http://127.0.0.1:{port}/callback; echo code=$?"
    );
    let mut screen = Screen::open(&world, &line);
    screen.type_when_told("Waiting for X to call back", "\u{3}");
    let (_, shown) = screen.rest();
    assert!(shown.contains("code=130"), "{shown}");
}

#[test]
fn ctrl_c_at_every_other_prompt_exits_with_130_and_changes_nothing() {
    let world = World::signed_in();
    let before = world.run(&["status", "--json"]).succeeded().stdout;
    for (line, prompt) in [
        ("app add harbour", "Client ID: "),
        ("login --headless", "Go on? [Y/n] "),
        ("login finish", "Callback URL: "),
        ("logout", "out of the app lantern? [Y/n] "),
        ("import", "then press Ctrl-D."),
    ] {
        let mut screen = Screen::open(&world, &format!("trap : INT; $XPKCE {line}; echo code=$?"));
        screen.type_when_told(prompt, "\u{3}");
        let (_, shown) = screen.rest();
        assert!(shown.contains("code=130"), "{line}: {shown}");
    }
    assert_eq!(world.run(&["status", "--json"]).succeeded().stdout, before);
    assert!(!world.run(&["app", "list"]).stdout.contains("harbour"));
}

#[test]
fn a_malformed_paste_can_be_tried_again() {
    let world = World::with_app();
    let mut screen = Screen::open(&world, "exec $XPKCE login --headless");
    let shown = screen.type_when_told("Callback URL: ", "nonsense\n");
    let url = shown.split_whitespace().find(|word| word.contains("/oauth2/authorize")).unwrap();
    let callback = world.approve(url);
    let again = screen.type_when_told("Callback URL: ", &format!("{callback}\n"));
    assert!(again.contains("Paste it once more"), "{again}");
    let (code, shown) = screen.rest();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Signed in as @ada_example"), "{shown}");
}

#[test]
fn replacing_a_login_is_asked_and_no_is_taken_for_an_answer() {
    let world = World::signed_in();
    let mut screen = Screen::open(&world, "exec $XPKCE login --headless");
    screen.type_when_told("Go on? [Y/n] ", "n\n");
    let (code, shown) = screen.rest();
    assert_eq!(code, Some(3), "{shown}");
    world.run(&["token"]).succeeded();
}

#[test]
fn a_logout_is_asked_and_no_changes_nothing() {
    let world = World::signed_in();
    let mut screen = Screen::open(&world, "exec $XPKCE logout");
    screen.type_when_told("[Y/n] ", "maybe\n");
    screen.type_when_told("[Y/n] ", "n\n");
    let (code, shown) = screen.rest();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Nothing was changed."), "{shown}");
    world.run(&["token"]).succeeded();
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let world = World::new();
    let (_, shown) = Screen::open(&world, "exec $XPKCE token").rest();
    assert!(shown.contains("\u{1b}["), "{shown}");
    let (_, plain) = Screen::open(&world, "NO_COLOR=1 exec $XPKCE token").rest();
    assert!(!plain.contains("\u{1b}["), "{plain}");
    assert!(!world.run(&["token"]).stderr.contains('\u{1b}'));
}

#[test]
fn what_a_failure_names_cannot_steer_the_terminal() {
    let world = World::with_app();
    let line = r#"exec $XPKCE app remove "$(printf '\033]0;title\007name')""#;
    let (code, shown) = Screen::open(&world, line).rest();
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("name") && !shown.contains("\u{1b}]0;"), "{shown:?}");
}

/// Shows a command at a terminal of so many columns.
fn shown_at(world: &World, columns: usize, line: &str) -> String {
    let line = format!("stty cols {columns}; NO_COLOR=1 exec $XPKCE {line}");
    let (code, shown) = Screen::open(world, &line).rest();
    assert_eq!(code, Some(0), "{shown}");
    shown.replace('\r', "")
}

#[test]
fn lists_are_readable_on_a_narrow_terminal_and_without_colour() {
    let world = World::signed_in();
    world.add_confidential("harbour");
    let client_id = world.x.public_app().client_id;
    for columns in [40, 80] {
        for (command, facts) in [
            ("status", ["ACCOUNT     @ada_example", "STATE       ready", "TO DO       nothing"]),
            ("app list", ["NAME          lantern", "TYPE          public", &client_id]),
        ] {
            let shown = shown_at(&world, columns, command);
            assert!(!shown.contains('\u{1b}'), "{shown:?}");
            for fact in facts {
                assert!(shown.lines().any(|line| line.contains(fact)), "{fact}\n{shown}");
            }
            // What has no space in it, such as a client id, cannot be made shorter.
            let is_breakable = |line: &&str| line[line.len().min(14)..].contains(' ');
            for line in shown.lines().filter(is_breakable) {
                assert!(line.chars().count() <= columns, "{line}\n{shown}");
            }
        }
    }
}

#[test]
fn lists_are_tables_on_a_wide_terminal_and_for_programs() {
    let world = World::signed_in();
    for command in ["status", "app list"] {
        let wide = shown_at(&world, 250, command);
        assert_eq!(wide.lines().count(), 2, "{wide}");
        let words: Vec<&str> = command.split(' ').collect();
        let piped = world.run(&words).succeeded().stdout;
        // The columns are as wide as what is in them, which time changes.
        let header = |text: &str| text.split_whitespace().take(5).collect::<Vec<_>>().join(" ");
        assert_eq!(header(&piped), header(&wide));
        assert_eq!(piped.lines().count(), 2, "{piped}");
    }
}
