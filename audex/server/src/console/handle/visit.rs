use crate::{
    access::{Action, Caller, Subject},
    app::App,
    console::view::frame::{Frame, Here, Who},
    problem::Problem,
};
use axess::CsrfToken;
use axum::extract::FromRequestParts;
use chrono::{DateTime, Utc};
use http::request::Parts;
use std::sync::Arc;

/// A visit of somebody who is signed in: what every page starts from.
pub(super) struct Visit {
    pub(super) app: Arc<App>,
    pub(super) caller: Caller,
    pub(super) now: DateTime<Utc>,
    csrf: CsrfToken,
    notice: Option<&'static str>,
}

/// A visit of somebody who may not be signed in.
pub(super) struct Passer {
    pub(super) app: Arc<App>,
    csrf: CsrfToken,
}

impl Visit {
    /// Makes the frame of a page.
    pub(super) fn frame(&self, title: impl Into<String>, here: Here) -> Frame {
        let may = |action, subject| self.app.access.may(&self.caller, action, &subject).is_ok();
        let who = Who {
            name: self.caller.display_name.clone(),
            identity: self.caller.identity(),
            sees_audit: may(Action::Read, Subject::Audit),
            sees_people: may(Action::Administer, Subject::People),
        };
        let csrf = self.csrf.token();
        Frame { who: Some(who), csrf, notice: self.notice, ..Frame::new(title, here) }
    }
}

impl Passer {
    /// Makes the frame of a page.
    pub(super) fn frame(&self, title: impl Into<String>) -> Frame {
        Frame { csrf: self.csrf.token(), ..Frame::new(title, Here::Elsewhere) }
    }
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let csrf = csrf(parts, app).await?;
        let notice = notice(parts.uri.query().unwrap_or_default());
        Ok(Self { app: Arc::clone(app), caller, now: app.clock.now(), csrf, notice })
    }
}

impl FromRequestParts<Arc<App>> for Passer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Ok(Self { app: Arc::clone(app), csrf: csrf(parts, app).await? })
    }
}

async fn csrf(parts: &mut Parts, app: &Arc<App>) -> Result<CsrfToken, Problem> {
    CsrfToken::from_request_parts(parts, app).await.map_err(|missing| {
        tracing::error!(error = &missing as &dyn std::error::Error, "the CSRF layer is missing");
        Problem::internal()
    })
}

/// Returns what is said after a form that worked: only what is listed here.
fn notice(query: &str) -> Option<&'static str> {
    let done = query.split('&').find_map(|pair| pair.strip_prefix("done="))?;
    Some(match done {
        "approved" => "Your approval counts.",
        "denied" => "You denied the request.",
        "withdrawn" => "The request was taken back.",
        "asked" => "The request was sent. Somebody else decides.",
        "revoked" => "The session was revoked. See below what became of each credential.",
        "saved" => "Saved.",
        "token" => "The token was revoked.",
        "key" => "The key counts from now on.",
        "removed" => "The key was removed.",
        _ => return None,
    })
}
