//! `tryaudex estimate`: what a request would get, for how long, and what nobody knows beforehand.

use super::{
    Invocation,
    policy::{document, narrowed, refusal_failure, refused},
};
use crate::{
    args::RequestArgs,
    config::Settings,
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::{Output, Style, printable},
};
use audex_core::{Ttl, budget::Dollars};
use audex_policy::{AccessLevel, Catalogue, Grant, Narrowing, Provider, Refusal, explain};
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The shortest lifetime that AWS gives, in seconds.
const AWS_MIN: u32 = 900;

/// The arguments of `tryaudex estimate`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "estimate", "--allow", "s3:GetObject", "--ttl", "5m"])?;
/// assert!(matches!(cli.command, Command::Estimate(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
pub struct EstimateArgs {
    /// What is asked for.
    #[command(flatten)]
    pub request: RequestArgs,
    /// How long the session may live
    #[arg(long, short, value_name = "TTL")]
    pub ttl: Option<Ttl>,
    /// Spend in US dollars that would end it
    #[arg(long, value_name = "USD", value_parser = Dollars::parse_limit)]
    pub budget: Option<Dollars>,
}

pub(super) fn run(invocation: &Invocation, args: &EstimateArgs) -> Outcome {
    let settings = invocation.config()?.settings;
    let request = args.request.request(&settings)?;
    let ttl = lifetime(&settings, args)?;
    let narrowing = narrowed(&settings, &request)?;
    let grant = &narrowing.grant;
    let approval = settings.approvals.as_ref().and_then(|rules| {
        let by = rules.asked_for_by(grant.allow())?;
        Some((rules.required, rules.roles.clone(), by))
    });
    let estimate = Estimate {
        narrowing: &narrowing,
        policy: document(grant),
        ttl,
        expiry: provider_lifetime(grant.provider(), ttl),
        approval,
        budget: args.budget.or(settings.budget.limit),
    };
    if invocation.output.is_json() {
        invocation.output.json(&estimate.json())?;
        return Ok(if estimate.policy.is_ok() { SUCCESS } else { Exit::Denied.code() });
    }
    estimate.text(&invocation.output)?;
    Ok(SUCCESS)
}

/// What is known beforehand.
#[derive(Debug)]
struct Estimate<'a> {
    narrowing: &'a Narrowing,
    /// What the provider would be told.
    policy: Result<(String, Vec<String>), Refusal>,
    ttl: Ttl,
    /// How long the credential itself works, in seconds.
    expiry: Option<u32>,
    /// How many have to agree, in which roles, because of which rules.
    approval: Option<(u8, Vec<String>, Vec<String>)>,
    budget: Option<Dollars>,
}

impl Estimate<'_> {
    fn json(&self) -> Value {
        let grant = &self.narrowing.grant;
        let approval = self.approval.as_ref();
        json!({
            "grant": grant,
            "explanation": explain(grant),
            "cuts": self.narrowing.cuts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "policy_characters": self.policy.as_ref().ok().map(|(text, _)| text.chars().count()),
            "refusal": self.policy.as_ref().err().map(refused),
            "ttl_seconds": self.ttl.seconds(),
            "provider_lifetime_seconds": self.expiry,
            "approval": approval.map(|(required, roles, rules)| json!({ "required": required, "roles": roles, "rules": rules })),
            "levels": levels(grant),
            "budget_usd": self.budget,
            "credential_cost_usd": credential_cost(grant.provider()),
            "unknown": unknown(grant, self.budget),
        })
    }

    fn text(&self, output: &Output) -> Result<(), Failure> {
        let grant = &self.narrowing.grant;
        let heading = |text: &str| output.line(Style::Heading.paint(text));
        heading("Would be granted:")?;
        for sentence in explain(grant) {
            output.line(format_args!("  {}", printable(&sentence)))?;
        }
        for cut in &self.narrowing.cuts {
            output.line(format_args!("  cut: {}", printable(&cut.to_string())))?;
        }
        let (text, _) = self.policy.as_ref().map_err(refusal_failure)?;
        if grant.provider() == Provider::Aws {
            let most = audex_policy::compile::aws::MAX_POLICY;
            output.line(format_args!("  the policy takes {} of {most} characters", text.chars().count()))?;
        }
        heading("For how long:")?;
        output.line(format_args!("  the command ends after {} at the latest", self.ttl))?;
        if let Some(seconds) = self.expiry.filter(|seconds| *seconds > self.ttl.seconds()) {
            let what =
                format!("  the credential itself works for {seconds}s: the provider gives no shorter one");
            output.line(what)?;
        }
        if let Some((required, roles, rules)) = &self.approval {
            heading("Who has to agree:")?;
            let (roles, rules) = (printable(&roles.join(", ")), printable(&rules.join(", ")));
            output.line(format_args!("  {required} of {roles}, because of {rules}"))?;
        }
        heading("What it costs:")?;
        match credential_cost(grant.provider()) {
            Some(_) => output.line("  the credential costs nothing")?,
            None => output.line("  what the credential costs is not known")?,
        }
        heading("What is not known:")?;
        for sentence in unknown(grant, self.budget) {
            output.line(format_args!("  {sentence}"))?;
        }
        Ok(())
    }
}

