//! The AWS CLI and boto3 find what was delivered, by each way; what was not granted is refused by the server.

use crate::{
    cloud::{self, LIST_ALPHA},
    home::{Home, wait_until},
};
use axess_peers::AwsAccount;
use serde_json::Value;

/// Lists with both clients, and tries what was not granted.
const BOTH: &str = "aws s3api list-objects-v2 --bucket alpha --query 'Contents[0].Key' --output text; \
    aws s3api list-objects-v2 --bucket beta 2>&1 | grep -o '(AccessDenied)'; \
    aws s3api put-object --bucket alpha --key x 2>&1 | grep -o '(AccessDenied)'; \
    boto3 list:alpha list:beta put:alpha";

fn granted(method: &str) -> String {
    let boto3 = "list:alpha k\nlist:beta AccessDenied\nput:alpha AccessDenied";
    format!("k\n(AccessDenied)\n(AccessDenied)\n{boto3}\nby {method}")
}

#[test]
fn clients_use_variables() {
    let Some(account) = cloud::shared("clients_use_variables") else { return };
    let home = cloud::home(&account);
    assert_eq!(home.printed(&format!("run {LIST_ALPHA}"), BOTH), granted("env"));
    let session = home.session();
    assert_eq!((&session["status"], &session["target"]), (&"Completed".into(), &account.role("app").into()));
    let events = home.events();
    assert_eq!(events, ["SessionCreated", "CredentialsIssued", "SessionEnded"]);
    assert!(home.verify().status.success(), "{:?}", home.verify());
    assert_eq!(home.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn clients_ask_the_endpoint() {
    let Some(account) = cloud::shared("clients_ask_the_endpoint") else { return };
    let home = cloud::home(&account);
    let args = format!("run {LIST_ALPHA} --deliver endpoint");
    assert_eq!(home.printed(&args, BOTH), granted("container-role"));
    let line = "curl -s -o /dev/null -w '%{http_code}' \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; \
                env | grep -c -E '^AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)=' || true";
    let answers = home.printed(&args, line);
    // The status that a stranger gets, and how many keys the command has as well.
    assert_eq!(answers, "4010");
}

#[test]
fn clients_read_a_file() {
    let Some(account) = cloud::shared("clients_read_a_file") else { return };
    let home = cloud::home(&account);
    let args = format!("run {LIST_ALPHA} --deliver file");
    assert_eq!(home.printed(&args, BOTH), granted("shared-credentials-file"));
    let line = "printf '%s ' \"$AWS_SHARED_CREDENTIALS_FILE\"; stat -c %a \"$AWS_SHARED_CREDENTIALS_FILE\"";
    let answer = home.printed(&args, line);
    let (file, mode) = answer.split_once(' ').unwrap();
    assert_eq!(mode, "600");
    assert!(!std::path::Path::new(file).exists(), "{file} outlived its session");
}

/// `credential_process` starts us anew for each client, which is outside any session.
#[test]
fn clients_start_us_to_get_a_document() {
    let Some(account) = cloud::shared("clients_start_us_to_get_a_document") else { return };
    let home = cloud::home(&account);
    let (id, secret) = account.broker();
    let process = format!(
        "sh -c \"AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret} {} run {LIST_ALPHA} --quiet --deliver process\"",
        env!("CARGO_BIN_EXE_tryaudex")
    );
    let config = home.path().join("aws-config");
    std::fs::write(&config, format!("[profile brokered]\ncredential_process = {process}\n")).unwrap();
    let mut command = home.program("sh");
    command.args(["-c", BOTH]).env("AWS_CONFIG_FILE", config).env("AWS_PROFILE", "brokered");
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), granted("custom-process"), "{output:?}");

    let output = home.tryaudex(&format!("run {LIST_ALPHA} --deliver process")).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["Version"], 1);
    // Each client left a session of its own as well.
    let sessions = home.sessions();
    let is_it = |session: &&Value| session["credentials"][0]["id"] == document["AccessKeyId"];
    let session = sessions.iter().find(is_it).unwrap_or_else(|| panic!("{sessions:#?}"));
    assert_eq!((&session["status"], &session["entry_point"]), (&"Active".into(), &"export".into()));
    assert_eq!(document["Expiration"], session["credentials"][0]["expires_at"], "{session:#}");
    for member in ["SecretAccessKey", "SessionToken"] {
        assert!(document[member].as_str().is_some_and(|secret| secret.len() > 20), "{member}");
    }
}

#[test]
fn clients_start_a_process_of_the_session() {
    let Some(account) = cloud::shared("clients_start_a_process_of_the_session") else { return };
    let home = cloud::home(&account);
    assert_eq!(home.printed(&format!("run {LIST_ALPHA} --deliver process"), BOTH), granted("custom-process"));
}

