use super::{
    Inner,
    answer::{Identity, identity},
    call::Call,
    endpoints::Service,
    explain::{Attempt, Failure},
};
use audex_core::{Health, ProviderError};

/// Tells as whom we would ask for credentials.
pub(super) async fn check(inner: &Inner) -> Result<Health, ProviderError> {
    let config = &inner.config;
    let mut notes = Vec::new();
    if config.role_arn.is_none() {
        notes.push("no role_arn is configured, so each request has to name a role".to_owned());
    }
    if config.revoker_role_arn.is_none() {
        notes.push("no revoker_role_arn is configured, so a session cannot be ended early".to_owned());
    }
    if let Some(file) = &config.web_identity_token_file {
        super::mint::token_of(file).await?;
        notes.push(format!("sessions are asked for with the token in {}", file.display()));
        return Ok(Health { identity: None, notes });
    }
    let base = inner.base().await?;
    let what = "ask who we are";
    let attempt = Attempt { what, access_key_id: Some(base.access_key_id()), ..Attempt::default() };
    let fields = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let call = Call::query(inner.endpoint(Service::Sts)?, &fields, Some(&base));
    let body = inner.wire.send(&call).await.map_err(|failure| failure.explain(attempt))?;
    let Identity { arn, account } = identity(&body).map_err(|bad| Failure::from(bad).explain(attempt))?;
    notes.push(format!("the account is {account}, asked in {}", inner.region));
    if base.is_session() || config.chained {
        notes.push("our own credentials are a role's session, so AWS gives an hour at most".to_owned());
    }
    if let Some(end) = base.expires_at() {
        notes.push(format!(
            "our own credentials expire at {}",
            end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        ));
    }
    Ok(Health { identity: Some(arn), notes })
}
