use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Kind, shared};

/// The variable that names the folder of the shared provider.
pub(crate) const SHARED: &str = "AXESS_TEST_OPENID_FOLDER";

/// What a client of a [`Kind::OpenIdProvider`] needs to know.
///
/// The provider logs in whom `login_hint` names (else `alice`, who is in the groups `admins` and `dev`; the others are in
/// `dev`; `mallory`'s address is not verified) and grants what is asked for; the hint `deny` says no. Its clients are
/// `basic`, `post`, `jarm`, `signed-userinfo`, `encrypted` and `dpop` with secrets, `public` and `native` (any loopback
/// port) without, `keyed`, `fapi-dpop` and `fapi-mtls` with the key of the client certificate, `mtls` and `self-signed`
/// with the certificate itself. Keys are new at each start. The resource `urn:api` gives `at+jwt` tokens.
///
/// Variables for [`crate::Server::start_with_variables`]: `REDIRECT_URIS` and `POST_LOGOUT_REDIRECT_URIS` (separated by
/// commas), `BACKCHANNEL_LOGOUT_URI` and `FRONTCHANNEL_LOGOUT_URI` (of every client, or `one=https://..,other=https://..`), and
/// with `1` `DPOP_NONCE`, `REQUIRE_PAR`, `REGISTRATION`, `CLAIMS_IN_ID_TOKEN` and `ASK`: it then has pages, and logs in
/// whoever types a name and the password `NAMEpass`.
///
/// ```no_run
/// use axess_peers::{Kind, Server};
///
/// let server = Server::start(Kind::OpenIdProvider)?;
/// let provider = server.openid_provider().ok_or("no provider")?;
/// assert!(provider.issuer().starts_with("https://127.0.0.1:"));
/// assert!(provider.authority()?.contains("CERTIFICATE"));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenIdProvider {
    issuer: String,
    folder: PathBuf,
}

impl OpenIdProvider {
    /// The redirect URI of every client where `REDIRECT_URIS` says nothing else.
    ///
    /// Nothing needs to listen there.
    pub const REDIRECT_URI: &'static str = "http://127.0.0.1:18099/callback";
    /// Where a client may send a user after a logout where `POST_LOGOUT_REDIRECT_URIS` says nothing else.
    pub const POST_LOGOUT_REDIRECT_URI: &'static str = "http://127.0.0.1:18099/out";

    /// Returns the one that `cargo xtask test` started.
    pub fn shared() -> Option<Self> {
        let issuer = shared(Kind::OpenIdProvider)?.into_iter().next()?;
        Some(Self { issuer, folder: PathBuf::from(std::env::var_os(SHARED)?) })
    }

    pub(crate) fn in_folder(issuer: String, folder: &Path) -> Self {
        Self { issuer, folder: folder.to_owned() }
    }

    /// Returns the issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the secret of a client that has one.
    pub fn secret(&self, client: &str) -> String {
        format!("{client}-secret-of-tests-only-0123456789")
    }

    /// Returns the certificate, in PEM, of the authority that signed the provider's certificate.
    ///
    /// # Errors
    ///
    /// A message when its file cannot be read.
    pub fn authority(&self) -> Result<String, String> {
        self.read("ca.pem")
    }

    /// Returns certificate and key, in PEM, of the clients that have one; `other` is a certificate of nobody's.
    ///
    /// # Errors
    ///
    /// As [`OpenIdProvider::authority`].
    pub fn client_certificate(&self, name: &str) -> Result<(String, String), String> {
        Ok((self.read(&format!("{name}.pem"))?, self.read(&format!("{name}.key"))?))
    }

    fn read(&self, name: &str) -> Result<String, String> {
        let file = self.folder.join(name);
        fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
    }
}
