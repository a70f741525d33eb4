use super::HttpError;
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// What a provider answered, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Reads the body up to a limit; what the header claims about its length counts for nothing.
    pub(super) async fn read(mut response: Response, limit: usize) -> Result<Self, HttpError> {
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(HttpError::from_transport)? {
            if body.len() + chunk.len() > limit {
                return Err(HttpError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status: response.status(), headers: response.headers().clone(), body })
    }

    /// Returns a header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the media type, in lower case and without parameters.
    pub(crate) fn media_type(&self) -> String {
        let value = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Parses the body, which the media type must say is JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, HttpError> {
        let media_type = self.media_type();
        if media_type != "application/json" && !media_type.ends_with("+json") {
            return Err(HttpError::Nonsense { expected });
        }
        // Where serde stumbled may be a token: its message is not kept.
        serde_json::from_slice(&self.body).map_err(|_| HttpError::Nonsense { expected })
    }

    /// Returns an error unless the status is 200.
    pub(crate) fn ok(self) -> Result<Self, HttpError> {
        if self.status == StatusCode::OK {
            return Ok(self);
        }
        Err(HttpError::Status { status: self.status.as_u16() })
    }

    /// Returns how long the answer may be kept (`Cache-Control: max-age`), if it says so.
    pub(crate) fn max_age(&self) -> Option<std::time::Duration> {
        let value = self.header("cache-control")?.to_ascii_lowercase();
        let seconds = value.split(',').find_map(|one| one.trim().strip_prefix("max-age=")?.parse().ok())?;
        Some(std::time::Duration::from_secs(seconds))
    }
}
