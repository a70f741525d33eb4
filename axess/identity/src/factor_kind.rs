use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt, str::FromStr};

/// The longest name of a custom federated provider, in bytes.
const MAX_PROVIDER_NAME: usize = 64;

/// Names a kind of credential check.
///
/// The wire form is stable and flat: `password`, `totp`, ..., `federated:github`, `federated:custom:okta`.
///
/// ```
/// use axess_identity::FactorKind;
/// assert_eq!(FactorKind::EmailOtp.to_string(), "email_otp");
/// assert_eq!("totp".parse(), Ok(FactorKind::Totp));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactorKind {
    /// A memorised secret checked against an Argon2id hash.
    Password,
    /// A time-based one-time password (RFC 6238).
    Totp,
    /// A counter-based one-time password (RFC 4226).
    Hotp,
    /// A one-time code sent to the stored e-mail address.
    EmailOtp,
    /// One of a set of single-use codes printed at enrolment.
    RecoveryCode,
    /// A WebAuthn assertion.
    Fido2,
    /// A bind against an LDAP directory.
    LdapBind,
    /// A client certificate.
    Mtls,
    /// A login at another identity provider.
    Federated(FederatedProvider),
}

/// Names the identity provider of a federated factor.
///
/// ```
/// use axess_identity::{FactorKind, FederatedProvider};
/// let okta = FactorKind::Federated(FederatedProvider::Custom("okta".into()));
/// assert_eq!(okta.to_string(), "federated:custom:okta");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FederatedProvider {
    /// GitHub.
    Github,
    /// Google.
    Google,
    /// Microsoft Entra ID.
    Microsoft,
    /// Any other provider, by the name the application gave it.
    Custom(String),
}

/// Says that a text names no factor kind.
///
/// ```
/// use axess_identity::FactorKind;
/// assert!("telepathy".parse::<FactorKind>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown factor kind")]
pub struct ParseFactorKindError;

impl FactorKind {
    /// Returns the stable wire name.
    #[must_use]
    pub fn wire_name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::Hotp => "hotp",
            Self::EmailOtp => "email_otp",
            Self::RecoveryCode => "recovery_code",
            Self::Fido2 => "fido2",
            Self::LdapBind => "ldap_bind",
            Self::Mtls => "mtls",
            Self::Federated(FederatedProvider::Github) => "federated:github",
            Self::Federated(FederatedProvider::Google) => "federated:google",
            Self::Federated(FederatedProvider::Microsoft) => "federated:microsoft",
            Self::Federated(FederatedProvider::Custom(name)) => {
                return Cow::Owned(format!("federated:custom:{name}"));
            }
        })
    }

    /// Tells whether the credential is a short code its user types in.
    #[must_use]
    pub fn is_otp(&self) -> bool {
        matches!(self, Self::Totp | Self::Hotp | Self::EmailOtp)
    }
}

impl fmt::Display for FactorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.wire_name())
    }
}

impl FromStr for FactorKind {
    type Err = ParseFactorKindError;

    fn from_str(text: &str) -> Result<Self, ParseFactorKindError> {
        Ok(match text {
            "password" => Self::Password,
            "totp" => Self::Totp,
            "hotp" => Self::Hotp,
            "email_otp" => Self::EmailOtp,
            "recovery_code" => Self::RecoveryCode,
            "fido2" => Self::Fido2,
            "ldap_bind" => Self::LdapBind,
            "mtls" => Self::Mtls,
            "federated:github" => Self::Federated(FederatedProvider::Github),
            "federated:google" => Self::Federated(FederatedProvider::Google),
            "federated:microsoft" => Self::Federated(FederatedProvider::Microsoft),
            other => match other.strip_prefix("federated:custom:") {
                Some(name) if !name.is_empty() && name.len() <= MAX_PROVIDER_NAME => {
                    Self::Federated(FederatedProvider::Custom(name.to_owned()))
                }
                _ => return Err(ParseFactorKindError),
            },
        })
    }
}

impl Serialize for FactorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.wire_name())
    }
}

impl<'de> Deserialize<'de> for FactorKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = FactorKind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a factor kind")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FactorKind, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_its_wire_name() {
        let provider = |p| FactorKind::Federated(p);
        for kind in [
            FactorKind::Password,
            FactorKind::Totp,
            FactorKind::Hotp,
            FactorKind::EmailOtp,
            FactorKind::RecoveryCode,
            FactorKind::Fido2,
            FactorKind::LdapBind,
            FactorKind::Mtls,
            provider(FederatedProvider::Github),
            provider(FederatedProvider::Google),
            provider(FederatedProvider::Microsoft),
            provider(FederatedProvider::Custom("okta".into())),
        ] {
            assert_eq!(kind.wire_name().parse(), Ok(kind.clone()));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<FactorKind>(&json).unwrap(), kind);
        }
    }

    #[test]
    fn provider_names_are_bounded() {
        assert!("federated:custom:".parse::<FactorKind>().is_err());
        assert!(
            format!("federated:custom:{}", "x".repeat(65))
                .parse::<FactorKind>()
                .is_err()
        );
    }
}
