//! Delivery by a program that is asked: `credential_process` of AWS, and the like.
//!
//! Without a command, [`document`] is printed and that is all. With one, the command's configuration names our own program,
//! which asks the session's [`super::endpoint`] each time: so what is refreshed is seen, what is over is refused, and no
//! credential is on disk.

use super::{DeliverError, Documents, Variables, endpoint::PROCESS_PATH, regions};
use crate::private_folder::PrivateFolder;
use audex_core::Credential;
use audex_policy::Provider;
use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};
use zeroize::Zeroizing;

/// The hidden subcommand that calls [`ask`]; its one argument is the private folder.
pub const SUBCOMMAND: &str = "__credentials";
/// How long the endpoint has for its answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest answer that is read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// The file with the address of the session's endpoint.
const ADDRESS_FILE: &str = "endpoint-address";
/// The file with the token of the session's endpoint.
pub(super) const TOKEN_FILE: &str = "endpoint-token";

/// Says why a session's endpoint gave no credential.
///
/// ```
/// let error = audex_cli::deliver::process::AskError::Refused("the session is over".to_owned());
/// assert_eq!(error.to_string(), "the session's endpoint refused: the session is over");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no session at this folder, or it cannot be reached.
    #[error("the session's endpoint cannot be asked (the session is over, or this is not its command)")]
    Unreachable(#[source] io::Error),
    /// The endpoint said no.
    #[error("the session's endpoint refused: {0}")]
    Refused(String),
}

/// Writes what a program that is asked prints.
///
/// # Errors
///
/// The provider has no such document.
pub fn document(credential: &Credential) -> Result<Zeroizing<Vec<u8>>, DeliverError> {
    let provider = credential.provider();
    let written = Documents::of(provider).and_then(|documents| (documents.process)(credential));
    written.ok_or(DeliverError::NotThisWay { provider, way: "process" })
}

/// Configures a command to ask our `program` for credentials, and returns the variables that point at the configuration.
///
/// `program` is an absolute path, and `address` that of a running [`Endpoint`](super::endpoint::Endpoint) with its token in
/// this folder.
/// `credential` is the first one; only its region is used.
///
/// # Errors
///
/// A path has characters that a configuration file cannot hold, the provider's programs ask nobody, or the folder does not
/// take the file.
pub fn configure(
    folder: &PrivateFolder,
    program: &Path,
    address: SocketAddr,
    credential: &Credential,
) -> Result<Variables, DeliverError> {
    folder.write(ADDRESS_FILE, address.to_string().as_bytes())?;
    let line = format!("{} {SUBCOMMAND} {}", plain(program)?, plain(folder.path())?);
    match credential.provider() {
        Provider::Aws => {
            let file =
                folder.write("aws-config", format!("[default]\ncredential_process = {line}\n").as_bytes())?;
            // Older SDKs read the file only when they are told to.
            let variables = regions(credential).with("AWS_SDK_LOAD_CONFIG", "1");
            Ok(variables.with("AWS_CONFIG_FILE", file.to_string_lossy().as_ref()))
        }
        Provider::Local => Ok(Variables::default().with("AUDEX_TOKEN_PROCESS", line)),
        provider @ (Provider::Gcp | Provider::Azure | Provider::Vault) => {
            Err(DeliverError::NotThisWay { provider, way: "process" })
        }
    }
}

/// Asks the endpoint of the session with this private folder, and writes its document to `out`.
///
/// # Errors
///
/// The endpoint is gone or refused, or `out` does not take it.
pub fn ask(folder: &Path, out: &mut impl Write) -> Result<(), AskError> {
    let answer = fetch(folder).map_err(AskError::Unreachable)?;
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = answer.split_at(split.unwrap_or(answer.len()));
    let body = body.get(4..).unwrap_or_default();
    if head.starts_with(b"HTTP/1.1 200 ") {
        return out.write_all(body).and_then(|()| out.flush()).map_err(AskError::Unreachable);
    }
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let message = json.get("Message").and_then(|message| message.as_str());
    Err(AskError::Refused(message.unwrap_or("its answer cannot be read").to_owned()))
}

fn fetch(folder: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let address: SocketAddr =
        fs::read_to_string(folder.join(ADDRESS_FILE))?.parse().map_err(io::Error::other)?;
    if address.ip() != Ipv4Addr::LOCALHOST {
        return Err(io::Error::other("the address is not on loopback"));
    }
    let token = Zeroizing::new(fs::read_to_string(folder.join(TOKEN_FILE))?);
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = Zeroizing::new(format!(
        "GET {PROCESS_PATH} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        token.as_str()
    ));
    stream.write_all(request.as_bytes())?;
    let mut answer = Zeroizing::new(Vec::new());
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Returns a path that means the same to a shell, to Python's `shlex` and to what other SDKs split lines with.
fn plain(path: &Path) -> Result<&str, DeliverError> {
    let is_plain = |text: &&str| {
        path.is_absolute()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@:,=".contains(&byte))
    };
    path.to_str().filter(is_plain).ok_or_else(|| DeliverError::OddPath(path.to_owned()))
}
