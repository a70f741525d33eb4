//! What is said at the start: where the server is, and how whoever administers gets in.

use super::ServerArgs;
use crate::{
    commands::Invocation,
    exit::{Exit, Failure, with_causes},
};
use audex_providers::local::LocalProvider;
use audex_server::{access::people::Link, app::App, evidence::AuditQuery};
use serde_json::json;
use sha2::{Digest, Sha256};

/// A link for somebody who is to administer.
struct Way {
    link: Link,
    email: String,
    /// Whether they had an account before, which is locked.
    recovers: bool,
}

/// Says where the server is, and prints the link of whoever is to administer while nobody can.
pub(super) async fn tell(
    invocation: &Invocation,
    app: &App,
    args: &ServerArgs,
    issuer: &LocalProvider,
) -> Result<(), Failure> {
    let way = way(app, &args.admin).await?;
    let (settings, output) = (&app.settings, &invocation.output);
    if output.is_json() {
        return output.json_line(&json!({
            "listening": settings.listen.to_string(),
            "url": settings.public_url,
            "data": settings.data,
            "issuer": issuer.config().issuer.as_str(),
            "first_admin": way.as_ref().map(|Way { link, email, recovers }| {
                json!({ "email": email, "link": link.url, "expires_at": link.expires_at, "recovers": recovers })
            }),
        }));
    }
    output.line(format_args!("{} (listens on {})", settings.public_url, settings.listen))?;
    if settings.is_dev {
        output.line(format_args!(
            "data in {}; tokens of {}",
            settings.data.display(),
            issuer.config().issuer
        ))?;
    }
    if let Some(Way { link, email, recovers }) = way {
        let until = link.expires_at.format("%Y-%m-%d %H:%M:%SZ");
        output.line(if recovers {
            format!("everybody who administers is locked out: until {until} {email} recovers the account, once, at")
        } else {
            format!("nobody administers yet: until {until} {email} enrols, once, at")
        })?;
        output.line(link.url)?;
    }
    Ok(())
}

/// Has the server make a link where nobody who administers can log in.
async fn way(app: &App, email: &str) -> Result<Option<Way>, Failure> {
    let link = app.access.first_admin(email).await.map_err(|problem| {
        let detail = problem.json().get("detail").and_then(|detail| detail.as_str().map(str::to_owned));
        unusable(detail.unwrap_or_else(|| problem.code().to_owned()))
    })?;
    let Some(link) = link else { return Ok(None) };
    // It is of the address that was named only where nobody was to administer before.
    let token = link.url.rsplit('/').next().unwrap_or_default();
    let digest = Sha256::digest(token).into();
    let person = async {
        let user_id = app.store.invitation(digest, app.clock.now()).await?;
        match user_id {
            Some(user_id) => app.store.person(user_id).await,
            None => Ok(None),
        }
    };
    let person = person.await.map_err(|error| unusable(with_causes(&error)))?;
    let email = person.map_or_else(|| email.to_owned(), |person| person.email);
    // Whoever had a second factor is locked out, and whoever never had one did not begin.
    let enrolled = AuditQuery {
        event_type: Some("factor_enrolled".to_owned()),
        user: Some(email.clone()),
        limit: Some(1),
        ..AuditQuery::default()
    };
    let enrolled = app.evidence.search(&enrolled).await.map_err(|error| unusable(with_causes(&error)))?;
    Ok(Some(Way { link, email, recovers: !enrolled.items.is_empty() }))
}

fn unusable(why: String) -> Failure {
    Failure::new(Exit::LocalState, format!("whoever administers cannot be let in: {why}"))
}