#[test]
fn a_role_that_does_not_trust_us_is_explained() {
    let Some(account) = cloud::shared("a_role_that_does_not_trust_us_is_explained") else { return };
    let home = cloud::home(&account);
    let args = format!("run {LIST_ALPHA} --role-arn {}", account.role("notrust"));
    let output = home.shell(&args, "echo started").output().unwrap();
    assert_eq!(output.status.code(), Some(84), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(said.contains("trust") && said.contains("notrust"), "{said}");
    assert_eq!(home.session()["status"], "Failed");
    assert_eq!(home.events(), ["SessionCreated", "CredentialsFailed", "SessionEnded"]);
}

#[test]
fn what_is_denied_is_not_asked_for() {
    let Some(account) = cloud::shared("what_is_denied_is_not_asked_for") else { return };
    let home = cloud::home(&account);
    let config = home.path().join(".config/audex/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[policy]\ndeny = [\"s3:Put*\"]\n")).unwrap();
    // What is left of a wildcard is granted; what is wholly denied is refused.
    let calls = "boto3 list:alpha put:alpha";
    let printed = home.printed("run --allow s3:*", calls);
    assert_eq!(printed, "list:alpha k\nput:alpha AccessDenied\nby env");
    let output = home.shell("run --allow s3:PutObject", calls).output().unwrap();
    assert_eq!(output.status.code(), Some(80), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(home.events().last().map(String::as_str), Some("RequestDenied"));
}

#[test]
fn a_short_life_is_kept_although_the_provider_gives_more() {
    let Some(account) = cloud::shared("a_short_life_is_kept_although_the_provider_gives_more") else {
        return;
    };
    let home = cloud::home(&account);
    let line = "trap 'echo asked; exit 0' TERM; echo begun; while :; do sleep 0.1; done";
    let output = home.shell(&format!("run {LIST_ALPHA} --ttl 3s"), line).output().unwrap();
    assert_eq!(output.status.code(), Some(83), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "begun\nasked\n");
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(said.contains("deadline"), "{said}");
    let session = home.session();
    assert_eq!(session["status"], "Expired");
    let (deadline, expiry) = (&session["deadline"], &session["credentials"][0]["expires_at"]);
    assert!(deadline.as_str() < expiry.as_str(), "{session:#}");
}

/// What the requester reads about a session never helps to use it.
#[test]
fn nothing_that_is_kept_or_said_holds_a_secret() {
    let Some(account) = cloud::shared("nothing_that_is_kept_or_said_holds_a_secret") else { return };
    let home = cloud::home(&account);
    let line = "printf '%s\\n%s\\n' \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\"";
    let secrets = home.printed(&format!("run {LIST_ALPHA}"), line);
    let secrets: Vec<&str> = secrets.lines().chain([account.broker().1]).collect();
    assert!(secrets.len() == 3 && secrets.iter().all(|secret| secret.len() > 20));
    let mut search = home.program("grep");
    search.args(["-r", "-l", "-F", "-e", secrets[0], "-e", secrets[1], "-e", secrets[2]]);
    let kept = search.arg(home.data()).output().unwrap();
    assert_eq!(kept.status.code(), Some(1), "{}", String::from_utf8_lossy(&kept.stdout));
    for args in
        ["sessions --output json", "audit recent --output json", "run --allow s3:ListBucket --dry-run"]
    {
        let output = home.tryaudex(args).output().unwrap();
        let text =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(
            output.status.success() && !secrets.iter().any(|secret| text.contains(secret)),
            "{args}: {text}"
        );
    }
}

/// The server goes away in the middle: the command keeps what it has, and is told what the matter is.
#[test]
fn a_server_that_is_gone_is_said_plainly() {
    let test = "a_server_that_is_gone_is_said_plainly";
    if cloud::shared(test).is_none() {
        return;
    }
    let mut server = axess_peers::Server::start(axess_peers::Kind::MiniStack).unwrap();
    let account: AwsAccount = server.aws_account().unwrap();
    let home: Home = cloud::home(&account);
    server.kill().unwrap();
    let output = home.shell(&format!("run {LIST_ALPHA}"), "echo started").output().unwrap();
    assert_eq!(output.status.code(), Some(84), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("AWS cannot be reached") && said.contains("Connection refused"), "{said}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(home.session()["status"], "Failed");
    assert_eq!(home.events(), ["SessionCreated", "CredentialsFailed", "SessionEnded"]);
    server.restart().unwrap();
    wait_until("it is back", || home.shell(&format!("run {LIST_ALPHA}"), "true").status().unwrap().success());
}
