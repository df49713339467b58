//! The least that a command which prints a stored token can be: opens a file of SQLite, reads one
//! row, prints it. `bare make FILE` writes the file, `bare read FILE` is what is measured.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that measures ends where it cannot go on"
)]

use rusqlite::{Connection, OpenFlags};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args[1].as_str() {
        "make" => make(&args[2]),
        _ => println!("{}", read(&args[2])),
    }
}

fn make(file: &str) {
    let connection = Connection::open(file).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.execute("CREATE TABLE token (id INTEGER PRIMARY KEY, token TEXT)", ()).unwrap();
    connection.execute("INSERT INTO token VALUES (1, ?1)", ["t".repeat(91)]).unwrap();
}

fn read(file: &str) -> String {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).unwrap();
    connection.query_row("SELECT token FROM token WHERE id = 1", (), |row| row.get(0)).unwrap()
}
