//! Tells the broker that a member of a group is dead, which no call of the client library does: without it, who comes back waits
//! until the session of who was killed is over. Three requests of the Kafka protocol, each in its first version (no TLS, no SASL yet).

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest answer read: a group of some thousand members.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const FIND_COORDINATOR: i16 = 10;
const LEAVE_GROUP: i16 = 13;
const DESCRIBE_GROUPS: i16 = 15;
const UNKNOWN_MEMBER_ID: i16 = 25;

/// A member as the broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Given by the broker.
    pub(crate) id: String,
    /// Chosen by the member.
    pub(crate) client_id: String,
}

/// A connection to the broker that keeps a group.
pub(crate) struct Coordinator {
    stream: TcpStream,
    group: String,
}

impl Coordinator {
    /// Asks one of the brokers, then connects to the right one.
    pub(crate) async fn of(bootstrap: &str, group: &str) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for broker in bootstrap.split(',') {
            match Self::asked(broker, group).await {
                Ok(found) => return Ok(found),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn asked(broker: &str, group: &str) -> io::Result<Self> {
        let mut any = Self { stream: TcpStream::connect(broker).await?, group: group.to_owned() };
        let answer = any.ask(FIND_COORDINATOR, &string(group)).await?;
        let mut answer = Answer(&answer);
        answer.no_error()?;
        let _node = answer.i32()?;
        let (host, port) = (answer.string()?, answer.i32()?);
        let port = u16::try_from(port).map_err(io::Error::other)?;
        Ok(Self { stream: TcpStream::connect((host.as_str(), port)).await?, ..any })
    }

    /// Who is in the group, also while it is being divided anew.
    pub(crate) async fn members(&mut self) -> io::Result<Vec<Member>> {
        let groups = [&1_i32.to_be_bytes()[..], &string(&self.group)].concat();
        let answer = self.ask(DESCRIBE_GROUPS, &groups).await?;
        let mut answer = Answer(&answer);
        let mut members = Vec::new();
        for _group in 0..answer.i32()? {
            answer.no_error()?;
            for _ in ["group", "state", "protocol type", "protocol"] {
                answer.string()?;
            }
            for _member in 0..answer.i32()? {
                members.push(Member { id: answer.string()?, client_id: answer.string()? });
                let _host = answer.string()?;
                for _ in ["metadata", "assignment"] {
                    answer.bytes()?;
                }
            }
        }
        Ok(members)
    }

    /// In the name of one that cannot say so any more, whether it still is a member or not.
    pub(crate) async fn leave(&mut self, member: &Member) -> io::Result<()> {
        let request = [string(&self.group), string(&member.id)].concat();
        let answer = self.ask(LEAVE_GROUP, &request).await?;
        match Answer(&answer).i16()? {
            UNKNOWN_MEMBER_ID => Ok(()),
            _ => Answer(&answer).no_error(),
        }
    }

    async fn ask(&mut self, api: i16, body: &[u8]) -> io::Result<Vec<u8>> {
        let (version, correlation, nobody) = (0_i16, 0_i32, -1_i16);
        let head = [
            &api.to_be_bytes()[..],
            &version.to_be_bytes(),
            &correlation.to_be_bytes(),
            &nobody.to_be_bytes(),
        ];
        let request = [&head.concat(), body].concat();
        self.stream.write_u32(u32::try_from(request.len()).map_err(io::Error::other)?).await?;
        self.stream.write_all(&request).await?;
        let size = usize::try_from(self.stream.read_u32().await?).map_err(io::Error::other)?;
        if !(4..=ANSWER_BYTES_MAX).contains(&size) {
            return Err(io::Error::other(format!("an answer of {size} bytes")));
        }
        let _correlation = self.stream.read_i32().await?;
        let mut answer = vec![0; size - 4];
        self.stream.read_exact(&mut answer).await?;
        Ok(answer)
    }
}

fn string(text: &str) -> Vec<u8> {
    let length = i16::try_from(text.len()).unwrap_or(0);
    [&length.to_be_bytes()[..], &text.as_bytes()[..usize::try_from(length).unwrap_or(0)]].concat()
}

/// What is left of an answer.
struct Answer<'a>(&'a [u8]);

impl Answer<'_> {
    fn take(&mut self, count: i32) -> io::Result<&[u8]> {
        let count = usize::try_from(count.max(0)).map_err(io::Error::other)?;
        let (taken, rest) = self.0.split_at_checked(count).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(taken)
    }

    fn i16(&mut self) -> io::Result<i16> {
        self.take(2)?.try_into().map(i16::from_be_bytes).map_err(io::Error::other)
    }

    fn i32(&mut self) -> io::Result<i32> {
        self.take(4)?.try_into().map(i32::from_be_bytes).map_err(io::Error::other)
    }

    fn bytes(&mut self) -> io::Result<&[u8]> {
        let count = self.i32()?;
        self.take(count)
    }

    fn string(&mut self) -> io::Result<String> {
        let count = self.i16()?;
        Ok(String::from_utf8_lossy(self.take(count.into())?).into_owned())
    }

    fn no_error(&mut self) -> io::Result<()> {
        match self.i16()? {
            0 => Ok(()),
            code => Err(io::Error::other(format!("Kafka answers with error {code}"))),
        }
    }
}
