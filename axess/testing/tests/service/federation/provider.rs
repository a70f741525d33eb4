use axess_core::store::StoreError;
use axess_factors::federated::{
    Assurance, BegunDevice, BegunFederation, BoxFuture, CallbackMethod, CallbackResponse, DevicePoll,
    FederatedIdentity, FederationContext, FederationError, FederationOptions, FederationProtocol,
    FederationProvider, LogoutHint, LogoutNotice, PendingFederation, Redirection, UnsolicitedFederation,
};
use axess_testing::schedule::pause;
use chrono::TimeDelta;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A provider that vouches for whom it is told to, once for each code.
#[derive(Clone)]
pub(crate) struct Scripted(Arc<Inner>);

struct Inner {
    issuer: String,
    protocol: FederationProtocol,
    played: Mutex<Played>,
}

#[derive(Default)]
struct Played {
    begun: Vec<FederationOptions>,
    codes: BTreeMap<String, FederatedIdentity>,
    asked: Vec<String>,
    down: bool,
    /// What is said next of logins on other devices.
    devices: Vec<Result<DevicePoll, FederationError>>,
    polled: usize,
}

impl Scripted {
    pub(crate) fn new(issuer: &str) -> Self {
        Self::speaking(FederationProtocol::Oidc, issuer)
    }

    pub(crate) fn speaking(protocol: FederationProtocol, issuer: &str) -> Self {
        Self(Arc::new(Inner { issuer: issuer.to_owned(), protocol, played: Mutex::default() }))
    }

    pub(crate) fn issuer_name(&self) -> &str {
        &self.0.issuer
    }

    pub(crate) fn word(&self, subject: &str) -> FederatedIdentity {
        let assurance = match self.0.protocol {
            FederationProtocol::Oidc => Assurance::IdToken,
            FederationProtocol::Saml => Assurance::SamlAssertion,
            FederationProtocol::OAuth2 => Assurance::OAuth2Only,
        };
        FederatedIdentity::new(&self.0.issuer, subject, assurance)
    }

    /// Issues a code for an identity: what the browser comes back with.
    pub(crate) fn answer(&self, state: &str, identity: FederatedIdentity) -> CallbackResponse {
        let mut played = self.0.played.lock().unwrap();
        let code = format!("code-{}", played.codes.len());
        played.codes.insert(code.clone(), identity);
        CallbackResponse::new(CallbackMethod::Get, [("code", code.as_str()), ("state", state)]).unwrap()
    }

    /// What a browser brings that somebody sent here, who wants it to go on to a path.
    pub(crate) fn unasked(&self, identity: FederatedIdentity, to: &str) -> CallbackResponse {
        let code = self.answer("", identity);
        let code = code.get("code").unwrap().unwrap();
        CallbackResponse::new(CallbackMethod::Post, [("code", code), ("unasked", to)]).unwrap()
    }

    /// What the logins that were begun wanted, in order.
    pub(crate) fn wanted(&self) -> Vec<FederationOptions> {
        self.0.played.lock().unwrap().begun.clone()
    }

    /// The codes that were exchanged, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.played.lock().unwrap().asked.clone()
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.0.played.lock().unwrap().down = down;
    }

    /// Says this next of logins on other devices; afterwards that the user has not decided.
    pub(crate) fn say_of_device(&self, answer: Result<DevicePoll, FederationError>) {
        self.0.played.lock().unwrap().devices.push(answer);
    }

    /// How often it was asked about them.
    pub(crate) fn polled(&self) -> usize {
        self.0.played.lock().unwrap().polled
    }

    fn is_down(&self) -> bool {
        self.0.played.lock().unwrap().down
    }
}

/// What the provider may call itself, too.
pub(crate) const ALIAS: &str = "https://one-of-many.okta.example";

/// The state a browser was sent to the provider with.
pub(crate) fn state_of(there: &Redirection) -> String {
    there.url().rsplit_once("state=").unwrap().1.to_owned()
}

/// A logout message that names this session, this user, or both.
pub(crate) fn message(sid: Option<&str>, subject: Option<&str>, id: Option<&str>) -> CallbackResponse {
    let given = [("sid", sid), ("sub", subject), ("jti", id)];
    let given = given.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
    CallbackResponse::new(CallbackMethod::Post, given).unwrap()
}

impl FederationProvider for Scripted {
    fn protocol(&self) -> FederationProtocol {
        self.0.protocol
    }

    fn issuer(&self) -> &str {
        &self.0.issuer
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        issuer == self.0.issuer || issuer == ALIAS
    }

