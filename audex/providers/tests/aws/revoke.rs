use crate::fixture::{QUARTER, aws, aws_as, config, list, order, provider, shared};
use audex_core::{CredentialProvider, Fate, MintOrder, Minted, RevokeOrder};
use audex_providers::aws::{AwsConfig, AwsProvider, SessionTags};
use axess_clock::{Clock, MockClock, SystemClock};
use axess_peers::{AwsAccount, Kind, Server, skip};
use std::sync::Arc;

async fn minted(provider: &AwsProvider) -> (MintOrder, Minted) {
    let order = order(provider, "s3:*", QUARTER);
    let minted = provider.mint(&order).await.unwrap();
    (order, minted)
}

fn end_of(order: &MintOrder, minted: &Minted) -> RevokeOrder {
    RevokeOrder {
        session_id: order.session_id,
        target: order.shape.target.clone(),
        grant: order.grant.clone(),
        credential_ids: vec![minted.credential.id().to_owned()],
        expires_at: minted.credential.expires_at(),
    }
}

fn policies(account: &AwsAccount) -> String {
    let (id, secret) = account.admin();
    let args = ["iam", "list-role-policies", "--role-name", "app", "--query", "PolicyNames"];
    aws(account, &[id, secret], &args).unwrap()
}

#[tokio::test]
async fn a_denial_ends_one_session_and_goes_when_that_would_have_ended() {
    let test = "audex-providers aws::a_denial_ends_one_session_and_goes_when_that_would_have_ended";
    if let Some(missing) = Kind::MiniStack.missing() {
        return skip(test, &missing);
    }
    if AwsAccount::clients().is_none() {
        return skip(test, "the AWS CLI is missing (cargo xtask peers install)");
    }
    // A private one: its role changes.
    let mut server = Server::start(Kind::MiniStack).unwrap();
    let account = server.aws_account().unwrap();
    for session_tags in [SessionTags::Plain, SessionTags::Off] {
        let config =
            AwsConfig { revoker_role_arn: Some(account.role("revoker")), session_tags, ..config(&account) };
        let provider = provider(config.clone());
        let ((order, ended), (_, other)) = (minted(&provider).await, minted(&provider).await);
        for one in [&ended, &other] {
            assert_eq!(aws_as(&account, one, &list("alpha")), Ok("k".to_owned()));
        }
        let revocation = provider.revoke(&end_of(&order, &ended)).await.unwrap();
        let (id, fate) = &revocation.fates[0];
        assert_eq!(id, ended.credential.id());
        assert!(
            matches!(fate, Fate::Denied { by } if by.contains(&order.session_id.to_string())),
            "{fate:?}"
        );
        assert_eq!(aws_as(&account, &ended, &list("alpha")), Err("AccessDenied".to_owned()));
        assert_eq!(aws_as(&account, &other, &list("alpha")), Ok("k".to_owned()), "no other session");
        // Again is no harm.
        assert_eq!(provider.revoke(&end_of(&order, &ended)).await.unwrap(), revocation);
        assert!(provider.remove_expired_denies(None).await.unwrap().is_empty(), "not yet");
        assert!(policies(&account).contains("audex-revoke-"));
        let later = MockClock::new(SystemClock.now() + QUARTER);
        let later = AwsProvider::new(config, Arc::new(later)).unwrap();
        let removed = later.remove_expired_denies(None).await.unwrap();
        assert_eq!(removed.len(), 1, "{removed:?}");
        assert_eq!(policies(&account), "p", "what is not ours stays");
    }
    server.stop().unwrap();
}

#[tokio::test]
async fn what_was_not_ended_is_not_called_ended() {
    let Some(account) = shared("what_was_not_ended_is_not_called_ended", Kind::MiniStack) else { return };
    let plain = config(&account);
    let not_allowed = AwsConfig { revoker_role_arn: Some(account.role("notrust")), ..plain.clone() };
    for (config, reason) in [(plain, "revoker_role_arn"), (not_allowed, "does not allow us to assume")] {
        let provider = provider(config);
        let (order, minted) = minted(&provider).await;
        let mut end = end_of(&order, &minted);
        let revocation = provider.revoke(&end).await.unwrap();
        assert!(!revocation.is_complete());
        assert!(
            matches!(&revocation.fates[0].1, Fate::AliveUntil { until, why }
            if *until == end.expires_at && why.contains(reason)),
            "{revocation:?}"
        );
        assert_eq!(aws_as(&account, &minted, &list("alpha")), Ok("k".to_owned()));
        end.expires_at = SystemClock.now();
        assert_eq!(provider.revoke(&end).await.unwrap().fates[0].1, Fate::Dead);
        assert!(provider.remove_expired_denies(None).await.is_err());
    }
}
