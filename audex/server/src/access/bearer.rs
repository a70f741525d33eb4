//! Finds out who calls: for a bearer by its token, for a browser by its session.

use super::{
    Access, Caller, Proof,
    front::{Demand, FRESH_FOR, step_up},
    login, tokens,
    workload::WorkloadFault,
};
use crate::{
    model::{ApiToken, Person, PersonKind},
    problem::Problem,
};
use audex_core::Requester;
use axess::{
    guard::{Authenticator, GuardRejection},
    middleware::{Admission, ClientIp},
    session::SessionHandle,
};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use http::{HeaderMap, StatusCode, header, request::Parts};
use std::{net::IpAddr, time::Duration};

/// How old the noted last use of a token may be.
const USE_NOTED_EVERY: TimeDelta = TimeDelta::minutes(5);

/// What the `Authorization` header says.
#[derive(Debug, PartialEq, Eq)]
enum Authorization<'h> {
    /// Nothing of a bearer: the session counts.
    None,
    /// It cannot be read, or is there twice.
    Malformed,
    Bearer(&'h str),
}

/// Why a bearer is not let in.
enum Refused {
    /// The token does not work, whatever the reason.
    Token,
    /// Nothing can be said about it now.
    Unavailable(Problem),
}

impl Authenticator for Access {
    type Caller = Caller;

    async fn authenticate(&self, request: &Parts, demand: &'static str) -> Result<Caller, Box<Response>> {
        let Some(demand) = Demand::parse(demand) else {
            tracing::error!(demand, "a route demands what nobody knows");
            return Err(Box::new(Problem::internal().into_response()));
        };
        let ip = request.extensions.get::<ClientIp>().and_then(|client| client.ip);
        let found = match authorization(&request.headers) {
            Authorization::Bearer(token) => self.by_bearer(token, ip, demand).await,
            Authorization::Malformed => Err(self.failed(ip)),
            Authorization::None => self.by_session(request, ip, demand).await,
        };
        found.map_err(|problem| Box::new(problem.into_response()))
    }
}

impl Access {
    async fn by_bearer(&self, token: &str, ip: Option<IpAddr>, demand: Demand) -> Result<Caller, Problem> {
        let found = if token.starts_with(tokens::PREFIX) {
            self.by_api_token(token, ip).await
        } else {
            self.by_workload(token, ip).await
        };
        match found {
            Ok(caller) if demand == Demand::Person => {
                tracing::info!(caller = %caller.requester, "a token was sent where a login is needed");
                Err(Problem::forbidden("log_in").with_detail("this needs a login in a browser, not a token"))
            }
            Ok(caller) => Ok(caller),
            Err(Refused::Token) => Err(self.failed(ip)),
            Err(Refused::Unavailable(problem)) => Err(problem),
        }
    }

    async fn by_api_token(&self, token: &str, ip: Option<IpAddr>) -> Result<Caller, Refused> {
        let digest = tokens::digest(token).ok_or(Refused::Token)?;
        let found =
            self.store.find_token(&digest).await.map_err(|fault| Refused::Unavailable(fault.into()))?;
        let (token, person) = found.ok_or(Refused::Token)?;
        let now = self.clock.now();
        if token.revoked_at.is_some() || now >= token.expires_at || person.is_disabled {
            tracing::info!(token = %token.id, "a token that is over was sent");
            return Err(Refused::Token);
        }
        self.note_use(&token).await;
        let how = Proof::ApiToken { id: token.id, scopes: token.scopes, made_by: token.made_by };
        Ok(caller(person, how, ip))
    }

    /// Notes that a token is in use; whether that works is not the caller's business.
    async fn note_use(&self, token: &ApiToken) {
        let now = self.clock.now();
        if token.last_used_at.is_some_and(|at| (now - at).abs() < USE_NOTED_EVERY) {
            return;
        }
        if let Err(fault) = self.store.touch_token(token.id, now).await {
            tracing::warn!(error = &fault as &dyn std::error::Error, "the use of a token is not noted");
        }
    }

