use crate::{
    aws, collector, inbox, mailbox, openid, prometheus,
    recipe::{self, Recipe},
};

/// Names a kind of server that tests can have.
///
/// ```
/// use axess_peers::Kind;
///
/// assert_eq!(Kind::RedisCluster.variable(), "AXESS_TEST_REDIS_CLUSTER");
/// assert_eq!(Kind::ALL.len(), 17);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// PostgreSQL, with the superuser `postgres` and the database of the same name.
    Postgres,
    /// MariaDB, with the superuser `root` and the empty database `axess`.
    MariaDb,
    /// One Redis, without a password.
    Redis,
    /// Three Redis masters that share the slots, without replicas.
    RedisCluster,
    /// One Valkey, without a password.
    Valkey,
    /// Three Valkey masters that share the slots, without replicas.
    ValkeyCluster,
    /// An SMTP server that wants STARTTLS and a login, and keeps each mail it accepts in a [`crate::Mailbox`].
    Smtp,
    /// rsyslog on UDP and TCP (the port of the URL), TLS and a socket, which keeps messages in a [`crate::SyslogInbox`].
    Syslog,
    /// SeaweedFS with its S3 API: it checks signatures, digests, conditions and retention. No bucket is there. Beside
    /// the administrator of the URL it knows `reader` with the secret `readerpass`, who may not write.
    S3,
    /// MiniStack, which plays AWS, with the account of [`crate::AwsAccount`]: it checks signatures, trust, and what users,
    /// roles and sessions may do. The URL has the keys of `broker`. It takes a key it does not know for the account's
    /// root, does not read `aws:SourceIdentity` in conditions, does not check the signature of a web identity, and starts
    /// afresh each time.
    MiniStack,
    /// Moto, which plays AWS too, with the same account. It refuses keys it does not know and has a Cost Explorer, but
    /// looks at the actions of policies only: session policies, resources and conditions count for nothing.
    Moto,
    /// OpenBao, which speaks Vault's API, with the root token `root`, the policy `app` and an audit log in a file. A durable
    /// one keeps its data by Raft, any other in memory.
    OpenBao,
    /// Prometheus, which scrapes each second what it is told of: [`crate::Prometheus`].
    Prometheus,
    /// Rotel, a collector of telemetry: OTLP/HTTP on the port of the URL, OTLP/gRPC on another. What it received is in a
    /// [`crate::Collector`].
    Otlp,
    /// An OpenID Provider over TLS, with the clients of [`crate::OpenIdProvider`]. The second port asks for a certificate.
    OpenIdProvider,
    /// pysaml2 with xmlsec1, a SAML identity provider that logs in whom `POST /sp?OPTIONS` (with the metadata of a service
    /// provider) says, signs and encrypts as it says, and starts logouts itself: see `recipe/saml.py`. Its metadata are
    /// at `/metadata`, with the key that comes next at `/metadata?both`.
    SamlIdp,
    /// SimpleSAMLphp, a SAML identity provider with a page to log in: `alice` with `alicepass`, `bob` with `bobpass`.
    /// Service providers are made known by `POST /sp`; with `?encrypt` and `?encrypt-name` it encrypts assertions and names for
    /// them, by AES-CBC. Its metadata are at `/saml2/idp/metadata.php`, with its next certificate too after `POST /key?step=1`;
    /// after `POST /key?step=2` that one's key signs, and the first certificate is gone.
    SimpleSamlPhp,
}

impl Kind {
    /// Lists every kind.
    pub const ALL: [Self; 17] = [
        Self::Postgres,
        Self::MariaDb,
        Self::Redis,
        Self::RedisCluster,
        Self::Valkey,
        Self::ValkeyCluster,
        Self::Smtp,
        Self::Syslog,
        Self::S3,
        Self::MiniStack,
        Self::Moto,
        Self::OpenBao,
        Self::Prometheus,
        Self::Otlp,
        Self::OpenIdProvider,
        Self::SamlIdp,
        Self::SimpleSamlPhp,
    ];

