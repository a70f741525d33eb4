//! `tryaudex export`: a credential for somebody else to use.

use super::{
    Invocation, dry_run,
    run::{SessionArgs, close},
    served::{Place, ServedArgs, ServedAsk},
};
use crate::{
    args::RequestArgs,
    compose::{Broker, of_issue},
    config::Config,
    deliver::{env, process},
    exit::{Exit, Failure, Outcome, SUCCESS},
    keeper::Signals,
    remote::Remote,
    session::interrupted,
};
use audex_core::{
    Credential, IssueRequest,
    session::{Delivery, Ending, EntryPoint, SessionId, SessionStatus},
};
use clap::Args;
use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// In which form a credential is printed.
///
/// ```
/// assert_eq!(audex_cli::commands::export::ExportForm::default(), audex_cli::commands::export::ExportForm::Shell);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ExportForm {
    /// Lines `export NAME='value'` for a POSIX shell.
    #[default]
    Shell,
    /// Lines `set -x NAME 'value'` for fish.
    Fish,
    /// Lines `NAME=value`, as files of variables have them.
    Dotenv,
    /// A JSON object of names and values.
    Json,
    /// The document that `credential_process` of the AWS SDKs reads.
    Process,
}

/// The arguments of `tryaudex export`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "export", "-a", "s3:GetObject", "--form", "json"])?;
/// assert!(matches!(cli.command, Command::Export(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Nothing ends what was exported but the provider, at the expiry it gives: there is no command whose end \
                        could be waited for. `tryaudex revoke` says what can be done before."
)]
pub struct ExportArgs {
    /// What is asked for.
    #[command(flatten)]
    pub request: RequestArgs,
    /// The session.
    #[command(flatten)]
    pub session: SessionArgs,
    /// Who decides.
    #[command(flatten)]
    pub served: ServedArgs,
    /// Form to print it in; with --output json it is json
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub form: ExportForm,
    /// Write it to this new file, of mode 0600, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Runs it.
pub(super) fn run(invocation: &Invocation, args: ExportArgs) -> Outcome {
    let signals = Signals::hold().map_err(|error| Failure::of(Exit::Bug, &error))?;
    let config = invocation.config()?;
    let form = if invocation.output.is_json() { ExportForm::Json } else { args.form };
    let delivery = if form == ExportForm::Process { Delivery::Process } else { Delivery::Env };
    let (session, settings) = (&args.session, &config.settings);
    if let Some(remote) = args.served.team.remote(invocation, settings)? {
        let place = Place { entry_point: EntryPoint::Export, delivery, command: &[] };
        let asked = ServedAsk { args: &args.served, session, asked: &args.request, place };
        return served(invocation, &config, &asked, remote, &signals, form, args.to.as_deref());
    }
    let request =
        session.issue_request(invocation, settings, &args.request, EntryPoint::Export, delivery, &[])?;
    if session.dry_run {
        return dry_run::show(invocation, settings, session, &request);
    }
    print(invocation, &config, session, &request, &signals, form, args.to.as_deref())
}

/// Prints the document of `run --deliver process`.
pub(super) fn document(
    invocation: &Invocation,
    config: &Config,
    session: &SessionArgs,
    request: &IssueRequest,
    signals: &Signals,
) -> Outcome {
    print(invocation, config, session, request, signals, ExportForm::Process, None)
}

fn print(
    invocation: &Invocation,
    config: &Config,
    session: &SessionArgs,
    request: &IssueRequest,
    signals: &Signals,
    form: ExportForm,
    to: Option<&Path>,
) -> Outcome {
    let broker = Broker::open(invocation, config, session, &[request.request.provider()])?;
    let id = SessionId::generate(&*invocation.rng);
    let printed = super::runtime()?.block_on(issue(invocation, &broker, (id, request), signals, form, to));
    close(invocation, &broker);
    printed
}

/// Prints what a team server decides.
pub(super) fn served(
    invocation: &Invocation,
    config: &Config,
    asked: &ServedAsk<'_>,
    remote: Remote,
    signals: &Signals,
    form: ExportForm,
    to: Option<&Path>,
) -> Outcome {
    asked.through(invocation, config, remote, signals, |runtime, open| {
        let what = (open.session_id, &open.request);
        let printed = runtime.block_on(issue(invocation, &open.broker, what, signals, form, to));
        close(invocation, &open.broker);
        printed
    })
}

async fn issue(
    invocation: &Invocation,
    broker: &Broker,
    (id, request): (SessionId, &IssueRequest),
    signals: &Signals,
    form: ExportForm,
    to: Option<&Path>,
) -> Outcome {
    let lease = tokio::select! {
        lease = broker.issuer.issue_as(id, request, None) => lease.map_err(|error| of_issue(&error))?,
        signal = signals.interruption() => {
            return interrupted(broker, invocation, signal).map(|finished| finished.code);
        }
    };
    let written = written(lease.credential(), form).and_then(|text| match to {
        None => invocation.output.bytes(&text).and_then(|()| match invocation.output.is_gone() {
            true => Err(Failure::new(Exit::LocalState, "nobody read the credential, so it was given up")),
            false => Ok(()),
        }),
        Some(path) => write_new(path, &text),
    });
    if let Err(failure) = written {
        let ending = Ending { reason: Some(failure.message.clone()), ..Ending::default() };
        broker.issuer.end(lease, SessionStatus::Failed, ending).await.map_err(|error| of_issue(&error))?;
        return Err(failure);
    }
    let record = broker.issuer.hand_over(lease).await.map_err(|error| of_issue(&error))?;
    let until = record.provider_expiry().unwrap_or(record.deadline).format("%H:%M:%SZ");
    invocation.output.note(format_args!("session {}: works until {until}", record.session_id.short()));
    Ok(SUCCESS)
}

fn written(credential: &Credential, form: ExportForm) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if form == ExportForm::Process {
        let mut text = process::document(credential).map_err(|error| Failure::of(Exit::Usage, &error))?;
        if text.last() != Some(&b'\n') {
            text.push(b'\n');
        }
        return Ok(text);
    }
    let variables = env::variables(credential);
    let mut text = Zeroizing::new(String::new());
    if form == ExportForm::Json {
        let values: serde_json::Map<String, serde_json::Value> =
            variables.iter().map(|(name, value)| (name.to_owned(), value.expose().into())).collect();
        let document = serde_json::json!({ "variables": values, "expires_at": credential.expires_at() });
        let _ = writeln!(text, "{document:#}");
        return Ok(Zeroizing::new(text.as_bytes().to_vec()));
    }
    for (name, value) in variables.iter() {
        let value = value.expose();
        let _ = match form {
            ExportForm::Fish => {
                writeln!(text, "set -x {name} '{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
            }
            ExportForm::Dotenv => writeln!(text, "{name}={value}"),
            _ => writeln!(text, "export {name}='{}'", value.replace('\'', "'\\''")),
        };
    }
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

/// Writes a file that is not there yet, for its owner alone.
fn write_new(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(text).and_then(|()| file.sync_all()).inspect_err(|_| {
            // A part of a credential is no use to anybody.
            let _ = std::fs::remove_file(path);
        })
    });
    written.map_err(|error| {
        Failure::new(Exit::LocalState, format!("cannot write {}: {error}", path.display()))
            .with_help("name a file that is not there yet, in a folder of your own")
    })
}
