//! `tryaudex profiles`: the named sets of permissions.

use super::Invocation;
use crate::{
    args::RequestArgs,
    config::Settings,
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::{Style, Table, printable},
};
use audex_policy::nearest;
use clap::{Args, Subcommand};
use serde_json::json;

/// The arguments of `tryaudex profiles`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "profiles", "show", "logs"])?;
/// assert!(matches!(cli.command, Command::Profiles(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
pub struct ProfilesArgs {
    /// What to do; without one, profiles are listed.
    #[command(subcommand)]
    pub command: Option<ProfilesCommand>,
}

/// What there is to do with profiles.
///
/// ```
/// assert!(format!("{:?}", audex_cli::commands::profiles::ProfilesCommand::List).contains("List"));
/// ```
#[derive(Debug, Clone, Subcommand)]
pub enum ProfilesCommand {
    /// List the profiles
    List,
    /// Show what a profile and its parents allow together
    Show {
        /// Profile
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(super) fn run(invocation: &Invocation, args: &ProfilesArgs) -> Outcome {
    let settings = invocation.config()?.settings;
    match &args.command {
        None | Some(ProfilesCommand::List) => list(invocation, &settings),
        Some(ProfilesCommand::Show { name }) => show(invocation, &settings, name),
    }
}

fn list(invocation: &Invocation, settings: &Settings) -> Outcome {
    if invocation.output.is_json() {
        let profiles: Vec<_> = settings
            .profiles
            .iter()
            .map(|(name, profile)| {
                let defaults = settings.profile_defaults.get(name).copied().unwrap_or_default();
                json!({ "name": name, "profile": profile, "ttl": defaults.ttl, "provider": defaults.provider })
            })
            .collect();
        invocation.output.json(&json!({ "profiles": profiles }))?;
        return Ok(SUCCESS);
    }
    if settings.profiles.iter().next().is_none() {
        invocation.output.note("no profiles; a table [profiles.NAME] of the configuration is one");
        return Ok(SUCCESS);
    }
    let mut table = Table::new([("NAME", 24), ("EXTENDS", 24), ("ALLOWS", 40), ("DESCRIPTION", 40)]);
    for (name, profile) in settings.profiles.iter() {
        let (extends, allow) = (profile.extends.join(", "), profile.allow.join(", "));
        table.row([name, &extends, &allow, profile.description.as_deref().unwrap_or("")]);
    }
    invocation.output.print(table)?;
    Ok(SUCCESS)
}

fn show(invocation: &Invocation, settings: &Settings, name: &str) -> Outcome {
    let Some(profile) = settings.profiles.get(name) else {
        let failure = Failure::new(Exit::Usage, format!("there is no profile {name}"));
        let meant = nearest(name, settings.profiles.iter().map(|(name, _)| name));
        return Err(failure.with_help(match meant {
            Some(meant) => format!("did you mean {meant}?"),
            None => "list them: tryaudex profiles".to_owned(),
        }));
    };
    let asked = RequestArgs { profile: vec![name.to_owned()], ..RequestArgs::default() };
    let request = asked.request(settings)?;
    let defaults = settings.profile_defaults.get(name).copied().unwrap_or_default();
    if invocation.output.is_json() {
        let allows: Vec<String> = request.set().iter().map(ToString::to_string).collect();
        let provider = request.provider();
        let shown = json!({ "name": name, "profile": profile, "ttl": defaults.ttl, "provider": provider, "allows": allows });
        invocation.output.json(&shown)?;
        return Ok(SUCCESS);
    }
    let line = |label: &str, value: &str| {
        let label = Style::Heading.paint(&format!("{label:<11}"));
        invocation.output.line(format_args!("{label} {}", printable(value)))
    };
    line("profile", name)?;
    if let Some(description) = &profile.description {
        line("for", description)?;
    }
    if !profile.extends.is_empty() {
        line("extends", &profile.extends.join(", "))?;
    }
    line("provider", request.provider().name())?;
    if let Some(ttl) = defaults.ttl {
        line("ttl", &ttl.to_string())?;
    }
    for permission in request.set() {
        line("allows", &permission.to_string())?;
    }
    Ok(SUCCESS)
}
