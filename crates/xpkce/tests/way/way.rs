//! A way to the emulator that is not there yet: whoever asks for X is refused the connection.

use std::io;
use std::net::{Shutdown, TcpStream};

use tokio::net::TcpSocket;

/// A port of this machine that nobody listens on, and that no other program is handed meanwhile.
pub struct Way(TcpSocket);

impl Way {
    pub fn closed() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self(socket)
    }

    /// Where X seems to be, for who goes this way.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// From now on leads to the server of this base URL.
    pub fn open(self, base_url: &str) {
        let server = base_url.strip_prefix("http://").unwrap().to_owned();
        let listener = self.0.listen(16).unwrap().into_std().unwrap();
        listener.set_nonblocking(false).unwrap();
        // Ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let [client_too, server_too] = [&client, &server].map(|it| it.try_clone().unwrap());
                std::thread::spawn(move || pass(client, server));
                std::thread::spawn(move || pass(server_too, client_too));
            }
        });
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
