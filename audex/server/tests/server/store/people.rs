use super::place::*;
use audex_server::{
    model::{ApiToken, ApprovalKey, PageQuery, Person, PersonKind},
    store::{Store, StoreFault},
};
use axess::{UserId, rng::SystemRng};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use uuid::Uuid;

fn person(email: &str, at: DateTime<Utc>) -> Person {
    Person {
        user_id: UserId::generate(at, &SystemRng),
        email: email.to_owned(),
        display_name: "A \u{0} \u{1f98a}".to_owned(),
        kind: PersonKind::Human,
        groups: vec!["team:devops".to_owned()],
        provider_groups: vec!["team:devops".to_owned()],
        roles: vec!["security".to_owned()],
        is_disabled: false,
        created_at: at,
    }
}

pub(super) fn token(owner: &Person, n: u8) -> ApiToken {
    ApiToken {
        id: Uuid::from_bytes([n; 16]),
        digest: [n; 32],
        owner: owner.user_id,
        made_by: owner.user_id,
        name: "laptop".to_owned(),
        scopes: vec!["request".to_owned()],
        created_at: now() + TimeDelta::seconds(i64::from(n)),
        expires_at: now() + TimeDelta::days(1),
        last_used_at: None,
        revoked_at: None,
    }
}

pub(super) async fn add(store: &Store, email: &str) -> Person {
    let person = person(email, now());
    store.insert_person(&operator(), &person, administered("person.invited")).await.unwrap();
    person
}

on_both!(people_are_kept_as_they_are, |place: Place| async move {
    let (store, mut alice) = (&place.store, add(&place.store, "alice@example.com").await);
    assert_eq!(store.person(alice.user_id).await.unwrap().unwrap(), alice);
    assert_eq!(store.person_by_email("Alice@Example.com").await.unwrap().unwrap(), alice);
    // Nobody has the address of somebody else, and nobody is there twice.
    let same = person("alice@example.com", now());
    let event = || administered("person.changed");
    let taken = store.insert_person(&operator(), &same, event()).await;
    assert!(matches!(taken, Err(StoreFault::Conflict)));
    let bob = add(store, "bob@example.com").await;
    let posing = Person { email: alice.email.clone(), ..bob.clone() };
    assert!(matches!(store.save_person(&operator(), &posing, event()).await, Err(StoreFault::Conflict)));
    assert!(matches!(store.save_person(&operator(), &same, event()).await, Err(StoreFault::Conflict)));
    alice.is_disabled = true;
    alice.email = "alice@example.org".to_owned();
    store.save_person(&operator(), &alice, event()).await.unwrap();
    assert_eq!(store.person(alice.user_id).await.unwrap().unwrap(), alice);
    assert!(store.person_by_email("alice@example.com").await.unwrap().is_none());
    // What did not happen leaves no evidence.
    assert_eq!(place.types().await, ["Administered"; 3]);
    assert_eq!(place.events().await[0]["actor"], json!({ "kind": "operator", "id": "uid:0" }));
});

on_both!(pages_begin_after_one_another_whatever_is_added, |place: Place| async move {
    let store = &place.store;
    for n in 0..7 {
        // Some at the same time.
        let one = person(&format!("p{n}@example.com"), now() + TimeDelta::seconds(n / 2));
        store.insert_person(&operator(), &one, administered("person.invited")).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_people(&PageQuery { limit: Some(2), after }).await.unwrap();
        seen.extend(page.items);
        let late = person(&format!("late{}@example.com", seen.len()), now() + TimeDelta::days(1));
        store.insert_person(&operator(), &late, administered("person.invited")).await.unwrap();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted_by(|one, next| one.created_at >= next.created_at));
    for after in ["", "x", "AAAA", "\u{1f98a}"] {
        let query = PageQuery { limit: None, after: Some(after.to_owned()) };
        assert!(matches!(store.list_people(&query).await, Err(StoreFault::Page)), "{after}");
    }
});

