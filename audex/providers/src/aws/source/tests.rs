use super::*;
use std::fs;

const ID: &str = "AKIAexample00000";
const SESSION_ID: &str = "ASIAexample00000";
const ROLE: &str = "arn:aws:iam::123456789012:role/base";

struct Home(tempfile::TempDir);

impl Home {
    fn new(config: &str, credentials: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(home.path().join(".aws/config"), config).unwrap();
        fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
        Self(home)
    }

    fn source(&self, variables: &[(&str, &str)]) -> BaseSource {
        let home = ("HOME", self.0.path().to_str().unwrap());
        let pairs =
            variables.iter().chain([&home]).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        BaseSource::new(pairs.collect())
    }

    fn find(&self, variables: &[(&str, &str)]) -> Result<Found, ProviderError> {
        self.source(variables).find()
    }
}

fn key_of(found: Result<Found, ProviderError>) -> String {
    match found {
        Ok(Found::Keys(keys)) => keys.access_key_id().to_owned(),
        other => panic!("{other:?}"),
    }
}

const CONFIG: &str = "
# a remark
[default]
region = eu-central-1  # here
s3 =
  max_concurrent_requests = 20
[profile process]
credential_process = helper --account \"my own\"
[profile role]
role_arn = arn:aws:iam::123456789012:role/base
source_profile = keys
external_id = e-1
[profile role-of-process]
role_arn = arn:aws:iam::123456789012:role/base
source_profile = process
[profile role-of-nobody]
role_arn = arn:aws:iam::123456789012:role/base
source_profile = nobody
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/base
source_profile = keys
mfa_serial = arn:aws:iam::123456789012:mfa/me
[profile web]
role_arn = arn:aws:iam::123456789012:role/base
web_identity_token_file = /run/token
[profile sso]
sso_session = company
[keys-in-config]
aws_access_key_id = AKIAnotaprofile0
aws_secret_access_key = x
[profile broken]
aws_access_key_id = AKIA
aws_secret_access_key = hushhush
[profile endless]
region = eu-west-3
";
const CREDENTIALS: &str = "[keys]\r\naws_access_key_id=AKIAexample00000\r\naws_secret_access_key = a=b\r\n[session]\naws_access_key_id=ASIAexample00000\naws_secret_access_key=s\naws_session_token=t\n[default]\naws_access_key_id = AKIAdefault00000\naws_secret_access_key = d\n";

