//! Several at once, in one home.

use crate::{
    cloud::{self, LIST_ALPHA},
    home::Home,
};
use std::collections::BTreeSet;

const RUNS: usize = 10;

/// Starts them all, and returns what each printed.
fn together(home: &Home, args: &str, line: &str) -> Vec<String> {
    let children: Vec<_> = (0..RUNS)
        .map(|_| {
            let mut command = home.shell(args, line);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs = children.into_iter().map(|child| child.wait_with_output().unwrap());
    outputs
        .map(|output| {
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        })
        .collect()
}

/// Every session is there, and every event, in one chain.
fn is_complete(home: &Home) {
    let sessions = home.sessions();
    assert_eq!(sessions.len(), RUNS);
    assert!(sessions.iter().all(|session| session["status"] == "Completed"), "{sessions:#?}");
    let mut events = home.events();
    events.sort_unstable();
    for event in ["SessionCreated", "CredentialsIssued", "SessionEnded"] {
        assert_eq!(events.iter().filter(|found| *found == event).count(), RUNS, "{event} in {events:?}");
    }
    let verified = home.verify();
    assert!(verified.status.success(), "{verified:?}");
    assert!(home.leftovers().is_empty());
}

#[test]
fn ten_sessions_of_our_own_issuer() {
    let home = Home::new();
    let tokens = together(&home, "run --provider local --allow orders:Read", "sleep 0.3; echo $AUDEX_TOKEN");
    let different: BTreeSet<&String> = tokens.iter().collect();
    assert_eq!(different.len(), RUNS);
    // They began with no keys at all, and made one.
    let headers: BTreeSet<&str> = tokens.iter().filter_map(|token| token.split('.').next()).collect();
    assert_eq!(headers.len(), 1);
    is_complete(&home);
}

#[test]
fn ten_sessions_of_aws() {
    let Some(account) = cloud::shared("ten_sessions_of_aws") else { return };
    let home = cloud::home(&account);
    let printed =
        together(&home, &format!("run {LIST_ALPHA}"), "echo $AWS_ACCESS_KEY_ID; boto3 list:alpha list:beta");
    let keys: BTreeSet<&str> = printed.iter().filter_map(|text| text.lines().next()).collect();
    assert_eq!(keys.len(), RUNS);
    for text in &printed {
        assert!(text.ends_with("list:alpha k\nlist:beta AccessDenied\nby env"), "{text}");
    }
    is_complete(&home);
}
