//! Every rule, whichever way in a request takes.

use crate::{
    cloud::{self, LIST_ALPHA},
    home::Home,
};
use std::process::Output;

const ASK: &str = "--provider local --allow orders:Read --ttl 15m";
const COMMAND: &str = "-- sh -ec touch${IFS}started;env";

/// A rule, and how a request that it is against ends.
struct Rule {
    name: &'static str,
    config: &'static str,
    code: i32,
    event: &'static str,
    /// How many are let through before.
    before: usize,
}

const MAPPED: &str = "[role_mapping]\nenabled = true\n[[role_mapping.rules]]\ngroup = \"ops\"\naws_role_arn = \"arn:aws:iam::1:role/a\"";

const RULES: [Rule; 8] = [
    Rule { name: "deny", config: "[policy]\ndeny = [\"orders:*\"]", ..DENIED },
    Rule { name: "boundary", config: "[policy]\nboundary = [\"invoices:*\"]", ..DENIED },
    Rule { name: "lifetime", config: "max_ttl = \"5m\"", ..DENIED },
    Rule { name: "role", config: MAPPED, ..DENIED },
    Rule { name: "network", config: "[network]\nallowed_cidrs = [\"10.0.0.0/8\"]", ..DENIED },
    Rule {
        name: "approval",
        config: "[approvals]\nenabled = true\napprover_roles = [\"security\"]\nsensitive_actions = [\"orders:*\"]",
        code: 81,
        event: "ApprovalRequired",
        ..DENIED
    },
    Rule {
        name: "requests",
        config: "[rate_limiting]\nenabled = true\n[[rate_limiting.rules]]\nidentity = \"*\"\nmax_requests = 2\nwindow = \"1h\"",
        code: 82,
        before: 2,
        ..DENIED
    },
    Rule {
        name: "sessions",
        config: "[rate_limiting]\nenabled = true\n[[rate_limiting.rules]]\nidentity = \"*\"\nmax_requests = 9\nwindow = \"1h\"\nmax_concurrent = 1",
        code: 82,
        ..DENIED
    },
];

const DENIED: Rule = Rule { name: "", config: "", code: 80, event: "RequestDenied", before: 0 };

/// The ways in, each with the name that its refusal is recorded under.
const WAYS: [(&str, &str); 7] = [
    ("run", "run ASK COMMAND"),
    ("run", "run ASK --deliver endpoint COMMAND"),
    ("run", "run ASK --deliver file COMMAND"),
    ("run", "run ASK --deliver process COMMAND"),
    ("export", "run ASK --deliver process"),
    ("export", "export ASK --form json"),
    ("chain", "chain steps.toml ASK"),
];

fn home(config: &str) -> Home {
    let home = Home::with_config(config);
    let steps = "[[steps]]\ncommand = [\"sh\", \"-ec\", \"touch started; env\"]\n";
    std::fs::write(home.path().join("steps.toml"), steps).unwrap();
    home
}

fn go(home: &Home, way: &str) -> Output {
    home.tryaudex(&way.replace("ASK", ASK).replace("COMMAND", COMMAND)).output().unwrap()
}

/// The entry points of the refusals in the log.
fn refused(home: &Home, event: &str) -> Vec<String> {
    let text = std::fs::read_to_string(home.data().join("audit/audit.jsonl")).unwrap();
    let lines = text.lines().filter(|line| line.contains(&format!("\"{event}\"")));
    let entry_point = |line: &str| {
        let (_, rest) = line.split_once("\"entry_point\":\"")?;
        Some(rest.split_once('"')?.0.to_lowercase())
    };
    lines.filter_map(entry_point).collect()
}

fn active(home: &Home) -> usize {
    home.sessions().iter().filter(|session| session["status"] == "Active").count()
}

#[test]
fn every_way_in_works_without_a_rule() {
    for (name, way) in WAYS {
        let home = home("");
        let output = go(&home, way);
        assert_eq!(output.status.code(), Some(0), "{way}: {output:?}");
        assert!(!output.stdout.is_empty(), "{way}: {output:?}");
        assert_eq!(home.path().join("started").exists(), name != "export", "{way}");
        assert_eq!(home.sessions().len(), 1, "{way}");
        assert_eq!(active(&home), usize::from(name == "export"), "{way}");
    }
}

#[test]
fn no_way_in_passes_by_a_rule() {
    for rule in &RULES {
        for (name, way) in WAYS {
            let what = format!("{} against {way}", rule.name);
            let home = home(rule.config);
            for _ in 0..rule.before {
                home.printed(&format!("run {ASK}"), "true");
            }
            // What is exported is not ended by anybody.
            let is_held = rule.name == "sessions";
            if is_held {
                assert!(go(&home, "export ASK").status.success());
            }
            let output = go(&home, way);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(rule.code), "{what}: {output:?}");
            // Neither a credential nor anything that a command with one would have said.
            assert!(output.stdout.is_empty() && !home.path().join("started").exists(), "{what}: {output:?}");
            assert!(!said.is_empty() && !said.contains("eyJ"), "{what}: {said}");
            assert_eq!(home.sessions().len(), rule.before + usize::from(is_held), "{what}");
            assert_eq!(active(&home), usize::from(is_held), "{what}");
            assert_eq!(home.events().last().map(String::as_str), Some(rule.event), "{what}");
            assert_eq!(refused(&home, rule.event), [name], "{what}");
            assert_eq!(home.leftovers(), Vec::<std::path::PathBuf>::new(), "{what}");
            assert!(home.verify().status.success(), "{what}");
        }
    }
}

/// AWS can be told of networks: a credential that is used from elsewhere is worth nothing.
#[test]
fn a_credential_of_aws_is_bound_to_the_networks() {
    let Some(account) = cloud::shared("a_credential_of_aws_is_bound_to_the_networks") else { return };
    for (networks, expected) in
        [("203.0.113.0/24", "list:alpha AccessDenied"), ("127.0.0.0/8", "list:alpha k")]
    {
        let home = cloud::home(&account);
        let config = home.path().join(".config/audex/config.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("{text}[network]\nallowed_cidrs = [\"{networks}\"]\n")).unwrap();
        for delivery in ["env", "endpoint", "process", "file"] {
            let printed = home.printed(&format!("run {LIST_ALPHA} --deliver {delivery}"), "boto3 list:alpha");
            assert_eq!(printed.lines().next(), Some(expected), "{networks} {delivery}");
        }
        let steps = "[[steps]]\ncommand = [\"boto3\", \"list:alpha\"]\n";
        std::fs::write(home.path().join("steps.toml"), steps).unwrap();
        let chain = home.tryaudex(&format!("chain steps.toml {LIST_ALPHA}")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&chain.stdout).lines().next(), Some(expected), "{chain:?}");
        let exported = home.tryaudex(&format!("export {LIST_ALPHA}")).output().unwrap();
        let line = format!("{}boto3 list:alpha", String::from_utf8(exported.stdout).unwrap());
        let used = home.program("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&used.stdout).lines().next(), Some(expected), "{networks} export");
    }
}
