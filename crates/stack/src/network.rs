//! Ports, and the two smallest questions that Kafka and the registry answer only when they are ready.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::error::{Doing as _, StackError};
use crate::options::Part;

/// A port nobody listens on at this moment.
pub(crate) fn free_port() -> Result<u16, StackError> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("find a free port for", Path::new("127.0.0.1"))?;
    Ok(listener.local_addr().doing("find a free port for", Path::new("127.0.0.1"))?.port())
}

/// Fails when somebody listens on `port`.
pub(crate) fn check_free(part: Part, port: u16) -> Result<(), StackError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop).map_err(|_| StackError::PortInUse { part, port })
}

/// True when the broker answers a Metadata request (version 1, no topics) with itself in the list: it is registered with its
/// controller, so topics can be made.
pub(crate) async fn kafka_answers(port: u16) -> io::Result<bool> {
    let client = b"stack";
    let mut request = Vec::new();
    request.extend(3_i16.to_be_bytes()); // Metadata
    request.extend(1_i16.to_be_bytes());
    request.extend(7_i32.to_be_bytes()); // correlation id
    request.extend(5_i16.to_be_bytes());
    request.extend(client);
    request.extend(0_i32.to_be_bytes()); // no topics
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_i32(i32::try_from(request.len()).unwrap_or_default()).await?;
    stream.write_all(&request).await?;
    let _size = stream.read_i32().await?;
    let _correlation = stream.read_i32().await?;
    Ok(stream.read_i32().await? >= 1)
}

/// True when `GET path` is answered with 200.
pub(crate) async fn http_answers(port: u16, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(status.ends_with(b" 200"))
}
