//! The public keys with which approvers sign what they agree to.

use super::{
    Access, Action, Caller,
    tokens::{self, name_of},
};
use crate::{model::ApprovalKey, problem::Problem};
use audex_core::audit::BrokerEvent;
use aws_lc_rs::signature;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The most keys of one person.
pub const MAX_KEYS: usize = 8;
/// The bytes of a coordinate of P-256, and of a public key of Ed25519.
const COORDINATE: usize = 32;
/// The first byte of a point with both coordinates (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// Adds a key of the caller's: the public half, as a JWK (RFC 7517) of Ed25519 (`OKP`) or P-256 (`EC`).
///
/// Of the JWK nothing is kept but the key itself. Its id is the thumbprint of RFC 7638.
///
/// # Errors
///
/// 400 `invalid_request` for anything else, a private key above all; 409 `conflict` for a key that is there already, 409
/// `too_many`; 503.
pub async fn add(access: &Access, caller: &Caller, name: &str, jwk: &Value) -> Result<ApprovalKey, Problem> {
    let owner = caller.user_id.ok_or_else(|| Problem::forbidden("add_key"))?;
    let name = name_of(name)?;
    let jwk = public_key(jwk)?;
    let key = ApprovalKey { id: thumbprint(&jwk), owner, name, jwk, created_at: access.clock.now() };
    let event = administered("key.added", &key.id);
    if access.store.insert_key(&caller.requester, &key, MAX_KEYS as u64, event).await? {
        return Ok(key);
    }
    let detail = format!("at most {MAX_KEYS} keys: remove one first");
    Err(Problem::new(StatusCode::CONFLICT, "too_many").with_detail(detail))
}

/// What becomes of the key of a program that somebody lets in.
///
/// ```
/// use audex_server::access::keys::KeyFate;
/// assert!(KeyFate::Full.added().is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFate {
    /// It has none, or its token could not approve anything: then none is added.
    None,
    /// It becomes one of the person's: its thumbprint.
    New(String),
    /// It is theirs already.
    Known,
    /// It is not added: they have [`MAX_KEYS`].
    Full,
    /// It is not added: it is somebody else's.
    Taken,
}

impl KeyFate {
    /// Returns the thumbprint of the key, where it is added.
    pub fn added(&self) -> Option<&str> {
        match self {
            Self::New(id) => Some(id),
            Self::None | Self::Known | Self::Full | Self::Taken => None,
        }
    }

    /// Tells whether it is not added for want of room.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }

    /// Tells whether it is not added because it is somebody else's.
    pub const fn is_taken(&self) -> bool {
        matches!(self, Self::Taken)
    }
}

/// Foresees what becomes of a program's key when the caller lets it in, for what it asked for.
///
/// # Errors
///
/// 503.
pub(super) async fn foresee(
    access: &Access,
    caller: &Caller,
    scopes: &[String],
    jwk: Option<&Value>,
) -> Result<KeyFate, Problem> {
    let (Some(jwk), Some(owner)) = (jwk, caller.user_id) else { return Ok(KeyFate::None) };
    let person = access.store.person(owner).await?;
    let may_approve =
        person.is_some_and(|person| tokens::scopes_of(access, &person).contains(&Action::Approve));
    if !may_approve || !scopes.iter().any(|scope| scope == Action::Approve.name()) {
        return Ok(KeyFate::None);
    }
    let (id, keys) = (thumbprint(jwk), access.store.keys_of(owner).await?);
    Ok(if keys.iter().any(|key| key.id == id) {
        KeyFate::Known
    } else if access.store.find_key(&id).await?.is_some() {
        KeyFate::Taken
    } else if keys.len() >= MAX_KEYS {
        KeyFate::Full
    } else {
        KeyFate::New(id)
    })
}

/// Adds the key of a program that the caller lets in, where its token may approve and there is room.
///
/// The page has said before what becomes of it, and the program looks whether it is there.
///
/// # Errors
///
/// 503.
pub(super) async fn add_of_program(
    access: &Access,
    caller: &Caller,
    (client, scopes): (&str, &[String]),
    jwk: Option<&Value>,
) -> Result<(), Problem> {
    let fate = foresee(access, caller, scopes, jwk).await?;
    let (Some(_), Some(jwk)) = (fate.added(), jwk) else { return Ok(()) };
    match add(access, caller, client, jwk).await {
        // Somebody else's, or added meanwhile.
        Err(problem) if problem.status() != StatusCode::CONFLICT => Err(problem),
        _ => Ok(()),
    }
}

