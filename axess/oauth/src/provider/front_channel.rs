use super::{OidcProvider, callback::parameters};
use axess_factors::federated::{CallbackResponse, FederationError, LogoutNotice};

impl OidcProvider {
    /// Reads the parameters of a front-channel logout (OpenID Connect Front-Channel Logout 1.0 §3): `iss` and `sid`.
    ///
    /// Nothing signs them: whoever knows a session's name can end it, and nothing else. Without both, nothing is ended.
    ///
    /// # Errors
    ///
    /// [`FederationError::MixUp`] when the issuer is another; [`FederationError::Malformed`] without a session.
    pub fn front_channel_logout(&self, request: &CallbackResponse) -> Result<LogoutNotice, FederationError> {
        let parameters = parameters(request)?;
        if !parameters.get("iss").is_some_and(|issuer| self.is_issuer(issuer)) {
            return Err(FederationError::MixUp);
        }
        let session = parameters.get("sid").filter(|sid| !sid.is_empty());
        let session = session.ok_or(FederationError::Malformed { what: "the logout names no session" })?;
        Ok(LogoutNotice {
            issuer: self.config.issuer.clone(),
            subject: None,
            session_id: Some(session.clone()),
            replay: None,
            answer: None,
            is_answer: false,
        })
    }
}
