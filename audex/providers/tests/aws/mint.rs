use crate::fixture::{QUARTER, aws_as, base, config, list, mint, order, provider, shared, told};
use audex_core::{CredentialProvider, ProviderFault};
use audex_providers::aws::{AwsConfig, BaseCredentials, BaseSource, SESSION_TOKEN, SessionTags};
use axess_clock::{Clock, SystemClock};
use axess_peers::{AwsAccount, Kind};
use chrono::TimeDelta;

#[tokio::test]
async fn what_is_granted_passes_and_nothing_else() {
    let test = "what_is_granted_passes_and_nothing_else";
    let Some(account) = shared(test, Kind::MiniStack) else { return };
    let provider = provider(config(&account));
    let order = order(&provider, "s3:ListBucket=arn:aws:s3:::alpha", QUARTER);
    let minted = provider.mint(&order).await.unwrap();
    assert_eq!(minted.account.as_deref(), Some(AwsAccount::ID));
    let name = format!("audex-{}-uid1000", order.session_id);
    let subject = format!("arn:aws:sts::{}:assumed-role/app/{name}", AwsAccount::ID);
    assert_eq!(minted.subject.as_deref(), Some(&*subject));
    let lives = minted.credential.expires_at() - SystemClock.now();
    assert!(lives > QUARTER - TimeDelta::minutes(1) && lives <= QUARTER, "{lives}");
    assert_eq!(aws_as(&account, &minted, &list("alpha")), Ok("k".to_owned()));
    let denied = Err("AccessDenied".to_owned());
    assert_eq!(
        aws_as(&account, &minted, &list("beta")),
        denied,
        "outside the session policy, inside the role"
    );
    let put = ["s3api", "put-object", "--bucket", "alpha", "--key", "z"];
    assert_eq!(aws_as(&account, &minted, &put), denied);
    let whoami = ["sts", "get-caller-identity", "--query", "Arn"];
    assert_eq!(aws_as(&account, &minted, &whoami), Ok(subject));
}

#[tokio::test]
async fn what_the_role_lacks_is_not_granted() {
    let Some(account) = shared("what_the_role_lacks_is_not_granted", Kind::MiniStack) else { return };
    let minted = mint(config(&account), "s3:*,sqs:*").await.unwrap();
    assert_eq!(aws_as(&account, &minted, &list("beta")), Ok("k".to_owned()));
    let refused = aws_as(&account, &minted, &["sqs", "list-queues"]).unwrap_err();
    assert!(refused.contains("AccessDenied"), "{refused}");
    let delete = ["s3api", "delete-bucket", "--bucket", "beta"];
    assert_eq!(aws_as(&account, &minted, &delete), Err("AccessDenied".to_owned()));
}

#[tokio::test]
async fn networks_are_checked_where_the_credential_is_used() {
    let Some(account) = shared("networks_are_checked_where_the_credential_is_used", Kind::MiniStack) else {
        return;
    };
    for (network, expected) in
        [("127.0.0.0/8", Ok("k".to_owned())), ("192.0.2.0/24", Err("AccessDenied".to_owned()))]
    {
        let provider = provider(config(&account));
        let mut order = order(&provider, "s3:ListBucket", QUARTER);
        order.shape = provider.shape(&order.grant, None, &[network.parse().unwrap()]).unwrap();
        let minted = provider.mint(&order).await.unwrap();
        assert_eq!(aws_as(&account, &minted, &list("alpha")), expected, "{network}");
    }
}

#[tokio::test]
async fn a_session_begets_an_hour_at_most() {
    let Some(account) = shared("a_session_begets_an_hour_at_most", Kind::MiniStack) else { return };
    let plain = config(&account);
    let provider_of_session = {
        let minted = mint(AwsConfig { role_arn: Some(account.role("revoker")), ..plain.clone() }, "sts:*")
            .await
            .unwrap();
        let part = |name: &str| minted.credential.part(name).unwrap().expose().to_owned();
        let keys = BaseCredentials::new(
            minted.credential.id(),
            &part("AWS_SECRET_ACCESS_KEY"),
            Some(&part(SESSION_TOKEN)),
        );
        provider(AwsConfig { base: BaseSource::fixed(keys.unwrap()), ..plain.clone() })
    };
    let hour = TimeDelta::hours(1);
    let chained = order(&provider_of_session, "s3:*", TimeDelta::hours(12));
    assert_eq!(chained.lifetime, hour);
    assert!(
        chained.shape.notes.iter().any(|note| note.contains("an hour at most")),
        "{:?}",
        chained.shape.notes
    );
    let health = provider_of_session.check().await.unwrap();
    assert!(health.identity.unwrap().contains("assumed-role/revoker/"));
    let own = order(&provider(plain), "s3:*", TimeDelta::hours(12));
    assert_eq!(own.lifetime, TimeDelta::hours(12));
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let Some(account) = shared("refusals_say_what_to_do", Kind::MiniStack) else { return };
    let plain = config(&account);
    let untrusted = AwsConfig { role_arn: Some(account.role("notrust")), ..plain.clone() };
    let wrong_secret = AwsConfig { base: base((account.broker().0, account.admin().1)), ..plain.clone() };
    let nowhere = AwsConfig { role_arn: Some(account.role("nobody")), ..plain.clone() };
    for (config, fault, hint) in [
        (untrusted, ProviderFault::Denied, "trust policy names us"),
        (wrong_secret, ProviderFault::NotLoggedIn, "secret access key belongs"),
        (nowhere, ProviderFault::Denied, "the role is there"),
    ] {
        let error = mint(config, "s3:*").await.unwrap_err();
        let told = told(&error);
        assert!(error.fault == fault && told.contains(hint), "{told}");
        assert!(!told.contains(account.broker().1) && !told.contains(account.admin().1), "{told}");
    }
    // This one refuses keys that it does not know.
    let Some(moto) = shared("refusals_say_what_to_do", Kind::Moto) else { return };
    let unknown = AwsConfig { base: base(("AKIAexample00000", "secret")), ..crate::fixture::config(&moto) };
    let error = mint(unknown, "s3:*").await.unwrap_err();
    assert!(
        error.fault == ProviderFault::NotLoggedIn && error.to_string().contains("AKIAexample00000"),
        "{}",
        told(&error)
    );
}

#[tokio::test]
async fn tags_and_source_identity_can_be_left_out() {
    let Some(account) = shared("tags_and_source_identity_can_be_left_out", Kind::MiniStack) else { return };
    for (session_tags, source_identity) in [(SessionTags::Off, false), (SessionTags::Transitive, true)] {
        let config = AwsConfig { session_tags, source_identity, ..config(&account) };
        let minted = mint(config, "s3:ListBucket").await.unwrap();
        assert_eq!(aws_as(&account, &minted, &list("alpha")), Ok("k".to_owned()));
    }
}

#[tokio::test]
async fn a_check_tells_as_whom_we_ask() {
    let Some(account) = shared("a_check_tells_as_whom_we_ask", Kind::Moto) else { return };
    let health = provider(config(&account)).check().await.unwrap();
    assert_eq!(health.identity, Some(format!("arn:aws:iam::{}:user/broker", AwsAccount::ID)));
    assert!(health.notes.iter().any(|note| note.contains("revoker_role_arn")));
    let refused =
        provider(AwsConfig { base: base((account.broker().0, "wrong")), ..config(&account) }).check().await;
    assert_eq!(refused.unwrap_err().fault, ProviderFault::NotLoggedIn);
}