    fn begin<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunFederation, FederationError>> {
        Box::pin(async move {
            pause().await;
            let mut played = self.0.played.lock().unwrap();
            if played.down {
                return Err(FederationError::unavailable("discovery", "refused"));
            }
            played.begun.push(options.clone());
            let state = format!("state-{}", played.begun.len());
            let redirection = Redirection::Get(format!("{}/authorize?state={state}", self.0.issuer));
            let pending = PendingFederation {
                provider: context.provider.clone(),
                issuer: self.0.issuer.clone(),
                expires_at: context.now + TimeDelta::minutes(10),
                private: serde_json::json!({ "state": state }),
            };
            Ok(BegunFederation { redirection, pending })
        })
    }

    fn complete<'a>(
        &'a self,
        pending: &'a PendingFederation,
        response: &'a CallbackResponse,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<FederatedIdentity, FederationError>> {
        Box::pin(async move {
            if response.get("state")? != pending.private.get("state").and_then(|state| state.as_str()) {
                return Err(FederationError::StateMismatch);
            }
            if let Some(code) = response.get("error")? {
                return Err(FederationError::denied(code));
            }
            pause().await;
            if self.is_down() {
                let cause = StoreError::bare(axess_core::store::StoreErrorKind::Timeout);
                return Err(FederationError::unavailable("the token endpoint", cause));
            }
            let code = response.get("code")?.unwrap_or_default().to_owned();
            let found = {
                let mut played = self.0.played.lock().unwrap();
                let again = played.asked.contains(&code);
                played.asked.push(code.clone());
                played.codes.get(&code).cloned().filter(|_| !again)
            };
            pause().await;
            found.ok_or(FederationError::Replayed)
        })
    }

    /// Takes whatever leads to a path, were it of another site.
    fn unsolicited(
        &self,
        response: &CallbackResponse,
        context: FederationContext<'_>,
    ) -> Result<UnsolicitedFederation, FederationError> {
        let path = response.get("unasked")?.ok_or(FederationError::StateMismatch)?;
        let pending = PendingFederation {
            provider: context.provider.clone(),
            issuer: self.0.issuer.clone(),
            expires_at: context.now + TimeDelta::minutes(10),
            private: serde_json::json!({}),
        };
        let return_to = (!path.is_empty()).then(|| path.to_owned());
        Ok(UnsolicitedFederation { pending, return_to })
    }

    fn verify_logout<'a>(
        &'a self,
        message: &'a CallbackResponse,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>> {
        Box::pin(async move {
            if message.get("forged")?.is_some() {
                return Err(FederationError::SignatureInvalid);
            }
            if self.is_down() {
                return Err(FederationError::unavailable("the keys", "timed out"));
            }
            let hours = if message.get("lasting")?.is_some() { 25 } else { 1 };
            let until = context.now + TimeDelta::hours(hours);
            Ok(LogoutNotice {
                issuer: message.get("iss")?.unwrap_or(&self.0.issuer).to_owned(),
                subject: message.get("sub")?.map(str::to_owned),
                session_ids: message
                    .get("sid")?
                    .iter()
                    .flat_map(|all| all.split(' '))
                    .map(str::to_owned)
                    .collect(),
                replay: message.get("jti")?.map(|id| (id.to_owned(), until)),
                answer: None,
                is_answer: message.get("answer")?.is_some(),
            })
        })
    }

    fn begin_logout<'a>(
        &'a self,
        hint: &'a LogoutHint,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>> {
        Box::pin(async move {
            if self.is_down() {
                return Err(FederationError::unavailable("discovery", "refused"));
            }
            let token = hint.id_token.as_ref().map_or("", |token| token.expose());
            let to = hint.post_logout_redirect_uri.as_deref().unwrap_or_default();
            let (sid, issuer) = (hint.session_id.as_deref().unwrap_or_default(), &self.0.issuer);
            let subject = &hint.subject;
            Ok(Some(Redirection::Get(format!("{issuer}/bye?token={token}&sid={sid}&sub={subject}&to={to}"))))
        })
    }

    fn begin_device<'a>(
        &'a self,
        options: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunDevice, FederationError>> {
        Box::pin(async move {
            if options.force {
                return Err(FederationError::WeakerThanConfigured { what: "a login on another device" });
            }
            Ok(BegunDevice {
                user_code: "WDJB-MJHT".into(),
                verification_uri: format!("{}/device", self.0.issuer),
                verification_uri_complete: None,
                interval: Duration::from_secs(5),
                pending: PendingFederation {
                    provider: context.provider.clone(),
                    issuer: self.0.issuer.clone(),
                    expires_at: context.now + TimeDelta::minutes(10),
                    private: serde_json::json!({ "device_code": "d" }),
                },
            })
        })
    }

    fn poll_device<'a>(
        &'a self,
        _: &'a PendingFederation,
        interval: Duration,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<DevicePoll, FederationError>> {
        Box::pin(async move {
            pause().await;
            let mut played = self.0.played.lock().unwrap();
            played.polled += 1;
            if played.devices.is_empty() {
                return Ok(DevicePoll::Pending { interval });
            }
            played.devices.remove(0)
        })
    }
}
