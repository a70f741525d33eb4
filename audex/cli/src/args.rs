//! The command line: global flags, and the tree of commands.

use crate::{
    commands::{
        approve::{ApproveArgs, DenyArgs},
        audit::AuditArgs,
        chain::ChainArgs,
        clean::CleanArgs,
        completions::CompletionsArgs,
        config::ConfigArgs,
        estimate::EstimateArgs,
        export::ExportArgs,
        health::HealthArgs,
        init::InitArgs,
        issuer::IssuerArgs,
        login::{LoginArgs, LogoutArgs},
        man::ManArgs,
        policy::PolicyArgs,
        profiles::ProfilesArgs,
        revoke::RevokeArgs,
        run::RunArgs,
        server::ServerArgs,
        sessions::SessionsArgs,
    },
    config::Settings,
    exit::{Exit, Failure},
    output::{Color, Format},
};
use audex_policy::{Faults, Profiles, Provider, Request};
use clap::{
    Args, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use std::path::PathBuf;

/// Runs commands with short-lived, least-privilege credentials.
///
/// A session gets exactly the permissions that are asked for, for as long as its command lives and never longer than its
/// deadline. Everything that was asked, given and refused is in a log that can be verified.
///
/// ```
/// use audex_cli::args::Cli;
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "run", "--allow", "s3:GetObject", "--", "aws", "s3", "ls"])?;
/// assert!(!cli.global.quiet);
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Parser)]
#[command(
    name = "tryaudex",
    version,
    about = "Runs commands with short-lived, least-privilege credentials",
    long_about = "Runs commands with short-lived, least-privilege credentials.\n\nA session gets exactly the permissions that \
                  are asked for, for as long as its command lives and never longer than its deadline. Everything that was \
                  asked, given and refused is in a log that can be verified.",
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 110,
    after_help = "Exit codes, variables and files: `tryaudex man | less`, or `man tryaudex` where the pages are installed."
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
///
/// ```
/// assert!(audex_cli::args::GlobalArgs::default().config.is_none());
/// ```
#[derive(Debug, Clone, Default, Args)]
pub struct GlobalArgs {
    /// Configuration file [default: $AUDEX_CONFIG, else $XDG_CONFIG_HOME/audex/config.toml]
    #[arg(long, global = true, help_heading = "Global options", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What standard output holds: sentences, or JSON and nothing else [default: $AUDEX_OUTPUT, else text]
    #[arg(long, global = true, help_heading = "Global options", value_name = "FORMAT", value_enum)]
    pub output: Option<Format>,
    /// Write nothing but errors to standard error
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// When to use colours; auto heeds NO_COLOR and CLICOLOR_FORCE
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "WHEN",
        value_enum,
        default_value_t
    )]
    pub color: Color,
}

/// One command.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "health"])?;
/// assert!(matches!(cli.command, Command::Health(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a command with a credential for just what it needs
    Run(RunArgs),
    /// Run several commands, each with a credential of its own
    Chain(ChainArgs),
    /// List sessions, or show one
    Sessions(SessionsArgs),
    /// Read, verify and export the audit log
    Audit(AuditArgs),
    /// Print a credential instead of running a command
    Export(ExportArgs),
    /// End sessions early, and say what still works
    Revoke(RevokeArgs),
    /// Explain, check, compare and test what a request asks for
    Policy(PolicyArgs),
    /// List the profiles of the configuration, or show one
    Profiles(ProfilesArgs),
    /// Say what a request would get, for how long, and what is not known
    Estimate(EstimateArgs),
    /// Check configuration, folders, audit log and sessions
    Health(HealthArgs),
    /// Remove records of old sessions and what crashes left
    Clean(CleanArgs),
    /// Show, locate and check the configuration
    Config(ConfigArgs),
    /// Write a configuration file to begin with
    Init(InitArgs),
    /// Serve what services need to verify the local issuer's tokens
    Issuer(IssuerArgs),
    /// Run the team server: requests, approvals, credentials and evidence over HTTP
    Server(ServerArgs),
    /// Log in to a team server
    Login(LoginArgs),
    /// Log out of a team server
    Logout(LogoutArgs),
    /// Agree to what somebody else asked a team server for, or list what waits
    Approve(ApproveArgs),
    /// Refuse what somebody else asked a team server for
    Deny(DenyArgs),
    /// Print a script that completes commands in a shell
    Completions(CompletionsArgs),
    /// Print the manual, or write all its pages
    Man(ManArgs),
}

