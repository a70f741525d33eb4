//! Nothing private in the files: no path of somebody's machine, no real address, no credential.

use super::{Fault, Project};

/// Paths outside the project. They are spelt in halves so that this file does not find itself.
const OUTSIDE: [&str; 2] = [concat!("/wo", "rk/"), concat!("../sha", "red")];

/// How credentials of well-known kinds begin, and how many characters of body make one.
const CREDENTIALS: [(&str, usize); 9] = [
    (concat!("AK", "IA"), 16),
    (concat!("AS", "IA"), 16),
    (concat!("gh", "p_"), 30),
    (concat!("gh", "s_"), 30),
    (concat!("github", "_pat_"), 30),
    (concat!("gl", "pat-"), 20),
    (concat!("xo", "xb-"), 20),
    (concat!("xo", "xp-"), 20),
    (concat!("PRIVATE", " KEY-----"), 0),
];

/// Top-level domains and hosts that belong to nobody (RFC 2606, RFC 6761).
const RESERVED_TOP: [&str; 4] = ["example", "test", "invalid", "localhost"];
const RESERVED_HOSTS: [&str; 3] = ["example.com", "example.org", "example.net"];

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in project.files() {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(path) = OUTSIDE.iter().find(|path| line.contains(*path)) {
                let message = format!("`{path}` points outside the project (it must stand alone)");
                faults.push(Fault::new(&file.path, index + 1, message));
            }
            if CREDENTIALS.iter().any(|(start, body)| holds_credential(line, start, *body)) {
                let message = "this looks like a credential (revoke it; make test keys while the test runs)";
                faults.push(Fault::new(&file.path, index + 1, message));
            }
            if let Some(address) = real_address(line) {
                let message = format!("`{address}` may be somebody's (use example.com, or a .test domain)");
                faults.push(Fault::new(&file.path, index + 1, message));
            }
        }
    }
    faults
}

fn holds_credential(line: &str, start: &str, body: usize) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let rest = line.get(at + start.len()..).unwrap_or("");
        rest.chars().take_while(|ch| ch.is_ascii_alphanumeric() || *ch == '_').count() >= body
    })
}

/// Finds the first mail address whose domain somebody could own.
fn real_address(line: &str) -> Option<String> {
    let is_local = |ch: char| ch.is_ascii_alphanumeric() || "._+-".contains(ch);
    let is_domain = |ch: char| ch.is_alphanumeric() || ".-".contains(ch);
    line.match_indices('@').find_map(|(at, _)| {
        let local: String = line.get(..at)?.chars().rev().take_while(|ch| is_local(*ch)).collect();
        let domain: String = line.get(at + 1..)?.chars().take_while(|ch| is_domain(*ch)).collect();
        let domain = domain.trim_matches(['.', '-']).to_lowercase();
        let (_, top) = domain.rsplit_once('.')?;
        let is_name = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
        let is_reserved = RESERVED_TOP.contains(&top)
            || RESERVED_HOSTS.iter().any(|host| domain == *host || domain.ends_with(&format!(".{host}")));
        let local: String = local.chars().rev().collect();
        (!local.is_empty() && is_name && !is_reserved).then(|| format!("{local}@{domain}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&Project::of(&[("docs/a.md", text)])).len()
    }

    #[test]
    fn a_path_outside_the_project_fails() {
        for path in OUTSIDE {
            assert_eq!(count(&format!("see {path}x")), 1, "{path}");
        }
        assert_eq!(count("see docs/decisions and ../xtask"), 0);
    }

    #[test]
    fn a_credential_fails() {
        for (start, body) in CREDENTIALS {
            assert_eq!(count(&format!("key = {start}{}", "A".repeat(body))), 1, "{start}");
        }
        assert_eq!(count(&format!("the prefix {} alone", CREDENTIALS[0].0)), 0);
    }

    #[test]
    fn an_address_somebody_could_own_fails() {
        let real = ["jo@", "corp.io"].concat();
        assert_eq!(count(&real), 1);
        assert_eq!(count(&format!("<{real}>.")), 1);
        for text in [
            "alice@example.com",
            "alice@mail.example.org, bob@shop.test",
            "bob@münchen.example",
            "alice@localhost",
            "serde@1.0 actions/checkout@v4.1",
            "@media print",
            "a@b.c",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
