//! The commands, one file each, and what starts them.

pub mod approve;
mod aside;
pub mod audit;
pub mod chain;
pub mod clean;
pub mod completions;
pub mod config;
mod dry_run;
pub mod estimate;
pub mod export;
pub mod health;
pub mod init;
pub mod issuer;
pub mod login;
pub mod man;
pub mod policy;
pub mod profiles;
pub mod revoke;
pub mod run;
pub mod served;
pub mod server;
pub mod sessions;
mod time;

pub use time::{Ago, Since};

use crate::{
    args::{Cli, Command, GlobalArgs},
    config::{Config, Paths, Surroundings, output_format},
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::{Color, Format, Output},
};
use audex_core::Requester;
use axess_clock::Clock;
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use clap::{Parser, error::ErrorKind};
use std::{ffi::OsString, sync::Arc};

/// One call of the program: what it was given, where its words go, and the time.
///
/// ```
/// use audex_cli::{args::GlobalArgs, commands::Invocation, config::Surroundings};
/// use std::sync::Arc;
/// let (clock, rng) = (Arc::new(axess_clock::MockClock::default()), Arc::new(axess_rng::MockRng::new(1)));
/// let invocation = Invocation::new(Surroundings::empty(), GlobalArgs::default(), clock, rng);
/// assert!(invocation.paths().is_err());
/// ```
#[derive(Debug)]
pub struct Invocation {
    /// What the process found when it started.
    pub surroundings: Surroundings,
    /// What every command takes.
    pub global: GlobalArgs,
    /// Where words go.
    pub output: Output,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids and keys.
    pub rng: Arc<dyn SecureRng>,
}

impl Invocation {
    /// Makes an invocation.
    pub fn new(
        surroundings: Surroundings,
        global: GlobalArgs,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Self {
        // One that is no format is told before any command begins.
        let of_variable = || output_format(&surroundings).ok().flatten();
        let format = global.output.or_else(of_variable).unwrap_or_default();
        let output = Output::new(&surroundings, format, global.color, global.quiet);
        Self { surroundings, global, output, clock, rng }
    }

    /// Reads the configuration, and warns of what is strange about the environment.
    ///
    /// # Errors
    ///
    /// [`Exit::Config`] with every fault.
    pub fn config(&self) -> Result<Config, Failure> {
        let config = Config::load(&self.surroundings, self.global.config.as_deref())?;
        for warning in &config.warnings {
            self.output.warn(warning);
        }
        Ok(config)
    }

    /// Returns where things are kept.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`] without a home folder.
    pub fn paths(&self) -> Result<Paths, Failure> {
        self.surroundings.paths()
    }

    /// Returns who asks: the user the kernel says we are.
    pub fn requester(&self) -> Requester {
        Requester::LocalUser { uid: self.surroundings.uid, name: self.surroundings.user.clone() }
    }

    /// Returns the time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// Reads the arguments and does what they say; returns the code to leave with.
///
/// Nothing but the arguments is looked at before they are understood.
pub fn start(
    surroundings: Surroundings,
    arguments: Vec<OsString>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
) -> u8 {
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return misread(&surroundings, &arguments, &error),
    };
    let invocation = Invocation::new(surroundings, cli.global, clock, rng);
    let readable = output_format(&invocation.surroundings).map_err(Failure::from);
    match readable.and_then(|_| dispatch(&invocation, cli.command)) {
        Ok(code) => code,
        Err(failure) => {
            invocation.output.fail(&failure);
            failure.exit.code()
        }
    }
}

/// Starts the runtime of a command that waits for others: on this one thread.
///
/// # Errors
///
/// [`Exit::LocalState`].
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::new(Exit::LocalState, format!("nothing can be waited for: {error}")))
}

fn dispatch(invocation: &Invocation, command: Command) -> Outcome {
    match command {
        Command::Run(args) => run::run(invocation, args),
        Command::Chain(args) => chain::run(invocation, args),
        Command::Sessions(args) => sessions::run(invocation, &args),
        Command::Audit(args) => audit::run(invocation, &args),
        Command::Export(args) => export::run(invocation, args),
        Command::Revoke(args) => revoke::run(invocation, args),
        Command::Policy(args) => policy::run(invocation, &args),
        Command::Profiles(args) => profiles::run(invocation, &args),
        Command::Estimate(args) => estimate::run(invocation, &args),
        Command::Health(args) => health::run(invocation, &args),
        Command::Clean(args) => clean::run(invocation, &args),
        Command::Config(args) => config::run(invocation, &args),
        Command::Init(args) => init::run(invocation, &args),
        Command::Issuer(args) => issuer::run(invocation, &args),
        Command::Server(args) => server::run(invocation, &args),
        Command::Login(args) => login::run(invocation, &args),
        Command::Logout(args) => login::out(invocation, &args),
        Command::Approve(args) => approve::run(invocation, &args),
        Command::Deny(args) => approve::deny(invocation, &args),
        Command::Completions(args) => completions::run(invocation, &args),
        Command::Man(args) => man::run(invocation, &args),
    }
}

/// Tells what is wrong with the arguments, or the help or version that was asked for.
fn misread(surroundings: &Surroundings, arguments: &[OsString], error: &clap::Error) -> u8 {
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let output = Output::new(surroundings, asked_format(surroundings, arguments), Color::Auto, false);
    if is_help {
        return match output.print(error.render().ansi()) {
            Ok(()) => SUCCESS,
            Err(failure) => failure.exit.code(),
        };
    }
    let is_overview = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_overview && !output.is_json() {
        output.overview(error.render().ansi());
        return Exit::Usage.code();
    }
    let text = if is_overview { "a command is needed".to_owned() } else { error.render().to_string() };
    let mut parts = text.trim_end().split("\n\n").map(|part| part.trim().replace("\n  ", " "));
    let first = parts.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(&first).to_owned();
    let tips = parts.filter(|part| !part.starts_with("For more information"));
    let help = tips.map(|part| part.strip_prefix("tip: ").unwrap_or(&part).trim().to_owned()).collect();
    output.fail(&Failure { exit: Exit::Usage, message, help });
    Exit::Usage.code()
}

/// Finds the format in arguments that cannot be read as a whole.
fn asked_format(surroundings: &Surroundings, arguments: &[OsString]) -> Format {
    let ours =
        arguments.iter().map(|argument| argument.to_str().unwrap_or("")).take_while(|text| *text != "--");
    let ours: Vec<&str> = ours.collect();
    let after = |index: usize| ours.get(index + 1).copied();
    let flag = ours.iter().enumerate().find_map(|(index, text)| match text.strip_prefix("--output") {
        Some("") => after(index),
        Some(value) => value.strip_prefix('='),
        None => None,
    });
    flag.or_else(|| surroundings.var("AUDEX_OUTPUT")).and_then(|text| text.parse().ok()).unwrap_or_default()
}
