use super::*;
use axess_core::{
    authn::AuthnError,
    federation::{Admission, NewAccount, Provision, ProvisionFuture, ProvisionRequest},
    store::{IdentityLookup, StoreErrorKind},
};
use axess_events::federation::FederationRefusalReason as Reason;
use axess_identity::Identifier;
use axess_testing::USER;
use std::sync::Mutex;

/// Gives everybody of the group `staff` an account under their subject, and lets nobody of the group `blocked` in.
#[derive(Default)]
pub(crate) struct Staff {
    pub(crate) asked: Mutex<Vec<&'static str>>,
    pub(crate) broken: bool,
}

impl Provisioner for Staff {
    fn provision<'a>(&'a self, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Provision> {
        Box::pin(async move {
            self.asked.lock().unwrap().push("provision");
            if self.broken {
                return Err("the directory is away".into());
            }
            let identity = request.identity;
            if !identity.groups.iter().any(|group| group == "staff") {
                return Ok(Provision::Refuse);
            }
            Ok(Provision::Create(NewAccount {
                identifier: Identifier::parse(&identity.subject)?,
                display_name: identity.display_name.clone(),
                email: identity.email.clone(),
            }))
        })
    }

    fn admit<'a>(&'a self, _: Owner, request: ProvisionRequest<'a>) -> ProvisionFuture<'a, Admission> {
        Box::pin(async move {
            self.asked.lock().unwrap().push("admit");
            let blocked = request.identity.groups.iter().any(|group| group == "blocked");
            Ok(if blocked { Admission::Refuse } else { Admission::Admit })
        })
    }
}

pub(crate) fn provisioning() -> ProviderPolicy {
    ProviderPolicy { provision: true, ..authority() }
}

fn wired(policy: ProviderPolicy, staff: Staff) -> Wired {
    let suite = TestSuite::builder().methods(vec![federated()]).build();
    Wired::over(suite, policy, Some(Arc::new(staff)))
}

fn staff(world: &Wired, subject: &str) -> FederatedIdentity {
    FederatedIdentity { groups: vec!["staff".into()], ..world.word(subject) }
}

#[tokio::test]
async fn the_first_login_creates_the_account_and_the_second_finds_it() {
    let world = wired(provisioning(), Staff::default());
    let mut identity = staff(&world, "bob");
    (identity.email, identity.email_verified) = ("bob@example.com".parse().ok(), true);
    identity.display_name = Some("Bob".into());
    let first = world.logged_in(identity.clone()).await;
    let bob = world.suite.user("bob", TENANT).await;
    assert_eq!(first.owner().map(|owner| owner.user_id), Some(bob.user_id));
    assert_eq!((bob.display_name.as_deref(), bob.email_verified), (Some("Bob"), true));
    assert_eq!(
        world.names(),
        ["FederatedIdentityLinked", "SignupCompleted", "LoginStarted", "FactorVerified", "LoginCompleted"]
    );
    let second = world.logged_in(identity).await;
    assert_eq!(second.owner(), first.owner());
}

#[tokio::test]
async fn a_name_that_no_store_keeps_stops_nobody() {
    let world = wired(provisioning(), Staff::default());
    for (subject, name) in [("bob", "B\0b".to_owned()), ("carol", "c".repeat(4_097))] {
        let identity = FederatedIdentity { display_name: Some(name), ..staff(&world, subject) };
        world.logged_in(identity).await;
        assert_eq!(world.suite.user(subject, TENANT).await.display_name, None, "{subject}");
    }
    let identity = FederatedIdentity { display_name: Some("d".repeat(4_096)), ..staff(&world, "dave") };
    world.logged_in(identity).await;
    assert!(world.suite.user("dave", TENANT).await.display_name.is_some());
}

#[tokio::test]
async fn an_address_that_does_not_count_is_kept_unverified() {
    let world = wired(provisioning(), Staff::default());
    // Of another domain, not verified there, and somebody else's here.
    let rows = [
        ("bob", "bob@other.example", true),
        ("carol", "carol@example.com", false),
        ("dave", "alice@example.com", true),
    ];
    for (subject, email, email_verified) in rows {
        // The suite's account has an identity already, so its address links no other.
        if subject == "dave" {
            world.link("alice-at-okta").await;
        }
        let identity =
            FederatedIdentity { email: email.parse().ok(), email_verified, ..staff(&world, subject) };
        world.logged_in(identity).await;
        let user = world.suite.user(subject, TENANT).await;
        assert_eq!(
            (user.email.map(|email| email.to_string()).as_deref(), user.email_verified),
            (Some(email), false)
        );
    }
}

