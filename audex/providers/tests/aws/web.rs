use crate::fixture::{aws_as, config, list, mint, shared, told};
use audex_core::ProviderFault;
use audex_providers::aws::{AwsConfig, BaseSource};
use axess_peers::{AwsAccount, Kind};
use std::{fs, path::Path};

/// A token in the form of an identity provider's; the server looks at what it says and not at its signature.
fn token(subject: &str, audience: &str, expires: i64) -> String {
    let part = |json: String| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::new();
        for chunk in json.as_bytes().chunks(3) {
            let bits = chunk.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
                << (8 * (3 - chunk.len()));
            for at in 0..=chunk.len() {
                text.push(char::from(alphabet[(bits >> (18 - 6 * at)) as usize & 63]));
            }
        }
        text
    };
    let payload =
        format!(r#"{{"iss":"https://issuer.test","sub":"{subject}","aud":"{audience}","exp":{expires}}}"#);
    format!("{}.{}.AAAA", part(r#"{"alg":"RS256"}"#.to_owned()), part(payload))
}

const FAR: i64 = 4_102_444_800;

fn of_file(account: &AwsAccount, file: &Path) -> AwsConfig {
    AwsConfig {
        role_arn: Some(account.role("web")),
        web_identity_token_file: Some(file.to_owned()),
        base: BaseSource::default(),
        ..config(account)
    }
}

#[tokio::test]
async fn a_token_takes_the_place_of_keys_and_is_read_each_time() {
    let Some(account) = shared("a_token_takes_the_place_of_keys_and_is_read_each_time", Kind::MiniStack)
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let config = of_file(&account, &file);
    fs::write(&file, format!("{}\n", token("alice", "aws", FAR))).unwrap();
    let minted = mint(config.clone(), "s3:ListBucket").await.unwrap();
    assert_eq!(aws_as(&account, &minted, &list("alpha")), Ok("k".to_owned()));
    assert!(minted.subject.unwrap().contains(":assumed-role/web/audex-"));
    for (subject, audience, expires) in [("bob", "aws", FAR), ("alice", "other", FAR)] {
        let token = token(subject, audience, expires);
        fs::write(&file, &token).unwrap();
        let error = mint(config.clone(), "s3:*").await.unwrap_err();
        let told = told(&error);
        assert!(
            told.contains("token") && !told.contains(&token) && !format!("{error:?}").contains(&token),
            "{told}"
        );
        assert_ne!(error.fault, ProviderFault::Unreachable, "{told}");
    }
    fs::write(&file, "not a token\nat all").unwrap();
    assert_eq!(mint(config.clone(), "s3:*").await.unwrap_err().fault, ProviderFault::NotLoggedIn);
    fs::remove_file(&file).unwrap();
    assert!(mint(config, "s3:*").await.unwrap_err().to_string().contains("cannot be read"));
}

#[tokio::test]
async fn a_workload_of_the_environment_is_a_base_too() {
    let Some(account) = shared("a_workload_of_the_environment_is_a_base_too", Kind::MiniStack) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, token("alice", "aws", FAR)).unwrap();
    let (role, file) = (account.role("web"), file.to_str().unwrap().to_owned());
    let environment = [("AWS_ROLE_ARN".to_owned(), role), ("AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(), file)];
    let config = AwsConfig { base: BaseSource::new(environment.into()), ..config(&account) };
    // The workload's role may not assume the other; that it is asked as the workload shows in what AWS says.
    let error = mint(config, "s3:*").await.unwrap_err();
    assert!(
        told(&error).contains("assumed-role/web/audex-broker") || error.fault == ProviderFault::Denied,
        "{}",
        told(&error)
    );
}
