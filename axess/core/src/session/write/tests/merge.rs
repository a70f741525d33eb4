//! Requests that write to one session at once, and how much fits into it.

use super::*;

#[tokio::test]
async fn a_lost_write_is_merged_with_what_won() {
    let world = World::new();
    let id = world.stored().await;
    let (one, two) = (world.open(id).await, world.open(id).await);
    one.set_custom("one", &1).unwrap();
    one.set_custom("shared", &1).unwrap();
    one.remove_custom("first");
    two.set_custom("two", &2).unwrap();
    two.set_custom("shared", &2).unwrap();
    one.finish().await.unwrap();
    world.store.calls();
    two.finish().await.unwrap();
    assert_eq!(world.store.calls(), ["save", "load", "save"]);
    for session in [two, world.open(id).await] {
        let keys = ["one", "two", "shared", "first"].map(|key| custom(&session, key));
        assert_eq!(keys, [Some(1), Some(2), Some(2), None], "the later writer has the last word on one key");
    }
    assert_eq!(world.row(id).await.unwrap().version, 3);
}

#[tokio::test]
async fn custom_data_is_limited_in_keys_and_bytes() {
    let world = World::new();
    let session = world.visitor().await;
    for n in 0..MAX_CUSTOM_KEYS {
        session.set_custom(&n.to_string(), &0).unwrap();
    }
    let error = session.set_custom("one more", &0).unwrap_err();
    assert!(matches!(error, SessionError::CustomDataTooLarge));
    assert_eq!(custom(&session, "one more"), None);
    session.set_custom("7", &1).unwrap();
    session.remove_custom("8");
    session.set_custom("one more", &0).unwrap();

    let session = world.visitor().await;
    // A JSON string has two quotes; the key counts as well.
    let fits = "x".repeat(MAX_CUSTOM_BYTES - 2 - 3);
    session.set_custom("key", &fits).unwrap();
    assert!(session.set_custom("key", &format!("{fits}x")).is_err());
    assert!(session.set_custom("k", &"").is_err());
    session.set_custom("key", &fits.to_uppercase()).unwrap();
    session.finish().await.unwrap();
    let again = world.open(session.session_id()).await;
    assert_eq!(again.get_custom::<String>("key").unwrap(), Some(fits.to_uppercase()));
}

#[tokio::test]
async fn a_merge_never_outgrows_the_limit() {
    let world = World::new();
    let id = world.stored().await;
    let (one, two) = (world.open(id).await, world.open(id).await);
    let half = "x".repeat(MAX_CUSTOM_BYTES / 2);
    one.set_custom("one", &half).unwrap();
    two.set_custom("two", &half).unwrap();
    two.set_custom("small", &2).unwrap();
    one.finish().await.unwrap();
    two.finish().await.unwrap();
    let session = world.open(id).await;
    assert_eq!(session.get_custom::<String>("one").unwrap(), Some(half));
    assert_eq!(session.get_custom::<String>("two").unwrap(), None, "came second and does not fit");
    assert_eq!(custom(&session, "small"), Some(2));
}

#[tokio::test]
async fn a_session_that_is_always_overtaken_gives_up_in_the_end() {
    let world = World::new();
    let id = world.stored().await;
    let session = world.open(id).await;
    world.store.calls();
    world.store.loses.store(true, Ordering::SeqCst);
    session.set_custom("mine", &1).unwrap();
    assert!(matches!(session.finish().await, Err(SessionError::Contended)));
    let calls = world.store.calls();
    assert_eq!(calls.iter().filter(|call| **call == "save").count(), MAX_RETRIES);
    world.store.loses.store(false, Ordering::SeqCst);
    session.finish().await.unwrap();
    assert_eq!(custom(&world.open(id).await, "mine"), Some(1), "the change is still there to be written");
}

#[tokio::test]
async fn a_change_that_no_longer_applies_is_not_committed() {
    let world = World::new();
    let id = world.stored().await;
    let Owner { tenant_id, user_id } = OWNER;
    let start = |total_steps| Change::StartWorkflow {
        tenant_id,
        user_id,
        kind: WorkflowKind::Custom("tour".into()),
        total_steps,
    };
    assert!(world.open(id).await.commit(start(2)).await.unwrap());
    let (one, two) = (world.open(id).await, world.open(id).await);
    assert!(one.commit(Change::AdvanceWorkflow).await.unwrap());
    two.set_custom("kept", &1).unwrap();
    assert!(!two.commit(Change::AdvanceWorkflow).await.unwrap(), "the last step was taken meanwhile");
    assert_eq!(two.state(), one.state());
    two.finish().await.unwrap();
    assert_eq!(custom(&world.open(id).await, "kept"), Some(1), "a refusal costs no other change");
    assert!(matches!(one.advance(Input::PrivilegeChanged).await.unwrap(), Advance::Refused));
}

#[tokio::test]
async fn an_id_that_exists_already_is_not_taken_over() {
    let world = World::new();
    let twin = world.sessions.clone().with_rng(Arc::new(MockRng::new(1)));
    let first = world.stored().await;
    let session = twin.open(None, RequestContext::default()).await.unwrap();
    assert_eq!(session.session_id(), first, "the same draw");
    session.set_custom("first", &2).unwrap();
    assert!(issued(session.finish().await.unwrap()));
    assert_ne!(session.session_id(), first);
    assert_eq!(custom(&world.open(first).await, "first"), Some(1));
    assert_eq!(custom(&world.open(session.session_id()).await, "first"), Some(2));
}
