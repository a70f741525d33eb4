//! Enrolment of an authenticator app: the `otpauth:` URI of the Key URI Format, as text or as a QR code.

use crate::{HmacAlgorithm, HotpConfig, TotpConfig, otp};
use axess_identity::OtpSeed;
use data_encoding::BASE32_NOPAD;
use std::fmt;
use zeroize::Zeroizing;

/// The longest issuer and account, in bytes. Percent-encoded they still fit a QR code.
const MAX_ISSUER_BYTES: usize = 128;
const MAX_ACCOUNT_BYTES: usize = 256;

/// The smallest side of a rendered QR code, in pixels.
#[cfg(feature = "qr")]
const MIN_QR_SIDE: u32 = 240;

/// What an authenticator app scans to enrol. **It contains the seed**: show it once, over TLS, to its user only.
///
/// Every parameter is written out, defaults included, because apps do not agree on what a missing one means.
///
/// ```
/// use axess_factors::{OtpauthUri, TotpConfig};
/// let config = TotpConfig::new((*b"12345678901234567890").into()).unwrap();
/// let uri = OtpauthUri::totp(&config, "ACME Co", "alice@example.com").unwrap();
/// assert_eq!(
///     uri.expose(),
///     "otpauth://totp/ACME%20Co:alice%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
///      &issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30"
/// );
/// assert_eq!(format!("{uri:?}"), "OtpauthUri([redacted])");
/// ```
#[derive(Clone)]
pub struct OtpauthUri {
    uri: Zeroizing<String>,
    key: Zeroizing<String>,
}

/// Says why a name cannot appear in an `otpauth:` URI, or why the URI cannot be drawn.
///
/// ```
/// use axess_factors::{OtpauthError, OtpauthUri, TotpConfig};
/// let config = TotpConfig::new([1; 20].into()).unwrap();
/// let refused = OtpauthUri::totp(&config, "ACME: Co", "alice");
/// assert_eq!(refused.err(), Some(OtpauthError::InvalidIssuer));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OtpauthError {
    /// The issuer is empty, longer than 128 bytes, or contains a colon or a control character.
    #[error("the issuer must have 1 to 128 bytes, without ':' and control characters")]
    InvalidIssuer,
    /// The account is empty, longer than 256 bytes, or contains a colon or a control character.
    #[error("the account must have 1 to 256 bytes, without ':' and control characters")]
    InvalidAccount,
    /// The URI does not fit a QR code.
    #[error("the URI does not fit a QR code")]
    TooLongForQr,
}

impl OtpauthUri {
    /// Describes a TOTP authenticator of `account` at `issuer`, the name people know the service by.
    ///
    /// # Errors
    ///
    /// [`OtpauthError::InvalidIssuer`] or [`OtpauthError::InvalidAccount`]. The colon is refused in both because it
    /// separates them.
    pub fn totp(config: &TotpConfig, issuer: &str, account: &str) -> Result<Self, OtpauthError> {
        let moving = ("period", u64::from(config.period_secs()));
        Self::build("totp", &config.seed, config.algorithm, config.digits, moving, issuer, account)
    }

    /// Describes a HOTP authenticator that starts at the counter of `config`.
    ///
    /// # Errors
    ///
    /// As [`OtpauthUri::totp`].
    pub fn hotp(config: &HotpConfig, issuer: &str, account: &str) -> Result<Self, OtpauthError> {
        let moving = ("counter", config.counter);
        Self::build("hotp", &config.seed, config.algorithm, config.digits, moving, issuer, account)
    }

    /// Returns the URI.
    ///
    /// Every use is a place to review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.uri
    }

    /// Returns the seed in base32, for users who type it in instead of scanning.
    ///
    /// Every use is a place to review.
    #[must_use]
    pub fn expose_key(&self) -> &str {
        &self.key
    }

    /// Draws the URI as a QR code.
    ///
    /// The result is an SVG element with a quiet zone, without scripts, styles or references, fit to be put into a page
    /// as it is. **The drawing is as secret as the URI.**
    ///
    /// # Errors
    ///
    /// [`OtpauthError::TooLongForQr`].
    #[cfg(feature = "qr")]
    pub fn qr_svg(&self) -> Result<String, OtpauthError> {
        use qrcode::{EcLevel, QrCode, render::svg};
        let code = QrCode::with_error_correction_level(self.uri.as_bytes(), EcLevel::M)
            .map_err(|_| OtpauthError::TooLongForQr)?;
        let document =
            code.render::<svg::Color<'_>>().quiet_zone(true).min_dimensions(MIN_QR_SIDE, MIN_QR_SIDE).build();
        // HTML has no place for the XML declaration before the element.
        let start = document.find("<svg").unwrap_or_default();
        Ok(document.get(start..).unwrap_or_default().to_owned())
    }

    fn build(
        kind: &str,
        seed: &OtpSeed,
        algorithm: HmacAlgorithm,
        digits: u32,
        (moving, value): (&str, u64),
        issuer: &str,
        account: &str,
    ) -> Result<Self, OtpauthError> {
        if !is_name(issuer, MAX_ISSUER_BYTES) {
            return Err(OtpauthError::InvalidIssuer);
        }
        if !is_name(account, MAX_ACCOUNT_BYTES) {
            return Err(OtpauthError::InvalidAccount);
        }
        let key = Zeroizing::new(BASE32_NOPAD.encode(seed.expose()));
        let (issuer, account) = (encoded(issuer), encoded(account));
        let uri = Zeroizing::new(format!(
            "otpauth://{kind}/{issuer}:{account}?secret={}&issuer={issuer}&algorithm={}&digits={}&{moving}={value}",
            key.as_str(),
            algorithm.as_str(),
            otp::in_range(digits),
        ));
        Ok(Self { uri, key })
    }
}

impl fmt::Debug for OtpauthUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtpauthUri([redacted])")
    }
}

fn is_name(text: &str, max_bytes: usize) -> bool {
    (1..=max_bytes).contains(&text.len())
        && !text.trim().is_empty()
        && !text.chars().any(|c| c == ':' || c.is_control())
}

/// Percent-encodes everything but RFC 3986 §2.3 unreserved characters; a space is `%20`, which apps decode, not `+`.
fn encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(3 * text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests;
