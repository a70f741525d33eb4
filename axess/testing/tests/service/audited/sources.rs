//! What the sources say: which verbs there are, what the layers record, and who makes envelopes.

use axess_events::AuthEvent;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Verbs that record nothing, and why.
pub(super) const EXCUSED: &[(&str, &str)] = &[
    ("audit::emit", "it is what the others record with"),
    ("audit::together", "runs what its caller writes and records"),
    ("delegated::downstreams", "reads"),
    ("delegated::load", "reads; what it writes is the same under a newer key"),
    ("federation::list", "reads"),
    (
        "service::begin_federated_link",
        "keeps in the session what a provider's answer must fit; the callback records",
    ),
    (
        "service::begin_federated_login",
        "keeps in the session what a provider's answer must fit; the callback records",
    ),
    ("service::begin_device_login", "as `begin_federated_login`"),
    ("service::begin_oauth_login", "is `begin_federated_login`"),
    ("service::begin_totp_enrolment", "keeps a secret in the session that nobody has proved to have yet"),
    ("service::federated_links", "reads"),
    ("service::federation_providers", "reads"),
    ("service::find_devices", "reads"),
    ("session::clear", "under `logout`, `end_session` and `invalidate_session`, which record"),
    ("session::drop_authentication", "under the session layer, which records"),
    ("session::end_for_tenant", "under `suspend_tenant` and `delete_tenant`, which record"),
    ("session::end_for_user", "under `invalidate_sessions` and whatever else ends them, which record"),
    ("session::finish", "writes what other verbs have recorded, and the application's own data"),
    ("session::is_live", "reads"),
    ("session::open", "`load` for those who have no handle yet"),
    ("session::regenerate", "under `rotate_session`, which records"),
    ("session::reseal", "writes the same under a newer key"),
];

/// Events that no verb of core and no layer emits, and why.
pub(super) const NOT_EMITTED: &[(&[&str], &str)] = &[
    (
        &["WorkloadAuthenticated", "WorkloadRejected"],
        "the layer of JWT-SVIDs in axess-http records them, and tests that itself",
    ),
    (&["DelegatedTokenExchanged"], "nothing exchanges tokens yet"),
    (&["AccessTokenRefused"], "the guard of access tokens in axess-http records it, and tests that itself"),
    (
        &[
            "AuditLogRepaired",
            "AuditEventsDropped",
            "AuditEventDeadLettered",
            "AuditEventsArchived",
            "AuditEventsDeleted",
            "AuditSubjectErased",
        ],
        "axess-audit records what happens to the trail",
    ),
];

/// Code that makes envelopes without an emitter, and why.
const ENVELOPES: &[(&str, &str)] = &[
    ("core/src/audit/emitter.rs", "this is the place"),
    ("events/src/", "declares them"),
    ("audit/src/", "what the trail records of itself cannot go through its own front"),
];

/// Layers that stand outside of the tables, and why.
const SILENT_LAYERS: &[(&str, &str)] = &[
    ("AuthenticatorLayer", "hands on the application's authenticator, which records what it refuses"),
    ("ClientIpLayer", "reads"),
    ("JwtSvidLayer", "records who proves what, and tests that itself"),
    ("GuardLayer", "asks the policies through the authorisation layer, which records; else it reads"),
    ("RequestIdLayer", "reads"),
    ("TraceContextLayer", "reads"),
];

fn axess() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns every source file below `folder` of this repository's crates, with its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let (root, mut found) = (axess(), Vec::new());
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

/// Lines that are neither documentation nor in a test.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    own.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// Returns every public verb of core that may wait for something, without the storage traits and their memory.
pub(super) fn verbs() -> BTreeSet<String> {
    let mut verbs = BTreeSet::new();
    for (file, text) in sources("core/src") {
        let inside = file.trim_start_matches("core/src/");
        let module = inside.split(['/', '.']).next().unwrap();
        if ["store", "memory"].contains(&module) {
            continue;
        }
        for line in code(&text) {
            if let Some(rest) = line.trim_start().strip_prefix("pub async fn ") {
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                verbs.insert(format!("{module}::{name}"));
            }
        }
    }
    assert!(verbs.contains("service::begin_login") && verbs.len() > 50, "{verbs:?}");
    verbs
}

/// Returns the events that the tables of the layers check: `axess-http` has its own, beside its test site.
pub(super) fn emitted_by_the_layers() -> BTreeSet<&'static str> {
    let table = fs::read_to_string(axess().join("http/tests/http/audited.rs")).unwrap();
    let named = |name: &&&str| table.contains(&format!("\"{name}\""));
    AuthEvent::ALL_NAMES.iter().filter(named).copied().collect()
}

#[test]
fn every_layer_is_in_the_table_of_the_layers_or_has_a_reason() {
    let table = fs::read_to_string(axess().join("http/tests/http/audited.rs")).unwrap();
    let mut layers = 0;
    for (file, text) in sources("http/src") {
        for line in code(&text).filter(|line| line.starts_with("impl<S> Layer<S> for ")) {
            let name = line.trim_start_matches("impl<S> Layer<S> for ").trim_end_matches(" {");
            let silent = SILENT_LAYERS.iter().any(|(silent, _)| *silent == name);
            assert_ne!(table.contains(&format!("\"{name}: ")), silent, "{file}: {name}");
            layers += 1;
        }
    }
    assert!(layers > SILENT_LAYERS.len(), "{layers}");
}

#[test]
fn every_envelope_is_made_in_one_place() {
    for folder in fs::read_dir(axess()).unwrap() {
        let name = folder.unwrap().file_name().to_string_lossy().into_owned();
        if !axess().join(&name).join("src").is_dir() {
            continue;
        }
        for (file, text) in sources(&format!("{name}/src")) {
            let makes = code(&text).any(|line| line.contains("AuthEventEnvelope::new("));
            let may = ENVELOPES.iter().any(|(place, _)| file.starts_with(place));
            let is_a_test = file.contains("/tests/") || file.ends_with("/tests.rs");
            assert!(!makes || may || is_a_test, "{file}: use an Emitter, or EventContext::wrap");
        }
    }
}

/// What is excused because it does not exist yet must be in the tables as soon as it does.
#[test]
fn an_excuse_ends_when_its_operation_appears() {
    for folder in fs::read_dir(axess()).unwrap() {
        let name = folder.unwrap().file_name().to_string_lossy().into_owned();
        if ["events", "identity"].contains(&name.as_str()) || !axess().join(&name).join("src").is_dir() {
            continue;
        }
        for (file, text) in sources(&format!("{name}/src")) {
            if file.contains("/tests") {
                continue;
            }
            for line in code(&text) {
                let sign = "DelegatedTokenExchanged {";
                assert!(!line.contains(sign), "{file} emits {sign}: give it a row");
            }
        }
    }
}
