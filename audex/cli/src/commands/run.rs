//! `tryaudex run`: a command, with a credential for just what it needs.

use super::{
    Invocation,
    aside::Aside,
    dry_run, export,
    served::{Place, ServedArgs, ServedAsk},
};
use crate::{
    args::RequestArgs,
    compose::Broker,
    config::{Config, Settings},
    exit::{Exit, Failure, Outcome, SUCCESS},
    keeper::Signals,
    remote::Remote,
    session::{Finished, SessionCommand, run_command},
};
use audex_core::{
    CommandLine, IssueRequest, Ttl,
    budget::Dollars,
    session::{Delivery, EntryPoint},
};
use audex_policy::Provider;
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use std::ffi::OsString;

/// The heading of the session's arguments in the help.
const SESSION: &str = "The session";

/// What a session takes beside what it asks for.
///
/// ```
/// assert!(audex_cli::commands::run::SessionArgs::default().ttl.is_none());
/// ```
#[derive(Debug, Clone, Default, Args)]
pub struct SessionArgs {
    /// How long it may live, as in 90s, 15m or 1h30m [default: the profile's, else $AUDEX_TTL, else default_ttl, else 15m]
    #[arg(help_heading = SESSION, long, short, value_name = "TTL")]
    pub ttl: Option<Ttl>,
    /// AWS role to assume [default: $AUDEX_ROLE_ARN, else aws.role_arn]
    #[arg(help_heading = SESSION, long, value_name = "ARN")]
    pub role_arn: Option<String>,
    /// Audience of a token of the local issuer [default: local.audience]
    #[arg(help_heading = SESSION, long, value_name = "AUDIENCE", conflicts_with = "role_arn")]
    pub audience: Option<String>,
    /// AWS region [default: $AUDEX_REGION, else aws.region]
    #[arg(help_heading = SESSION, long, value_name = "REGION")]
    pub region: Option<String>,
    /// Spend in US dollars that ends the session; advisory, because providers account late [default: budget.limit_usd]
    #[arg(help_heading = SESSION, long, value_name = "USD", value_parser = Dollars::parse_limit)]
    pub budget: Option<Dollars>,
    /// Print what would be granted, who would have to approve and what the provider would be told; ask nobody
    #[arg(help_heading = SESSION, long)]
    pub dry_run: bool,
}