/// Returns the lifetime: asked for, else the profile's, else the default.
fn lifetime(settings: &Settings, args: &EstimateArgs) -> Result<Ttl, Failure> {
    let of_profile = |name: &String| settings.profile_defaults.get(name).and_then(|profile| profile.ttl);
    let ttl =
        args.ttl.or_else(|| args.request.profile.iter().find_map(of_profile)).unwrap_or(settings.default_ttl);
    if ttl <= settings.max_ttl {
        return Ok(ttl);
    }
    let message = format!("a lifetime of {ttl} is longer than max_ttl, which is {}", settings.max_ttl);
    Err(Failure::new(Exit::Denied, message).with_help(format!("ask for {} or less", settings.max_ttl)))
}

/// Returns how long the credential itself works at least, in seconds, where the provider's rule is known.
fn provider_lifetime(provider: Provider, ttl: Ttl) -> Option<u32> {
    match provider {
        Provider::Aws => Some(ttl.seconds().max(AWS_MIN)),
        Provider::Local => Some(ttl.seconds()),
        Provider::Gcp | Provider::Azure | Provider::Vault => None,
    }
}

/// Returns what a credential costs, where that is known: STS is free, and so is our own issuer.
fn credential_cost(provider: Provider) -> Option<Dollars> {
    matches!(provider, Provider::Aws | Provider::Local).then(Dollars::default)
}

/// Returns how many actions of each access level the catalogue knows to be granted.
fn levels(grant: &Grant) -> BTreeMap<&'static str, usize> {
    let catalogue = Catalogue::of(grant.provider());
    let mut levels = BTreeMap::new();
    for permission in grant.allow() {
        for action in catalogue.expand(&permission.action) {
            *levels.entry(action.level().name()).or_default() += 1;
        }
    }
    levels
}

fn unknown(grant: &Grant, budget: Option<Dollars>) -> Vec<String> {
    let mut sentences =
        vec!["what the command will do with it, how often, and what those calls cost".to_owned()];
    match grant.provider() {
        Provider::Aws => {
            sentences.push(
                "whether the role allows it: the session gets what both the role and this policy allow"
                    .to_owned(),
            );
            sentences.push("the role's own longest lifetime, which may be shorter".to_owned());
            sentences.push("whether the packed policy fits, which AWS says only when it is asked".to_owned());
        }
        Provider::Local => sentences.push("which services verify the token, and what they charge".to_owned()),
        provider => sentences.push(format!(
            "the lifetime {provider} gives, and whether the identity behind it is allowed this"
        )),
    }
    let catalogue = Catalogue::of(grant.provider());
    let changes = grant
        .allow()
        .iter()
        .any(|one| catalogue.expand(&one.action).any(|known| known.level() >= AccessLevel::Write));
    if changes {
        sentences.push("what is created or left running, which goes on costing after the session".to_owned());
    }
    if let Some(limit) = budget {
        sentences.push(format!(
            "the spend at any moment: providers account hours late, so that {limit} USD can be passed unseen"
        ));
    }
    sentences
}