#[tokio::test]
async fn nobody_is_created_unless_provider_and_application_want_it() {
    let world = wired(authority(), Staff::default());
    assert_eq!(called(&world.log_in(staff(&world, "bob")).await.1.outcome), "not linked");
    let world = wired(provisioning(), Staff::default());
    assert_eq!(called(&world.log_in(world.word("bob")).await.1.outcome), "not linked");
    let no_provisioner = TestSuite::builder().methods(vec![federated()]).build();
    let world = Wired::over(no_provisioner, provisioning(), None);
    assert_eq!(called(&world.log_in(staff(&world, "bob")).await.1.outcome), "not linked");
    let no_method = TestSuite::builder().methods(vec![Method::password()]).build();
    let world = Wired::over(no_method, provisioning(), Some(Arc::new(Staff::default())));
    assert_eq!(called(&world.log_in(staff(&world, "bob")).await.1.outcome), "not allowed");
    assert_eq!(world.refusals(), [Reason::NoMethod]);
    let slug = TENANT.parse().unwrap();
    let found = world.suite.backend.find_login(slug, Identifier::parse("bob").unwrap()).await.unwrap();
    assert!(found.user.is_none());
}

#[tokio::test]
async fn a_taken_name_refuses_the_login_and_leaves_no_link() {
    let world = wired(provisioning(), Staff::default());
    for _ in 0..2 {
        let (_, done) = world.log_in(staff(&world, USER)).await;
        assert_eq!(called(&done.outcome), "not allowed");
    }
    assert_eq!(world.refusals(), [Reason::NameTaken; 2]);
    let (tenant, issuer) = (world.suite.owner().await.tenant_id, world.idp.issuer_name());
    assert!(world.links.find_link(tenant, issuer.into(), USER.into()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_link_whose_account_was_never_made_is_made_good() {
    let world = wired(provisioning(), Staff::default());
    let tenant_id = world.suite.owner().await.tenant_id;
    let planned = Owner { tenant_id, user_id: axess_identity::UserId::from_parts(5, [5; 10]) };
    world.link_of(planned, "bob").await;
    let session = world.logged_in(staff(&world, "bob")).await;
    assert_eq!(session.owner(), Some(planned));
}

#[tokio::test]
async fn the_application_is_asked_about_every_login() {
    let world = wired(provisioning(), Staff::default());
    world.logged_in(staff(&world, "bob")).await;
    let blocked = FederatedIdentity { groups: vec!["blocked".into()], ..world.word("bob") };
    let (session, done) = world.log_in(blocked).await;
    assert_eq!(called(&done.outcome), "not allowed");
    assert!(!session.is_authenticated());
    assert_eq!(world.refusals(), [Reason::NotAdmitted]);
}

#[tokio::test]
async fn a_directory_that_is_away_is_a_fault_and_creates_nobody() {
    let world = wired(provisioning(), Staff { broken: true, ..Staff::default() });
    let (session, state) = world.begin(&world.suite.session().await).await;
    let response = world.idp.answer(&state, staff(&world, "bob"));
    let failed = world.service.complete_federated_login(&session, "okta", response).await;
    assert!(matches!(failed, Err(AuthnError::Store(error)) if error.kind() == StoreErrorKind::Backend));
}

#[tokio::test]
async fn an_address_links_no_account_that_may_not_log_in() {
    let blocked = |world: &Wired| FederatedIdentity {
        groups: vec!["blocked".into()],
        email: axess_testing::EMAIL.parse().ok(),
        email_verified: true,
        ..world.word("1")
    };
    let no_method = TestSuite::builder().methods(vec![Method::password()]).build();
    for (world, why) in [
        (wired(authority(), Staff::default()), Reason::NotAdmitted),
        (Wired::over(no_method, authority(), None), Reason::NoMethod),
    ] {
        let (_, done) = world.log_in(blocked(&world)).await;
        assert_eq!(called(&done.outcome), "not allowed");
        assert_eq!(world.refusals(), [why]);
        assert!(world.links.find_links(world.suite.owner().await).await.unwrap().is_empty());
    }
}
