use super::{OAuth2Config, OAuth2User};
use crate::client_auth::ClientAuth;
use axess_identity::TokenSecret;
use serde_json::Value;

impl OAuth2Config {
    /// Makes the configuration for GitHub: the user, and the addresses that it has verified.
    #[must_use]
    pub fn github(
        client_id: impl Into<String>,
        client_secret: impl Into<TokenSecret>,
        redirect_uri: impl Into<String>,
    ) -> Self {
        Self::new("https://github.com", client_id, ClientAuth::SecretPost(client_secret.into()), redirect_uri)
            .with_endpoints(
                "https://github.com/login/oauth/authorize",
                "https://github.com/login/oauth/access_token",
                ["https://api.github.com/user", "https://api.github.com/user/emails"],
            )
            .with_scopes(["read:user", "user:email"])
            .with_mapping(github_user)
    }
}

/// The address of the profile is whatever the user typed: only the list of addresses says which is verified.
pub(super) fn github_user(documents: &[Value]) -> Option<OAuth2User> {
    let (profile, emails) = (documents.first()?, documents.get(1)?);
    let text = |name: &str| profile.get(name)?.as_str().map(str::to_owned);
    let is = |email: &&Value, name: &str| email.get(name).and_then(Value::as_bool) == Some(true);
    let primary = emails.as_array()?.iter().find(|email| is(email, "primary"));
    Some(OAuth2User {
        subject: profile.get("id")?.as_u64()?.to_string(),
        email: primary.and_then(|email| email.get("email")?.as_str()).map(str::to_owned),
        email_verified: primary.is_some_and(|email| is(&email, "verified")),
        display_name: text("name"),
        username: text("login"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_list_of_addresses_is_believed() {
        let profile =
            json!({ "id": 583_231, "login": "octocat", "name": "Mona", "email": "boss@example.com" });
        let emails = json!([
            { "email": "old@example.com", "primary": false, "verified": true },
            { "email": "mona@example.com", "primary": true, "verified": true },
        ]);
        let found = github_user(&[profile.clone(), emails]).unwrap();
        assert_eq!((found.subject.as_str(), found.username.as_deref()), ("583231", Some("octocat")));
        assert_eq!((found.email.as_deref(), found.email_verified), (Some("mona@example.com"), true));

        let unverified = json!([{ "email": "mona@example.com", "primary": true, "verified": false }]);
        assert!(!github_user(&[profile.clone(), unverified]).unwrap().email_verified);
        assert_eq!(github_user(&[profile.clone(), json!([])]).unwrap().email, None);
        for broken in [json!({}), json!({ "id": "583231" }), json!(null)] {
            assert_eq!(github_user(&[broken, json!([])]), None);
        }
        assert_eq!(github_user(&[profile]), None);
    }
}
