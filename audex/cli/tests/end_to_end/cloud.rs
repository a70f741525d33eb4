//! A home that is logged in to AWS, as `broker`.

use crate::home::Home;
use axess_peers::{AwsAccount, Kind, skip};

/// Asks S3 with boto3, which finds its credentials by itself; prints what each call gave.
const BOTO3: &str = r#"
import boto3, botocore, sys
s3 = boto3.client("s3")
for call in sys.argv[1:]:
    verb, bucket = call.split(":")
    try:
        if verb == "list":
            print(call, *[found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])])
        elif verb == "put":
            s3.put_object(Bucket=bucket, Key="written", Body=b"x")
            print(call, "ok")
    except botocore.exceptions.ClientError as error:
        print(call, error.response["Error"]["Code"])
print("by", boto3.Session().get_credentials().method)
"#;

/// The account that all tests use; a note and nothing where it is not.
pub(crate) fn shared(test: &str) -> Option<AwsAccount> {
    if AwsAccount::clients().is_none() {
        skip(&format!("audex-cli {test}"), "the AWS CLI is missing (cargo xtask peers install)");
        return None;
    }
    let account = AwsAccount::shared(Kind::MiniStack);
    if account.is_none() {
        skip(&format!("audex-cli {test}"), "no MiniStack");
    }
    account
}

/// A home with the keys of `broker` in the environment, and `aws` and `boto3` among its programs.
pub(crate) fn home(account: &AwsAccount) -> Home {
    let endpoint = account.endpoint();
    let mut home = Home::with_config(&format!(
        "[aws]\nrole_arn = \"{}\"\nregion = \"{}\"\nendpoint_url = \"{endpoint}\"\n",
        account.role("app"),
        AwsAccount::REGION
    ));
    let (id, secret) = account.broker();
    home.set("AWS_ACCESS_KEY_ID", id);
    home.set("AWS_SECRET_ACCESS_KEY", secret);
    home.set("AWS_ENDPOINT_URL", endpoint);
    // The AWS CLI in its first version reads the second only.
    home.set("AWS_REGION", AwsAccount::REGION);
    home.set("AWS_DEFAULT_REGION", AwsAccount::REGION);
    home.set("AWS_MAX_ATTEMPTS", "2");
    install_clients(&home);
    home
}

/// Puts `aws` and `boto3` into the home's own folder of programs.
pub(crate) fn install_clients(home: &Home) {
    use std::os::unix::fs::PermissionsExt;

    let modules = AwsAccount::clients().unwrap();
    let script = home.path().join("ask.py");
    std::fs::write(&script, BOTO3).unwrap();
    for (name, rest) in [("aws", "-m awscli".to_owned()), ("boto3", script.display().to_string())] {
        let file = home.path().join("bin").join(name);
        let modules = modules.display();
        let text = format!("#!/bin/sh\nPYTHONPATH='{modules}' exec python3 -B {rest} \"$@\"\n");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// What a session is allowed in these tests: to list one bucket.
pub(crate) const LIST_ALPHA: &str = "--allow s3:ListBucket --resource arn:aws:s3:::alpha";