    async fn by_workload(&self, token: &str, ip: Option<IpAddr>) -> Result<Caller, Refused> {
        match self.workloads.verify(token).await {
            Ok(requester) => {
                let display_name = requester.to_string();
                Ok(Caller {
                    requester,
                    user_id: None,
                    roles: Vec::new(),
                    display_name,
                    is_service: true,
                    how: Proof::Workload,
                    client_ip: ip,
                })
            }
            Err(why @ WorkloadFault::NoKeys(_)) => {
                let error = &why as &dyn std::error::Error;
                tracing::error!(error, "the token of a workload cannot be checked");
                Err(Refused::Unavailable(Problem::unavailable()))
            }
            Err(why) => {
                tracing::info!(%why, "the token of a workload was refused");
                Err(Refused::Token)
            }
        }
    }

    /// Looks again at a workload that called a while ago, by the token it came with: that may have ended, or its key be taken back.
    ///
    /// # Errors
    ///
    /// 401; 503 where it cannot be checked.
    pub(crate) async fn workload_again(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
    ) -> Result<Caller, Problem> {
        let Authorization::Bearer(token) = authorization(headers) else {
            return Err(Problem::unauthenticated());
        };
        match self.by_workload(token, caller.client_ip).await {
            Ok(again) if again.identity() == caller.identity() => Ok(again),
            Ok(_) | Err(Refused::Token) => Err(Problem::unauthenticated()),
            Err(Refused::Unavailable(problem)) => Err(problem),
        }
    }

    async fn by_session(
        &self,
        request: &Parts,
        ip: Option<IpAddr>,
        demand: Demand,
    ) -> Result<Caller, Problem> {
        let Some(session) = request.extensions.get::<SessionHandle>() else {
            tracing::error!("{}", GuardRejection::NoSessionLayer);
            return Err(Problem::internal());
        };
        let info = login::proved(self, session).map_err(|refused| match refused {
            GuardRejection::SecondFactorRequired => {
                step_up("second_factor_required", "a second factor is needed: finish the login")
            }
            _ => Problem::unauthenticated(),
        })?;
        let person = self.store.person(info.user_id).await?;
        let person = person.filter(|person| !person.is_disabled && person.kind == PersonKind::Human);
        let person = person.ok_or_else(Problem::unauthenticated)?;
        if demand == Demand::Person && info.require_fresh(FRESH_FOR, self.clock.now()).is_err() {
            return Err(step_up("step_up_required", "prove the second factor again: it was too long ago"));
        }
        Ok(caller(person, Proof::Session { proved_at: info.authn_time }, ip))
    }

    /// Counts a bearer that did not work; says what to answer.
    ///
    /// A bearer that works is never counted or refused for the others of its address: nobody guesses 256 bits.
    fn failed(&self, ip: Option<IpAddr>) -> Problem {
        match self.count_failure(ip) {
            Admission::Admitted => Problem::unauthenticated(),
            Admission::Refused { retry_after } => too_many(retry_after),
        }
    }
}

/// Reads the one `Authorization` header (RFC 6750 section 2.1).
fn authorization(headers: &HeaderMap) -> Authorization<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Authorization::None };
    let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
    if values.next().is_some() {
        return Authorization::Malformed;
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Authorization::None;
    }
    let token = value.to_str().ok().and_then(|text| text.split_once(' ')).map(|(_, token)| token.trim());
    match token {
        Some(token) if !token.is_empty() && !token.contains(' ') => Authorization::Bearer(token),
        _ => Authorization::Malformed,
    }
}

/// Tells whether a request's cookies are to be left alone.
pub(crate) fn is_bearers(headers: &HeaderMap) -> bool {
    authorization(headers) != Authorization::None
}

fn caller(person: Person, how: Proof, client_ip: Option<IpAddr>) -> Caller {
    let is_service = person.kind == PersonKind::Service;
    let requester = Requester::Principal { email: person.email, groups: person.groups };
    Caller {
        requester,
        user_id: Some(person.user_id),
        roles: person.roles,
        display_name: person.display_name,
        is_service,
        how,
        client_ip,
    }
}

fn too_many(wait: Duration) -> Problem {
    let seconds = wait.as_secs().saturating_add(1);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded")
        .with("error", "rate_limit_exceeded")
        .with("retry_after", seconds)
        .with_detail("too many tokens that do not work came from this address")
        .with_retry_after(seconds)
}
