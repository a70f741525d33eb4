//! `tryaudex policy`: what a request means, before anything is issued.

mod asserted;

use super::Invocation;
use crate::{
    args::RequestArgs,
    config::{Config, Settings},
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::{Style, printable},
};
use audex_policy::{
    Grant, GrantDiff, Lint, Narrowing, Provider, Refusal, Request, Severity, compile, explain, lint, narrow,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The arguments of `tryaudex policy`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "policy", "lint", "--allow", "iam:PassRole", "--strict"])?;
/// assert!(matches!(cli.command, Command::Policy(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
pub struct PolicyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// What there is to do with what a request asks for.
///
/// ```
/// use audex_cli::{args::RequestArgs, commands::policy::PolicyCommand};
/// let lint = PolicyCommand::Lint { request: RequestArgs::default(), strict: true };
/// assert!(format!("{lint:?}").contains("strict: true"));
/// ```
#[derive(Debug, Clone, Subcommand)]
pub enum PolicyCommand {
    /// Say what a request would be granted, what the rules cut from it, and what the provider would be told
    Explain {
        /// What is asked for.
        #[command(flatten)]
        request: RequestArgs,
    },
    /// Find what is dangerous or useless in a request
    Lint {
        /// What is asked for.
        #[command(flatten)]
        request: RequestArgs,
        /// Leave with code 1 when there is a warning or a danger
        #[arg(long)]
        strict: bool,
    },
    /// Compare what two requests would be granted
    Diff {
        /// What is asked for.
        #[command(flatten)]
        request: RequestArgs,
        /// Actions of the other request, as --allow (repeatable)
        #[arg(long, value_name = "ACTIONS", required_unless_present = "to_profile")]
        to_allow: Vec<String>,
        /// Resource of the other request, as --resource (repeatable)
        #[arg(long, value_name = "RESOURCE")]
        to_resource: Vec<String>,
        /// Profile of the other request, as --profile (repeatable)
        #[arg(long, value_name = "NAME")]
        to_profile: Vec<String>,
    },
    /// Check what a request would be granted against a file of expectations; code 1 when one does not hold
    Test {
        /// What is asked for.
        #[command(flatten)]
        request: RequestArgs,
        /// File of lines `allow ACTION RESOURCE` and `deny ACTION RESOURCE`, # begins a comment; - is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(super) fn run(invocation: &Invocation, args: &PolicyArgs) -> Outcome {
    let config = invocation.config()?;
    let settings = &config.settings;
    match &args.command {
        PolicyCommand::Explain { request } => explained(invocation, &config, &request.request(settings)?),
        PolicyCommand::Lint { request, strict } => {
            linted(invocation, settings, &request.request(settings)?, *strict)
        }
        PolicyCommand::Diff { request, to_allow, to_resource, to_profile } => {
            let provider = request.provider(settings);
            let other = RequestArgs {
                allow: to_allow.clone(),
                resource: to_resource.clone(),
                profile: to_profile.clone(),
                provider: Some(provider),
            };
            let grant = |args: &RequestArgs| {
                Ok::<Grant, Failure>(narrowed(settings, &args.read(settings, provider)?)?.grant)
            };
            compared(invocation, &grant(request)?, &grant(&other)?)
        }
        PolicyCommand::Test { request, file } => {
            let narrowing = narrowed(settings, &request.request(settings)?)?;
            asserted::run(invocation, &narrowing.grant, file)
        }
    }
}

/// Takes from a request what the configuration's rules do not allow.
pub(super) fn narrowed(settings: &Settings, request: &Request) -> Result<Narrowing, Failure> {
    let ceilings: Vec<_> = settings.policy.boundary.iter().cloned().collect();
    narrow(request, &ceilings, &settings.policy.deny).map_err(|error| Failure::of(Exit::Usage, &error))
}

/// Returns the document that a provider would be told, and what a person should know about it.
pub(super) fn document(grant: &Grant) -> Result<(String, Vec<String>), Refusal> {
    let written = |value: &Value| format!("{value:#}");
    match grant.provider() {
        Provider::Aws => {
            let policy = compile::aws::session_policy(grant)?;
            let mut notes = Vec::new();
            if !policy.left_out.is_empty() {
                notes.push(format!(
                    "for want of room these denials, which touch nothing that is allowed, are left out: {}",
                    policy.left_out
                ));
            }
            Ok((policy.document, notes))
        }
        Provider::Gcp => Ok((written(&json!(compile::gcp::boundary(grant, &[])?)), Vec::new())),
        Provider::Azure => {
            let scope = compile::azure::unlimited_scope(grant)?.to_owned();
            let note =
                "a token of Azure carries every role of its identity; only a narrow identity limits it"
                    .to_owned();
            Ok((scope, vec![note]))
        }
        Provider::Vault => Ok((compile::vault::policy(grant)?.hcl, Vec::new())),
        Provider::Local => Ok((written(&json!(compile::local::authorization_details(grant)?)), Vec::new())),
    }
}

fn explained(invocation: &Invocation, config: &Config, request: &Request) -> Outcome {
    let narrowing = narrowed(&config.settings, request)?;
    let (grant, output) = (&narrowing.grant, &invocation.output);
    let document = document(grant);
    let cuts: Vec<String> = narrowing.cuts.iter().map(ToString::to_string).collect();
    if output.is_json() {
        let (policy, notes, refusal) = match &document {
            Ok((policy, notes)) => (json!(policy), notes.clone(), Value::Null),
            Err(refusal) => (Value::Null, Vec::new(), refused(refusal)),
        };
        output.json(&json!({
            "asked": request.to_string(),
            "grant": grant,
            "explanation": explain(grant),
            "cuts": cuts,
            "policy": policy,
            "notes": notes,
            "refusal": refusal,
        }))?;
        return Ok(if document.is_ok() { SUCCESS } else { Exit::Denied.code() });
    }
    for sentence in explain(grant) {
        output.line(printable(&sentence))?;
    }
    if !cuts.is_empty() {
        output.line(format_args!("\n{}", Style::Warning.paint("Cut by the rules:")))?;
    }
    for cut in &cuts {
        output.line(format_args!("  {}", printable(cut)))?;
    }
    let (policy, notes) = document.map_err(|refusal| refusal_failure(&refusal))?;
    output.line(format_args!("\n{}", Style::Heading.paint(heading(grant.provider()))))?;
    for line in policy.lines() {
        output.line(format_args!("  {}", printable(line)))?;
    }
    for note in notes {
        output.note(note);
    }
    Ok(SUCCESS)
}

/// Returns the failure of a grant that cannot be written down for its provider.
pub(super) fn refusal_failure(refusal: &Refusal) -> Failure {
    let failure = Failure::new(Exit::Denied, refusal.to_string());
    refusal.instead.iter().fold(failure, |failure, instead| failure.with_help(instead.as_str()))
}

pub(super) fn refused(refusal: &Refusal) -> Value {
    json!({ "reason": refusal.to_string(), "instead": refusal.instead })
}

const fn heading(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "Session policy:",
        Provider::Gcp => "Credential access boundary:",
        Provider::Azure => "Scope of the token:",
        Provider::Vault => "Policy:",
        Provider::Local => "authorization_details of the token:",
    }
}

