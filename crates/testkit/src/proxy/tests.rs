use tokio::io::BufReader;
use tokio::time::Instant;

use super::*;
use crate::wait::until;

/// A server that sends back what it gets.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn says(stream: &mut BufReader<TcpStream>, word: &[u8; 2]) -> io::Result<[u8; 2]> {
    stream.write_all(word).await?;
    let mut heard = [0; 2];
    stream.read_exact(&mut heard).await.map(|_| heard)
}

#[tokio::test]
async fn what_is_held_arrives_later_and_what_is_cut_never() {
    let proxy = Proxy::to(&echo().await).await.unwrap();
    let connect = async || BufReader::new(TcpStream::connect(proxy.address()).await.unwrap());
    let mut stream = connect().await;
    assert_eq!(says(&mut stream, b"ab").await.unwrap(), *b"ab");

    proxy.hold();
    stream.write_all(b"cd").await.unwrap();
    let mut heard = [0; 2];
    let early = tokio::time::timeout(Duration::from_millis(50), stream.read_exact(&mut heard)).await;
    assert!(early.is_err(), "held");
    assert_eq!(proxy.held(), 1);
    proxy.open();
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, *b"cd");

    proxy.cut();
    assert!(says(&mut stream, b"ef").await.is_err());
    assert!(says(&mut connect().await, b"gh").await.is_err());
    proxy.open();
    let again = until("the way is open again", Duration::from_secs(5), async || {
        says(&mut connect().await, b"ij").await
    });
    assert_eq!(again.await, *b"ij");
}

#[tokio::test]
async fn what_is_swallowed_leaves_its_connection_dead_and_the_silent_one_alive() {
    let proxy = Proxy::to(&echo().await).await.unwrap();
    let connect = async || BufReader::new(TcpStream::connect(proxy.address()).await.unwrap());
    let (mut talker, mut silent) = (connect().await, connect().await);
    assert_eq!(says(&mut talker, b"ab").await.unwrap(), *b"ab");
    assert_eq!(says(&mut silent, b"ab").await.unwrap(), *b"ab");

    proxy.swallow();
    let mut late = connect().await;
    let heard = async |stream: &mut BufReader<TcpStream>, word| {
        tokio::time::timeout(Duration::from_millis(50), says(stream, word)).await.ok()
    };
    assert!(heard(&mut talker, b"cd").await.is_none() && heard(&mut late, b"cd").await.is_none());
    proxy.open();
    assert!(heard(&mut talker, b"ef").await.is_none() && heard(&mut late, b"ef").await.is_none());
    assert_eq!(says(&mut silent, b"gh").await.unwrap(), *b"gh");
    assert_eq!(says(&mut connect().await, b"ij").await.unwrap(), *b"ij");
}

#[tokio::test]
async fn a_narrow_way_takes_its_time_and_no_longer_than_it_is_narrow() {
    let proxy = Proxy::to(&echo().await).await.unwrap();
    let mut stream = BufReader::new(TcpStream::connect(proxy.address()).await.unwrap());
    proxy.narrow(40);
    let began = Instant::now();
    assert_eq!(says(&mut stream, b"ab").await.unwrap(), *b"ab");
    assert!(began.elapsed() >= Duration::from_millis(100), "{:?}", began.elapsed());

    proxy.narrow(1);
    stream.write_all(b"cd").await.unwrap();
    proxy.open();
    let mut heard = [0; 2];
    tokio::time::timeout(Duration::from_secs(1), stream.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard, *b"cd");
}
