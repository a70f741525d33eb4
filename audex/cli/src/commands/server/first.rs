//! What is said at the start: where the server is, and how the first administrator gets in.

use super::ServerArgs;
use crate::{
    commands::Invocation,
    exit::{Exit, Failure},
};
use audex_providers::local::LocalProvider;
use audex_server::app::App;
use serde_json::json;

/// Says where the server is, and prints the link of the first administrator while nobody has an account.
pub(super) async fn tell(
    invocation: &Invocation,
    app: &App,
    args: &ServerArgs,
    issuer: &LocalProvider,
) -> Result<(), Failure> {
    let link = app.access.first_admin(&args.admin).await;
    let link = link.map_err(|problem| {
        let detail = problem.json().get("detail").and_then(|detail| detail.as_str().map(str::to_owned));
        let message = detail.unwrap_or_else(|| problem.code().to_owned());
        Failure::new(Exit::LocalState, format!("the first administrator cannot be made: {message}"))
    })?;
    let (settings, output) = (&app.settings, &invocation.output);
    if output.is_json() {
        return output.json_line(&json!({
            "listening": settings.listen.to_string(),
            "url": settings.public_url,
            "data": settings.data,
            "issuer": issuer.config().issuer.as_str(),
            "first_admin": link.as_ref().map(|link| {
                json!({ "email": args.admin, "link": link.url, "expires_at": link.expires_at })
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
    if let Some(link) = link {
        let until = link.expires_at.format("%Y-%m-%d %H:%M:%SZ");
        output.line(format_args!("nobody administers yet: until {until} {} enrols, once, at", args.admin))?;
        output.line(link.url)?;
    }
    Ok(())
}
