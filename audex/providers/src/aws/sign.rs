//! AWS Signature Version 4.

use super::{endpoints::Endpoint, source::BaseCredentials};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use chrono::{DateTime, Utc};
use std::time::SystemTime;

/// Returns the headers that sign a POST with these headers and this body.
pub(super) fn signature(
    endpoint: &Endpoint,
    headers: &[(&'static str, &str)],
    body: &str,
    credentials: &BaseCredentials,
    now: DateTime<Utc>,
) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
    let identity = Credentials::new(
        credentials.access_key_id(),
        credentials.secret_access_key(),
        credentials.session_token().map(str::to_owned),
        None,
        "audex",
    )
    .into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&endpoint.region)
        .name(endpoint.name)
        .time(SystemTime::from(now))
        .settings(SigningSettings::default())
        .build()?
        .into();
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", endpoint.url.as_str(), headers.iter().copied(), body)?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `post-x-www-form-urlencoded` of the test suite that AWS publishes for this signature.
    #[test]
    fn the_published_vector_is_met() {
        let credentials =
            BaseCredentials::unchecked("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let endpoint = Endpoint {
            url: "https://example.amazonaws.com/".parse().unwrap(),
            region: "us-east-1".into(),
            name: "service",
        };
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        let signed = signature(&endpoint, &headers, "Param1=value1", &credentials, now).unwrap();
        let of = |name: &str| signed.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        assert_eq!(of("x-amz-date"), Some("20150830T123600Z"));
        assert_eq!(
            of("authorization"),
            Some(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
            )
        );
        assert_eq!(of("x-amz-security-token"), None);
    }
}