/// Lists the caller's keys; a token needs the scope `read`.
///
/// # Errors
///
/// 403; 503.
pub async fn list(access: &Access, caller: &Caller) -> Result<Vec<ApprovalKey>, Problem> {
    let owner = caller.user_id.filter(|_| caller.is_in_scope(Action::Read));
    let owner = owner.ok_or_else(|| Problem::forbidden("read"))?;
    Ok(access.store.keys_of(owner).await?)
}

/// Removes a key of the caller's.
///
/// # Errors
///
/// 404; 503.
pub async fn remove(access: &Access, caller: &Caller, id: &str) -> Result<(), Problem> {
    let owner = caller.user_id.ok_or_else(|| Problem::forbidden("remove_key"))?;
    let event = administered("key.removed", id);
    match access.store.remove_key(&caller.requester, owner, id, event).await? {
        true => Ok(()),
        false => Err(Problem::not_found()),
    }
}

fn administered(action: &str, id: &str) -> BrokerEvent {
    BrokerEvent::Administered { action: action.to_owned(), subject: id.to_owned(), detail: None }
}

/// Reads a public key and writes it anew, with the members that make it up and no other.
pub(super) fn public_key(jwk: &Value) -> Result<Value, Problem> {
    let refuse = |detail: &str| Problem::invalid("jwk", detail);
    if ["d", "k", "p", "q"].iter().any(|private| jwk.get(private).is_some()) {
        return Err(refuse("this is a private key: keep it, and send the public half. Make a new one"));
    }
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let coordinate = |name: &str| {
        let bytes = text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let bytes = bytes.and_then(|bytes| <[u8; COORDINATE]>::try_from(bytes).ok());
        bytes.ok_or_else(|| refuse("its numbers have to be 32 bytes each, in base64url without padding"))
    };
    match (text("kty"), text("crv")) {
        (Some("OKP"), Some("Ed25519")) => {
            let x = coordinate("x")?;
            signature::ParsedPublicKey::new(&signature::ED25519, x)
                .map_err(|_| refuse("it is no key of Ed25519"))?;
            Ok(json!({"crv": "Ed25519", "kty": "OKP", "x": URL_SAFE_NO_PAD.encode(x)}))
        }
        (Some("EC"), Some("P-256")) => {
            let (x, y) = (coordinate("x")?, coordinate("y")?);
            let point = [&[UNCOMPRESSED][..], &x, &y].concat();
            signature::ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, &point)
                .map_err(|_| refuse("it is no point of P-256"))?;
            let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
            Ok(json!({"crv": "P-256", "kty": "EC", "x": x, "y": y}))
        }
        _ => Err(refuse("a JWK of Ed25519 (kty OKP) or of P-256 (kty EC) is needed")),
    }
}

/// Returns the thumbprint (RFC 7638 section 3): the members in order, without white space.
pub(super) fn thumbprint(jwk: &Value) -> String {
    let member =
        |name: &str| jwk.get(name).and_then(Value::as_str).map(|value| format!(r#""{name}":"{value}""#));
    let members: Vec<String> = ["crv", "kty", "x", "y"].into_iter().filter_map(member).collect();
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", members.join(","))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // RFC 8037 appendix A.3.
        let jwk = json!({"crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let read = public_key(&jwk).unwrap();
        assert_eq!(thumbprint(&read), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn other_keys_are_refused() {
        let point = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "use": "sig", "kid": "mine"});
        let read = public_key(&point).unwrap();
        assert_eq!(read.as_object().unwrap().len(), 4, "{read}");
        let with = |name: &str, value: Value| {
            let mut changed = point.clone();
            changed[name] = value;
            public_key(&changed)
        };
        for (name, value) in [
            ("d", json!("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")),
            ("d", json!(null)),
            ("y", json!("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1")),
            ("y", json!("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0=")),
            ("y", json!(7)),
            ("x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEUA")),
            ("crv", json!("P-384")),
            ("crv", json!("secp256k1")),
            ("kty", json!("RSA")),
            ("kty", json!("oct")),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
        assert!(public_key(&json!([])).is_err() && public_key(&json!({})).is_err());
    }
}
