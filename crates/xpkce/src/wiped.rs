//! JSON with secrets in it: written into one buffer that is wiped, and of which no copy is left.

use std::io::{self, Write};

use serde::Serialize;
use zeroize::Zeroizing;

/// Writes a value. It is measured first: a buffer that grows by itself leaves a copy behind.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<Zeroizing<String>> {
    let mut size = Size(0);
    serde_json::to_writer(&mut size, value)?;
    let mut room = Room(Zeroizing::new(Vec::with_capacity(size.0)));
    serde_json::to_writer(&mut room, value)?;
    let text = String::from_utf8(std::mem::take(&mut *room.0));
    Ok(Zeroizing::new(text.expect("JSON is UTF-8")))
}

/// Counts what is written.
struct Size(usize);

impl Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A buffer that takes what it has room for.
struct Room(Zeroizing<Vec<u8>>);

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.0.capacity() - self.0.len());
        self.0.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_into_a_buffer_of_its_own_size() {
        let value = serde_json::json!({"a": "\u{e4}\n\"", "b": vec!["x"; 1000]});
        let text = json(&value).unwrap();
        assert_eq!(*text, value.to_string());
        assert_eq!(text.capacity(), text.len());
    }

    #[test]
    fn a_buffer_takes_no_more_than_it_has_room_for() {
        let mut room = Room(Zeroizing::new(Vec::with_capacity(3)));
        assert_eq!(room.write(b"ab").unwrap(), 2);
        assert_eq!(room.write(b"cd").unwrap(), 1);
        assert!(room.write_all(b"d").is_err());
        assert_eq!(&**room.0, b"abc");
    }
}
