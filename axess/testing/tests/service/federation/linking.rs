use super::*;
use crate::fixtures::logged_in;
use axess_core::store::SidStore;
use axess_core::{authn::AuthnError, service::MAX_LINKS_PER_USER, service::Operator};
use axess_events::federation::{FederationRefusalReason as Reason, LinkCause};
use axess_factors::federated::Assurance;
use axess_testing::{EMAIL, PASSWORD};
use std::time::Duration;

async fn begin_link(world: &Wired, session: &SessionHandle) -> (SessionHandle, String) {
    let there = world.service.begin_federated_link(session, "okta", Default::default()).await.unwrap();
    (world.suite.reopen(session).await, provider::state_of(&there))
}

fn with_email(world: &Wired, subject: &str, email: &str) -> FederatedIdentity {
    FederatedIdentity { email: email.parse().ok(), email_verified: true, ..world.word(subject) }
}

fn causes(world: &Wired) -> Vec<LinkCause> {
    let linked = world.suite.audit.events().into_iter().filter_map(|event| match event.payload {
        AuthEvent::FederatedIdentityLinked(linked) => Some(linked.cause),
        _ => None,
    });
    linked.collect()
}

#[tokio::test]
async fn a_user_links_sees_and_unlinks_an_identity() {
    let world = Wired::new();
    let session = logged_in(&world.suite).await;
    let id = session.session_id();
    let (session, state) = begin_link(&world, &session).await;
    let done = world.come_back(&session, &state, world.word("1")).await;
    assert_eq!(called(&done.outcome), "linked");
    let session = world.suite.reopen(&session).await;
    assert!(session.is_authenticated() && session.session_id() != id);
    assert!(session.federated_login().is_none(), "linking is no login");
    assert_eq!(causes(&world), [LinkCause::User]);
    let links = world.service.federated_links(&session).await.unwrap();
    assert_eq!((links.len(), links[0].provider.as_str()), (1, "okta"));

    let other = world.logged_in(world.word("1")).await;
    let issuer = world.idp.issuer_name();
    assert!(!world.service.unlink_federated(&session, issuer, "2").await.unwrap());
    assert!(world.service.unlink_federated(&session, issuer, "1").await.unwrap());
    assert!(!world.suite.sessions.is_live(other.session_id()).await.unwrap(), "what it opened is over");
    let session = world.suite.reopen(&session).await;
    assert!(session.is_authenticated());
    assert_eq!(called(&world.log_in(world.word("1")).await.1.outcome), "not linked");
    assert!(world.names().contains(&"FederatedIdentityUnlinked"));
}

#[tokio::test]
async fn linking_again_changes_nothing_and_anothers_identity_stays_theirs() {
    let suite = TestSuite::builder()
        .methods(vec![Method::password(), federated()])
        .user("bob", TENANT, None, PASSWORD)
        .build();
    let world = Wired::over(suite, ProviderPolicy::default(), None);
    let bob = world.suite.user("bob", TENANT).await;
    world.link_of(Owner { tenant_id: bob.tenant_id, user_id: bob.user_id }, "bob").await;
    world.link("1").await;
    for (subject, expected) in [("1", "linked"), ("bob", "elsewhere")] {
        let (session, state) = begin_link(&world, &logged_in(&world.suite).await).await;
        let done = world.come_back(&session, &state, world.word(subject)).await;
        assert_eq!(called(&done.outcome), expected);
    }
    assert!(causes(&world).is_empty());
    assert_eq!(world.refusals(), [Reason::LinkedElsewhere]);
}

#[tokio::test]
async fn linking_needs_a_fresh_login_with_all_the_factors_there_are() {
    let world = Wired::new();
    let guest = world.suite.session().await;
    let refused = world.service.begin_federated_link(&guest, "okta", Default::default()).await;
    assert!(matches!(refused, Err(AuthnError::NotAuthenticated)));
    let session = logged_in(&world.suite).await;
    world.suite.clock.advance(Duration::from_secs(16 * 60));
    for _ in 0..2 {
        let refused = world.service.begin_federated_link(&session, "okta", Default::default()).await;
        assert!(matches!(refused, Err(AuthnError::StepUpRequired)));
        let unlinked = world.service.unlink_federated(&session, "https://idp.example", "1").await;
        assert!(matches!(unlinked, Err(AuthnError::StepUpRequired)));
    }
    with_totp(&world.suite).await;
    let session = logged_in(&world.suite).await;
    let refused = world.service.begin_federated_link(&session, "okta", Default::default()).await;
    assert!(matches!(refused, Err(AuthnError::StepUpRequired)), "the authenticator was not used");
}

