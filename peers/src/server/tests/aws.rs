use super::{is_here, *};
use crate::AwsAccount;

const TEST: &str = "a_server_that_plays_aws_knows_who_may_what";

const NARROW: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::alpha"]}]}"#;

/// Asks with the AWS CLI; returns what it prints, or the error that it names.
fn aws(account: &AwsAccount, keys: &[&str], args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("python3");
    command.args(["-B", "-m", "awscli", "--endpoint-url", account.endpoint(), "--output", "text"]).args(args);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("PYTHONPATH", AwsAccount::clients().unwrap());
    command.env("AWS_DEFAULT_REGION", AwsAccount::REGION).env("AWS_MAX_ATTEMPTS", "1");
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
    let output = command.envs(names.iter().zip(keys)).output().unwrap();
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, after) = errors.split_once("An error occurred (").ok_or(errors.clone())?;
    Err(after.split_once(')').ok_or(errors.clone())?.0.to_owned())
}

/// Assumes `app` as `broker`, with a session policy.
fn narrowed(account: &AwsAccount) -> Vec<String> {
    let (id, secret) = account.broker();
    let role = account.role("app");
    let query = "Credentials.[AccessKeyId,SecretAccessKey,SessionToken]";
    let args = ["sts", "assume-role", "--role-session-name", "narrow", "--policy", NARROW];
    let text = aws(account, &[id, secret], &[&args[..], &["--role-arn", &role, "--query", query]].concat());
    text.unwrap().split_whitespace().map(str::to_owned).collect()
}

fn knows_who_may_what(kind: Kind, checks_sessions: bool) {
    if !is_here(TEST, kind, "python3") {
        return;
    }
    if AwsAccount::clients().is_none() {
        return skip(TEST, "the AWS CLI is missing (cargo xtask peers install)");
    }
    let mut server = Server::start(kind).unwrap();
    let account = server.aws_account().unwrap();
    let (broker, admin) = (account.broker(), account.admin());
    let list = |bucket| ["s3api", "list-objects-v2", "--bucket", bucket, "--query", "Contents[].Key"];
    let denied = Err("AccessDenied".to_owned());
    assert_eq!(aws(&account, &[admin.0, admin.1], &list("beta")), Ok("k".to_owned()));
    assert_eq!(aws(&account, &[broker.0, broker.1], &list("beta")), denied);
    assert_eq!(
        aws(&account, &[broker.0, admin.1], &["sts", "get-caller-identity"]),
        Err("SignatureDoesNotMatch".to_owned())
    );
    let assume =
        ["sts", "assume-role", "--role-session-name", "refused", "--role-arn", &account.role("notrust")];
    assert_eq!(aws(&account, &[broker.0, broker.1], &assume), denied);

    let keys = narrowed(&account);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(aws(&account, &keys, &list("alpha")), Ok("k".to_owned()));
    let elsewhere = aws(&account, &keys, &list("beta"));
    assert_eq!(elsewhere, if checks_sessions { denied.clone() } else { Ok("k".to_owned()) });
    let wrong = [keys[0], keys[1], "AAAA"];
    assert_eq!(aws(&account, &wrong, &list("alpha")), Err("InvalidToken".to_owned()));

    server.kill().unwrap();
    assert!(aws(&account, &[admin.0, admin.1], &list("beta")).unwrap_err().contains("Could not connect"));
    server.restart().unwrap();
    assert_eq!(aws(&account, &[admin.0, admin.1], &list("beta")), Ok("k".to_owned()));
    server.stop().unwrap();
}

#[test]
fn ministack_knows_who_may_what() {
    knows_who_may_what(Kind::MiniStack, true);
}

#[test]
fn moto_knows_who_may_what() {
    knows_who_may_what(Kind::Moto, false);
}
