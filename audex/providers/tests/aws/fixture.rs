use audex_core::{CredentialProvider, MintOrder, Minted, ProviderError, Requester, session::SessionId};
use audex_policy::{Grant, Provider, Request, Rules, narrow};
use audex_providers::aws::{
    ACCESS_KEY_ID, AwsConfig, AwsProvider, BaseCredentials, BaseSource, SECRET_ACCESS_KEY, SESSION_TOKEN,
};
use axess_clock::SystemClock;
use axess_peers::{AwsAccount, Kind, skip};
use axess_rng::SystemRng;
use chrono::TimeDelta;
use std::{process::Command, sync::Arc};

pub(crate) const QUARTER: TimeDelta = TimeDelta::minutes(15);

/// Finds the account that all tests share, and the AWS CLI.
pub(crate) fn shared(test: &str, kind: Kind) -> Option<AwsAccount> {
    let account = AwsAccount::shared(kind);
    let missing = match (&account, AwsAccount::clients()) {
        (None, _) => format!("no {}: run `cargo xtask test`", kind.name()),
        (_, None) => "the AWS CLI is missing (cargo xtask peers install)".to_owned(),
        _ => return account,
    };
    skip(&format!("audex-providers aws::{test}"), &missing);
    None
}

pub(crate) fn base(keys: (&str, &str)) -> BaseSource {
    BaseSource::fixed(BaseCredentials::new(keys.0, keys.1, None).unwrap())
}

/// A configuration for the role `app` of an account, with the keys of `broker`.
pub(crate) fn config(account: &AwsAccount) -> AwsConfig {
    AwsConfig {
        role_arn: Some(account.role("app")),
        region: Some(AwsAccount::REGION.to_owned()),
        endpoint_url: Some(account.endpoint().to_owned()),
        ..AwsConfig::new(base(account.broker()))
    }
}

pub(crate) fn provider(config: AwsConfig) -> AwsProvider {
    AwsProvider::new(config, Arc::new(SystemClock)).unwrap()
}

pub(crate) fn grant(allow: &str, denies: &[&str]) -> Grant {
    let request = Request::parse(Provider::Aws, allow, &[]).unwrap();
    narrow(&request, &[], &Rules::parse(denies).unwrap()).unwrap().grant
}

pub(crate) fn order(provider: &AwsProvider, allow: &str, lifetime: TimeDelta) -> MintOrder {
    let grant = grant(allow, &[]);
    let shape = provider.shape(&grant, None, &[]).unwrap();
    let lifetime = shape.lifetime(lifetime);
    let requester = Requester::LocalUser { uid: 1000, name: None };
    MintOrder { session_id: SessionId::generate(&SystemRng), requester, grant, shape, lifetime }
}

pub(crate) async fn mint(config: AwsConfig, allow: &str) -> Result<Minted, ProviderError> {
    let provider = provider(config);
    let order = order(&provider, allow, QUARTER);
    provider.mint(&order).await
}

/// Asks with the AWS CLI; returns what it prints, or the error that it names.
pub(crate) fn aws(account: &AwsAccount, keys: &[&str], args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("python3");
    command.args(["-B", "-m", "awscli", "--endpoint-url", account.endpoint(), "--output", "text"]).args(args);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("PYTHONPATH", AwsAccount::clients().unwrap());
    command.env("AWS_DEFAULT_REGION", AwsAccount::REGION).env("AWS_MAX_ATTEMPTS", "1");
    let output =
        command.envs([ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN].iter().zip(keys)).output().unwrap();
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, after) = errors.split_once("An error occurred (").ok_or(errors.clone())?;
    Err(after.split_once(')').ok_or(errors.clone())?.0.to_owned())
}

/// Asks with what was minted.
pub(crate) fn aws_as(account: &AwsAccount, minted: &Minted, args: &[&str]) -> Result<String, String> {
    let keys = [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN]
        .map(|name| minted.credential.part(name).unwrap().expose());
    aws(account, &keys, args)
}

pub(crate) fn list(bucket: &str) -> [&str; 6] {
    ["s3api", "list-objects-v2", "--bucket", bucket, "--query", "Contents[0].Key"]
}

/// What a person is told, in one line.
pub(crate) fn told(error: &ProviderError) -> String {
    let cause = error.source.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{error} | {cause} | {}", error.hints.join("; "))
}
