//! A wire between a keeper and its server that can be cut, or made to lose what the server says.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Passes connections on to a server on this machine.
pub struct Proxy {
    pub port: u16,
    wires: Arc<Wires>,
}

#[derive(Default)]
struct Wires {
    /// What the server says is thrown away.
    is_deaf: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let wires = Arc::<Wires>::default();
        let own = Arc::clone(&wires);
        // Ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                own.connect(client.unwrap(), server);
            }
        });
        Self { port, wires }
    }

    /// From now on nothing that the server says arrives.
    pub fn deafen(&self) {
        self.wires.is_deaf.store(true, Ordering::SeqCst);
    }

    /// Ends every connection there is; new ones are whole.
    pub fn cut(&self) {
        for stream in self.wires.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.wires.is_deaf.store(false, Ordering::SeqCst);
    }
}

impl Wires {
    fn connect(self: &Arc<Self>, client: TcpStream, server: u16) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
        let copies = [&client, &server].map(|stream| stream.try_clone().unwrap());
        self.streams.lock().unwrap().extend(copies);
        let [client_too, server_too] = [&client, &server].map(|it| it.try_clone().unwrap());
        let own = Arc::clone(self);
        std::thread::spawn(move || pass(client, server, || false));
        std::thread::spawn(move || {
            pass(server_too, client_too, || own.is_deaf.load(Ordering::SeqCst));
        });
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_lost: impl Fn() -> bool) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !is_lost() && to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
