use std::{fmt, path::PathBuf};

/// At which identity provider people sign in (`[sso]`).
///
/// ```
/// use audex_server::settings::{OidcSettings, SsoProtocol, SsoSettings};
/// let oidc = OidcSettings {
///     provider_url: "https://auth.example.com".into(),
///     client_id: "audex".into(),
///     client_secret: Some("secret".into()),
///     client_key_path: None,
///     is_public: false,
///     redirect_uri: "https://audex.example.com/oidc/callback".into(),
///     scopes: vec!["openid".into(), "email".into()],
/// };
/// let sso = SsoSettings::new(SsoProtocol::Oidc(oidc));
/// assert!(sso.local_login && !format!("{sso:?}").contains("secret\""));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsoSettings {
    /// How the provider is spoken to (`sso.type`).
    pub protocol: SsoProtocol,
    /// The claim or attribute that lists a person's groups (`sso.groups_claim`).
    pub groups_claim: Option<String>,
    /// The claim or attribute with the e-mail address (`sso.email_claim`).
    pub email_claim: Option<String>,
    /// The claim or attribute with what people are called (`sso.name_claim`).
    pub name_claim: Option<String>,
    /// One of these authentication contexts has to be met (`sso.required_acr`).
    pub required_acr: Vec<String>,
    /// Each of these ways to authenticate has to have been used (`sso.required_amr`); for OpenID Connect.
    pub required_amr: Vec<String>,
    /// The domains of the people that the provider answers for (`sso.email_domains`), in lower case; empty for everybody.
    pub email_domains: Vec<String>,
    /// Whether the provider is believed about addresses that it does not call verified, or that are in a claim that it says
    /// nothing of (`sso.trust_email`); needs `email_domains`. Of SAML, attributes and names of the format `emailAddress` are
    /// always believed, and with this also names of others that look like addresses.
    pub trust_email: bool,
    /// Whether people may still sign in with a password and a code (`sso.local_login`).
    pub local_login: bool,
    /// Certificates, in PEM, of authorities that are trusted besides the machine's (`sso.ca_file`).
    pub ca_file: Option<PathBuf>,
    /// What the provider's groups mean here (`[[sso.groups]]`). Where nothing is said, those that a rule of `[role_mapping]` or
    /// `[rate_limiting]` names stand for themselves, and all else is the administrators' business.
    pub groups: Vec<SsoGroup>,
}

/// How an identity provider is spoken to.
///
/// ```
/// use audex_server::settings::SsoProtocol;
/// fn is_saml(protocol: &SsoProtocol) -> bool {
///     matches!(protocol, SsoProtocol::Saml(_))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SsoProtocol {
    /// By OpenID Connect.
    Oidc(OidcSettings),
    /// By SAML 2.0.
    Saml(SamlSettings),
}

/// A provider of OpenID Connect, and who we are there.
///
/// ```
/// fn registered(oidc: &audex_server::settings::OidcSettings) -> (&str, &str) {
///     (&oidc.client_id, &oidc.redirect_uri)
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// The issuer (`sso.provider_url`).
    pub provider_url: String,
    /// Our name there (`sso.client_id`).
    pub client_id: String,
    /// Our secret there (`sso.client_secret`, `AUDEX_SSO_CLIENT_SECRET`).
    ///
    /// It is sent as the provider takes it: in the header, or in the form where its metadata name that alone.
    pub client_secret: Option<String>,
    /// Instead of a secret, the file with the private key whose public half the provider knows (`sso.client_key_path`): PEM
    /// (PKCS #8), or a JWK.
    pub client_key_path: Option<PathBuf>,
    /// Whether we are a public client there, which has no secret (`sso.public_client`).
    pub is_public: bool,
    /// Where the browser comes back to (`sso.redirect_uri`): an address of this server.
    pub redirect_uri: String,
    /// What is asked for (`sso.scopes`).
    pub scopes: Vec<String>,
}

/// An identity provider that speaks SAML 2.0, and who we are to it.
///
/// ```
/// fn names(saml: &audex_server::settings::SamlSettings) -> (&str, Option<&str>) {
///     (&saml.entity_id, saml.idp_entity_id.as_deref())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamlSettings {
    /// What this server is called (`sso.entity_id`).
    pub entity_id: String,
    /// Where logins begin (`sso.idp_sso_url`).
    pub idp_sso_url: String,
    /// The file with the certificates that the provider signs with (`sso.idp_cert_path`).
    pub idp_cert_path: PathBuf,
    /// Where responses are posted to (`sso.assertion_consumer_service_url`): an address of this server.
    pub assertion_consumer_service_url: String,
    /// What the provider is called (`sso.idp_entity_id`); unless it is said its certificates alone tell who it is.
    pub idp_entity_id: Option<String>,
    /// Where logouts go (`sso.idp_slo_url`).
    pub idp_slo_url: Option<String>,
    /// The file with the key that our messages are signed with, and assertions encrypted to (`sso.sp_key_path`).
    pub sp_key_path: Option<PathBuf>,
    /// The file with its certificate (`sso.sp_cert_path`).
    pub sp_cert_path: Option<PathBuf>,
    /// The kind of name that is asked for (`sso.name_id_format`).
    pub name_id_format: Option<String>,
    /// Whether assertions may be encrypted with AES-CBC, in responses that are signed (`sso.allow_cbc`).
    pub allow_cbc: bool,
    /// Whether attributes are found by their `FriendlyName` as well (`sso.friendly_names`), not only by their `Name`.
    pub friendly_names: bool,
}

/// What a group of the provider's means here.
///
/// ```
/// use audex_server::settings::SsoGroup;
/// let group = SsoGroup { name: "sec-team".into(), groups: vec![], roles: vec!["security".into()] };
/// assert_eq!(group.roles, ["security"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsoGroup {
    /// What the provider calls it.
    pub name: String,
    /// The teams that its people are in here.
    pub groups: Vec<String>,
    /// The roles that its people have here.
    pub roles: Vec<String>,
}

impl SsoSettings {
    /// Takes everybody whom the provider lets in, and leaves roles to the administrators.
    pub fn new(protocol: SsoProtocol) -> Self {
        Self {
            protocol,
            groups_claim: None,
            email_claim: None,
            name_claim: None,
            required_acr: Vec::new(),
            required_amr: Vec::new(),
            email_domains: Vec::new(),
            trust_email: false,
            local_login: true,
            ca_file: None,
            groups: Vec::new(),
        }
    }
}

impl fmt::Debug for OidcSettings {
    /// Leaves out the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcSettings")
            .field("provider_url", &self.provider_url)
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}
