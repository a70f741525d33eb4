//! A server whose people sign in at a real OpenID Provider, and their browsers.

use crate::access::door::{Answer, Door};
use audex_core::CredentialProvider;
use audex_server::settings::{OidcSettings, ServerSettings, SsoProtocol, SsoSettings};
use axess::clock::{Clock, SystemClock};
use axess_peers::{Kind, OpenIdProvider, Server, skip};
use chrono::TimeDelta;
use reqwest::{Certificate, Client, Response, Url, redirect::Policy};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

/// The most redirects that a login takes.
const MOST_REDIRECTS: usize = 12;

/// A server, and the provider its people sign in at.
pub(super) struct Company {
    pub(super) door: Door,
    pub(super) peer: Server,
    pub(super) provider: OpenIdProvider,
}

/// A browser: it keeps cookies, and goes where it is sent only when it is told to.
pub(super) struct Visitor {
    pub(super) client: Client,
    url: String,
}

/// Returns the settings that fit the provider's client `basic`.
pub(super) fn oidc(provider: &OpenIdProvider, public_url: &str) -> SsoSettings {
    let protocol = SsoProtocol::Oidc(OidcSettings {
        provider_url: provider.issuer().to_owned(),
        client_id: "basic".to_owned(),
        client_secret: Some(provider.secret("basic")),
        client_key_path: None,
        is_public: false,
        redirect_uri: format!("{public_url}/oidc/callback"),
        scopes: ["openid", "profile", "email", "groups"].map(str::to_owned).to_vec(),
    });
    SsoSettings::new(protocol)
}

impl Company {
    pub(super) async fn new(test: &str) -> Option<Self> {
        Self::with(test, |_| {}).await
    }

    /// Opens one; nothing, and a note, where there is no provider.
    pub(super) async fn with(test: &str, change: impl FnOnce(&mut SsoSettings)) -> Option<Self> {
        Self::of(test, |_, sso| change(sso)).await
    }

    pub(super) async fn of(
        test: &str,
        change: impl FnOnce(&mut ServerSettings, &mut SsoSettings),
    ) -> Option<Self> {
        Self::at(test, |_, settings, sso| change(settings, sso)).await
    }

    pub(super) async fn at(
        test: &str,
        change: impl FnOnce(&OpenIdProvider, &mut ServerSettings, &mut SsoSettings),
    ) -> Option<Self> {
        Self::issuing(test, Vec::new(), change).await
    }

    /// Opens one that issues credentials of more than the local issuer.
    pub(super) async fn issuing(
        test: &str,
        more: Vec<Arc<dyn CredentialProvider>>,
        change: impl FnOnce(&OpenIdProvider, &mut ServerSettings, &mut SsoSettings),
    ) -> Option<Self> {
        if let Some(why) = Kind::OpenIdProvider.missing() {
            skip(test, &why);
            return None;
        }
        let mut peer = None;
        let door = Door::issuing(more, |settings| {
            let url = settings.public_url.clone();
            let variable = |name: &str, value: String| (name.to_owned(), value);
            let variables = vec![
                variable("REDIRECT_URIS", format!("{url}/oidc/callback,{url}/company/back")),
                variable("BACKCHANNEL_LOGOUT_URI", format!("{url}/oidc/backchannel-logout")),
            ];
            let started = Server::start_with_variables(Kind::OpenIdProvider, variables).unwrap();
            let provider = started.openid_provider().unwrap();
            // Each request comes from an address of its own: limits do not follow a clock that is set back.
            settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
            let mut sso = oidc(&provider, &url);
            let ca_file = settings.data.join("ca.pem");
            std::fs::write(&ca_file, provider.authority().unwrap()).unwrap();
            sso.ca_file = Some(ca_file);
            change(&provider, settings, &mut sso);
            settings.sso = Some(sso);
            peer = Some((started, provider));
        })
        .await;
        let (peer, provider) = peer.unwrap();
        let company = Self { door, peer, provider };
        company.now();
        Some(company)
    }

    /// Sets the server's clock to the provider's.
    pub(super) fn now(&self) {
        self.door.clock.set(SystemClock.now());
    }

    /// Opens a browser that trusts the provider's certificate.
    pub(super) fn visitor(&self) -> Visitor {
        visitor(&self.door.url, Some(&self.provider.authority().unwrap()))
    }

    /// Signs somebody in, in a browser of their own.
    pub(super) async fn signed_in(&self, who: &str) -> Visitor {
        let visitor = self.visitor();
        let answer = self.sign_in(&visitor, who).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
        visitor
    }

