//! Identity providers that speak SAML.

use axess_peers::{Kind, Server, shared};
use reqwest::Client;
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

/// A running identity provider.
pub(super) struct Idp {
    pub(super) url: String,
    pub(super) metadata: String,
    pub(super) entity_id: String,
}

impl Idp {
    pub(super) async fn of(kind: Kind, path: &str) -> Result<Self, String> {
        static PYSAML2: LazyLock<Result<Server, String>> = LazyLock::new(|| Server::start(Kind::SamlIdp));
        static PHP: LazyLock<Result<Server, String>> = LazyLock::new(|| Server::start(Kind::SimpleSamlPhp));
        if let Some(why) = kind.missing() {
            return Err(why);
        }
        let url = match shared(kind) {
            Some(urls) => urls[0].clone(),
            None => {
                let own = if kind == Kind::SamlIdp { &PYSAML2 } else { &PHP };
                own.as_ref().map(Server::url).map_err(Clone::clone)?
            }
        };
        let url = url.trim_end_matches('/').to_owned();
        let metadata = Client::new().get(format!("{url}{path}")).send().await.unwrap().text().await.unwrap();
        let (_, rest) = metadata.split_once("entityID=\"").unwrap();
        let entity_id = rest.split('"').next().unwrap().to_owned();
        Ok(Self { url, metadata, entity_id })
    }

    /// Tells it about a service provider, and how to treat it.
    pub(super) async fn know(&self, options: &str, metadata: &str) {
        let url = format!("{}/sp?{options}", self.url);
        let answer = Client::new().post(url).body(metadata.to_owned()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

/// Writes the certificate that the provider signs with.
pub(super) fn certificate(folder: &Path, metadata: &str) -> PathBuf {
    let (_, rest) = metadata.split_once("X509Certificate>").unwrap();
    let text: String = rest.split('<').next().unwrap().split_whitespace().collect();
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    let path = folder.join("idp.pem");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    std::fs::write(&path, pem).unwrap();
    path
}

/// Makes a key of our own, of a kind that openssl knows as `rsa:2048` or `ec`, and its certificate.
pub(super) fn key_pair(folder: &Path, kind: &str) -> (PathBuf, PathBuf) {
    let (key, certificate) = (folder.join("sp.key"), folder.join("sp.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=audex", "-newkey", kind]);
    if kind == "ec" {
        openssl.args(["-pkeyopt", "ec_paramgen_curve:P-256"]);
    }
    let made = openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (key, certificate)
}

/// Reads the first form of a page: where it goes, and its fields.
pub(super) fn form(page: &str) -> (String, Vec<(String, String)>) {
    let form = page.split("<form").nth(1).unwrap_or_else(|| panic!("no form in: {page}"));
    let form = form.split("</form>").next().unwrap();
    let inputs = form.split("<input").skip(1);
    let fields = inputs.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
    (attribute(form, "action").unwrap(), fields.collect())
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next()?;
    let (_, after) = tag.split_once(&format!(" {name}=\""))?;
    let value = after.split_once('"')?.0;
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&amp;", "&")];
    Some(entities.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to)))
}
