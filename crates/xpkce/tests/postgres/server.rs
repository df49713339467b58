//! A PostgreSQL server of its own that ends with the program that started it.
//!
//! Needs PostgreSQL's programs (`apt-get install postgresql`); without them the tests fail.
#![allow(dead_code, reason = "each of the tests that share it uses a part of it")]

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use xpkce::store::PostgresUri;

/// Starts a server on port `$1` in a folder of its own, and stops it when its input ends, however
/// this program does. Speaks TLS with a certificate that it signs itself. A line `stop` lets it die
/// as by a power cut, `start` brings it back. Where there is a small disk, `$2`, it gets a folder.
const SERVER: &str = r#"
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
PATH="$bin:$PATH"
folder=$(mktemp -d)
trap 'pg_ctl -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
cd "$folder"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
    -keyout key.pem -out certificate.pem 2>/dev/null
chmod 600 key.pem; chmod 755 .
initdb -D data -U xpkce -A trust --no-sync -E UTF8 --locale=C >/dev/null
tls="-c ssl=on -c ssl_cert_file=$folder/certificate.pem -c ssl_key_file=$folder/key.pem"
start() {
    pg_ctl -D data -w -l log -o "-p $1 -c listen_addresses=127.0.0.1 \
-c unix_socket_directories=$folder -c fsync=off -c max_connections=500 $tls" start >/dev/null
}
start "$1"
[ $# = 1 ] || mkdir "$2/tables"
echo "$folder/certificate.pem"
# It ends a moment after the program, whose own output it must not hold open.
exec 2>/dev/null
while read -r verb; do
    case $verb in
    stop) pg_ctl -D data -w -m immediate stop >/dev/null ;;
    start) start "$1" ;;
    esac
    echo "$verb"
done
"#;

/// Mounts a disk of 4 MiB at `$1` that this program and its children alone see, and goes on as who
/// may run a server.
const SMALL_DISK: &str = r#"
set -eu
mount -t tmpfs -o size=4m,mode=777 tmpfs "$1"
shift
exec "$@"
"#;

pub struct Server {
    pub port: u16,
    pub certificate: String,
    process: Mutex<(Child, Lines<BufReader<ChildStdout>>)>,
}

/// The one server of this program.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::own)
}

impl Server {
    /// Starts a server that nobody shares.
    pub fn own() -> Self {
        (0..3).find_map(|_| Self::start(may_run("sh"), None)).expect("a PostgreSQL server")
    }

    /// Starts a server that sees a disk of 4 MiB at `folder`, and has a folder `tables` there.
    pub fn with_small_disk(folder: &Path) -> Self {
        let command = || {
            let mut command = on_small_disk(folder);
            if is_root() {
                command.args(AS_POSTGRES).arg("sh");
            } else {
                // Root in its own eyes; the server must not be.
                command.args(["unshare", "-U", "--map-user=1000", "sh"]);
            }
            command
        };
        (0..3)
            .find_map(|_| Self::start(command(), Some(folder)))
            .expect("a server with a small disk")
    }

    /// Fails when somebody takes the port before the server does.
    fn start(mut shell: Command, disk: Option<&Path>) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = shell
            .args(["-c", SERVER, "sh", &port.to_string()])
            .args(disk)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let Some(certificate) = lines.next() else {
            process.wait().unwrap();
            return None;
        };
        Some(Self { port, certificate: certificate.unwrap(), process: (process, lines).into() })
    }

    /// Lets the server die as by a power cut.
    pub fn stop(&self) {
        self.tell("stop");
    }

    /// Brings the server back.
    pub fn restart(&self) {
        self.tell("start");
    }

    fn tell(&self, verb: &str) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(process.0.stdin.as_mut().unwrap(), "{verb}").unwrap();
        assert_eq!(process.1.next().expect("the server has ended").unwrap(), verb);
    }

    pub fn address(&self, host: &str, parameters: &str) -> PostgresUri {
        let port = self.port;
        PostgresUri::new(format!("postgres://xpkce@{host}:{port}/postgres?{parameters}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(process.0.stdin.take());
        let _ = process.0.wait();
    }
}

/// Begins a command line that sees a disk of 4 MiB at `folder`.
pub fn on_small_disk(folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(if is_root() { ["-m"].as_slice() } else { &["-U", "-r", "-m"] });
    command.args(["sh", "-c", SMALL_DISK, "sh"]).arg(folder);
    command
}

const AS_POSTGRES: [&str; 5] =
    ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--reset-env"];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// PostgreSQL and its pooler refuse to run as root.
pub fn may_run(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new(AS_POSTGRES[0]);
    command.args(&AS_POSTGRES[1..]).arg(program);
    command
}