/// What a session asks for.
///
/// ```
/// use audex_cli::{args::RequestArgs, config::Settings};
/// let args = RequestArgs { allow: vec!["orders:Read=eu/*".into()], ..RequestArgs::default() };
/// let request = args.request(&Settings::default())?;
/// assert_eq!(request.to_string(), "orders:Read=eu/*");
/// # Ok::<(), audex_cli::exit::Failure>(())
/// ```
#[derive(Debug, Clone, Default, Args)]
pub struct RequestArgs {
    /// Actions: `s3:GetObject`, `s3:Get*`, `storage:read`, or with a resource `s3:GetObject=arn:aws:s3:::logs/*`
    #[arg(long, short, value_name = "ACTIONS", help_heading = "What is asked for")]
    pub allow: Vec<String>,
    /// Resource for the actions that name none (repeatable; none means every resource)
    #[arg(long, short, value_name = "RESOURCE", help_heading = "What is asked for")]
    pub resource: Vec<String>,
    /// Profile of the configuration to ask for (repeatable)
    #[arg(long, short, value_name = "NAME", help_heading = "What is asked for")]
    pub profile: Vec<String>,
    /// Who mints [default: the profile's, else $AUDEX_PROVIDER, else the configuration's, else aws where a role is configured, else local]
    #[arg(long, value_name = "PROVIDER", value_parser = provider(), help_heading = "What is asked for")]
    pub provider: Option<Provider>,
}

impl RequestArgs {
    /// Returns whom the request is to.
    pub fn provider(&self, settings: &Settings) -> Provider {
        let of_profile =
            |name: &String| settings.profile_defaults.get(name).and_then(|profile| profile.provider);
        self.provider
            .or_else(|| self.profile.iter().find_map(of_profile))
            .unwrap_or_else(|| settings.provider())
    }

    /// Reads the request.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] with every fault.
    pub fn request(&self, settings: &Settings) -> Result<Request, Failure> {
        self.read(settings, self.provider(settings))
    }

    /// Reads the request as one to this provider.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn read(&self, settings: &Settings, provider: Provider) -> Result<Request, Failure> {
        if self.allow.is_empty() && self.profile.is_empty() {
            return Err(Failure::new(Exit::Usage, "nothing is asked for")
                .with_help("write --allow ACTIONS, as in --allow s3:GetObject, or --profile NAME"));
        }
        let build = |profiles: &Profiles| {
            let mut builder = Request::builder(provider);
            for list in &self.allow {
                builder = builder.allow(list);
            }
            for resource in &self.resource {
                builder = builder.resource(resource);
            }
            for name in &self.profile {
                builder = builder.profile(profiles, name);
            }
            let builder = if settings.policy.accept_unknown_actions {
                builder.accept_unknown_actions()
            } else {
                builder
            };
            builder.build()
        };
        build(&settings.profiles).map_err(|faults| unreadable(&faults))
    }
}

/// Returns the failure of a request that cannot be read: one help line for each hint.
fn unreadable(faults: &Faults) -> Failure {
    let mut lines = Vec::new();
    let mut help = Vec::new();
    for fault in faults.list() {
        lines.push(format!("{}: `{}` {}", fault.origin, fault.text, fault.problem));
        help.extend(fault.hint.clone());
    }
    help.dedup();
    Failure { exit: Exit::Usage, message: lines.join("\n"), help }
}

/// Returns the parser of `--provider`, which lists the names in help and completions.
pub(crate) fn provider() -> impl TypedValueParser<Value = Provider> {
    PossibleValuesParser::new(Provider::ALL.map(Provider::name)).try_map(|text| text.parse::<Provider>())
}