#[tokio::test]
async fn an_identity_is_linked_to_whoever_asked_for_it_or_to_nobody() {
    let world = Wired::new();
    let (session, state) = begin_link(&world, &logged_in(&world.suite).await).await;
    world.service.logout(&session).await.unwrap();
    let session = logged_in(&world.suite).await;
    let done = world.come_back(&session, &state, world.word("1")).await;
    assert_eq!(called(&done.outcome), "refused");
    assert!(world.service.federated_links(&session).await.unwrap().is_empty());

    // The session goes on without its user.
    let (session, state) = begin_link(&world, &session).await;
    session.drop_authentication().await.unwrap();
    let session = world.suite.reopen(&session).await;
    let done = world.come_back(&session, &state, world.word("1")).await;
    assert_eq!(called(&done.outcome), "refused");
    assert!(world.links.find_links(world.suite.owner().await).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_identities_of_an_account_are_bounded() {
    let world = Wired::new();
    for n in 0..MAX_LINKS_PER_USER {
        world.link(&n.to_string()).await;
    }
    let (session, state) = begin_link(&world, &logged_in(&world.suite).await).await;
    let done = world.come_back(&session, &state, world.word("one more")).await;
    assert_eq!(called(&done.outcome), "not allowed");
    assert_eq!(world.refusals(), [Reason::TooManyLinks]);
}

#[tokio::test]
async fn a_mail_address_links_only_where_the_provider_is_its_authority() {
    let methods = || TestSuite::builder().methods(vec![federated()]).build();
    for (row, policy, change, links) in [
        ("right", authority(), (|_| ()) as fn(&mut FederatedIdentity), true),
        ("by default", ProviderPolicy::default(), |_| (), false),
        ("unverified there", authority(), |identity| identity.email_verified = false, false),
        ("unsigned", authority(), |identity| identity.assurance = Assurance::OAuth2Only, false),
        ("of nobody", authority(), |identity| identity.email = "bob@example.com".parse().ok(), false),
        (
            "of another domain",
            ProviderPolicy {
                link: LinkPolicy::VerifiedEmail { domains: vec!["example.org".into()] },
                provision: false,
            },
            |_| (),
            false,
        ),
    ] {
        let world = Wired::over(methods(), policy, None);
        let mut identity = with_email(&world, "1", EMAIL);
        change(&mut identity);
        let (_, done) = world.log_in(identity).await;
        assert_eq!(called(&done.outcome), if links { "authenticated" } else { "not linked" }, "{row}");
        assert_eq!(causes(&world).len(), usize::from(links), "{row}");
    }
}

#[tokio::test]
async fn an_address_that_was_given_to_somebody_new_opens_no_old_account() {
    let suite = TestSuite::builder().methods(vec![federated()]).build();
    let world = Wired::over(suite, authority(), None);
    world.logged_in(with_email(&world, "alice-who-left", EMAIL)).await;
    let (_, done) = world.log_in(with_email(&world, "alice-who-came", EMAIL)).await;
    assert_eq!(called(&done.outcome), "not linked");
    // The link is by subject from now on, whatever address the provider sends.
    let session = world.logged_in(with_email(&world, "alice-who-left", "alice@new.example.com")).await;
    assert_eq!(session.owner(), Some(world.suite.owner().await));
}

#[tokio::test]
async fn an_address_links_no_suspended_account() {
    let suite = TestSuite::builder().methods(vec![federated()]).build();
    let world = Wired::over(suite, authority(), None);
    let (owner, by) = (world.suite.owner().await, Operator::new("ops", "left"));
    world.service.suspend_user(&world.suite.sessions, owner.tenant_id, owner.user_id, &by).await.unwrap();
    let (_, done) = world.log_in(with_email(&world, "1", EMAIL)).await;
    assert_eq!(called(&done.outcome), "not linked");
    assert!(world.links.find_links(owner).await.unwrap().is_empty());
}

#[tokio::test]
async fn identities_go_with_their_account_and_their_tenant() {
    let world = Wired::new();
    world.link("1").await;
    let (owner, by) = (world.suite.owner().await, Operator::new("ops", "request 7"));
    world.logged_in(world.word("1")).await;
    let bound = async || {
        let (issuer, now) = (world.idp.issuer_name().to_owned(), chrono::DateTime::UNIX_EPOCH);
        world.sids.find_by_subject(Some(owner.tenant_id), issuer, "1".into(), now).await.unwrap().len()
    };
    assert_eq!(bound().await, 1);
    world.service.erase_user(&world.suite.sessions, owner.tenant_id, owner.user_id, &by).await.unwrap();
    assert!(world.links.find_links(owner).await.unwrap().is_empty());
    assert_eq!(bound().await, 0, "a subject is personal data");

    let world = Wired::new();
    world.link("1").await;
    // One whose account is gone already.
    let nobody = Owner { user_id: axess_identity::UserId::from_parts(0, [9; 10]), ..owner };
    let (owner, sessions) = (world.suite.owner().await, &world.suite.sessions);
    world.link_of(Owner { tenant_id: owner.tenant_id, ..nobody }, "2").await;
    world.service.delete_tenant(sessions, owner.tenant_id, &by).await.unwrap();
    let mut after = None;
    loop {
        let done = world.service.purge_tenant(sessions, owner.tenant_id, after, 100, &by).await.unwrap();
        after = done.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(world.links.delete_for_tenant(owner.tenant_id).await.unwrap(), 0);
}

/// One address may be the issuer of ID tokens and of assertions; who may choose a name there must not choose an account here.
#[tokio::test]
async fn a_subject_of_one_protocol_is_nobody_in_another() {
    let world = Wired::new();
    world.link("1").await;
    for assurance in [Assurance::SamlAssertion, Assurance::OAuth2Only] {
        let word = FederatedIdentity { assurance, ..world.word("1") };
        assert_eq!(called(&world.log_in(word.clone()).await.1.outcome), "not linked", "{assurance:?}");

        // Linked by its owner, it is theirs, beside the other one, and unlinked by the name it has in the list.
        let session = logged_in(&world.suite).await;
        let (session, state) = begin_link(&world, &session).await;
        assert_eq!(called(&world.come_back(&session, &state, word.clone()).await.outcome), "linked");
        assert!(world.log_in(word.clone()).await.1.outcome.is_authenticated(), "{assurance:?}");
        let session = world.suite.reopen(&session).await;
        let links = world.service.federated_links(&session).await.unwrap();
        let link = links.iter().find(|link| link.issuer != world.idp.issuer_name()).unwrap();
        assert_eq!(link.issuer, word.link_issuer());
        assert!(world.service.unlink_federated(&session, &link.issuer, "1").await.unwrap());
        assert_eq!(called(&world.log_in(word).await.1.outcome), "not linked", "{assurance:?}");
    }
    assert!(world.log_in(world.word("1")).await.1.outcome.is_authenticated());
}

/// An address that was given to somebody new opens no account with another identity there, whatever the protocol.
#[tokio::test]
async fn an_address_counts_once_at_a_provider_of_two_protocols() {
    let suite = TestSuite::builder().methods(vec![Method::password(), federated()]).build();
    let policy = ProviderPolicy {
        link: LinkPolicy::VerifiedEmail { domains: vec!["example.com".into()] },
        ..ProviderPolicy::default()
    };
    let world = Wired::over(suite, policy, None);
    world.link("1").await;
    let newcomer =
        FederatedIdentity { assurance: Assurance::SamlAssertion, ..with_email(&world, "2", EMAIL) };
    assert_eq!(called(&world.log_in(newcomer).await.1.outcome), "not linked");
}
