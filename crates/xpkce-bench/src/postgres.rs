//! A PostgreSQL server of its own, with every commit flushed, that ends with this program.
//!
//! Needs PostgreSQL's programs, which `./bench` installs.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

/// Starts a server on port `$1` in a folder of its own, and stops it when its input ends, however
/// this program does.
const SERVER: &str = r#"
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
PATH="$bin:$PATH"
folder=$(mktemp -d)
trap 'pg_ctl -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
cd "$folder"
initdb -D data -U xpkce -A trust --no-sync -E UTF8 --locale=C >/dev/null
pg_ctl -D data -w -l log -o "-p $1 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder \
-c fsync=on -c synchronous_commit=on -c max_connections=100" start >/dev/null
echo ready
cat >/dev/null
"#;

/// A running server.
pub struct Server {
    port: u16,
    process: Child,
}

impl Server {
    /// Starts one; none where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        (0..3).find_map(|_| Self::try_start())
    }

    /// Fails when somebody takes the port before the server does.
    fn try_start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let mut process = as_a_user_who_may("sh")
            .args(["-c", SERVER, "sh", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
        if line.trim() != "ready" {
            let _ = process.wait();
            return None;
        }
        Some(Self { port, process })
    }

    /// Returns its address.
    pub fn address(&self) -> String {
        format!("postgres://xpkce@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is the word to stop.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// PostgreSQL refuses to run as root.
fn as_a_user_who_may(program: &str) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--reset-env"]);
    command.arg(program);
    command
}
