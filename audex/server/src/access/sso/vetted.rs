use super::Joining;
use crate::settings::SsoSettings;
use axess::federation::{
    BegunFederation, BoxFuture, CallbackResponse, FederatedIdentity, FederationContext, FederationError,
    FederationOptions, FederationProtocol, FederationProvider, LogoutHint, LogoutNotice, PendingFederation,
    Redirection,
};
use std::sync::Arc;

/// The provider, with what it says read as the settings want it.
///
/// An identity that belongs to nobody yet finds the account of its verified address here, before anybody is asked whose it is.
pub(super) struct Vetted {
    inner: Arc<dyn FederationProvider>,
    joining: Arc<Joining>,
}

impl Vetted {
    pub(super) fn new(inner: Arc<dyn FederationProvider>, joining: Arc<Joining>) -> Self {
        Self { inner, joining }
    }
}

impl FederationProvider for Vetted {
    fn protocol(&self) -> FederationProtocol {
        self.inner.protocol()
    }

    fn issuer(&self) -> &str {
        self.inner.issuer()
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        self.inner.is_issuer(issuer)
    }

    fn begin<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunFederation, FederationError>> {
        self.inner.begin(options, context)
    }

    fn complete<'a>(
        &'a self,
        pending: &'a PendingFederation,
        response: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<FederatedIdentity, FederationError>> {
        Box::pin(async move {
            let identity = self.inner.complete(pending, response, context).await?;
            // Checked here: what is written of it goes into the database.
            identity.check()?;
            let identity = read(self.joining.settings(), self.protocol(), identity);
            let used = |method: &String| identity.amr.contains(method);
            if !self.joining.settings().required_amr.iter().all(used) {
                return Err(FederationError::AcrNotMet);
            }
            let linked = self.joining.link(&identity).await;
            linked.map_err(|error| FederationError::unavailable("the accounts", error))?;
            Ok(identity)
        })
    }

    fn verify_logout<'a>(
        &'a self,
        message: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>> {
        self.inner.verify_logout(message, context)
    }

    fn begin_logout<'a>(
        &'a self,
        hint: &'a LogoutHint,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>> {
        self.inner.begin_logout(hint, context)
    }
}