fn linted(invocation: &Invocation, settings: &Settings, request: &Request, strict: bool) -> Outcome {
    let findings = lint(&narrowed(settings, request)?.grant);
    let is_bad = findings.iter().any(|finding| finding.severity > Severity::Note);
    let code = if strict && is_bad { Exit::CheckFailed.code() } else { SUCCESS };
    let output = &invocation.output;
    if output.is_json() {
        output.json(&json!({ "findings": findings }))?;
        return Ok(code);
    }
    for finding in &findings {
        let (style, label) = match finding.severity {
            Severity::Note => (Style::Plain, "note"),
            Severity::Warning => (Style::Warning, "warning"),
            Severity::Danger => (Style::Error, "danger"),
        };
        let name = Lint::name(finding.lint);
        let (subject, message) = (printable(&finding.subject), printable(&finding.message));
        output.line(format_args!("{} [{name}]: {subject} {message}", style.paint(label)))?;
    }
    if findings.is_empty() {
        output.note("nothing dangerous or useless was found");
    }
    Ok(code)
}

fn compared(invocation: &Invocation, old: &Grant, new: &Grant) -> Outcome {
    let diff = GrantDiff::between(old, new);
    let output = &invocation.output;
    if output.is_json() {
        let texts =
            |set: &audex_policy::PermissionSet| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        output.json(&json!({ "added": texts(&diff.added), "removed": texts(&diff.removed) }))?;
        return Ok(SUCCESS);
    }
    for (sign, style, set) in [("+", Style::Good, &diff.added), ("-", Style::Error, &diff.removed)] {
        for permission in set {
            output.line(style.paint(&format!("{sign} {}", printable(&permission.to_string()))))?;
        }
    }
    if diff.is_empty() {
        output.note("both are granted the same");
    }
    Ok(SUCCESS)
}
