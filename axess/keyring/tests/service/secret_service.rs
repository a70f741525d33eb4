use axess_keyring::{Keyring, KeyringError};
use axess_peers::Desktop;
use std::time::Duration;

const SERVICE: &str = "axess-test";

/// The largest ring of keys that an issuer writes.
const LARGE: usize = 65_536;

fn causes(error: &KeyringError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[test]
fn values_outlive_the_keyring_that_took_them() {
    let test = "secret_service::values_outlive_the_keyring_that_took_them";
    let Some(desktop) = Desktop::enter(test) else { return };
    let keyring = Keyring::secret_service();
    assert!(keyring.read(SERVICE, "name").unwrap().is_none());
    for value in [b"first".to_vec(), b"second".to_vec(), vec![b'k'; LARGE]] {
        keyring.write(SERVICE, "name", &value, ()).unwrap();
        assert_eq!(**keyring.read(SERVICE, "name").unwrap().unwrap(), *value);
    }
    assert!(keyring.read(SERVICE, "other").unwrap().is_none());
    desktop.kill_keyring().unwrap();
    let error = keyring.read(SERVICE, "name").unwrap_err();
    assert!(matches!(error, KeyringError::Unavailable(_)), "{}", causes(&error));
    desktop.start_keyring().unwrap();
    assert_eq!(keyring.read(SERVICE, "name").unwrap().unwrap().len(), LARGE, "the same handle goes on");
    keyring.remove(SERVICE, "name").unwrap();
    keyring.remove(SERVICE, "name").unwrap();
    assert!(keyring.read(SERVICE, "name").unwrap().is_none());
}

#[test]
fn a_locked_keyring_is_said_to_be_locked() {
    let Some(desktop) = Desktop::enter("secret_service::a_locked_keyring_is_said_to_be_locked") else {
        return;
    };
    let keyring = Keyring::secret_service().with_patience(Duration::from_secs(10));
    keyring.write(SERVICE, "name", b"value", ()).unwrap();
    desktop.lock_keyring().unwrap();
    for error in [
        keyring.read(SERVICE, "name").unwrap_err(),
        keyring.write(SERVICE, "name", b"other", ()).unwrap_err(),
        keyring.write(SERVICE, "new", b"other", ()).unwrap_err(),
        keyring.remove(SERVICE, "name").unwrap_err(),
    ] {
        assert!(matches!(error, KeyringError::Locked(_)), "{}", causes(&error));
    }
    desktop.kill_keyring().unwrap();
    desktop.start_keyring().unwrap();
    assert_eq!(**keyring.read(SERVICE, "name").unwrap().unwrap(), *b"value");
}

#[test]
fn a_keyring_that_does_not_answer_is_given_up() {
    let Some(desktop) = Desktop::enter("secret_service::a_keyring_that_does_not_answer_is_given_up") else {
        return;
    };
    let keyring = Keyring::secret_service().with_patience(Duration::from_secs(1));
    keyring.write(SERVICE, "name", b"value", ()).unwrap();
    desktop.freeze_keyring().unwrap();
    assert!(matches!(keyring.read(SERVICE, "name"), Err(KeyringError::Slow(_))));
    desktop.thaw_keyring().unwrap();
    let patient = keyring.with_patience(Duration::from_secs(60));
    assert_eq!(**patient.read(SERVICE, "name").unwrap().unwrap(), *b"value");
}

/// Runs where nobody has a session bus, or in a session whose bus is no bus.
#[test]
fn without_a_session_bus_the_error_says_what_is_needed() {
    let program = std::env::current_exe().unwrap();
    if std::env::var_os("AXESS_TEST_NO_BUS").is_none() {
        for address in [None, Some("unix:path=/nonexistent/bus"), Some("nonsense")] {
            let mut command = std::process::Command::new(&program);
            command.args(["--exact", "secret_service::without_a_session_bus_the_error_says_what_is_needed"]);
            command.env_remove("DBUS_SESSION_BUS_ADDRESS").env("AXESS_TEST_NO_BUS", "1");
            command
                .env("XDG_RUNTIME_DIR", "/nonexistent")
                .envs(address.map(|address| ("DBUS_SESSION_BUS_ADDRESS", address)));
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        return;
    }
    let error = Keyring::secret_service().read(SERVICE, "name").unwrap_err();
    assert!(matches!(error, KeyringError::Unavailable(_)), "{}", causes(&error));
    assert!(error.to_string().contains("DBUS_SESSION_BUS_ADDRESS"));
}
