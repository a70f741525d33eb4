//! What is stored: sealed or plain, under old keys, moved, damaged.

use super::{
    browser::Browser,
    probe::Call::{End, Load, Save},
    site::Site,
};
use axess_core::{session::SessionCrypto, store::SessionRow};
use bytes::Bytes;

const OLD: [u8; 32] = [21; 32];
const NEW: [u8; 32] = [22; 32];

/// What somebody with access to the database did to a row.
type Tampering = fn(SessionRow) -> SessionRow;

fn sealing(key: [u8; 32]) -> SessionCrypto {
    SessionCrypto::new(key).unwrap()
}

fn contains(row: &SessionRow, text: &str) -> bool {
    row.payload.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A browser with a session whose color is green, stored under `crypto`.
async fn stored(site: &Site, crypto: Option<SessionCrypto>) -> Browser {
    let layer = site.layer();
    let layer = match crypto {
        Some(crypto) => layer.with_crypto(crypto),
        None => layer,
    };
    let mut browser = Browser::new(site.app_with(&layer));
    browser.get("/write").await;
    assert_eq!(browser.get("/read").await.body, "green");
    site.store.calls();
    browser
}

#[tokio::test]
async fn a_sealed_row_shows_nothing() {
    let site = Site::new().await;
    stored(&site, None).await;
    assert!(contains(&site.store.written(), "green"), "plain without a key");
    stored(&site, Some(sealing(OLD))).await;
    let sealed = site.store.written();
    assert!(!contains(&sealed, "green") && !contains(&sealed, "color"));
    stored(&site, Some(sealing(OLD))).await;
    assert_ne!(site.store.written().payload, sealed.payload);
}

#[tokio::test]
async fn a_row_under_an_old_key_is_sealed_again_when_it_is_read() {
    let site = Site::new().await;
    let browser = stored(&site, Some(sealing(OLD))).await;
    let before = site.store.written();
    let both = site.layer().with_crypto(sealing(NEW).with_previous_key(OLD).unwrap());
    let mut browser = browser.at(site.app_with(&both));

    let reply = browser.get("/read").await;
    assert_eq!((reply.body.as_str(), reply.header("set-cookie")), ("green", None));
    assert_eq!(site.store.calls(), [Load, Save]);
    let after = site.store.written();
    assert_eq!((after.id, after.version), (before.id, before.version + 1));
    browser.get("/read").await;
    assert_eq!(site.store.calls(), [Load], "once is enough");

    let new_only = site.app_with(&site.layer().with_crypto(sealing(NEW)));
    assert_eq!(browser.at(new_only).get("/read").await.body, "green");
}

#[tokio::test]
async fn what_cannot_be_read_makes_a_guest_and_ends_the_row() {
    let plain = async |tampering: Tampering| {
        let site = Site::new().await;
        let browser = stored(&site, None).await;
        site.store.tamper(tampering(site.store.written())).await;
        (site, browser)
    };
    let tamperings: [(&str, Tampering); 5] = [
        ("empty", |row| SessionRow { payload: Bytes::new(), ..row }),
        ("garbage", |row| SessionRow { payload: Bytes::from_static(&[0xc1; 64]), ..row }),
        ("truncated", |row| SessionRow { payload: row.payload.slice(..row.payload.len() - 1), ..row }),
        ("from the future", |row| {
            let mut payload = row.payload.to_vec();
            payload[1..3].copy_from_slice(&u16::MAX.to_be_bytes());
            SessionRow { payload: payload.into(), ..row }
        }),
        ("unknown form", |row| {
            let mut payload = row.payload.to_vec();
            payload[0] = 9;
            SessionRow { payload: payload.into(), ..row }
        }),
    ];
    for (name, tampering) in tamperings {
        let (site, mut browser) = plain(tampering).await;
        let reply = browser.get("/read").await;
        assert_eq!((name, reply.status.as_u16(), reply.body.as_str()), (name, 200, ""));
        assert_eq!(reply.header("set-cookie"), None, "{name}");
        assert_eq!((name, site.store.calls(), site.store.len()), (name, vec![Load, End], 0));
    }
    // The same machinery with nothing tampered reads it: the cases above fail for their own reasons.
    let (_site, mut browser) = plain(|row| row).await;
    assert_eq!(browser.get("/read").await.body, "green");
}

#[tokio::test]
async fn rows_that_the_keys_do_not_vouch_for_are_refused() {
    let refused = async |site: &Site, browser: Browser, crypto: Option<SessionCrypto>, why: &str| {
        let layer = match crypto {
            Some(crypto) => site.layer().with_crypto(crypto),
            None => site.layer(),
        };
        let reply = browser.at(site.app_with(&layer)).get("/read").await;
        assert_eq!((why, reply.status.as_u16(), reply.body.as_str()), (why, 200, ""));
        assert_eq!((why, site.store.calls()), (why, vec![Load, End]));
    };
    let site = Site::new().await;
    let browser = stored(&site, None).await;
    refused(&site, browser, Some(sealing(NEW)), "a plain row while sealing is on").await;
    let browser = stored(&site, Some(sealing(OLD))).await;
    refused(&site, browser, Some(sealing(NEW)), "the key is gone").await;
    let browser = stored(&site, Some(sealing(OLD))).await;
    refused(&site, browser, None, "a sealed row while sealing is off").await;

    let browser = stored(&site, Some(sealing(OLD))).await;
    let mut row = site.store.written();
    let mut payload = row.payload.to_vec();
    *payload.last_mut().unwrap() ^= 1;
    row.payload = payload.into();
    site.store.tamper(row).await;
    refused(&site, browser, Some(sealing(OLD)), "one bit flipped").await;
}

#[tokio::test]
async fn a_sealed_payload_cannot_be_moved_to_another_session() {
    let site = Site::new().await;
    let layer = site.layer().with_crypto(sealing(OLD));
    site.logged_in(Browser::new(site.app_with(&layer))).await;
    let rich = site.store.written();
    let mut thief = stored(&site, Some(sealing(OLD))).await;
    let own = site.store.written();
    site.store.tamper(SessionRow { payload: rich.payload, ..own }).await;
    assert_eq!(thief.get("/whoami").await.body, "guest");
    assert_eq!(site.store.calls(), [Load, End]);
}