#[test]
fn the_nearest_credentials_win() {
    let home = Home::new(CONFIG, CREDENTIALS);
    let own = [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_PROFILE", "session")];
    assert_eq!(key_of(home.find(&own)), ID);
    assert_eq!(key_of(home.source(&own).with_profile("session").find()), SESSION_ID, "asked for by name");
    assert_eq!(key_of(home.find(&own[2..])), SESSION_ID);
    assert_eq!(key_of(home.find(&[])), "AKIAdefault00000");
    assert_eq!(key_of(home.find(&[("AWS_ACCESS_KEY_ID", ""), ("AWS_PROFILE", "keys")])), ID);
    let web = [("AWS_ROLE_ARN", ROLE), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token")];
    assert!(matches!(home.find(&web), Ok(Found::WebIdentity { .. })));
    let fixed = BaseCredentials::new(SESSION_ID, "s", Some("t")).unwrap();
    assert!(BaseSource::fixed(fixed).seems_chained());
}

#[test]
fn profiles_say_how_to_get_keys() {
    let home = Home::new(CONFIG, CREDENTIALS);
    let find = |profile: &str| home.source(&[]).with_profile(profile).find();
    assert!(
        matches!(find("process"), Ok(Found::Process(command)) if command == "helper --account \"my own\"")
    );
    assert!(matches!(find("role"), Ok(Found::Role { role_arn, external_id: Some(id), base })
        if role_arn == ROLE && id == "e-1" && matches!(*base, Found::Keys(_))));
    assert!(
        matches!(find("role-of-process"), Ok(Found::Role { base, .. }) if matches!(*base, Found::Process(_)))
    );
    assert!(matches!(find("web"), Ok(Found::WebIdentity { .. })));
    for (profile, what, hint) in [
        ("role-of-nobody", "nobody whose keys", "source_profile"),
        ("mfa", "MFA", "export-credentials"),
        ("sso", "Identity Center", "aws sso login --profile sso"),
        ("none", "no AWS profile none", "list-profiles"),
        ("keys-in-config", "no AWS profile", "list-profiles"),
        ("endless", "no credentials", "export-credentials"),
        ("broken", "malformed", "cut off"),
    ] {
        let error = find(profile).unwrap_err();
        assert_eq!(error.fault, ProviderFault::NotLoggedIn);
        assert!(error.to_string().contains(what), "{profile}: {error}");
        assert!(error.hints.iter().any(|said| said.contains(hint)), "{profile}: {:?}", error.hints);
        assert!(!format!("{error:?}").contains("hush"));
    }
}

#[test]
fn regions_come_from_profiles_too() {
    let home = Home::new(CONFIG, CREDENTIALS);
    assert_eq!(home.source(&[]).region_of_profile().as_deref(), Some("eu-central-1"));
    assert_eq!(home.source(&[("AWS_PROFILE", "endless")]).region_of_profile().as_deref(), Some("eu-west-3"));
    assert_eq!(home.source(&[("AWS_PROFILE", "keys")]).region_of_profile(), None);
}

#[test]
fn sessions_are_seen_where_nobody_has_to_be_asked() {
    let home = Home::new(CONFIG, CREDENTIALS);
    for (profile, chained) in
        [("keys", false), ("session", true), ("role", true), ("process", false), ("none", false)]
    {
        assert_eq!(home.source(&[]).with_profile(profile).seems_chained(), chained, "{profile}");
    }
}

#[test]
fn containers_are_asked_at_safe_addresses_only() {
    let home = Home::new("", "");
    let full = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    for good in [
        "http://127.0.0.1:9/x",
        "http://localhost:9/",
        "https://creds.example.com/",
        "http://169.254.170.23/v1",
    ] {
        assert!(matches!(home.find(&[(full, good)]), Ok(Found::Container(_))), "{good}");
    }
    let relative = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
    assert!(
        matches!(home.find(&relative), Ok(Found::Container(url)) if url.as_str() == "http://169.254.170.2/v2/x")
    );
    for bad in ["http://169.254.169.254/", "http://creds.example.com/", "file:///etc/passwd", "x"] {
        assert!(home.find(&[(full, bad)]).is_err(), "{bad}");
    }
    assert!(home.find(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ".evil.example/")]).is_err());
    let nothing = home.find(&[]).unwrap_err();
    assert!(nothing.to_string().contains("no credentials") && nothing.hints.len() == 2);
    let token = |variables: &[(&str, &str)]| authorization(home.source(variables).environment());
    assert_eq!(token(&[("AWS_CONTAINER_AUTHORIZATION_TOKEN", "abc")]).unwrap().unwrap().as_str(), "abc");
    assert!(token(&[("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nb")]).is_err());
    assert!(token(&[]).unwrap().is_none());
}

#[test]
fn files_are_read_within_limits() {
    let home = Home::new(&"x".repeat(2 * 1024 * 1024), "");
    assert!(home.find(&[]).unwrap_err().to_string().contains("cannot be read"));
    let home = Home::new("", "[default]\naws_access_key_id = \u{0}\n[[x]]\n=\n[unclosed\na = b");
    assert!(home.find(&[]).is_err());
}

#[test]
fn documents_of_others_are_checked() {
    let document = |text: &str, wants_version| given(text.as_bytes(), wants_version);
    let good = format!(
        r#"{{"AccessKeyId":"{ID}","SecretAccessKey":"s","Token":"t","Expiration":"2026-01-01T00:00:00Z"}}"#
    );
    let keys = document(&good, false).unwrap();
    assert_eq!(
        (keys.session_token(), keys.expires_at().map(|end| end.timestamp())),
        (Some("t"), Some(1_767_225_600))
    );
    assert!(document(&good, true).is_err());
    for (from, to) in [(ID, "x"), ("2026-01-01T00:00:00Z", "soon"), ("\"s\"", "\"a\\nb\""), ("{", "[")] {
        assert!(document(&good.replace(from, to), false).is_err(), "{to}");
    }
}
