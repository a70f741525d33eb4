use crate::settings::{SsoProtocol, SsoSettings};

/// Where a login at the provider begins.
pub(in crate::access) const BEGIN: &str = "/login/sso";
/// Where browsers come back to, unless the settings say otherwise.
pub(in crate::access) const CALLBACK: &str = "/oidc/callback";
pub(in crate::access) const ACS: &str = "/acs";
/// Where providers end sessions.
pub(in crate::access) const BACKCHANNEL: &str = "/oidc/backchannel-logout";
pub(in crate::access) const SLO: &str = "/saml/slo";
/// What describes us.
pub(in crate::access) const METADATA: &str = "/saml/metadata";

/// The longest path a browser may come back to, in bytes.
const MAX_PATH: usize = 200;

/// The paths of single sign-on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::access) struct Paths {
    /// Where browsers come back to with a query, where that is another path than usual.
    pub(in crate::access) callback: Option<String>,
    /// Where they come back to with a form, likewise.
    pub(in crate::access) acs: Option<String>,
}

impl Paths {
    pub(in crate::access) fn of(settings: Option<&SsoSettings>, public_url: &str) -> Self {
        let other = |url: &str, usual: &str| path_below(public_url, url).filter(|path| path != usual);
        match settings.map(|settings| &settings.protocol) {
            Some(SsoProtocol::Oidc(oidc)) => {
                Self { callback: other(&oidc.redirect_uri, CALLBACK), acs: None }
            }
            Some(SsoProtocol::Saml(saml)) => {
                Self { callback: None, acs: other(&saml.assertion_consumer_service_url, ACS) }
            }
            None => Self::default(),
        }
    }

    /// Returns what other sites post to, without our cookies: what they post says itself who it is of.
    pub(in crate::access) fn posted(&self) -> impl Iterator<Item = &str> {
        [ACS, SLO, BACKCHANNEL].into_iter().chain(self.acs.as_deref())
    }

    /// Returns where messages of SAML are posted: with all that a provider says about somebody, they are large.
    pub(in crate::access) fn saml(&self) -> impl Iterator<Item = &str> {
        [ACS, SLO].into_iter().chain(self.acs.as_deref())
    }

    /// Tells whether a path is one that browsers and providers come to while somebody signs in or out.
    pub(in crate::access) fn are(&self, path: &str) -> bool {
        let usual = [BEGIN, CALLBACK, ACS, BACKCHANNEL, SLO, METADATA];
        usual.contains(&path) || [&self.callback, &self.acs].into_iter().flatten().any(|own| own == path)
    }
}

/// Returns the path of an address of this server; nothing for any other address, or a path that no route can have.
pub(super) fn path_below(public_url: &str, url: &str) -> Option<String> {
    let path = url.strip_prefix(public_url.trim_end_matches('/'))?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let is_path =
        path.len() > 1 && path.len() <= MAX_PATH && path.starts_with('/') && path.bytes().all(is_plain);
    let is_straight = !path.contains("//") && !path.split('/').any(|part| part == "." || part == "..");
    (is_path && is_straight).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_this_server_has_a_path() {
        let below = |url| path_below("https://a.example/", url);
        assert_eq!(below("https://a.example/oidc/callback").as_deref(), Some("/oidc/callback"));
        for other in [
            "https://a.example.evil/oidc/callback",
            "https://a.example",
            "https://a.example/",
            "https://b.example/acs",
            "https://a.example/acs?x",
            "https://a.example/acs#x",
            "https://a.example//acs",
            "https://a.example/x/../acs",
            "https://a.example/{id}",
            "http://a.example/acs",
        ] {
            assert_eq!(below(other), None, "{other}");
        }
    }
}
