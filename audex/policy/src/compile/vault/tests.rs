use serde_json::Value;

use super::*;
use crate::{Request, Rules, narrow};

fn entries(allow: &str, denies: &[&str]) -> Result<Vec<String>, Refusal> {
    let request = Request::parse(Provider::Vault, allow, &[]).unwrap();
    let grant = narrow(&request, &[], &Rules::parse(denies).unwrap()).unwrap().grant;
    let policy = policy(&grant)?;
    let json: Value = serde_json::from_str(&policy.json).unwrap();
    let entry = |(path, entry): (&String, &Value)| {
        let names: Vec<&str> =
            entry["capabilities"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        format!("{path} {}", names.join("+"))
    };
    let entries: Vec<String> = json["path"].as_object().unwrap().iter().map(entry).collect();
    assert_eq!(policy.hcl.matches("path \"").count(), entries.len());
    Ok(entries)
}

#[test]
fn the_nearest_entry_says_everything() {
    for (allow, denies, expected) in [
        ("vault:read=secret/a", &[][..], vec!["secret/a read"]),
        (
            "vault:read=secret/*,vault:update=secret/app/*",
            &[],
            vec!["secret/* read", "secret/app/* read+update"],
        ),
        (
            "vault:read=secret/+/x,vault:list=secret/a/*",
            &[],
            vec!["secret/+/x read", "secret/a/* list", "secret/a/x list+read"],
        ),
        ("vault:read=secret/*", &["vault:*=secret/admin/*"], vec!["secret/* read", "secret/admin/* deny"]),
        (
            "vault:read=secret/*,vault:list=secret/*",
            &["vault:read=secret/admin/*"],
            vec!["secret/* list+read", "secret/admin/* list"],
        ),
        ("vault:read=secret/*", &["vault:update=secret/*"], vec!["secret/* read"]),
        ("vault:*=kv/x", &["vault:sudo"], vec!["kv/x create+delete+list+patch+read+recover+update"]),
        ("secrets:write=kv/x", &[], vec!["kv/x create+update"]),
        ("vault:read=kv/x,vault:list=kv/y", &["vault:read=kv/*"], vec!["kv/y list"]),
    ] {
        assert_eq!(entries(allow, denies).unwrap(), expected, "{allow}");
    }
}

#[test]
fn what_vault_would_read_otherwise_is_refused() {
    // Vault takes the entry with fewer `+` for the nearer one, though it is the wider one.
    let refusal = entries("vault:read=+/*,vault:list=+/+/*", &[]).unwrap_err();
    assert!(refusal.to_string().contains("nearer"), "{refusal}");
    let many: Vec<String> = (0..65).map(|at| format!("vault:read=secret/{at}")).collect();
    let refusal = entries(&many.join(","), &[]).unwrap_err();
    assert!(matches!(refusal.reason, RefusalReason::TooLarge { limit: 64, .. }));
    assert_eq!(entries(&many[..64].join(","), &[]).unwrap().len(), 64);
}

/// Decides like Vault: the nearest entry alone counts.
fn vault_allows(entries: &[String], capability: &str, path: &str) -> bool {
    let fits = |pattern: &str| {
        let (pattern, open) = pattern.strip_suffix('*').map_or((pattern, false), |pattern| (pattern, true));
        let (mut want, mut have) = (pattern.split('/').peekable(), path.split('/'));
        while let Some(segment) = want.next() {
            let Some(own) = have.next() else { return false };
            let is_last = want.peek().is_none();
            if is_last && open {
                return own.starts_with(segment);
            }
            if segment != own && (segment != "+" || own.is_empty()) {
                return false;
            }
        }
        have.next().is_none()
    };
    let nearest = entries
        .iter()
        .map(|entry| entry.split_once(' ').unwrap())
        .filter(|(pattern, _)| fits(pattern))
        .max_by_key(|(pattern, _)| rank(pattern));
    nearest.is_some_and(|(_, list)| list.split('+').any(|name| name == capability))
}

proptest::proptest! {
    #[test]
    fn vault_allows_what_was_granted(
        allow in proptest::collection::vec(("(read|list|update)", "(a|b|\\+)/(a|b|\\+)(/(a|b|\\+|\\*))?"), 1..5),
        deny in proptest::collection::vec(("(read|list|\\*)", "(a|b|\\+)/(a|b|\\*)"), 0..3),
    ) {
        let item = |(name, path): &(String, String)| format!("vault:{name}={path}");
        let allow: Vec<String> = allow.iter().map(item).collect();
        let deny: Vec<String> = deny.iter().map(item).collect();
        let request = Request::parse(Provider::Vault, &allow.join(","), &[]).unwrap();
        let grant = narrow(&request, &[], &Rules::parse(&deny).unwrap()).unwrap().grant;
        let deny: Vec<&str> = deny.iter().map(String::as_str).collect();
        if let Ok(entries) = entries(&allow.join(","), &deny) {
            for path in ["a/a", "a/b", "b/a", "c/a", "a/c", "a/a/a", "a/b/c", "b/c/a", "c/c/c", "a/b/c/d"] {
                for name in ["read", "list", "update", "delete"] {
                    let granted = grant.allows(&format!("vault:{name}"), path);
                    proptest::prop_assert_eq!(vault_allows(&entries, name, path), granted, "{} {}", name, path);
                }
            }
        }
    }
}
