//! The server that gives containers, and commands of other brokers, their credentials.

use super::read_file;
use crate::aws::endpoints::is_loopback;
use audex_core::{ProviderError, ProviderFault};
use reqwest::Url;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Where the agents of ECS and EKS listen, without TLS.
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
/// The most bytes of the file with the token for the server.
const MAX_TOKEN: u64 = 16 * 1024;

/// Returns the address of the server, if the environment names one.
pub(super) fn address(environment: &BTreeMap<String, String>) -> Result<Option<Url>, ProviderError> {
    let of = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let text = match (of("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), of("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
    {
        (Some(path), _) if path.starts_with('/') => format!("http://169.254.170.2{path}"),
        (Some(_), _) => {
            return Err(failed("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash"));
        }
        (None, Some(url)) => url.clone(),
        (None, None) => return Ok(None),
    };
    let url = Url::parse(&text).map_err(|_| failed("AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL"))?;
    let host = url.host_str().unwrap_or_default();
    let is_safe = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url) || AGENTS.contains(&host),
        _ => false,
    };
    if is_safe { Ok(Some(url)) } else { Err(failed("the address is neither https nor on this machine")) }
}

/// Returns the value of the header that the server asks for.
pub(in crate::aws) fn authorization(
    environment: &BTreeMap<String, String>,
) -> Result<Option<Zeroizing<String>>, ProviderError> {
    let of = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let value = match (of("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"), of("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
    {
        (Some(path), _) => {
            let unreadable =
                |error| failed("the file with the token for it cannot be read").with_source(error);
            read_file(path.as_ref(), MAX_TOKEN).map_err(unreadable)?
        }
        (None, Some(token)) => Zeroizing::new(token.clone()),
        (None, None) => return Ok(None),
    };
    if value.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(failed("the token for it has a line break"));
    }
    Ok(Some(value))
}

fn failed(why: &str) -> ProviderError {
    let what = format!("the server for container credentials cannot be asked: {why}");
    ProviderError::new(ProviderFault::NotLoggedIn, what)
}
