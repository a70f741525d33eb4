//! Several servers that share what there is to tell.

use super::receiver::Receiver;
use crate::store::place::*;
use audex_server::{
    notify::{Notice, NoticeSeal, Notifier},
    settings::{NotificationSettings, ServerSettings},
    store::Store,
};
use axess::rng::SystemRng;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const KEY: &str = "a key that both sides know";

fn notifier(place: &Place, settings: &ServerSettings, store: &Store) -> Notifier {
    let seal = NoticeSeal::new([8; 32], Arc::new(SystemRng)).unwrap();
    Notifier::new(settings, [9; 32], seal, store.clone(), place.clock.clone()).unwrap()
}

fn webhook(place: &Place, url: &str) -> ServerSettings {
    let mut settings = place.settings.clone();
    settings.is_dev = true;
    settings.notifications = NotificationSettings {
        webhooks: vec![format!("{url}/hook")],
        webhook_key: Some(KEY.to_owned()),
        ..NotificationSettings::default()
    };
    settings
}

on_both!(each_is_sent_once_whichever_server_sends_it, |place: Place| async move {
    let receiver = Receiver::start().await;
    let (other, settings) = (place.other().await, webhook(&place, &receiver.url));
    let (one, two) = (notifier(&place, &settings, &place.store), notifier(&place, &settings, &other));
    for number in 0..40 {
        let pending = pending(&format!("{number}@example.com"), now());
        let notices = one.notices(Notice::Asked(&pending));
        place.store.insert_request(&pending, &[], administered("asked"), notices).await.unwrap();
        one.wake();
        two.wake();
    }
    let got = receiver.wait_for(40).await;
    one.close(Duration::from_secs(5)).await;
    two.close(Duration::from_secs(5)).await;
    let ids: BTreeSet<&str> = got.iter().map(|one| one.header("x-audex-id")).collect();
    assert_eq!((ids.len(), receiver.got().len()), (40, 40));
    assert!(place.store.notices_due(now()).await.unwrap().is_empty(), "what was taken is deleted");
    other.close().await;
});

on_both!(a_server_leaves_to_others_what_it_cannot_send, |place: Place| async move {
    let receiver = Receiver::start().await;
    let settings = webhook(&place, &receiver.url);
    let strange = notifier(&place, &webhook(&place, "http://127.0.0.1:1"), &place.store);
    let known = notifier(&place, &settings, &place.store);
    let pending = pending("alice@example.com", now());
    let notices = known.notices(Notice::Asked(&pending));
    known.close(Duration::from_secs(5)).await;
    place.store.insert_request(&pending, &[], administered("asked"), notices).await.unwrap();
    strange.wake();
    strange.close(Duration::from_secs(5)).await;
    assert_eq!(place.store.notices_due(now()).await.unwrap().len(), 1);
    // It begins with what it finds.
    let known = notifier(&place, &settings, &place.store);
    assert_eq!(receiver.wait_for(1).await[0].json()["event"], "request.pending_approval");
    known.close(Duration::from_secs(5)).await;
    assert!(place.store.notices_due(now()).await.unwrap().is_empty());
});
