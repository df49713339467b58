//! A pooler that shares connections between transactions, in front of the server of this program.
//!
//! Needs PgBouncer (`apt-get install pgbouncer`); without it the tests fail.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::OnceLock;

use super::server::{may_run, server};

/// Runs a pooler on port `$1` for the server on port `$2`, and stops it when its input ends,
/// however this program does. Four connections serve everybody, so that none is anybody's own.
const POOLER: &str = r#"
set -eu
folder=$(mktemp -d)
cd "$folder"
echo '"xpkce" ""' >users
cat >settings <<END
[databases]
* = host=127.0.0.1 port=$2
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $1
unix_socket_dir =
auth_type = trust
auth_file = $folder/users
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
END
PATH="$PATH:/usr/sbin" pgbouncer -q settings 2>log &
pooler=$!
trap 'kill $pooler 2>/dev/null || true; wait $pooler || true; rm -rf "$folder"' EXIT
until bash -c ": >/dev/tcp/127.0.0.1/$1" 2>/dev/null; do
    kill -0 $pooler
    sleep 0.02
done
echo up
cat >/dev/null
"#;

pub struct Pooler {
    pub port: u16,
    _process: Child,
}

/// The one pooler of this program.
pub fn pooler() -> &'static Pooler {
    static POOLER: OnceLock<Pooler> = OnceLock::new();
    POOLER.get_or_init(|| (0..3).find_map(|_| Pooler::start()).expect("a pooler"))
}

impl Pooler {
    /// Fails when somebody takes the port before the pooler does.
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = may_run("sh")
            .args(["-c", POOLER, "sh", &port.to_string(), &server().port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut up = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut up).unwrap();
        (up.trim() == "up").then_some(Self { port, _process: process })
    }
}
