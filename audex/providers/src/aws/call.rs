//! One request to a service: signed, bounded in time and size, tried again where that can help.

use super::{
    answer::{self, MAX_ANSWER, Said},
    endpoints::Endpoint,
    explain::Failure,
    sign,
    source::BaseCredentials,
};
use axess_clock::Clock;
use reqwest::{Certificate, Client, NoProxy, Proxy, Response, Url, redirect::Policy};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};
use zeroize::Zeroizing;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request may take, with its answer and every further try.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long is waited before each further try.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];
/// The most bytes of the file with certificate authorities.
const MAX_BUNDLE: u64 = 4 * 1024 * 1024;

/// The connections, made when they are needed.
pub(super) struct Wire {
    environment: BTreeMap<String, String>,
    clock: Arc<dyn Clock>,
    client: OnceLock<Client>,
}

/// A request.
pub(super) struct Call<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) content_type: &'static str,
    /// The `X-Amz-Target` of protocols that have one.
    pub(super) target: Option<&'static str>,
    pub(super) body: Zeroizing<String>,
    /// Who signs; nobody for requests that carry their own proof.
    pub(super) credentials: Option<&'a BaseCredentials>,
    /// What the body has that no message may repeat.
    pub(super) secret: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// Makes a request of the query protocol.
    pub(super) fn query(
        endpoint: Endpoint,
        fields: &[(&str, &str)],
        credentials: Option<&'a BaseCredentials>,
    ) -> Self {
        let mut form = endpoint.url.clone();
        form.query_pairs_mut().extend_pairs(fields);
        let body = Zeroizing::new(form.query().unwrap_or_default().to_owned());
        Self {
            endpoint,
            content_type: "application/x-www-form-urlencoded",
            target: None,
            body,
            credentials,
            secret: None,
        }
    }
}

impl Wire {
    pub(super) fn new(environment: BTreeMap<String, String>, clock: Arc<dyn Clock>) -> Self {
        Self { environment, clock, client: OnceLock::new() }
    }

    /// Sends a request and returns the body of what succeeded.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let host = call.endpoint.url.host_str().unwrap_or_default().to_owned();
        let tries = async {
            let mut pauses = PAUSES.into_iter();
            loop {
                let failure = match self.once(call).await {
                    Ok(body) => return Ok(body),
                    Err(failure) => failure,
                };
                match pauses.next().filter(|_| failure.may_pass()) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(failure),
                }
            }
        };
        tokio::time::timeout(TOTAL_TIMEOUT, tries).await.unwrap_or(Err(Failure::TimedOut { host }))
    }

    async fn once(&self, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut headers = vec![("content-type", call.content_type)];
        headers.extend(call.target.map(|target| ("x-amz-target", target)));
        let mut request = self.client()?.post(call.endpoint.url.clone());
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        if let Some(credentials) = call.credentials {
            let signed = sign::signature(&call.endpoint, &headers, &call.body, credentials, self.clock.now());
            for (name, value) in signed.map_err(Failure::Unsigned)? {
                request = request.header(name, value);
            }
        }
        let response = request.body(call.body.as_bytes().to_vec()).send().await.map_err(unreachable)?;
        let status = response.status();
        let body = read(response).await?;
        if status.is_success() {
            return Ok(body);
        }
        let said = answer::said(&body).map(|said| clean(said, call));
        Err(Failure::Refused { status: status.as_u16(), said })
    }

    /// Fetches a small document, as from the server that containers get their credentials from.
    pub(super) async fn fetch(
        &self,
        url: Url,
        authorization: Option<&str>,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.client()?.get(url);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let fetched = async {
            let response = request.send().await.map_err(unreachable)?;
            let status = response.status();
            let body = read(response).await?;
            if status.is_success() {
                Ok(body)
            } else {
                Err(Failure::Refused { status: status.as_u16(), said: None })
            }
        };
        tokio::time::timeout(TOTAL_TIMEOUT, fetched).await.unwrap_or(Err(Failure::TimedOut { host }))
    }

    fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = build(&self.environment).map_err(Failure::NoClient)?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// Makes a client that follows no redirects, with the proxy and the authorities that the environment names.
fn build(environment: &BTreeMap<String, String>) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let of = |names: [&str; 2]| {
        names.iter().find_map(|name| environment.get(*name).filter(|text| !text.is_empty()))
    };
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .user_agent(concat!("audex/", env!("CARGO_PKG_VERSION")));
    if let Some(proxy) = of(["HTTPS_PROXY", "https_proxy"]) {
        let direct = of(["NO_PROXY", "no_proxy"]).and_then(|list| NoProxy::from_string(list));
        builder = builder.proxy(Proxy::https(proxy.as_str())?.no_proxy(direct));
    }
    if let Some(bundle) = environment.get("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        let pem = super::source::read_file(bundle.as_ref(), MAX_BUNDLE)?;
        builder = builder.tls_certs_only(Certificate::from_pem_bundle(pem.as_bytes())?);
    }
    Ok(builder.build()?)
}

fn unreachable(error: reqwest::Error) -> Failure {
    // The address is said elsewhere, and what is in it may be secret.
    Failure::Unreachable(error.without_url())
}

async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Failure::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Takes the secrets of a request out of a message about it.
fn clean(said: Said, call: &Call<'_>) -> Said {
    let own = call.credentials.map(|own| (own.secret_access_key(), own.session_token()));
    let (key, token) = own.map_or((None, None), |(key, token)| (Some(key), token));
    let mut message = said.message;
    for secret in [key, token, call.secret].into_iter().flatten().filter(|secret| !secret.is_empty()) {
        message = message.replace(secret, "[redacted]");
    }
    Said { message, ..said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_and_authorities_come_from_the_environment_that_is_handed_in() {
        let built = |name: &str, value: &str| build(&[(name.to_owned(), value.to_owned())].into()).map(drop);
        built("HTTPS_PROXY", "http://proxy.example.com:3128").unwrap();
        built("AWS_CA_BUNDLE", "").unwrap();
        assert!(built("https_proxy", "http://[").is_err());
        assert!(built("AWS_CA_BUNDLE", "/nonexistent/bundle.pem").is_err());
    }

    #[test]
    fn a_form_is_escaped_and_its_secrets_are_taken_out_of_messages() {
        let own = BaseCredentials::new("AKIAexample00000", "the-secret", Some("the-token")).unwrap();
        let endpoint =
            Endpoint { url: "https://sts.example.com/".parse().unwrap(), region: "r".into(), name: "sts" };
        let call = Call::query(endpoint, &[("A", "a&b=c"), ("B", "\u{e9} +")], Some(&own));
        assert_eq!(call.body.as_str(), "A=a%26b%3Dc&B=%C3%A9+%2B");
        let call = Call { secret: Some("the-jwt"), ..call };
        let said = Said { code: "X".into(), message: "the-secret, the-token and the-jwt".into() };
        assert_eq!(clean(said, &call).message, "[redacted], [redacted] and [redacted]");
    }
}
