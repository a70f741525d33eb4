use super::{Cause, Ended, KeeperOrder, KeptSession};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{
    ffi::{OsStr, OsString},
    fmt, io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};
use zeroize::{Zeroize, Zeroizing};

/// The largest message: the largest order in base64, and room for its punctuation.
const MAX_FRAME: usize = 2 * KeeperOrder::MAX_BYTES;
/// Each message has its length in front, big-endian.
const HEADER: usize = 4;
const FIRST_CAPACITY: usize = 16 << 10;

/// What W says.
#[derive(Serialize, Deserialize)]
pub(super) enum ToKeeper {
    Order(Box<Order>),
    Forward(i32),
    End(Cause),
    /// The end is recorded; there is nothing left to do but to clear up.
    Goodbye,
}

/// What K says.
#[derive(Serialize, Deserialize)]
pub(super) enum ToWrapper {
    Started { pid: i32 },
    NotFound,
    NotExecutable(String),
    Stopped,
    Ended(Ended),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) command: Vec<Text>,
    pub(super) env: Vec<(Text, Text)>,
    pub(super) deadline: DateTime<Utc>,
    /// How long that is from now, for a clock that cannot be set.
    pub(super) remaining: Duration,
    pub(super) grace: Duration,
    /// The group the command joins; 0 for one of its own.
    pub(super) group: i32,
    pub(super) session_id: String,
    pub(super) data_dir: Text,
    pub(super) audit_dir: Text,
}

impl Order {
    pub(super) fn new(order: &KeeperOrder, remaining: Duration, group: i32) -> Self {
        let text = |word: &OsString| Text::new(word.clone());
        Self {
            command: order.command.iter().map(text).collect(),
            env: order.env.iter().map(|(name, value)| (text(name), text(value))).collect(),
            deadline: order.deadline,
            remaining,
            grace: order.grace,
            group,
            session_id: order.session_id.clone(),
            data_dir: Text::new(order.data_dir.clone().into_os_string()),
            audit_dir: Text::new(order.audit_dir.clone().into_os_string()),
        }
    }

    pub(super) fn session(&self) -> KeptSession {
        KeptSession {
            session_id: self.session_id.clone(),
            data_dir: PathBuf::from(&self.data_dir.0),
            audit_dir: PathBuf::from(&self.audit_dir.0),
        }
    }
}

/// A word of the operating system: any bytes, so base64. It may be a secret, and is wiped when it is dropped.
pub(super) struct Text(OsString);

impl Text {
    pub(super) const fn new(word: OsString) -> Self {
        Self(word)
    }
}

impl AsRef<OsStr> for Text {
    fn as_ref(&self) -> &OsStr {
        &self.0
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrites a word of the operating system, and leaves an empty one.
pub(super) fn wipe(word: &mut OsString) {
    std::mem::take(word).into_vec().zeroize();
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD_NO_PAD.encode(self.0.as_bytes())))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let encoded = <&'de str>::deserialize(deserializer)?;
        // The message of the decoder would quote a byte of it.
        let bytes = STANDARD_NO_PAD.decode(encoded).map_err(|_| de::Error::custom("not base64"))?;
        Ok(Self::new(OsString::from_vec(bytes)))
    }
}

/// One end of the socket. What passes through its buffers is wiped behind itself.
pub(super) struct Link {
    stream: UnixStream,
    inbox: Buffer,
    outbox: Buffer,
    sent: usize,
}

impl Link {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, inbox: Buffer::default(), outbox: Buffer::default(), sent: 0 }
    }

    /// Puts a message where [`next`](Self::next) and [`flush`](Self::flush) send it from.
    pub(super) fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        let mut frame = Buffer::default();
        serde_json::to_writer(&mut frame, message)?;
        let length = frame.0.len();
        let header = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME).ok_or_else(too_long)?;
        self.outbox.push(&header.to_be_bytes());
        self.outbox.push(&frame.0);
        Ok(())
    }

    /// Returns the next message, or `None` when the other end is gone. Sends meanwhile. Safe to cancel.
    pub(super) async fn next<M: de::DeserializeOwned>(&mut self) -> io::Result<Option<M>> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(Some(serde_json::from_slice(&frame)?));
            }
            self.inbox.reserve(FIRST_CAPACITY);
            let (mut reader, mut writer) = self.stream.split();
            let pending = self.outbox.0.get(self.sent..).unwrap_or_default();
            tokio::select! {
                read = reader.read_buf(&mut *self.inbox.0) => if read? == 0 {
                    return Ok(None);
                },
                written = writer.write(pending), if !pending.is_empty() => self.sent += written?,
            }
            self.wipe_sent();
        }
    }

    /// Sends everything. Safe to cancel.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while let Some(pending @ [_, ..]) = self.outbox.0.get(self.sent..) {
            self.sent += self.stream.write(pending).await?;
            self.wipe_sent();
        }
        Ok(())
    }

    fn wipe_sent(&mut self) {
        if self.sent == self.outbox.0.len() {
            self.outbox.0.zeroize();
            self.sent = 0;
        }
    }

    fn take_frame(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let Some((header, rest)) = self.inbox.0.split_first_chunk::<HEADER>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
        if length > MAX_FRAME {
            return Err(too_long());
        }
        let Some((frame, rest)) = rest.split_at_checked(length) else {
            let missing = length - rest.len();
            self.inbox.reserve(missing);
            return Ok(None);
        };
        let frame = Zeroizing::new(frame.to_vec());
        self.inbox = Buffer(Zeroizing::new(rest.to_vec()));
        Ok(Some(frame))
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a message is too long")
}

impl fmt::Debug for Link {
    /// Leaves out what passes through.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// Bytes that leave no copy behind when they need more room.
#[derive(Default)]
struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * self.0.capacity())));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
