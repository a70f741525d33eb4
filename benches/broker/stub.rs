//! An STS that gives everybody a role, at once, and counts how long that takes it.

use crate::Fault;
use chrono::{TimeDelta, Utc};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The most bytes of a request that are read.
const MAX_BODY: usize = 65_536;

const ANSWER: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
    <Credentials><AccessKeyId>ASIA@KEY@</AccessKeyId><SecretAccessKey>@SECRET@</SecretAccessKey>\
    <SessionToken>@SECRET@</SessionToken><Expiration>@EXPIRATION@</Expiration></Credentials>\
    <AssumedRoleUser><AssumedRoleId>AROAMEASURED:session</AssumedRoleId>\
    <Arn>arn:aws:sts::123456789012:assumed-role/app/session</Arn></AssumedRoleUser>\
    <PackedPolicySize>1</PackedPolicySize></AssumeRoleResult>\
    <ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata></AssumeRoleResponse>";

/// A running stub. It ends with this process.
pub(crate) struct Stub {
    pub(crate) url: String,
    own: Arc<AtomicU64>,
}

impl Stub {
    pub(crate) fn start() -> Result<Self, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let own = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&own);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                // A client may keep its connection, and another come.
                std::thread::spawn(move || serve(stream, &counted));
            }
        });
        Ok(Self { url, own })
    }

    /// Returns how long it took over its answers since this was last asked.
    pub(crate) fn own_time(&self) -> Duration {
        Duration::from_nanos(self.own.swap(0, Ordering::AcqRel))
    }
}

/// Answers until the client goes.
fn serve(stream: TcpStream, own: &AtomicU64) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let body = read_request(&mut reader)?;
        let began = Instant::now();
        let seconds = body.split('&').find_map(|pair| pair.strip_prefix("DurationSeconds=")?.parse().ok());
        let expires = Utc::now() + TimeDelta::seconds(seconds.unwrap_or(900));
        let answer = ANSWER
            .replace("@KEY@", &"MEASURED".repeat(2))
            .replace("@SECRET@", &"measured".repeat(5))
            .replace("@EXPIRATION@", &expires.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", answer.len());
        writer.write_all(format!("{head}{answer}").as_bytes()).ok()?;
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        own.fetch_add(took, Ordering::AcqRel);
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse::<usize>().ok().filter(|length| *length <= MAX_BODY)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}
