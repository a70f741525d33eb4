use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt, str::FromStr};

/// The longest [`ProviderName`], in bytes.
const MAX_PROVIDER_NAME: usize = 64;

/// What precedes a [`ProviderName`] in the wire form.
const CUSTOM_PREFIX: &str = "federated:custom:";

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
/// let okta = FactorKind::Federated(FederatedProvider::Custom("okta".parse().unwrap()));
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
    Custom(ProviderName),
}

/// The name an application gave an identity provider: 1 to 64 characters of `a` to `z`, digits, `.`, `_` and `-`.
///
/// ```
/// use axess_identity::ProviderName;
/// assert_eq!(ProviderName::try_from("okta-eu").unwrap().as_str(), "okta-eu");
/// assert!("Okta EU".parse::<ProviderName>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName(String);

/// Says that a text cannot name an identity provider.
///
/// ```
/// use axess_identity::{ParseProviderNameError, ProviderName};
/// assert_eq!(ProviderName::try_from(""), Err(ParseProviderNameError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a provider name must have 1 to 64 characters of a-z, 0-9, '.', '_' and '-'")]
pub struct ParseProviderNameError;

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
                return Cow::Owned(format!("{CUSTOM_PREFIX}{name}"));
            }
        })
    }

    /// Tells whether these are two factors: something known, and something held.
    ///
    /// A password is known. A login at an identity provider counts as that too, whatever was asked for there: who takes that account
    /// over still lacks what is held here. Two codes are two things held, and a bare security key is one.
    ///
    /// ```
    /// use axess_identity::FactorKind::{EmailOtp, Password, Totp};
    /// use axess_identity::FactorKind;
    /// assert!(FactorKind::are_two(&[Password, Totp]));
    /// assert!(!FactorKind::are_two(&[EmailOtp, Totp]));
    /// ```
    #[must_use]
    pub fn are_two<'a>(proved: impl IntoIterator<Item = &'a Self>) -> bool {
        let is_known = |kind: &Self| matches!(kind, Self::Password | Self::LdapBind | Self::Federated(_));
        let (mut known, mut held) = (false, false);
        for kind in proved {
            *if is_known(kind) { &mut known } else { &mut held } = true;
        }
        known && held
    }

    /// Tells whether the credential is a short code its user types in.
    #[must_use]
    pub fn is_otp(&self) -> bool {
        matches!(self, Self::Totp | Self::Hotp | Self::EmailOtp)
    }
}

impl ProviderName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderName {
    type Err = ParseProviderNameError;

    fn from_str(text: &str) -> Result<Self, ParseProviderNameError> {
        let allowed = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        if (1..=MAX_PROVIDER_NAME).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseProviderNameError)
        }
    }
}

impl TryFrom<&str> for ProviderName {
    type Error = ParseProviderNameError;

    fn try_from(text: &str) -> Result<Self, ParseProviderNameError> {
        text.parse()
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
            other => {
                let name = other.strip_prefix(CUSTOM_PREFIX).ok_or(ParseFactorKindError)?;
                let name = name.parse().map_err(|_| ParseFactorKindError)?;
                Self::Federated(FederatedProvider::Custom(name))
            }
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
            provider(FederatedProvider::Custom("okta".parse().unwrap())),
        ] {
            assert_eq!(kind.wire_name().parse(), Ok(kind.clone()));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<FactorKind>(&json).unwrap(), kind);
        }
    }

    #[test]
    fn every_provider_name_that_can_be_built_can_be_read() {
        for good in ["a", "okta", "okta-eu.example_1", &"x".repeat(64)] {
            let kind = FactorKind::Federated(FederatedProvider::Custom(good.parse().unwrap()));
            assert_eq!(kind.wire_name().parse(), Ok(kind.clone()), "{good}");
        }
        for bad in ["", "Okta", "ok ta", "okta\n", "ok\0ta", "okta:eu", "окта", &"x".repeat(65)] {
            assert_eq!(ProviderName::try_from(bad), Err(ParseProviderNameError), "{bad:?}");
            assert!(format!("federated:custom:{bad}").parse::<FactorKind>().is_err(), "{bad:?}");
        }
    }
}
