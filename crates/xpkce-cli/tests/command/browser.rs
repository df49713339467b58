//! Signing in with the listener, the test playing the browser.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Child;

use crate::world::{World, assert_silent, until};

/// Returns a free port that the system hands out to nobody else for a minute: a connection that was
/// closed from this side lingers on it. Who names it may listen there.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _peer = TcpStream::connect(address).unwrap();
    drop(listener.accept().unwrap());
    address.port()
}

/// Registers a callback on a free port.
fn free_callback(world: &World) -> String {
    let uri = format!("http://127.0.0.1:{}/callback", free_port());
    world.x.register_redirect(&world.x.public_app().client_id, &uri);
    uri
}

pub(crate) fn get(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, target) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{target} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

fn url_of(child: &mut Child) -> String {
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    url.trim().to_owned()
}

/// Waits for the end; returns the exit code and what was said.
pub(crate) fn ended(mut child: Child) -> (i32, String) {
    let mut talk = String::new();
    child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
    assert_silent("the login", &talk);
    (child.wait().unwrap().code().unwrap(), talk)
}

#[test]
fn the_listener_takes_the_callback_and_tells_the_browser() {
    let world = World::with_app();
    let uri = free_callback(&world);
    let mut child = world.spawn(&["login", "--no-browser", "--redirect-uri", &uri]);
    let callback = world.approve(&url_of(&mut child));
    assert!(get(&format!("{uri}?state=forged&code=x")).contains("400"), "a forged callback");
    let page = get(&callback);
    let (code, talk) = ended(child);
    assert_eq!(code, 0, "{talk}");
    assert!(page.contains("Signed in"), "{page}");
    assert!(talk.contains("Signed in as @ada_example"), "{talk}");
}

#[test]
fn a_denial_is_told_in_the_browser_and_at_the_terminal() {
    let world = World::with_app();
    let uri = free_callback(&world);
    let mut child = world.spawn(&["login", "--no-browser", "--redirect-uri", &uri]);
    let callback = world.deny(&url_of(&mut child));
    let page = get(&callback);
    let (code, talk) = ended(child);
    assert_eq!(code, 3, "{talk}");
    assert!(page.contains("You did not approve"), "{page}");
    assert!(talk.contains("the user did not approve"), "{talk}");
    assert!(talk.contains("hint: xpkce login --no-browser --redirect-uri "), "{talk}");
}

#[test]
fn the_browser_that_is_set_is_opened() {
    let mut world = World::with_app();
    let uri = free_callback(&world);
    let browser = world.folder().join("browser.sh");
    let script = format!("#!/bin/sh\necho \"$1\" > {}/opened\n", world.folder().display());
    std::fs::write(&browser, script).unwrap();
    std::process::Command::new("chmod").arg("+x").arg(&browser).status().unwrap();
    world.set("BROWSER", browser.to_str().unwrap());
    let child = world.spawn(&["login", "--redirect-uri", &uri]);
    let opened = world.folder().join("opened");
    let url = until("the browser is opened", || {
        std::fs::read_to_string(&opened).ok().filter(|url| url.ends_with('\n'))
    });
    get(&world.approve(url.trim()));
    let (code, talk) = ended(child);
    assert_eq!(code, 0, "{talk}");
    assert!(talk.contains("Your browser shows X's consent page"), "{talk}");
}

#[test]
fn a_busy_port_is_named_before_anything_is_opened() {
    let world = World::with_app();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://127.0.0.1:{}/callback", taken.local_addr().unwrap().port());
    let done = world.run(&["login", "--no-browser", "--redirect-uri", &uri]).exited(2);
    assert!(
        done.stderr.contains(&taken.local_addr().unwrap().port().to_string()),
        "{}",
        done.stderr
    );
    let hint = format!("hint: xpkce login --redirect-uri {uri} --headless\n");
    assert!(done.stderr.contains(&hint), "{}", done.stderr);
    assert_eq!(done.stdout, "");
}
