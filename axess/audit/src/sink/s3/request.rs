use super::{
    S3Credentials, S3LockMode, S3Sink,
    error::S3Error,
    object::{Object, hex},
};
use crate::sink::{SinkError, http};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::StatusCode;
use std::time::SystemTime;

type Headers = Vec<(String, String)>;

impl S3Sink {
    /// Writes one object.
    pub(super) async fn put(&self, object: Object) -> Result<(), SinkError> {
        let now = self.clock.now();
        let mut url = self.bucket_url.clone();
        let path = format!("{}{}", url.path(), object.path());
        url.set_path(&path);
        let headers = self.headers(&object, now);
        let signed = sign_put(url.as_str(), &headers, &object, &self.credentials(), &self.config.region, now)
            .map_err(SinkError::retry)?;
        let mut request = self.client.put(url);
        for (name, value) in headers.iter().chain(&signed) {
            request = request.header(name, value);
        }
        let response = request.body(object.content).send().await;
        let response =
            response.map_err(|error| SinkError::retry(S3Error::Unreachable(error.without_url())))?;
        let status = response.status();
        let after = http::retry_after(&response, &*self.clock);
        let body = http::read(response).await;
        if status.is_success() || (self.config.writes_once && status == StatusCode::PRECONDITION_FAILED) {
            // An object of that name holds that content: its digest is part of the name.
            return Ok(());
        }
        Err(SinkError::Retry { source: Box::new(S3Error::of(status, &body)), after })
    }

    /// The headers beside those of the signature.
    fn headers(&self, object: &Object, now: DateTime<Utc>) -> Headers {
        let mut headers = vec![
            ("content-type".to_owned(), "application/x-ndjson".to_owned()),
            // Needed beside the checksum where the store must keep the object.
            ("x-amz-sdk-checksum-algorithm".to_owned(), "SHA256".to_owned()),
            ("x-amz-checksum-sha256".to_owned(), STANDARD.encode(object.digest)),
        ];
        if self.config.writes_once {
            headers.push(("if-none-match".to_owned(), "*".to_owned()));
        }
        if let Some(retention) = self.config.retention {
            let mode = match retention.mode {
                S3LockMode::Governance => "GOVERNANCE",
                S3LockMode::Compliance => "COMPLIANCE",
            };
            let keep = TimeDelta::from_std(retention.keep).unwrap_or(TimeDelta::MAX);
            let until = now.checked_add_signed(keep).unwrap_or(DateTime::<Utc>::MAX_UTC);
            headers.push(("x-amz-object-lock-mode".to_owned(), mode.to_owned()));
            headers.push((
                "x-amz-object-lock-retain-until-date".to_owned(),
                until.to_rfc3339_opts(SecondsFormat::Secs, true),
            ));
        }
        headers
    }
}

/// Returns the headers that the signature adds.
pub(super) fn sign_put(
    url: &str,
    headers: &Headers,
    object: &Object,
    credentials: &S3Credentials,
    region: &str,
    now: DateTime<Utc>,
) -> Result<Headers, S3Error> {
    let mut settings = SigningSettings::default();
    // As S3 wants it: the path as it stands in the request, and the digest of the content as a header.
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let session_token = credentials.session_token.as_ref().map(|token| token.as_str().to_owned());
    let identity = Credentials::new(
        &credentials.access_key,
        credentials.secret_key.as_str(),
        session_token,
        None,
        "axess-audit",
    )
    .into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(SystemTime::from(now))
        .settings(settings)
        .build()
        .map_err(|_| S3Error::Unsigned)?
        .into();
    let names = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Precomputed(hex(&object.digest));
    let request = SignableRequest::new("PUT", url, names, body).map_err(|_| S3Error::Unsigned)?;
    let (instructions, _) = sign(request, &params).map_err(|_| S3Error::Unsigned)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
