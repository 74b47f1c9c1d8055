//! web HOST:PORT: for each line N on standard input N requests over std::net::TcpStream, each with a connection of its own;
//! prints what they get.

use std::io::{BufRead, Error, Read, Write};
use std::net::TcpStream;

fn get(place: &str) -> Result<String, Error> {
    let mut stream = TcpStream::connect(place)?;
    let mut response = String::new();
    write!(stream, "GET /address HTTP/1.1\r\nHost: {}\r\n\r\n", place)?;
    stream.read_to_string(&mut response)?;
    let body = response.split("\r\n\r\n").nth(1).unwrap_or_default();
    Ok(body.to_string())
}

fn main() -> Result<(), Error> {
    let place = std::env::args().nth(1).expect("HOST:PORT");
    for line in std::io::stdin().lock().lines() {
        let count: u32 = line?.parse().expect("a count");
        for _ in 0..count {
            print!("{}", get(&place)?);
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
