//! A Kafka broker tells its clients where it is: a proxy in front of it must tell otherwise.

/// The broker's address inside its answers: host, then port as four bytes, in every version of every message.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    broker: Vec<u8>,
    proxy: Vec<u8>,
}

impl Naming {
    pub(super) fn new(bootstrap: &str, proxy: u16) -> Option<Self> {
        let (host, port) = bootstrap.rsplit_once(':')?;
        let spelled = |port: u16| [host.as_bytes(), &u32::from(port).to_be_bytes()].concat();
        Some(Self { broker: spelled(port.parse().ok()?), proxy: spelled(proxy) })
    }

    pub(super) fn rename(&self, frame: &mut [u8]) {
        let length = self.broker.len();
        let mut at = 0;
        while at + length <= frame.len() {
            if frame[at..at + length] == self.broker[..] {
                frame[at..at + length].copy_from_slice(&self.proxy);
                at += length;
            } else {
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_named_by_the_proxy() {
        let naming = Naming::new("127.0.0.1:9092", 4_000).unwrap();
        let mut frame =
            [&b"..127.0.0.1"[..], &9_092_u32.to_be_bytes(), b"..127.0.0.1", &9_093_u32.to_be_bytes()]
                .concat();
        naming.rename(&mut frame);
        let expected =
            [&b"..127.0.0.1"[..], &4_000_u32.to_be_bytes(), b"..127.0.0.1", &9_093_u32.to_be_bytes()]
                .concat();
        assert_eq!(frame, expected);
    }
}
