//! How long a session lives, and when its browser is told.

use super::*;

#[tokio::test]
async fn the_lifetime_slides_when_half_of_it_is_over_and_the_cookie_with_it() {
    let world = World::new();
    let id = world.stored().await;
    let began = world.clock.now();
    world.clock.advance(12 * HOUR);
    let session = world.open(id).await;
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    assert_eq!(world.store.calls(), ["load"], "exactly half is left");

    world.clock.advance(Duration::from_secs(1));
    let session = world.open(id).await;
    let expires_at = began + TimeDelta::hours(36) + TimeDelta::seconds(1);
    assert_eq!(session.finish().await.unwrap(), CookieAction::Issue { id, expires_at });
    assert_eq!(world.store.calls(), ["load", "save"]);
    assert_eq!(world.row(id).await.unwrap().expires_at, expires_at);

    world.clock.advance(24 * HOUR);
    assert!(world.open(id).await.is_guest() && !world.open(id).await.is_stored(), "unused, it is over");
}

#[tokio::test]
async fn the_cookie_is_told_again_only_when_its_promise_is_half_a_lifetime_behind() {
    let world = World::new();
    let id = world.stored().await;
    // Writes move the row's end each time, the cookie's only now and then: at hours 0, 14 and 28.
    for hour in 1..=30 {
        world.clock.advance(HOUR);
        if hour % 7 != 0 {
            continue;
        }
        let session = world.open(id).await;
        session.set_custom("hour", &hour).unwrap();
        let action = session.finish().await.unwrap();
        assert_eq!(issued(action), [14, 28].contains(&hour), "hour {hour}");
        let expires_at = world.row(id).await.unwrap().expires_at;
        assert_eq!(expires_at, world.clock.now() + TimeDelta::hours(24));
    }
}

#[tokio::test]
async fn nothing_extends_the_absolute_lifetime() {
    let world = World::with(|sessions| sessions.with_absolute_ttl(2 * HOUR));
    let began = world.clock.now();
    let end = began + TimeDelta::hours(2);
    let id = world.authenticated().await;
    assert_eq!(world.row(id).await.unwrap().expires_at, end);
    world.clock.advance(HOUR + HOUR / 2);
    let session = world.open(id).await;
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    assert_eq!(world.store.calls(), ["load"], "less than half is left, but nothing can be gained");
    session.regenerate().await.unwrap();
    let id = session.session_id();
    assert_eq!(session.finish().await.unwrap(), CookieAction::Issue { id, expires_at: end });
    world.clock.advance(HOUR / 2 - Duration::from_secs(1));
    assert!(world.open(id).await.is_authenticated());
    world.clock.advance(Duration::from_secs(1));
    assert!(world.open(id).await.is_guest());
}

#[tokio::test]
async fn a_shortened_absolute_lifetime_holds_for_sessions_that_exist() {
    let world = World::new();
    let id = world.authenticated().await;
    world.clock.advance(2 * HOUR);
    let strict = world.sessions.clone().with_absolute_ttl(HOUR);
    assert!(!strict.is_live(id).await.unwrap());
    assert!(world.store.inner.is_empty(), "and are ended in the store as well");
}

#[tokio::test]
async fn a_clock_set_back_neither_ends_nor_prolongs_a_session() {
    let world = World::new();
    let id = world.authenticated().await;
    let expires_at = world.row(id).await.unwrap().expires_at;
    world.clock.jump(TimeDelta::hours(-3));
    let session = world.open(id).await;
    assert!(session.is_authenticated());
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    assert_eq!(world.store.calls(), ["load"]);
    assert_eq!(world.row(id).await.unwrap().expires_at, expires_at);
}

#[tokio::test]
async fn a_session_in_use_does_not_run_out_in_the_registry() {
    let registry = MemorySessionRegistry::new();
    let world = World::with(|sessions| sessions.with_registry(Arc::new(registry.clone())));
    let id = world.authenticated().await;
    for day in 0..10 {
        world.clock.advance(13 * HOUR);
        let session = world.open(id).await;
        assert!(session.is_authenticated(), "day {day}");
        session.finish().await.unwrap();
    }
    world.clock.advance(24 * HOUR);
    assert!(!registry.is_valid(OWNER, id, world.clock.now()).await.unwrap());
}

#[tokio::test]
async fn the_cookie_never_runs_out_before_its_session() {
    // The cap leaves less than half a lifetime to be gained: the browser must be told of it all the same.
    let world = World::with(|sessions| sessions.with_ttl(10 * HOUR).with_absolute_ttl(14 * HOUR));
    let end = world.clock.now() + TimeDelta::hours(14);
    let id = world.authenticated().await;
    world.clock.advance(6 * HOUR);
    assert_eq!(world.open(id).await.finish().await.unwrap(), CookieAction::Issue { id, expires_at: end });

    // A write shortly before the half is over moves the row but not the cookie; reading later must still renew both.
    let world = World::with(|sessions| sessions.with_ttl(10 * HOUR));
    let id = world.authenticated().await;
    world.clock.advance(4 * HOUR);
    let session = world.open(id).await;
    session.set_custom("k", &1).unwrap();
    assert_eq!(session.finish().await.unwrap(), CookieAction::Keep);
    world.clock.advance(2 * HOUR);
    let expires_at = world.clock.now() + TimeDelta::hours(10);
    assert_eq!(world.open(id).await.finish().await.unwrap(), CookieAction::Issue { id, expires_at });
}
