use super::{Config, Settings};
use serde::Serialize;
use serde_json::{Value, json};

/// One value of the resolved configuration, for a person to read.
///
/// ```
/// use audex_cli::config::{Config, Surroundings};
/// let config = Config::load(&Surroundings::with_vars([("AUDEX_REGION", "eu-west-1")]), None)?;
/// let shown = config.shown();
/// let region = shown.iter().find(|shown| shown.key == "aws.region").unwrap();
/// assert_eq!((region.value.to_string(), region.source.as_str()), ("\"eu-west-1\"".into(), "AUDEX_REGION"));
/// # Ok::<(), audex_cli::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// The key with those it is under.
    pub key: String,
    /// The value; null where there is none.
    pub value: Value,
    /// Where it is from.
    pub source: String,
}

impl Config {
    /// Returns every value, in the order of the manual, with where it is from.
    ///
    /// No value is a secret.
    pub fn shown(&self) -> Vec<Shown> {
        let shown = |(key, value): (String, Value)| {
            let source = self.source(&key).to_string();
            Shown { key, value, source }
        };
        values(&self.settings).into_iter().map(shown).collect()
    }
}

fn values(settings: &Settings) -> Vec<(String, Value)> {
    let Settings { aws, local, policy, budget, audit, .. } = settings;
    let texts = |rules: &audex_policy::Rules| rules.texts().map(str::to_owned).collect::<Vec<_>>();
    let approvals = settings.approvals.as_ref();
    let boundary = policy.boundary.as_ref();
    let fixed = [
        ("provider", json!(settings.provider())),
        ("server", json!(settings.server.as_ref().map(ToString::to_string))),
        ("default_ttl", json!(settings.default_ttl)),
        ("max_ttl", json!(settings.max_ttl)),
        ("aws.role_arn", json!(aws.role_arn)),
        ("aws.region", json!(aws.region)),
        ("aws.endpoint_url", json!(aws.endpoint_url)),
        // It keeps others from using the role through us, but it is no secret to the one who configured it.
        ("aws.external_id", json!(aws.external_id)),
        ("aws.web_identity_token_file", json!(aws.web_identity_token_file)),
        ("aws.profile", json!(aws.profile)),
        ("aws.revoker_role_arn", json!(aws.revoker_role_arn)),
        ("aws.session_tags", json!(aws.session_tags)),
        ("aws.source_identity", json!(aws.source_identity)),
        ("local.issuer", json!(local.issuer.as_str())),
        ("local.audience", json!(local.audience)),
        ("local.verifiers_introspect", json!(local.verifiers_introspect)),
        ("policy.deny", json!(texts(&policy.deny))),
        ("policy.boundary", json!(boundary.map(|ceiling| texts(&ceiling.rules)))),
        ("policy.accept_unknown_actions", json!(policy.accept_unknown_actions)),
        ("approvals.enabled", json!(approvals.is_some())),
        ("approvals.required_approvals", json!(approvals.map(|rules| rules.required))),
        ("approvals.approver_roles", json!(approvals.map(|rules| &rules.roles))),
        ("approvals.sensitive_actions", json!(approvals.map(|rules| texts(&rules.sensitive)))),
        ("rate_limiting.enabled", json!(!settings.rates.is_empty())),
        ("role_mapping.enabled", json!(settings.roles.is_enabled)),
        ("network.allowed_cidrs", json!(settings.allowed_cidrs)),
        ("budget.limit_usd", json!(budget.limit)),
        ("budget.check_every", json!(format!("{}s", budget.check_every.as_secs()))),
        ("audit.path", json!(audit.path)),
        ("audit.retention_days", json!(audit.retention_days)),
        ("credentials.store", json!(settings.key_store.name())),
    ];
    let mut values: Vec<(String, Value)> =
        fixed.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    for (index, rule) in settings.rates.iter().enumerate() {
        let value = json!({
            "identity": rule.identity,
            "max_requests": rule.max_requests,
            "window": format!("{}s", rule.window.num_seconds()),
            "max_concurrent": rule.max_concurrent,
        });
        values.push((format!("rate_limiting.rules[{index}]"), value));
    }
    for (index, rule) in settings.roles.rules.iter().enumerate() {
        use audex_core::roles::Subject;
        let (key, name) = match &rule.subject {
            Subject::Email(email) => ("user_email", email),
            Subject::Group(group) => ("group", group),
        };
        let ceiling = rule.ceiling.as_ref().map(|ceiling| texts(&ceiling.rules));
        let value = json!({ key: name, "targets": rule.targets, "allow": ceiling });
        values.push((format!("role_mapping.rules[{index}]"), value));
    }
    values.extend(profiles(settings));
    values
}

fn profiles(settings: &Settings) -> Vec<(String, Value)> {
    let mut profiles = Vec::new();
    for (name, profile) in settings.profiles.iter() {
        let mut value = json!(profile);
        let defaults = settings.profile_defaults.get(name).copied().unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.extend(defaults.ttl.map(|ttl| ("ttl".to_owned(), json!(ttl))));
            fields.extend(defaults.provider.map(|provider| ("provider".to_owned(), json!(provider))));
        }
        profiles.push((format!("profiles.{name}"), value));
    }
    profiles
}