    pub(super) async fn sign_in(&self, visitor: &Visitor, who: &str) -> Answer {
        self.now();
        let back = visitor.at_provider("/", who).await;
        visitor.page(&back).await
    }
}

/// Opens a browser.
pub(super) fn visitor(url: &str, authority: Option<&str>) -> Visitor {
    let client = Client::builder().cookie_store(true).redirect(Policy::none()).no_proxy();
    let client = match authority {
        Some(pem) => client.tls_certs_merge(Certificate::from_pem_bundle(pem.as_bytes()).unwrap()),
        None => client,
    };
    Visitor { client: client.build().unwrap(), url: url.to_owned() }
}

impl Visitor {
    /// Posts what another site has the browser post: once from there, and once more from here.
    pub(super) async fn cross_post(&self, path: &str, fields: &[(String, String)]) -> Answer {
        let first = self.raw_post(path, fields, &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(first.status, 200, "{first:?}");
        self.raw_post(&format!("{path}?again"), fields, &[("sec-fetch-site", "same-origin")]).await
    }

    pub(super) async fn raw_post(
        &self,
        path: &str,
        fields: &[(String, String)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.client.post(format!("{}{path}", self.url)).header("accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.form(fields).send().await.unwrap()).await
    }

    /// Asks for something of the server, as a program does.
    pub(super) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(format!("{}{path}", self.url)).send().await.unwrap()).await
    }

    /// Opens a page of the server.
    pub(super) async fn page(&self, url: &str) -> Answer {
        let url = if url.starts_with('/') { format!("{}{url}", self.url) } else { url.to_owned() };
        let request = self.client.get(url).header("accept", "text/html").header("x-forwarded-for", address());
        Answer::of(request.send().await.unwrap()).await
    }

    pub(super) async fn send(&self, method: reqwest::Method, path: &str, body: serde_json::Value) -> Answer {
        let request = self.client.request(method, format!("{}{path}", self.url));
        Answer::of(request.header("sec-fetch-site", "same-origin").json(&body).send().await.unwrap()).await
    }

    /// Posts a form of the server's.
    pub(super) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.client.post(format!("{}{path}", self.url)).header("sec-fetch-site", "same-origin");
        Answer::of(request.header("accept", "text/html").form(fields).send().await.unwrap()).await
    }

    /// Goes to the provider as somebody, and returns the address it is sent back to.
    pub(super) async fn at_provider(&self, next: &str, who: &str) -> String {
        let mut way = Url::parse(&format!("{}/login/sso", self.url)).unwrap();
        way.query_pairs_mut().append_pair("next", next);
        let begun = self.client.get(way).send().await.unwrap();
        assert_eq!(begun.status(), 303, "{}", begun.text().await.unwrap());
        let mut there = Url::parse(begun.headers()["location"].to_str().unwrap()).unwrap();
        there.query_pairs_mut().append_pair("login_hint", who);
        self.follow(self.client.get(there).send().await.unwrap()).await
    }

    /// Goes where it is sent, until that is the server.
    pub(super) async fn follow(&self, mut response: Response) -> String {
        for _ in 0..MOST_REDIRECTS {
            let here = response.url().clone();
            let Some(there) = response.headers().get("location") else {
                panic!("stuck at {here}: {}", response.text().await.unwrap())
            };
            let there = here.join(there.to_str().unwrap()).unwrap();
            if there.as_str().starts_with(&self.url) {
                return there.into();
            }
            response = self.client.get(there).send().await.unwrap();
        }
        panic!("too many redirects")
    }

    pub(super) async fn identity(&self) -> Option<String> {
        self.get("/me").await.body["identity"].as_str().map(str::to_owned)
    }

    /// Adds somebody, as an administrator.
    pub(super) async fn invite(&self, email: &str, roles: &[&str]) -> String {
        let added =
            self.send(reqwest::Method::POST, "/people", json!({ "email": email, "roles": roles })).await;
        assert_eq!(added.status, 201, "{added:?}");
        added.body["id"].as_str().unwrap().to_owned()
    }
}

fn address() -> String {
    static LAST: AtomicU8 = AtomicU8::new(0);
    format!("198.51.100.{}", LAST.fetch_add(1, Ordering::Relaxed))
}

/// A quarter of an hour, and a minute.
pub(super) const TOO_LONG: TimeDelta = TimeDelta::minutes(16);