/// The format of names that are addresses (SAML Core §8.3.2).
const EMAIL_ADDRESS: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// Finds address and name where the settings say they are. For SAML the attributes are mapped already.
fn read(
    settings: &SsoSettings,
    protocol: FederationProtocol,
    mut identity: FederatedIdentity,
) -> FederatedIdentity {
    if protocol == FederationProtocol::Saml {
        // Many name their users by address and say nothing more. What merely looks like one may be a text that users choose.
        let is_address = identity.subject_format.as_deref() == Some(EMAIL_ADDRESS) || settings.trust_email;
        if identity.email.is_none() && settings.email_claim.is_none() && is_address {
            identity.email = identity.subject.parse().ok();
            identity.email_verified = identity.email.is_some();
        }
        return identity;
    }
    let claim = |name: &str| match name {
        "preferred_username" => identity.username.clone(),
        name => identity.attributes.get(name).and_then(|value| value.as_str()).map(str::to_owned),
    };
    let email = settings.email_claim.as_deref().filter(|name| *name != "email").map(&claim);
    let name = settings.name_claim.as_deref().filter(|name| *name != "name").map(claim);
    if let Some(email) = email {
        identity.email = email.and_then(|email| email.parse().ok());
        // `email_verified` is about the claim `email` (OpenID Connect Core section 5.1), and about no other.
        identity.email_verified = false;
    }
    identity.email_verified |= settings.trust_email && identity.email.is_some();
    if let Some(name) = name {
        identity.display_name = name;
    }
    identity
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{OidcSettings, SsoProtocol};
    use axess::federation::Assurance;
    use serde_json::json;

    fn settings(email_claim: Option<&str>) -> SsoSettings {
        let oidc = OidcSettings {
            provider_url: String::new(),
            client_id: String::new(),
            client_secret: None,
            client_key_path: None,
            is_public: true,
            redirect_uri: String::new(),
            scopes: Vec::new(),
        };
        let email_claim = email_claim.map(str::to_owned);
        SsoSettings {
            email_claim,
            name_claim: Some("nick".into()),
            ..SsoSettings::new(SsoProtocol::Oidc(oidc))
        }
    }

    #[test]
    fn address_and_name_are_where_the_settings_say() {
        let mut said = FederatedIdentity::new("https://a.example", "1", Assurance::IdToken);
        said.email = "a@example.com".parse().ok();
        said.email_verified = true;
        said.attributes = json!({ "nick": "Al", "mail2": "b@example.com" }).as_object().unwrap().clone();
        let email =
            |claim| read(&settings(claim), FederationProtocol::Oidc, said.clone()).email.map(String::from);
        assert_eq!(email(None).as_deref(), Some("a@example.com"));
        assert_eq!(email(Some("mail2")).as_deref(), Some("b@example.com"));
        assert_eq!(email(Some("nothing")), None);
        let read = read(&settings(None), FederationProtocol::Oidc, said);
        assert_eq!(read.display_name.as_deref(), Some("Al"));
    }

    #[test]
    fn what_the_provider_verified_is_one_claim_unless_it_is_believed_about_all() {
        let mut said = FederatedIdentity::new("https://a.example", "1", Assurance::IdToken);
        said.email = "own@example.com".parse().ok();
        said.email_verified = true;
        said.attributes = json!({ "mail2": "boss@example.com" }).as_object().unwrap().clone();
        let counts = |claim, trust_email, said: &FederatedIdentity| {
            let settings = SsoSettings { trust_email, ..settings(claim) };
            read(&settings, FederationProtocol::Oidc, said.clone()).email_verified
        };
        assert!(counts(None, false, &said) && counts(Some("email"), false, &said));
        assert!(!counts(Some("mail2"), false, &said), "anybody may write what they like there");
        assert!(counts(Some("mail2"), true, &said));
        assert!(!counts(Some("nothing"), true, &said), "there is no address");
        let unverified = FederatedIdentity { email_verified: false, ..said };
        assert!(!counts(None, false, &unverified) && counts(None, true, &unverified));
    }

    #[test]
    fn the_name_of_saml_is_the_address_where_its_format_or_the_settings_say_so() {
        let address = Some(EMAIL_ADDRESS);
        let (v2, v1) =
            ("urn:oasis:names:tc:SAML:2.0:nameid-format", "urn:oasis:names:tc:SAML:1.1:nameid-format");
        let persistent = format!("{v2}:persistent");
        let unspecified = format!("{v1}:unspecified");
        let other_version = format!("{v2}:emailAddress");
        for (subject, format, claim, trust_email, counts) in [
            ("a@example.com", address, None, false, true),
            ("a-name", address, None, false, false),
            ("a@example.com", None, None, false, false),
            ("a@example.com", Some(persistent.as_str()), None, false, false),
            ("a@example.com", Some(unspecified.as_str()), None, false, false),
            ("a@example.com", Some(other_version.as_str()), None, false, false),
            ("a@example.com", None, None, true, true),
            ("a@example.com", Some(unspecified.as_str()), None, true, true),
            ("a-name", None, None, true, false),
            ("a@example.com", address, Some("mail"), false, false),
            ("a@example.com", address, Some("mail"), true, false),
        ] {
            let mut said = FederatedIdentity::new("https://a.example", subject, Assurance::SamlAssertion);
            said.subject_format = format.map(str::to_owned);
            let settings = SsoSettings { trust_email, ..settings(claim) };
            let found = read(&settings, FederationProtocol::Saml, said);
            let what = format!("{subject} {format:?} {claim:?} {trust_email}");
            assert_eq!((found.email.is_some(), found.email_verified), (counts, counts), "{what}");
        }
        // An attribute comes before the name.
        let mut said = FederatedIdentity::new("https://a.example", "a@example.com", Assurance::SamlAssertion);
        said.subject_format = address.map(str::to_owned);
        said.email = "b@example.com".parse().ok();
        let found = read(&settings(None), FederationProtocol::Saml, said).email;
        assert_eq!(found.map(String::from).as_deref(), Some("b@example.com"));
    }
}
