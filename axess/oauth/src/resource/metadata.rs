use axess_jose::Algorithm;
use serde::Serialize;

/// What goes between host and path of a resource to find its metadata (RFC 9728 §3.1).
pub const PROTECTED_RESOURCE_WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The document that says whose tokens a resource takes (RFC 9728 §2).
///
/// ```
/// use axess_oauth::ResourceMetadata;
/// let metadata = ResourceMetadata::new("https://api.example.com/v1", ["https://login.example.com"]);
/// let json = serde_json::to_value(&metadata)?;
/// assert_eq!(json["resource"], "https://api.example.com/v1");
/// assert_eq!(json["bearer_methods_supported"], serde_json::json!(["header"]));
/// assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/v1");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceMetadata {
    /// The resource, as tokens name it in `aud`.
    pub resource: String,
    /// The issuers whose tokens are taken.
    pub authorization_servers: Vec<String>,
    /// The scopes that mean something here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// How a token may be sent: in the header, and nowhere that is logged.
    pub bearer_methods_supported: Vec<&'static str>,
    /// The algorithms of proofs that are taken.
    pub dpop_signing_alg_values_supported: Vec<&'static str>,
    /// Whether tokens must be bound to a key; then no others are taken.
    pub dpop_bound_access_tokens_required: bool,
    /// Whether tokens may be bound to a client certificate.
    pub tls_client_certificate_bound_access_tokens: bool,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
}

impl ResourceMetadata {
    /// Makes a document with what every resource has.
    #[must_use]
    pub fn new<S: Into<String>>(
        resource: impl Into<String>,
        authorization_servers: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            resource: resource.into(),
            authorization_servers: authorization_servers.into_iter().map(Into::into).collect(),
            scopes_supported: Vec::new(),
            bearer_methods_supported: vec!["header"],
            dpop_signing_alg_values_supported: proof_algorithms(),
            dpop_bound_access_tokens_required: false,
            tls_client_certificate_bound_access_tokens: false,
            resource_name: None,
        }
    }

    /// Returns the path at the resource's origin that serves this.
    #[must_use]
    pub fn path(&self) -> String {
        let (_, rest) = self.resource.split_once("://").unwrap_or(("", &self.resource));
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        if path.is_empty() {
            return PROTECTED_RESOURCE_WELL_KNOWN.to_owned();
        }
        format!("{PROTECTED_RESOURCE_WELL_KNOWN}/{path}")
    }
}

/// Returns the names of the algorithms of proofs that are taken.
pub(super) fn proof_algorithms() -> Vec<&'static str> {
    Algorithm::ALL.into_iter().map(Algorithm::name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_between_host_and_path() {
        let cases =
            [("https://a.example", ""), ("https://a.example/", ""), ("https://a.example/b/c?d", "/b/c")];
        for (resource, rest) in cases {
            let metadata = ResourceMetadata::new(resource, ["https://login.example.com"]);
            assert_eq!(metadata.path(), format!("{PROTECTED_RESOURCE_WELL_KNOWN}{rest}"), "{resource}");
        }
    }
}
