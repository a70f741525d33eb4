use super::{LocalProviderConfig, MAX_LIFETIME};
use audex_core::Shape;
use audex_policy::{Grant, Refusal, RefusalReason, compile::local};
use chrono::TimeDelta;
use ipnet::IpNet;

/// The most bytes of an audience.
const MAX_AUDIENCE: usize = 256;

/// Writes the claim of a token.
pub(super) fn shape(
    config: &LocalProviderConfig,
    grant: &Grant,
    target: Option<&str>,
    sources: &[IpNet],
) -> Result<Shape, Refusal> {
    if !sources.is_empty() {
        let why = "a signed token works from anywhere, so it cannot be bound to networks";
        return Err(refuse(why, ["leave out the networks, and check them where the token is used"]));
    }
    let audience = target.unwrap_or(&config.audience);
    if audience.is_empty() || audience.len() > MAX_AUDIENCE || audience.chars().any(char::is_control) {
        let why = format!("an audience has 1 to {MAX_AUDIENCE} bytes and no control characters");
        return Err(refuse(
            why,
            ["name the service that will verify the token, as in https://api.example.com"],
        ));
    }
    let details = local::authorization_details(grant)?;
    let document = serde_json::to_string(&details)
        .map_err(|error| refuse(error.to_string(), ["ask for less in one session"]))?;
    if document.len() > axess_local_idp::MAX_DETAILS_BYTES {
        let limit = axess_local_idp::MAX_DETAILS_BYTES;
        let reason = RefusalReason::TooLarge { what: "claim of the token", size: document.len(), limit };
        return Err(Refusal {
            reason,
            instead: vec!["ask for less in one session, or use wildcards".to_owned()],
        });
    }
    let mut notes = Vec::new();
    if !config.verifiers_introspect {
        notes.push(
            "a service that verifies with the public keys alone does not hear of a revocation".to_owned(),
        );
    }
    Ok(Shape {
        document,
        target: Some(audience.to_owned()),
        lifetimes: TimeDelta::seconds(1)..=MAX_LIFETIME,
        notes,
    })
}

fn refuse<const N: usize>(why: impl Into<String>, instead: [&str; N]) -> Refusal {
    Refusal {
        reason: RefusalReason::NotExpressible(why.into()),
        instead: instead.map(str::to_owned).to_vec(),
    }
}