on_both!(tokens_are_found_with_their_owner_and_die_once, |place: Place| async move {
    let (store, alice) = (&place.store, add(&place.store, "alice@example.com").await);
    for n in [1, 2] {
        store.insert_token(&operator(), &token(&alice, n), 50, administered("token.made")).await.unwrap();
    }
    let again = store.insert_token(&operator(), &token(&alice, 1), 50, administered("token.made")).await;
    assert!(matches!(again, Err(StoreFault::Conflict)));
    assert_eq!(store.find_token(&[1; 32]).await.unwrap().unwrap(), (token(&alice, 1), alice.clone()));
    assert!(store.find_token(&[9; 32]).await.unwrap().is_none());
    // Used at most every five minutes.
    let id = token(&alice, 1).id;
    for (minutes, expected) in [(0, 0), (4, 0), (5, 5)] {
        store.touch_token(id, now() + TimeDelta::minutes(minutes)).await.unwrap();
        let (found, _) = store.find_token(&[1; 32]).await.unwrap().unwrap();
        assert_eq!(found.last_used_at.unwrap(), now() + TimeDelta::minutes(expected));
    }
    for expected in [true, false] {
        let revoked =
            store.revoke_token(&operator(), id, now(), administered("token.revoked")).await.unwrap();
        assert_eq!(revoked, expected);
    }
    let (found, _) = store.find_token(&[1; 32]).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(now()));
    let page =
        store.list_tokens(Some(alice.user_id), &PageQuery { limit: Some(1), after: None }).await.unwrap();
    assert_eq!(page.items[0].name, "laptop");
    let rest = store.list_tokens(None, &PageQuery { limit: None, after: page.next }).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let nobody = UserId::generate(now(), &SystemRng);
    assert!(store.list_tokens(Some(nobody), &PageQuery::default()).await.unwrap().items.is_empty());
    assert_eq!(place.types().await.len(), 4);
});

on_both!(keys_are_one_owners, |place: Place| async move {
    let (store, alice) = (&place.store, add(&place.store, "alice@example.com").await);
    let bob = add(store, "bob@example.com").await;
    let key = |owner: &Person| ApprovalKey {
        id: "thumbprint".to_owned(),
        owner: owner.user_id,
        name: "yubikey".to_owned(),
        jwk: json!({ "kty": "OKP" }),
        created_at: now(),
    };
    assert!(store.insert_key(&operator(), &key(&alice), 1, administered("key.added")).await.unwrap());
    let taken = store.insert_key(&operator(), &key(&bob), 1, administered("key.added")).await;
    assert!(matches!(taken, Err(StoreFault::Conflict)));
    assert_eq!(store.find_key("thumbprint").await.unwrap().unwrap(), key(&alice));
    assert_eq!(store.keys_of(alice.user_id).await.unwrap(), [key(&alice)]);
    assert!(store.keys_of(bob.user_id).await.unwrap().is_empty());
    for (owner, expected) in [(&bob, false), (&alice, true), (&alice, false)] {
        let event = administered("key.removed");
        let removed = store.remove_key(&operator(), owner.user_id, "thumbprint", event).await.unwrap();
        assert_eq!(removed, expected);
    }
    assert!(store.find_key("thumbprint").await.unwrap().is_none());
});

on_both!(an_invitation_works_once_and_a_later_one_ends_it, |place: Place| async move {
    let (store, alice) = (&place.store, add(&place.store, "alice@example.com").await);
    let until = now() + TimeDelta::hours(1);
    let invite = |digest: u8| {
        let event = administered("person.invited");
        async move { store.insert_invitation(&operator(), [digest; 32], alice.user_id, until, event).await }
    };
    invite(1).await.unwrap();
    assert_eq!(store.invitation([1; 32], now()).await.unwrap(), Some(alice.user_id));
    assert_eq!(store.take_invitation([1; 32], until).await.unwrap(), None, "it has expired then");
    invite(2).await.unwrap();
    assert_eq!(store.take_invitation([1; 32], now()).await.unwrap(), None);
    let taking = (0..20).map(|_| store.take_invitation([2; 32], now()));
    let taken = futures_util::future::join_all(taking).await;
    assert_eq!(taken.into_iter().filter(|taken| taken.as_ref().unwrap().is_some()).count(), 1);
});

#[tokio::test]
async fn the_file_is_the_servers_alone() {
    let place = Place::new(Backend::Sqlite, "").await.unwrap();
    let _ = add(&place.store, "alice@example.com").await;
    for name in ["audex.db", "audex.db-wal", "audex.db-shm"] {
        let mode = place.folder.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
