//! What a server answers to a program that logs in (RFC 8628).

use audex_core::CredentialSecret;
use serde::{Deserialize, Deserializer};

/// A login that waits for its confirmation in a browser (RFC 8628 §3.2).
///
/// ```
/// use audex_cli::remote::Device;
/// let json = r#"{"device_code":"d","user_code":"WDJB-MJHT","verification_uri":"https://a/device","expires_in":600}"#;
/// let device: Device = serde_json::from_str(json)?;
/// assert_eq!(device.interval, 5);
/// assert!(!format!("{device:?}").contains(r#""d""#));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Deserialize)]
pub struct Device {
    /// What the login is asked for with.
    pub device_code: String,
    /// What a person types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// How many seconds to wait between questions.
    #[serde(default = "interval")]
    pub interval: u64,
    /// After how many seconds it is over.
    pub expires_in: u64,
}

/// What is waited where a server does not say (RFC 8628 §3.2).
const fn interval() -> u64 {
    5
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("user_code", &self.user_code).finish_non_exhaustive()
    }
}

/// What came of a login (RFC 6749 §5.1).
///
/// ```
/// use audex_cli::remote::DeviceToken;
/// let json = r#"{"access_token":"audx_1","token_type":"Bearer","expires_in":43200,"scope":"request read"}"#;
/// let given: DeviceToken = serde_json::from_str(json)?;
/// assert_eq!(given.scope.as_deref(), Some(&["request".to_owned(), "read".to_owned()][..]));
/// assert!(!format!("{given:?}").contains("audx_1"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
pub struct DeviceToken {
    /// What says who we are.
    #[serde(rename = "access_token", deserialize_with = "secret")]
    pub token: CredentialSecret,
    /// For how many seconds it works, where that is known.
    #[serde(rename = "expires_in", default)]
    pub lives: Option<u64>,
    /// What it may be used for, where that is known.
    #[serde(default, deserialize_with = "words")]
    pub scope: Option<Vec<String>>,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<CredentialSecret, D::Error> {
    String::deserialize(from).map(CredentialSecret::from)
}

fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.map(|text| text.split_ascii_whitespace().map(str::to_owned).collect()))
}
