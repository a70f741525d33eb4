//! Delivery by a program that is asked.

use crate::stage::{Served, credential};
use audex_cli::deliver::{
    DeliverError,
    process::{AskError, SUBCOMMAND, ask, configure, document},
};
use audex_core::Credential;
use audex_policy::Provider;
use axess_clock::MockClock;
use std::{fs, path::Path, time::Duration};

async fn asked(served: &Served) -> Result<String, AskError> {
    let folder = served.home.folder.path().to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut out = Vec::new();
        ask(&folder, &mut out).map(|()| String::from_utf8(out).unwrap())
    });
    answer.await.unwrap()
}

#[tokio::test]
async fn it_is_asked_anew_each_time() {
    let served = Served::local().await;
    let (folder, program) = (&served.home.folder, Path::new("/opt/audex/tryaudex"));
    assert!(matches!(asked(&served).await, Err(AskError::Unreachable(_))), "nothing is configured");
    let variables = configure(
        folder,
        program,
        served.endpoint.address(),
        &credential(Provider::Local, &served.clock, "1"),
    )
    .unwrap();
    let line = format!("/opt/audex/tryaudex {SUBCOMMAND} {}", folder.path().display());
    assert_eq!(variables.get("AUDEX_TOKEN_PROCESS").unwrap(), line);

    assert!(asked(&served).await.unwrap().contains("\"token-1\""));
    served.minted.send_replace(Some(credential(Provider::Local, &served.clock, "2")));
    assert!(asked(&served).await.unwrap().contains("\"token-2\""));
    assert_eq!(served.endpoint.fetches(), 2);
    for entry in fs::read_dir(folder.path()).unwrap() {
        let content = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!content.contains("token-"), "a credential is on disk");
    }

    served.clock.advance(Duration::from_secs(3_600));
    let over = asked(&served).await.unwrap_err().to_string();
    assert_eq!(over, "the session's endpoint refused: the tryaudex session is over; start another");
}

#[tokio::test]
async fn an_address_elsewhere_is_not_asked() {
    let served = Served::local().await;
    for address in ["192.0.2.1:80", "0.0.0.0:80", "[::1]:80", "x"] {
        served.home.folder.write("endpoint-address", address.as_bytes()).unwrap();
        assert!(matches!(asked(&served).await, Err(AskError::Unreachable(_))), "{address}");
    }
}

#[tokio::test]
async fn paths_that_shells_read_otherwise_are_refused() {
    let served = Served::local().await;
    let first = credential(Provider::Local, &served.clock, "1");
    for program in
        ["/opt/my tools/tryaudex", "/opt/$(id)/tryaudex", "/opt/a'b", "/opt/a\nb", "/opt/a;b", "tryaudex"]
    {
        let outcome = configure(&served.home.folder, Path::new(program), served.endpoint.address(), &first);
        assert!(matches!(outcome, Err(DeliverError::OddPath(_))), "{program}");
    }
}

#[test]
fn without_a_command_it_is_a_document() {
    let clock = MockClock::default();
    let token = document(&credential(Provider::Local, &clock, "1")).unwrap();
    let token: serde_json::Value = serde_json::from_slice(&token).unwrap();
    assert_eq!((&token["token"], &token["expires_at"]), (&"token-1".into(), &"2026-01-01T00:15:00Z".into()));

    let keys = document(&credential(Provider::Aws, &clock, "1")).unwrap();
    let keys: serde_json::Value = serde_json::from_slice(&keys).unwrap();
    assert_eq!((&keys["Version"], &keys["SessionToken"]), (&1.into(), &"session-1".into()));

    let other = Credential::new(Provider::Vault, "id", chrono::DateTime::UNIX_EPOCH);
    assert!(matches!(
        document(&other),
        Err(DeliverError::NotThisWay { provider: Provider::Vault, way: "process" })
    ));
}
