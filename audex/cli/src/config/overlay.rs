//! What environment variables say, over what the file says.

use super::{
    Config, Source,
    fault::{ConfigError, ConfigFault},
    surroundings::Surroundings,
};
use crate::output::{Format, printable};
use audex_policy::nearest;
use std::{ffi::OsStr, fmt::Display, str::FromStr};

/// A variable that the program reads or sets.
///
/// ```
/// use audex_cli::config::Variable;
/// assert!(Variable::ALL.iter().any(|variable| variable.name == "AUDEX_ROLE_ARN"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does, for the manual.
    pub about: &'static str,
    /// Whether it is for the program; else it is for the command that is run.
    pub is_read: bool,
}

impl Variable {
    /// Lists every one.
    pub const ALL: [Self; 22] = [
        read("AUDEX_CONFIG", "the configuration file, as --config"),
        read("AUDEX_PROVIDER", "who mints, as --provider"),
        read("AUDEX_ROLE_ARN", "the AWS role to assume, as aws.role_arn"),
        read("AUDEX_REGION", "the AWS region, as aws.region"),
        read("AUDEX_TTL", "the lifetime of a session that asks for none, as default_ttl"),
        read("AUDEX_SERVER", "the team server, as --server"),
        read("AUDEX_OUTPUT", "text or json, as --output"),
        read("AUDEX_DATABASE_URL", "the server's database, as database.url"),
        read(
            "AUDEX_AUDIT_CONNECTION_STRING",
            "the server's PostgreSQL for events, as audit.connection_string",
        ),
        read("AUDEX_SSO_CLIENT_SECRET", "the server's secret at the identity provider, as sso.client_secret"),
        read("AUDEX_SMTP_URL", "the server's way to send mail, as notifications.smtp"),
        read(
            "AUDEX_WEBHOOK_KEY",
            "the key that the server signs webhooks with, as notifications.webhook_key",
        ),
        read("NO_COLOR", "set to anything: no colours"),
        read("CLICOLOR_FORCE", "set to anything but 0: colours also where no terminal reads"),
        read("XDG_CONFIG_HOME", "where audex/config.toml is (~/.config)"),
        read("XDG_DATA_HOME", "where audex/ with sessions, audit log and keys is (~/.local/share)"),
        read("XDG_RUNTIME_DIR", "where the private folders of running sessions are"),
        set("AUDEX_TOKEN", "the token of the local issuer"),
        set("AUDEX_TOKEN_FILE", "the file that holds it"),
        set("AUDEX_TOKEN_PROCESS", "the command that prints it"),
        set("AUDEX_TOKEN_URL", "the address that answers with it"),
        set("AUDEX_TOKEN_URL_AUTHORIZATION_FILE", "the file of the secret to ask there with"),
    ];
}

const fn read(name: &'static str, about: &'static str) -> Variable {
    Variable { name, about, is_read: true }
}

const fn set(name: &'static str, about: &'static str) -> Variable {
    Variable { name, about, is_read: false }
}

/// Lays the variables over a configuration, and warns of those that mean nothing.
pub(super) fn lay(surroundings: &Surroundings, config: &mut Config) -> Result<(), ConfigError> {
    let mut overlay = Overlay { surroundings, config, faults: Vec::new() };
    if let Some(provider) = overlay.parsed("AUDEX_PROVIDER", "provider") {
        overlay.config.settings.provider = Some(provider);
    }
    if let Some(ttl) = overlay.parsed("AUDEX_TTL", "default_ttl") {
        let max = overlay.config.settings.max_ttl;
        if ttl > max {
            overlay.fault("AUDEX_TTL", format!("this is longer than max_ttl, which is {max}"));
        }
        overlay.config.settings.default_ttl = ttl;
    }
    if let Some(role) = overlay.parsed::<String>("AUDEX_ROLE_ARN", "aws.role_arn") {
        if !role.starts_with("arn:") || !role.contains(":role/") {
            overlay.fault(
                "AUDEX_ROLE_ARN",
                "this is no role (write its ARN, as in arn:aws:iam::123456789012:role/NAME)".to_owned(),
            );
        }
        overlay.config.settings.aws.role_arn = Some(role);
    }
    if let Some(region) = overlay.parsed::<String>("AUDEX_REGION", "aws.region") {
        overlay.config.settings.aws.region = Some(region);
    }
    if let Some(server) = overlay.parsed("AUDEX_SERVER", "server") {
        overlay.config.settings.server = Some(server);
    }
    // Read when the program started, and told with the others where those are.
    overlay.parsed::<Format>("AUDEX_OUTPUT", "output");
    let faults = overlay.faults;
    config.warnings = unknown(surroundings);
    if faults.is_empty() { Ok(()) } else { Err(ConfigError::Environment { faults }) }
}

