//! `tryaudex init`: a configuration file to begin with.

use super::Invocation;
use crate::{
    args::provider,
    config::{Config, Settings},
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::printable,
};
use audex_core::Ttl;
use audex_policy::Provider;
use clap::Args;
use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, BufRead, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// The longest answer to a question, in bytes.
const MAX_ANSWER: u64 = 4_096;

/// The arguments of `tryaudex init`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "init", "--provider", "local"])?;
/// assert!(matches!(cli.command, Command::Init(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Where a terminal is, what no flag says is asked for. A file that is there is never changed."
)]
pub struct InitArgs {
    /// Who mints
    #[arg(long, value_name = "PROVIDER", value_parser = provider())]
    pub provider: Option<Provider>,
    /// AWS role to assume
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,
    /// AWS region
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Lifetime of a session that asks for none
    #[arg(long, value_name = "TTL")]
    pub ttl: Option<Ttl>,
    /// Ask nothing
    #[arg(long, short)]
    pub yes: bool,
    /// Write it to standard output instead
    #[arg(long)]
    pub print: bool,
}

pub(super) fn run(invocation: &Invocation, args: &InitArgs) -> Outcome {
    let (path, _) = Config::path(&invocation.surroundings, invocation.global.config.as_deref());
    let path = match path {
        Some(path) => path,
        None => invocation.paths()?.config,
    };
    if !args.print && path.symlink_metadata().is_ok() {
        let failure =
            Failure::new(Exit::Usage, format!("{} is there already, and is left as it is", path.display()));
        return Err(
            failure.with_help("edit it, name another with --config, or look at a new one with --print")
        );
    }
    let mut args = args.clone();
    if !args.yes
        && !args.print
        && invocation.surroundings.stdin_is_terminal
        && invocation.surroundings.stderr_is_terminal
    {
        ask(&mut args)?;
    }
    let text = written(&args);
    // What is written has to be read again, whatever was typed.
    if let Err(faults) = Settings::parse(&text) {
        let message =
            faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect::<Vec<_>>();
        return Err(Failure::new(Exit::Usage, message.join("\n")));
    }
    if args.print {
        invocation.output.bytes(text.as_bytes())?;
        return Ok(SUCCESS);
    }
    create(&path, text.as_bytes()).map_err(|error| {
        Failure::new(Exit::LocalState, format!("cannot write {}: {error}", path.display()))
    })?;
    if invocation.output.is_json() {
        invocation.output.json(&serde_json::json!({ "path": path }))?;
    } else {
        invocation.output.line(format_args!("wrote {}", printable(&path.display().to_string())))?;
        invocation.output.note("try it: tryaudex run --provider local --allow orders:Read -- env");
    }
    Ok(SUCCESS)
}

/// Makes the file, of mode 0600, with the folder it is in; one that is there stays as it is.
fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file would be taken for a configuration.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn ask(args: &mut InitArgs) -> Result<(), Failure> {
    let unusable = |error: io::Error| Failure::new(Exit::LocalState, format!("cannot ask: {error}"));
    if args.provider.is_none() {
        let default = if args.role_arn.is_some() { "aws" } else { "local" };
        args.provider = Some(loop {
            let answer = question(&format!("Provider (aws, gcp, azure, vault, local) [{default}]: "))
                .map_err(unusable)?;
            match if answer.is_empty() { default } else { &answer }.parse() {
                Ok(provider) => break provider,
                Err(error) => say(&format!("{error}\n")).map_err(unusable)?,
            }
        });
    }
    if args.provider == Some(Provider::Aws) {
        if args.role_arn.is_none() {
            let answer = question("ARN of the role to assume [none yet]: ").map_err(unusable)?;
            args.role_arn = Some(answer).filter(|answer| !answer.is_empty());
        }
        if args.region.is_none() {
            let answer = question("Region [none]: ").map_err(unusable)?;
            args.region = Some(answer).filter(|answer| !answer.is_empty());
        }
    }
    Ok(())
}

fn question(text: &str) -> io::Result<String> {
    say(text)?;
    let mut answer = String::new();
    if io::stdin().lock().take(MAX_ANSWER).read_line(&mut answer)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(answer.trim().to_owned())
}

fn say(text: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush())
}

/// Writes the file: what was said as it is, everything else as a comment with its default.
fn written(args: &InitArgs) -> String {
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let key = |name: &str, value: Option<String>, example: &str| match value {
        Some(value) => format!("{name} = {}", text(&value)),
        None => format!("# {name} = {}", text(example)),
    };
    let ttl = args.ttl.map(|ttl| ttl.to_string());
    TEMPLATE
        .replace("{provider}", &key("provider", args.provider.map(|provider| provider.to_string()), "local"))
        .replace("{default_ttl}", &key("default_ttl", ttl, "15m"))
        .replace("{role_arn}", &key("role_arn", args.role_arn.clone(), "arn:aws:iam::123456789012:role/NAME"))
        .replace("{region}", &key("region", args.region.clone(), "eu-west-1"))
}

const TEMPLATE: &str = include_str!("init/config.toml");

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> InitArgs {
        InitArgs { provider: None, role_arn: None, region: None, ttl: None, yes: true, print: false }
    }

    #[test]
    fn with_nothing_said_it_is_the_defaults() {
        assert_eq!(Settings::parse(&written(&args())).unwrap(), Settings::default());
    }

    #[test]
    fn every_example_in_the_comments_is_sound() {
        let text: String = written(&args())
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(code) if code.starts_with('[') || code.contains(" = ") => format!("{code}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let settings = Settings::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
        assert!(settings.approvals.is_some() && !settings.rates.is_empty() && settings.roles.is_enabled);
    }

    #[test]
    fn what_is_said_cannot_break_out() {
        let said =
            InitArgs { region: Some("x\"\n[policy]\ndeny = []".into()), ttl: Some(Ttl::MAX), ..args() };
        let settings = Settings::parse(&written(&InitArgs { ttl: None, ..said })).unwrap();
        assert_eq!(settings.aws.region.as_deref(), Some("x\"\n[policy]\ndeny = []"));
    }
}
