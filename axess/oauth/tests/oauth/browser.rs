//! A browser without a screen: it keeps cookies and follows redirects until one leads back to the application.

use reqwest::{Certificate, Client, Method, Response, Url, redirect::Policy};

use axess_factors::federated::{CallbackMethod, CallbackResponse};

/// The most redirects that a login takes.
const MOST_REDIRECTS: usize = 12;

pub(crate) struct Browser {
    client: Client,
}

impl Browser {
    pub(crate) fn new(authority: &str) -> Self {
        let client = Client::builder()
            .cookie_store(true)
            .redirect(Policy::none())
            .no_proxy()
            .tls_certs_merge(Certificate::from_pem_bundle(authority.as_bytes()).unwrap())
            .build()
            .unwrap();
        Self { client }
    }

    /// Goes to an address and on until it is sent to `callback`; returns what it brings there.
    pub(crate) async fn go(&self, url: &str, callback: &str) -> CallbackResponse {
        let (last, text) = self.follow(self.client.get(url).send().await.unwrap(), callback).await;
        assert!(last.as_str().starts_with(callback), "stuck at {last}: {text}");
        CallbackResponse::new(CallbackMethod::Get, last.query_pairs().into_owned()).unwrap()
    }

    /// Goes to an address and on while it is redirected; returns the last page.
    pub(crate) async fn read(&self, url: &str) -> (Url, String) {
        self.follow(self.client.get(url).send().await.unwrap(), "nowhere:").await
    }

    /// Sends a form and goes on.
    pub(crate) async fn submit(&self, url: &str, form: &[(&str, &str)], callback: &str) -> (Url, String) {
        let sent = self.client.request(Method::POST, url).form(form).send().await.unwrap();
        self.follow(sent, callback).await
    }

    async fn follow(&self, mut response: Response, callback: &str) -> (Url, String) {
        for _ in 0..MOST_REDIRECTS {
            let here = response.url().clone();
            let Some(there) = response.headers().get("location") else {
                return (here, response.text().await.unwrap());
            };
            let there = here.join(there.to_str().unwrap()).unwrap();
            if there.as_str().starts_with(callback) {
                return (there, String::new());
            }
            response = self.client.get(there).send().await.unwrap();
        }
        panic!("too many redirects")
    }
}

/// Finds the value of a hidden field.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap().to_owned()
}