struct Overlay<'a> {
    surroundings: &'a Surroundings,
    config: &'a mut Config,
    faults: Vec<ConfigFault>,
}

impl Overlay<'_> {
    /// Reads a variable for a key.
    fn parsed<T: FromStr<Err: Display>>(&mut self, name: &'static str, key: &str) -> Option<T> {
        match variable(self.surroundings, name) {
            Ok(value) => {
                if value.is_some() {
                    self.config.sources.insert(key.to_owned(), Source::Variable(name));
                }
                value
            }
            Err(message) => {
                self.fault(name, message);
                None
            }
        }
    }

    fn fault(&mut self, name: &str, message: String) {
        self.faults.push(fault(name, message));
    }
}

/// Reads how to answer; commands that read no configuration answer, too.
pub(crate) fn output_format(surroundings: &Surroundings) -> Result<Option<Format>, ConfigError> {
    const NAME: &str = "AUDEX_OUTPUT";
    let unreadable = |message| ConfigError::Environment { faults: vec![fault(NAME, message)] };
    variable(surroundings, NAME).map_err(unreadable)
}

/// Reads a variable; one that is empty counts as not set.
pub(super) fn variable<T: FromStr<Err: Display>>(
    surroundings: &Surroundings,
    name: &str,
) -> Result<Option<T>, String> {
    match surroundings.env().get(OsStr::new(name)).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => {
            let text = value.to_str().ok_or("this is not Unicode")?;
            text.parse().map(Some).map_err(|error: T::Err| error.to_string())
        }
    }
}

pub(super) fn fault(name: &str, message: String) -> ConfigFault {
    ConfigFault { key: name.to_owned(), line: None, message, hint: None }
}

/// Returns a warning for each variable that looks like ours and is none.
pub(super) fn unknown(surroundings: &Surroundings) -> Vec<String> {
    let are_set = surroundings.env().iter().filter(|(_, value)| !value.is_empty());
    let names = are_set.filter_map(|(name, _)| name.to_str());
    let ours = names.filter(|name| name.starts_with("AUDEX_"));
    let strange = ours.filter(|name| Variable::ALL.iter().all(|variable| variable.name != *name));
    let known = || Variable::ALL.iter().filter(|variable| variable.is_read).map(|variable| variable.name);
    strange
        .map(|name| {
            let hint =
                nearest(name, known()).map_or(String::new(), |meant| format!(" (did you mean {meant}?)"));
            format!("{} means nothing{hint}", printable(name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load(&Surroundings::with_vars(vars.iter().copied()), None)
    }

    #[test]
    fn variables_win_and_say_so() {
        let config =
            laid(&[("AUDEX_PROVIDER", "gcp"), ("AUDEX_REGION", "eu-west-1"), ("AUDEX_TTL", "")]).unwrap();
        assert_eq!(config.settings.provider().name(), "gcp");
        assert_eq!(config.settings.aws.region.as_deref(), Some("eu-west-1"));
        assert_eq!(config.source("aws.region"), Source::Variable("AUDEX_REGION"));
        assert_eq!(config.source("default_ttl"), Source::Default);
    }

    #[test]
    fn every_faulty_variable_is_named_at_once() {
        let error = laid(&[
            ("AUDEX_PROVIDER", "alibaba"),
            ("AUDEX_TTL", "15"),
            ("AUDEX_ROLE_ARN", "admin"),
            ("AUDEX_OUTPUT", "xml"),
        ]);
        let ConfigError::Environment { faults } = error.unwrap_err() else {
            panic!("not of the environment")
        };
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["AUDEX_PROVIDER", "AUDEX_TTL", "AUDEX_ROLE_ARN", "AUDEX_OUTPUT"]);
    }

    #[test]
    fn a_mistyped_variable_is_a_warning() {
        let config = laid(&[
            ("AUDEX_ROLEARN", "x"),
            ("AUDEX_TOKEN", "x"),
            ("AUDEX_ZZZZZZZZ", "x"),
            ("AUDEX_UNSET", ""),
        ])
        .unwrap();
        assert_eq!(
            config.warnings,
            ["AUDEX_ROLEARN means nothing (did you mean AUDEX_ROLE_ARN?)", "AUDEX_ZZZZZZZZ means nothing"]
        );
    }
}