/// The arguments of `tryaudex run`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "run", "-a", "s3:GetObject", "-t", "5m", "--", "env"])?;
/// let Command::Run(run) = cli.command else { panic!("another command") };
/// assert_eq!(run.command, ["env"]);
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    override_usage = "tryaudex run [OPTIONS] --allow <ACTIONS> -- <COMMAND> [ARGUMENTS]...",
    after_help = "The command keeps its standard streams, its terminal and its exit code (128+n for a signal). Its environment \
                  holds no credential but the session's."
)]
pub struct RunArgs {
    /// What is asked for.
    #[command(flatten)]
    pub request: RequestArgs,
    /// The session.
    #[command(flatten)]
    pub session: SessionArgs,
    /// Who decides.
    #[command(flatten)]
    pub served: ServedArgs,
    /// How the command gets the credential: variables, a loopback server, a document on standard output, or a file
    #[arg(long, value_name = "HOW", default_value = "env", value_parser = delivery())]
    pub deliver: Delivery,
    /// Command to run, and its arguments; none with --dry-run and with --deliver process
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Returns the parser of `--deliver`, which lists the names in help and completions.
pub(super) fn delivery() -> impl TypedValueParser<Value = Delivery> {
    PossibleValuesParser::new(Delivery::ALL.map(Delivery::name)).try_map(|text| text.parse::<Delivery>())
}

impl SessionArgs {
    /// Puts a request together from what is asked for, these arguments and the configuration.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] with every fault of the request.
    pub(super) fn issue_request(
        &self,
        invocation: &Invocation,
        settings: &Settings,
        asked: &RequestArgs,
        entry_point: EntryPoint,
        delivery: Delivery,
        command: &[OsString],
    ) -> Result<IssueRequest, Failure> {
        let request = asked.request(settings)?;
        let of_profile = |name: &String| settings.profile_defaults.get(name).and_then(|profile| profile.ttl);
        let named = match request.provider() {
            Provider::Aws => &self.role_arn,
            Provider::Local => &self.audience,
            Provider::Gcp | Provider::Azure | Provider::Vault => &None,
        };
        for (flag, value, provider) in
            [("--role-arn", &self.role_arn, Provider::Aws), ("--audience", &self.audience, Provider::Local)]
        {
            if value.is_some() && request.provider() != provider {
                let message =
                    format!("{flag} is for {provider}, and the request is to {}", request.provider());
                return Err(Failure::new(Exit::Usage, message)
                    .with_help(format!("add --provider {provider}, or leave it out")));
            }
        }
        // Nobody would look at the spend of what is handed over.
        if entry_point == EntryPoint::Export && self.budget.is_some() {
            return Err(Failure::new(Exit::Usage, "a budget needs a command that can be ended")
                .with_help("leave --budget out, or use tryaudex run"));
        }
        let budget = self.budget.or(settings.budget.limit).filter(|_| entry_point != EntryPoint::Export);
        Ok(IssueRequest {
            requester: invocation.requester(),
            entry_point,
            request,
            target: named.clone(),
            ttl: self.ttl.or_else(|| asked.profile.iter().find_map(of_profile)),
            command: CommandLine::new(command),
            delivery,
            budget,
            reason: None,
        })
    }
}

/// Runs it.
pub(super) fn run(invocation: &Invocation, args: RunArgs) -> Outcome {
    // Before anything starts a thread.
    let signals = Signals::hold().map_err(|error| Failure::of(Exit::Bug, &error))?;
    let config = invocation.config()?;
    let (asked, session, settings) = (&args.request, &args.session, &config.settings);
    let is_document = args.deliver == Delivery::Process && args.command.is_empty();
    let entry_point = if is_document { EntryPoint::Export } else { EntryPoint::Run };
    if let Some(remote) = args.served.team.remote(invocation, settings)? {
        return served(invocation, &config, &args, entry_point, remote, &signals);
    }
    let request =
        session.issue_request(invocation, settings, asked, entry_point, args.deliver, &args.command)?;
    if session.dry_run {
        return dry_run::show(invocation, settings, session, &request);
    }
    if is_document {
        return export::document(invocation, &config, session, &request, &signals);
    }
    there_is_one(&args.command)?;
    let broker = Broker::open(invocation, &config, session, &[request.request.provider()])?;
    let command = SessionCommand {
        session_id: None,
        words: args.command,
        check_budget_every: settings.budget.check_every,
    };
    let runtime = super::runtime()?;
    let finished = Aside::during(&invocation.output, || {
        runtime.block_on(run_command(invocation, &broker, &signals, &request, command))
    });
    finish(invocation, &broker, finished)
}

fn there_is_one(command: &[OsString]) -> Result<(), Failure> {
    match command {
        [] => Err(Failure::new(Exit::Usage, "there is no command to run")
            .with_help("write it after --, as in tryaudex run --allow s3:GetObject -- aws s3 ls")),
        _ => Ok(()),
    }
}

/// Runs it as a team server decides.
fn served(
    invocation: &Invocation,
    config: &Config,
    args: &RunArgs,
    entry_point: EntryPoint,
    remote: Remote,
    signals: &Signals,
) -> Outcome {
    let place = Place { entry_point, delivery: args.deliver, command: &args.command };
    if entry_point == EntryPoint::Run && !args.session.dry_run {
        there_is_one(&args.command)?;
    }
    let asked = ServedAsk { args: &args.served, session: &args.session, asked: &args.request, place };
    if entry_point == EntryPoint::Export {
        return export::served(
            invocation,
            config,
            &asked,
            remote,
            signals,
            export::ExportForm::Process,
            None,
        );
    }
    asked.through(invocation, config, remote, signals, |runtime, open| {
        let command = SessionCommand {
            session_id: Some(open.session_id),
            words: args.command.clone(),
            check_budget_every: config.settings.budget.check_every,
        };
        let finished = Aside::during(&invocation.output, || {
            runtime.block_on(run_command(invocation, &open.broker, signals, &open.request, command))
        });
        finish(invocation, &open.broker, finished)
    })
}

/// Ends the trail, and says how the session ended.
fn finish(invocation: &Invocation, broker: &Broker, finished: Result<Finished, Failure>) -> Outcome {
    close(invocation, broker);
    let finished = finished?;
    if invocation.output.is_json() {
        report(invocation, &finished)?;
    }
    Ok(finished.code)
}

/// Ends the trail of a command that is done.
pub(super) fn close(invocation: &Invocation, broker: &Broker) {
    if let Err(error) = broker.trail.close() {
        invocation.output.warn(format_args!("the audit log has no last checkpoint: {error}"));
    }
}

/// Prints how a session ended, as JSON.
fn report(invocation: &Invocation, finished: &Finished) -> Outcome {
    let report = serde_json::json!({ "exit_code": finished.code, "session": finished.record });
    invocation.output.json(&report)?;
    Ok(SUCCESS)
}
