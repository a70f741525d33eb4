use super::SyslogConfigError;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use std::{fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket, UnixDatagram, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// How often a server that talks is listened to before it is given up.
const MAX_TALK: usize = 16;
/// How long a look at a stream takes: long enough for the runtime to ask the kernel.
const LOOK: Duration = Duration::from_millis(1);
/// How long a new TLS connection is listened to.
const SETTLE: Duration = Duration::from_millis(100);

/// Where messages go, and how.
///
/// An address is a name or an IP address (an IPv6 one in brackets), a colon and a port; a name is looked up whenever a
/// connection is made.
///
/// ```
/// use axess_audit::sink::SyslogTransport;
/// let udp = SyslogTransport::Udp("syslog.example:514".into());
/// assert!(format!("{udp:?}").contains("syslog.example:514"));
/// ```
#[derive(Debug, Clone)]
pub enum SyslogTransport {
    /// Datagrams in clear (RFC 5426).
    Udp(String),
    /// A stream in clear (RFC 6587).
    Tcp(String),
    /// A stream over TLS (RFC 5425).
    Tls(String, SyslogTls),
    /// The datagram socket of a server on this machine.
    Unix(PathBuf),
}

/// Whom a TLS connection trusts, and as whom it comes.
///
/// ```
/// use axess_audit::sink::SyslogTls;
/// let tls = SyslogTls { server_name: "syslog.example".into(), authorities: b"PEM".to_vec(), identity: None };
/// assert_eq!(format!("{tls:?}"), "SyslogTls { server_name: \"syslog.example\", has_identity: false, .. }");
/// ```
#[derive(Clone)]
pub struct SyslogTls {
    /// The name or IP address that the server's certificate must have.
    pub server_name: String,
    /// The certificate authorities, as PEM. The machine's own are not used.
    pub authorities: Vec<u8>,
    /// Certificate chain and key of this side, as PEM, where the server asks for them.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// A transport that was checked.
pub(super) enum Target {
    Udp(String),
    Tcp(String),
    Tls(String, ServerName<'static>, TlsConnector),
    Unix(PathBuf),
}

/// A stream, in clear or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A way to a server.
pub(super) enum Connection {
    Udp(UdpSocket),
    Unix(UnixDatagram),
    Stream(Box<dyn Stream>),
}

impl SyslogTransport {
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Tls(..))
    }
}

impl SyslogTls {
    fn connector(&self) -> Result<TlsConnector, SyslogConfigError> {
        let fault = SyslogConfigError::Certificates;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.authorities) {
            roots.add(certificate.map_err(|_| fault)?).map_err(|_| fault)?;
        }
        if roots.is_empty() {
            return Err(fault);
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| fault)?
            .with_root_certificates(roots);
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|_| fault)?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| fault)?;
                config.with_client_auth_cert(chain, key).map_err(|_| fault)?
            }
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

impl fmt::Debug for SyslogTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyslogTls")
            .field("server_name", &self.server_name)
            .field("has_identity", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}

impl Target {
    pub(super) fn new(transport: &SyslogTransport) -> Result<Self, SyslogConfigError> {
        let checked = |address: &str| {
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            let setting =
                SyslogConfigError::Setting("an address is a name or an IP address, a colon and a port");
            port.filter(|port| *port > 0).map(|_| address.to_owned()).ok_or(setting)
        };
        Ok(match transport {
            SyslogTransport::Udp(address) => Self::Udp(checked(address)?),
            SyslogTransport::Tcp(address) => Self::Tcp(checked(address)?),
            SyslogTransport::Unix(path) => Self::Unix(path.clone()),
            SyslogTransport::Tls(address, tls) => {
                let name = ServerName::try_from(tls.server_name.clone());
                let setting = SyslogConfigError::Setting("the server's name is no name and no IP address");
                Self::Tls(checked(address)?, name.map_err(|_| setting)?, tls.connector()?)
            }
        })
    }

    pub(super) async fn connect(&self) -> io::Result<Connection> {
        Ok(match self {
            Self::Udp(address) => Connection::Udp(udp(address).await?),
            Self::Tcp(address) => Connection::Stream(Box::new(tcp(address).await?)),
            Self::Tls(address, name, connector) => {
                let mut stream = connector.connect(name.clone(), tcp(address).await?).await?;
                settle(&mut stream).await?;
                Connection::Stream(Box::new(stream))
            }
            Self::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                Connection::Unix(socket)
            }
        })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => f.debug_tuple("Udp").field(address).finish(),
            Self::Tcp(address) => f.debug_tuple("Tcp").field(address).finish(),
            Self::Tls(address, name, _) => f.debug_tuple("Tls").field(address).field(name).finish(),
            Self::Unix(path) => f.debug_tuple("Unix").field(path).finish(),
        }
    }
}

impl Connection {
    /// Returns nothing when the other side has closed a stream. Without looking, the first batch after a restart of
    /// the server would be written into the void.
    pub(super) async fn if_open(mut self) -> Option<Self> {
        let Self::Stream(stream) = &mut self else { return Some(self) };
        let mut answer = [0; 1024];
        for _ in 0..MAX_TALK {
            match timeout(LOOK, stream.read(&mut answer)).await {
                // Nothing to read: it is open.
                Err(_) => return Some(self),
                // A server has nothing to say; if it does, it is not for us.
                Ok(Ok(length)) if length > 0 => {}
                Ok(_) => return None,
            }
        }
        None
    }

    pub(super) async fn send(&mut self, messages: &[Vec<u8>]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => {
                for message in messages {
                    socket.send(message).await?;
                }
            }
            Self::Unix(socket) => {
                for message in messages {
                    socket.send(message).await?;
                }
            }
            Self::Stream(stream) => {
                let mut frames = Vec::new();
                for message in messages {
                    // Each behind its length (RFC 6587, section 3.4.1).
                    frames.extend_from_slice(format!("{} ", message.len()).as_bytes());
                    frames.extend_from_slice(message);
                }
                stream.write_all(&frames).await?;
                stream.flush().await?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp(_) => "Udp",
            Self::Unix(_) => "Unix",
            Self::Stream(_) => "Stream",
        })
    }
}

/// Makes a socket that hears when nobody listens on the other side.
async fn udp(address: &str) -> io::Result<UdpSocket> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in lookup_host(address).await? {
        let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        match socket.connect(address).await {
            Ok(()) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Waits for what a TLS 1.3 server says right after a handshake that was fine for us.
///
/// It may refuse our certificate only then. Otherwise it sends session tickets: if they were still unread when the
/// connection is closed, the kernel would reset it, and the server would lose what it has not read yet.
async fn settle(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    match timeout(SETTLE, stream.read(&mut [0; 64])).await {
        Err(_) => Ok(()),
        Ok(Ok(0)) => Err(io::ErrorKind::ConnectionAborted.into()),
        Ok(read) => read.map(drop),
    }
}

async fn tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
