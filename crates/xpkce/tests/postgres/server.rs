//! A PostgreSQL server of its own that ends with the program that started it.
//!
//! Needs PostgreSQL's programs (`apt-get install postgresql`); without them the tests fail.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use secrecy::SecretString;

/// Starts a server on port `$1` in a folder of its own, and stops it when its input ends, however
/// this program does. Speaks TLS with a certificate that it signs itself.
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
pg_ctl -D data -w -l log -o "-p $1 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder \
-c fsync=off -c max_connections=500 $tls" start >/dev/null
echo "$folder/certificate.pem"
cat >/dev/null
"#;

pub struct Server {
    pub port: u16,
    pub certificate: String,
    _process: Child,
}

/// The one server of this program.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| (0..3).find_map(|_| Server::start()).expect("a PostgreSQL server"))
}

impl Server {
    /// Fails when somebody takes the port before the server does.
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = as_a_user_who_may("sh")
            .args(["-c", SERVER, "sh", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut certificate = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut certificate).unwrap();
        if certificate.is_empty() {
            process.wait().unwrap();
            return None;
        }
        Some(Self { port, certificate: certificate.trim().to_owned(), _process: process })
    }

    pub fn address(&self, host: &str, parameters: &str) -> SecretString {
        let port = self.port;
        format!("postgres://xpkce@{host}:{port}/postgres?{parameters}").into()
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
