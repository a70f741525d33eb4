use super::*;
use axess_core::store::StoreErrorKind;

async fn end(store: &ValkeySessionStore, n: u8) -> u64 {
    store.end(id(n), at(1)).await.unwrap()
}

#[tokio::test]
async fn an_end_before_the_commit_wins() {
    for store in stores("an_end_before_the_commit_wins").await {
        let new = row(2, Some(alice()));
        insert(&store, &row(1, Some(alice()))).await;
        prepare(&store, 1, &new).await;
        assert_eq!(end(&store, 1).await, 1);
        assert!(!commit(&store, 1, 2).await);
        assert_eq!((load(&store, 1).await, load(&store, 2).await), (None, None));
        store.abandon(id(1), &new).await.unwrap();
        assert_eq!(store.end(id(2), at(1)).await.unwrap(), 0);
        assert_eq!((load(&store, 1).await, load(&store, 2).await), (None, None));
        assert_eq!(listed(&store).await, []);
    }
}

#[tokio::test]
async fn an_end_after_the_commit_wins() {
    for store in stores("an_end_after_the_commit_wins").await {
        let new = row(2, Some(alice()));
        insert(&store, &row(1, Some(alice()))).await;
        prepare(&store, 1, &new).await;
        assert!(commit(&store, 1, 2).await);
        assert_eq!(end(&store, 1).await, 1);
        // The rotation goes on where it was: it must not bring the row back.
        store.confirm(&new, id(1), at(0)).await.unwrap();
        assert_eq!((load(&store, 1).await, load(&store, 2).await), (None, None));
        assert_eq!(listed(&store).await, []);
        assert_eq!(end(&store, 1).await, 0);
    }
}

#[tokio::test]
async fn an_end_by_the_new_id_wins_before_the_commit() {
    for store in stores("an_end_by_the_new_id_wins_before_the_commit").await {
        let new = row(2, None);
        insert(&store, &row(1, None)).await;
        prepare(&store, 1, &new).await;
        assert_eq!(end(&store, 2).await, 0, "there is no such session yet");
        assert!(commit(&store, 1, 2).await);
        store.confirm(&new, id(1), at(0)).await.unwrap();
        assert_eq!((load(&store, 1).await, load(&store, 2).await), (None, None));
    }
}

#[tokio::test]
async fn ending_a_user_meets_a_rotation_between_any_two_steps() {
    for store in stores("ending_a_user_meets_a_rotation_between_any_two_steps").await {
        for (base, from_guest, committed) in
            [(10, false, false), (20, false, true), (30, true, false), (40, true, true)]
        {
            let (old, new) = (row(base, (!from_guest).then(alice)), row(base + 1, Some(alice())));
            insert(&store, &old).await;
            prepare(&store, base, &new).await;
            if committed {
                assert!(commit(&store, base, base + 1).await);
            }
            // A guest's session is not the user's, and the user has none before the commit.
            let expect = u64::from(committed || !from_guest);
            assert_eq!(store.end_for_user(alice(), None).await.unwrap(), expect, "{base}");
            // The rotation goes on where it was.
            if committed || commit(&store, base, base + 1).await {
                store.confirm(&new, id(base), at(0)).await.unwrap();
            } else {
                store.abandon(id(base), &new).await.unwrap();
            }
            assert_eq!(load(&store, base + 1).await, None, "{base}");
            assert_eq!(listed(&store).await, [], "{base}");
        }
    }
}

#[tokio::test]
async fn the_session_to_keep_is_not_ended_through_its_old_id() {
    for store in stores("the_session_to_keep_is_not_ended_through_its_old_id").await {
        insert(&store, &row(1, Some(alice()))).await;
        insert(&store, &row(5, Some(alice()))).await;
        for (old, new) in [(1, 2), (2, 3)] {
            let done = store.cycle(id(old), 1, row(new, Some(alice())), at(0)).await.unwrap();
            assert_eq!(done, SaveOutcome::Saved);
        }
        // As if the rotations had stopped before they took the old ids from the index.
        for n in [1, 2] {
            let mut cmd = redis::cmd("ZADD");
            cmd.arg(store.index_key(alice())).arg(i64::MAX).arg(id(n).as_bytes());
            store.valkey.query::<i64>(&cmd).await.unwrap();
        }
        assert_eq!(listed(&store).await.len(), 2, "an old id in the index is no other session");
        assert_eq!(store.end_for_user(alice(), Some(id(3))).await.unwrap(), 1);
        assert_eq!(listed(&store).await, [id(3)]);
        assert_eq!(store.end_for_user(alice(), None).await.unwrap(), 1);
        assert_eq!(listed(&store).await, []);
    }
}

#[tokio::test]
async fn a_session_that_changed_hands_is_not_ended_for_the_old_owner() {
    let bob = Owner { user_id: UserId::from_parts(0, [3; 10]), ..alice() };
    for store in stores("a_session_that_changed_hands_is_not_ended_for_the_old_owner").await {
        insert(&store, &row(1, Some(alice()))).await;
        let switched = SessionRow { version: 2, ..row(1, Some(bob)) };
        assert_eq!(store.save(switched).await.unwrap(), SaveOutcome::Saved);
        assert_eq!(store.end_for_user(alice(), None).await.unwrap(), 0);
        assert!(load(&store, 1).await.is_some());
        assert_eq!(store.end_for_tenant(alice().tenant_id).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn an_end_follows_many_rotations_and_does_not_pretend() {
    for store in stores("an_end_follows_many_rotations_and_does_not_pretend").await {
        insert(&store, &row(0, None)).await;
        for n in 0..200 {
            let done = store.cycle(id(n), 1, row(n + 1, None), at(0)).await.unwrap();
            assert_eq!(done, SaveOutcome::Saved);
        }
        assert_eq!(end(&store, 0).await, 1);
        assert_eq!(load(&store, 200).await, None);
        // Markers in a circle, which no rotation makes.
        for (from, to) in [(1, 2), (2, 1)] {
            let mut cmd = redis::cmd("HSET");
            cmd.arg(store.row_key(id(from))).arg("m").arg(id(to).as_bytes()).arg("u").arg(i64::MAX);
            store.valkey.query::<i64>(&cmd).await.unwrap();
        }
        assert_eq!(store.end(id(1), at(1)).await.unwrap_err().kind(), StoreErrorKind::Backend);
    }
}
