use std::{fs::File, io::Write, path::Path};

use crate::Kind;

/// Returns the URLs of the server of a kind that `cargo xtask test` started for all tests.
///
/// There is one, or one for each node of a cluster; nothing when there is none, and then the test says so with [`skip`]. Other tests use the server at the same time:
/// take a database, a key prefix or a recipient of your own.
///
/// ```
/// use axess_peers::{Kind, shared, skip};
///
/// fn rows_come_back() {
///     let Some(urls) = shared(Kind::Postgres) else {
///         return skip("rows_come_back", "no PostgreSQL");
///     };
///     assert!(urls[0].starts_with("postgres://"));
/// }
/// ```
pub fn shared(kind: Kind) -> Option<Vec<String>> {
    urls(&std::env::var(kind.variable()).ok()?)
}

/// Notes that a test cannot run here: one line in the file that `AXESS_SKIP_FILE` names, which `cargo xtask test` prints.
///
/// # Panics
///
/// Where `CI=true`: continuous integration has to run every test.
pub fn skip(test: &str, reason: &str) {
    let file = std::env::var_os("AXESS_SKIP_FILE");
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    note(&format!("{test}: {reason}"), file.as_deref().map(Path::new), in_ci);
}

#[expect(clippy::print_stderr, reason = "a skipped test has nobody else to tell")]
fn note(line: &str, file: Option<&Path>, in_ci: bool) {
    eprintln!("SKIPPED {line}");
    if let Some(path) = file {
        let file = File::options().append(true).create(true).open(path);
        let noted = file.and_then(|mut file| writeln!(file, "{line}"));
        assert!(noted.is_ok(), "{}: {noted:?}", path.display());
    }
    assert!(!in_ci, "{line}, and CI=true allows no skipped test");
}

fn urls(value: &str) -> Option<Vec<String>> {
    let urls: Vec<String> = value.split(',').filter(|url| !url.is_empty()).map(str::to_owned).collect();
    (!urls.is_empty()).then_some(urls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_holds_a_url_for_each_node() {
        assert_eq!(urls(""), None);
        assert_eq!(urls("redis://a:1").unwrap(), ["redis://a:1"]);
        assert_eq!(urls("redis://a:1,redis://a:2").unwrap(), ["redis://a:1", "redis://a:2"]);
    }

    #[test]
    fn a_skip_is_noted_and_fails_in_ci() {
        let file = std::env::temp_dir().join(format!("axess-skips-{}", std::process::id()));
        note("a: no b", Some(&file), false);
        assert!(std::panic::catch_unwind(|| note("c: no d", Some(&file), true)).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a: no b\nc: no d\n");
        std::fs::remove_file(file).unwrap();
    }
}
