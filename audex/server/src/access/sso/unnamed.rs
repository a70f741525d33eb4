use axess::{
    factors::saml::{IdpSource, SamlConfig, SamlProvider},
    federation::{
        BegunFederation, BoxFuture, CallbackResponse, FederatedIdentity, FederationContext, FederationError,
        FederationOptions, FederationProtocol, FederationProvider, LogoutHint, LogoutNotice,
        PendingFederation, Redirection,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::sync::Arc;

/// The most bytes of a response that are looked at, and of a name.
const MAX_RESPONSE: usize = 512 * 1_024;
const MAX_NAME: usize = 512;

/// A SAML identity provider whose name the settings do not tell: whoever signs with its certificates is it, whatever it calls
/// itself.
///
/// The name is read from each response before its signature is verified, and then held against what was signed. Here it goes by
/// the address where logins begin.
pub(super) struct Unnamed {
    config: SamlConfig,
    begins: Arc<SamlProvider>,
}

impl Unnamed {
    /// `begins` is made of `config`.
    pub(super) fn new(config: SamlConfig, begins: Arc<SamlProvider>) -> Self {
        Self { config, begins }
    }

    /// Makes the provider of the name that a response gives.
    fn named(&self, response: &CallbackResponse) -> Result<SamlProvider, FederationError> {
        let unread = || FederationError::Malformed { what: "the response does not say who it is of" };
        let text =
            response.get("SAMLResponse")?.filter(|text| text.len() <= MAX_RESPONSE).ok_or_else(unread)?;
        let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let xml =
            STANDARD.decode(text).ok().and_then(|xml| String::from_utf8(xml).ok()).ok_or_else(unread)?;
        let issuer = issuer(&xml).ok_or_else(unread)?;
        let mut config = self.config.clone();
        if let IdpSource::Explicit { entity_id, .. } = &mut config.idp {
            *entity_id = issuer;
        }
        SamlProvider::new(config).map_err(|_| unread())
    }
}

impl FederationProvider for Unnamed {
    fn protocol(&self) -> FederationProtocol {
        FederationProtocol::Saml
    }

    fn issuer(&self) -> &str {
        self.begins.issuer()
    }

    fn begin<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunFederation, FederationError>> {
        self.begins.begin(options, context)
    }

    fn complete<'a>(
        &'a self,
        pending: &'a PendingFederation,
        response: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<FederatedIdentity, FederationError>> {
        Box::pin(async move {
            let named = self.named(response)?;
            let pending = PendingFederation { issuer: named.issuer().to_owned(), ..pending.clone() };
            let identity = named.complete(&pending, response, context).await?;
            Ok(FederatedIdentity { issuer: self.issuer().to_owned(), ..identity })
        })
    }

    fn verify_logout<'a>(
        &'a self,
        message: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>> {
        self.begins.verify_logout(message, context)
    }

    fn begin_logout<'a>(
        &'a self,
        hint: &'a LogoutHint,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>> {
        self.begins.begin_logout(hint, context)
    }
}

/// Finds the first `Issuer` of a document. Nothing rests on it: it is the name that the signature is then verified for.
fn issuer(xml: &str) -> Option<String> {
    let mut rest = xml;
    loop {
        let (_, from) = rest.split_once('<')?;
        let (tag, after) = from.split_once('>')?;
        let name = tag.split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
        if name.rsplit(':').next() == Some("Issuer") && !tag.starts_with('/') && !tag.ends_with('/') {
            let (text, _) = after.split_once('<')?;
            let text = text.trim().replace("&amp;", "&");
            let fits = !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control);
            return fits.then_some(text);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_issuer_is_found() {
        for (xml, expected) in [
            (
                "<a:Response><b:Issuer Format=\"x\"> https://idp?a&amp;b </b:Issuer><Issuer>c</Issuer>",
                Some("https://idp?a&b"),
            ),
            ("<Issuer>https://idp</Issuer>", Some("https://idp")),
            ("<Response><Issuer/><NotIssuer>x</NotIssuer>", None),
            ("<Issuer></Issuer>", None),
            ("<Issuer", None),
            ("", None),
        ] {
            assert_eq!(issuer(xml).as_deref(), expected, "{xml}");
        }
    }
}
