//! As much of a browser as a login needs: it follows redirects, keeps cookies, and posts forms.

use axess_factors::federated::{CallbackMethod, CallbackResponse, Redirection};
use reqwest::{Client, redirect::Policy};

pub(crate) struct Browser(Client);

/// A form of a page.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        // A redirect to our own address is where the provider's part ends; nothing listens there.
        let policy = Policy::custom(|attempt| {
            if attempt.url().host_str() == Some("sp.example.test") {
                attempt.stop()
            } else {
                attempt.follow()
            }
        });
        Self(Client::builder().cookie_store(true).redirect(policy).build().unwrap())
    }

    /// Goes where a redirection leads, and returns the page and its address; the address alone where it leads back to us.
    pub(crate) async fn follow(&self, redirection: &Redirection) -> (String, String) {
        let answer = match redirection {
            Redirection::Get(url) => self.0.get(url).send().await,
            Redirection::Post { action, fields } => self.0.post(action).form(fields).send().await,
        };
        let answer = answer.unwrap();
        let location = answer.headers().get("location").map(|url| url.to_str().unwrap().to_owned());
        let address = location.unwrap_or_else(|| answer.url().to_string());
        (answer.text().await.unwrap(), address)
    }

    pub(crate) async fn get(&self, url: &str) -> (String, String) {
        self.follow(&Redirection::Get(url.to_owned())).await
    }

    pub(crate) async fn submit(&self, form: Form) -> (String, String) {
        self.follow(&Redirection::Post { action: form.action, fields: form.fields }).await
    }

    /// Posts a document.
    pub(crate) async fn post(&self, url: &str, body: Vec<u8>) -> String {
        let answer = self.0.post(url).body(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{url}: {status} {text}");
        text
    }
}

impl Form {
    /// Reads the first form of a page.
    pub(crate) fn of(page: &str) -> Self {
        let form = page.split("<form").nth(1).unwrap_or_else(|| panic!("no form in: {page}"));
        let form = form.split("</form>").next().unwrap();
        let action = attribute(form, "action").unwrap_or_default();
        let inputs = form.split("<input").skip(1);
        let fields = inputs.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
        Self { action, fields: fields.collect() }
    }

    pub(crate) fn into_callback(self) -> CallbackResponse {
        CallbackResponse::new(CallbackMethod::Post, self.fields).unwrap()
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next()?;
    let (_, after) = tag.split_once(&format!(" {name}=\""))?;
    let value = after.split_once('"')?.0;
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&#x27;", "'"), ("&amp;", "&")];
    Some(entities.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to)))
}

/// What a redirect to us brings.
pub(crate) fn callback_of(url: &str) -> CallbackResponse {
    let parsed = reqwest::Url::parse(url).unwrap();
    let parameters: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
    CallbackResponse::new(CallbackMethod::Get, parameters).unwrap()
}
