//! `tryaudex config`: what the configuration comes to, and where it is.

use super::Invocation;
use crate::{
    config::{Config, ConfigError, Shown},
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::Table,
};
use audex_policy::nearest;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// The arguments of `tryaudex config`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "config", "check"])?;
/// assert!(matches!(cli.command, Command::Config(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What there is to do with the configuration.
///
/// ```
/// assert!(format!("{:?}", audex_cli::commands::config::ConfigCommand::Path).contains("Path"));
/// ```
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Show every value and where it is from
    Show {
        /// Only keys that begin so, as in aws or aws.region
        #[arg(value_name = "KEY")]
        key: Option<String>,
        /// Only what is not the default
        #[arg(long)]
        changed: bool,
    },
    /// Print which file is read
    Path,
    /// Check the file and the variables, and name every fault
    Check,
}

pub(super) fn run(invocation: &Invocation, args: &ConfigArgs) -> Outcome {
    match &args.command {
        ConfigCommand::Show { key, changed } => show(invocation, key.as_deref(), *changed),
        ConfigCommand::Path => path(invocation),
        ConfigCommand::Check => check(invocation),
    }
}

fn show(invocation: &Invocation, key: Option<&str>, changed: bool) -> Outcome {
    let all = invocation.config()?.shown();
    let fits = |shown: &&Shown| {
        let below = |key: &str| {
            shown.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        key.is_none_or(below) && !(changed && shown.source == "default")
    };
    let found: Vec<&Shown> = all.iter().filter(fits).collect();
    if let Some(key) = key.filter(|_| found.is_empty() && !changed) {
        let failure = Failure::new(Exit::Usage, format!("there is no key {key}"));
        let meant = nearest(key, all.iter().map(|shown| shown.key.as_str()));
        return Err(match meant {
            Some(meant) => failure.with_help(format!("did you mean {meant}?")),
            None => failure.with_help("list them: tryaudex config show"),
        });
    }
    if invocation.output.is_json() {
        invocation.output.json(&json!({ "values": found }))?;
        return Ok(SUCCESS);
    }
    let mut table = Table::new([("KEY", 40), ("VALUE", 100), ("FROM", 140)]);
    for shown in found {
        let value = if shown.value == Value::Null { "-".to_owned() } else { shown.value.to_string() };
        table.row([shown.key.as_str(), &value, &shown.source]);
    }
    invocation.output.print(table)?;
    Ok(SUCCESS)
}

fn path(invocation: &Invocation) -> Outcome {
    let (path, is_named) = Config::path(&invocation.surroundings, invocation.global.config.as_deref());
    let Some(path) = path else {
        // Says why there is none.
        invocation.paths()?;
        return Ok(SUCCESS);
    };
    let is_there = path.exists();
    if invocation.output.is_json() {
        invocation.output.json(&json!({ "path": path, "exists": is_there, "named": is_named }))?;
    } else {
        invocation.output.line(crate::output::printable(&path.display().to_string()))?;
        if !is_there {
            invocation.output.note("it is not there; run `tryaudex init` to make it");
        }
    }
    Ok(SUCCESS)
}

fn check(invocation: &Invocation) -> Outcome {
    match Config::load(&invocation.surroundings, invocation.global.config.as_deref()) {
        Ok(config) => {
            for warning in &config.warnings {
                invocation.output.warn(warning);
            }
            if invocation.output.is_json() {
                invocation
                    .output
                    .json(&json!({ "path": config.file, "faults": [], "warnings": config.warnings }))?;
            } else if let Some(file) = &config.file {
                invocation.output.line(format_args!(
                    "{} is sound",
                    crate::output::printable(&file.display().to_string())
                ))?;
            } else {
                invocation.output.line("there is no file; the defaults and the environment are sound")?;
            }
            Ok(SUCCESS)
        }
        Err(ConfigError::Faults { path, faults }) if invocation.output.is_json() => {
            let fault = |fault: &crate::config::ConfigFault| json!({ "key": fault.key, "line": fault.line, "message": fault.message, "help": fault.hint });
            let faults: Vec<Value> = faults.iter().map(fault).collect();
            invocation.output.json(&json!({ "path": path, "faults": faults, "warnings": [] }))?;
            Ok(Exit::Config.code())
        }
        Err(error) => Err(error.into()),
    }
}