    /// Returns the name for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
            Self::Redis => "Redis",
            Self::RedisCluster => "Redis cluster",
            Self::Valkey => "Valkey",
            Self::ValkeyCluster => "Valkey cluster",
            Self::Smtp => "SMTP server",
            Self::Syslog => "syslog server",
            Self::S3 => "S3 server",
            Self::MiniStack => "MiniStack",
            Self::Moto => "Moto",
            Self::OpenBao => "OpenBao",
            Self::Prometheus => "Prometheus",
            Self::Otlp => "OTLP collector",
            Self::OpenIdProvider => "OpenID Provider",
            Self::SamlIdp => "SAML identity provider",
            Self::SimpleSamlPhp => "SimpleSAMLphp",
        }
    }

    /// Returns the environment variable that holds the URLs of the shared server, separated by commas.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "AXESS_TEST_POSTGRES",
            Self::MariaDb => "AXESS_TEST_MARIADB",
            Self::Redis => "AXESS_TEST_REDIS",
            Self::RedisCluster => "AXESS_TEST_REDIS_CLUSTER",
            Self::Valkey => "AXESS_TEST_VALKEY",
            Self::ValkeyCluster => "AXESS_TEST_VALKEY_CLUSTER",
            Self::Smtp => "AXESS_TEST_SMTP",
            Self::Syslog => "AXESS_TEST_SYSLOG",
            Self::S3 => "AXESS_TEST_S3",
            Self::MiniStack => "AXESS_TEST_MINISTACK",
            Self::Moto => "AXESS_TEST_MOTO",
            Self::OpenBao => "AXESS_TEST_OPENBAO",
            Self::Prometheus => "AXESS_TEST_PROMETHEUS",
            Self::Otlp => "AXESS_TEST_OTLP",
            Self::OpenIdProvider => "AXESS_TEST_OPENID",
            Self::SamlIdp => "AXESS_TEST_SAML",
            Self::SimpleSamlPhp => "AXESS_TEST_SIMPLESAMLPHP",
        }
    }

    /// Returns why this machine cannot start such a server, or nothing when it can.
    pub fn missing(self) -> Option<String> {
        let program = (self.recipe().missing)()?;
        Some(format!("{} needs {program}, which is missing (cargo xtask peers install)", self.name()))
    }

    /// Returns the variable that names the folder of the shared server, for a kind whose tests look into it.
    pub(crate) const fn folder_variable(self) -> Option<&'static str> {
        match self {
            Self::Smtp => Some(mailbox::SHARED),
            Self::Syslog => Some(inbox::SHARED),
            Self::Prometheus => Some(prometheus::SHARED),
            Self::Otlp => Some(collector::SHARED),
            Self::OpenIdProvider => Some(openid::SHARED),
            _ => None,
        }
    }

    /// Returns how many ports one process takes, each with its second.
    pub(crate) const fn ports(self) -> usize {
        // An S3 server is four servers in one process.
        if matches!(self, Self::S3) { 4 } else { 1 }
    }

    /// Returns how many processes make one server.
    pub(crate) const fn nodes(self) -> usize {
        if self.is_cluster() { 3 } else { 1 }
    }

    pub(crate) const fn is_cluster(self) -> bool {
        matches!(self, Self::RedisCluster | Self::ValkeyCluster)
    }

    /// Returns the URL of a node on a loopback port.
    pub(crate) fn url(self, port: u16) -> String {
        let (before, after) = match self {
            Self::Postgres => ("postgres://postgres:pgpass@", "/postgres"),
            Self::MariaDb => ("mysql://root:rootpass@", "/axess"),
            Self::Redis | Self::RedisCluster | Self::Valkey | Self::ValkeyCluster => ("redis://", ""),
            Self::Smtp => ("smtp://mail:mailpass@", ""),
            Self::Syslog => ("syslog://", ""),
            Self::S3 => ("http://admin:adminpass@", ""),
            Self::OpenBao | Self::Prometheus | Self::Otlp | Self::SamlIdp | Self::SimpleSamlPhp => {
                ("http://", "")
            }
            Self::OpenIdProvider => ("https://", ""),
            Self::MiniStack | Self::Moto => {
                let (id, secret) = aws::BROKER;
                return format!("http://{id}:{secret}@127.0.0.1:{port}");
            }
        };
        format!("{before}127.0.0.1:{port}{after}")
    }

    pub(crate) const fn recipe(self) -> &'static Recipe {
        match self {
            Self::Postgres => &recipe::POSTGRES,
            Self::MariaDb => &recipe::MARIADB,
            Self::Redis => &recipe::REDIS,
            Self::RedisCluster => &recipe::REDIS_CLUSTER,
            Self::Valkey => &recipe::VALKEY,
            Self::ValkeyCluster => &recipe::VALKEY_CLUSTER,
            Self::Smtp => &recipe::SMTP,
            Self::Syslog => &recipe::SYSLOG,
            Self::S3 => &recipe::S3,
            Self::MiniStack => &recipe::MINISTACK,
            Self::Moto => &recipe::MOTO,
            Self::OpenBao => &recipe::OPENBAO,
            Self::Prometheus => &recipe::PROMETHEUS,
            Self::Otlp => &recipe::OTLP,
            Self::OpenIdProvider => &recipe::OPENID_PROVIDER,
            Self::SamlIdp => &recipe::SAML_IDP,
            Self::SimpleSamlPhp => &recipe::SIMPLE_SAML_PHP,
        }
    }
}
