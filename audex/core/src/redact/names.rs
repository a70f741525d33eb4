//! By what names and beginnings secrets are known.

/// Parts of a name that make its value a secret.
const NAMES: [&str; 26] = [
    "password",
    "passwd",
    "passphrase",
    "sshpass",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "credential",
    "authorization",
    "cookie",
    "signature",
    "privatekey",
    "private-key",
    "private_key",
    "accesskey",
    "access-key",
    "access_key",
    "accountkey",
    "account-key",
    "account_key",
    "functions-key",
    "subscription-key",
    "encryption-key",
    "encryption_key",
];

/// The same, where they are a whole word of the name: `DB_PASS`, not `bypass`.
const WORDS: [&str; 4] = ["pass", "pwd", "pw", "sig"];

/// Ends of names whose value says where a secret is.
const PLACES: [&str; 5] = ["-file", "_file", "-path", "_path", "-stdin"];

/// Beginnings by which secrets of others are known.
const BEGINNINGS: [&str; 24] = [
    "AKIA",
    "ASIA",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "sk-",
    "sk_live_",
    "rk_live_",
    "hvs.",
    "hvb.",
    "AIza",
    "ya29.",
    "npm_",
    "pypi-",
    "dop_v1_",
    "glsa_",
];

/// How much has to follow a beginning.
const MIN_REST: usize = 8;

/// Options whose value is `user:password`.
const USER_OPTIONS: [&str; 5] = ["-u", "-U", "--user", "--proxy-user", "--auth"];

/// Options whose value is `Name: value`.
const HEADER_OPTIONS: [&str; 3] = ["-H", "--header", "--proxy-header"];

/// How a program takes a secret by a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    /// `-pSECRET` alone: `-p` asks for it.
    Joined(char),
    /// Also `-p SECRET`.
    Either(char),
}

/// Programs that take a secret by a letter.
const PROGRAMS: [(&str, Letter); 16] = [
    ("mysql", Letter::Joined('p')),
    ("mysqldump", Letter::Joined('p')),
    ("mysqladmin", Letter::Joined('p')),
    ("mysqlimport", Letter::Joined('p')),
    ("mariadb", Letter::Joined('p')),
    ("mariadb-dump", Letter::Joined('p')),
    ("mariadb-admin", Letter::Joined('p')),
    ("7z", Letter::Joined('p')),
    ("sshpass", Letter::Either('p')),
    ("mongosh", Letter::Either('p')),
    ("redis-cli", Letter::Either('a')),
    ("curl", Letter::Either('b')),
    ("sqlcmd", Letter::Either('P')),
    ("unzip", Letter::Either('P')),
    ("ldapsearch", Letter::Either('w')),
    ("ldapmodify", Letter::Either('w')),
];

/// Says whether the value of an option, variable or header of this name is a secret.
pub(super) fn is_name(name: &str) -> bool {
    if name.starts_with("--no-") || matches!(name, "PWD" | "OLDPWD") {
        return false;
    }
    let name = name.to_ascii_lowercase();
    !PLACES.iter().any(|end| name.ends_with(end))
        && (NAMES.iter().any(|part| name.contains(part))
            || name.split(['-', '_', '.']).any(|word| WORDS.contains(&word)))
}

/// Says whether this is certainly an option, and not a secret that begins as one.
pub(super) fn is_long_option(text: &str) -> bool {
    let name = text.split('=').next().unwrap_or(text);
    name.strip_prefix("--").is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    })
}

/// Says whether `user:password` follows this option.
pub(super) fn is_user_option(text: &str) -> bool {
    USER_OPTIONS.contains(&text)
}

/// Says whether `Name: value` follows this option.
pub(super) fn is_header_option(text: &str) -> bool {
    HEADER_OPTIONS.contains(&text)
}

/// Returns how the program of this path takes a secret.
pub(super) fn letter_of(program: &str) -> Option<Letter> {
    let name = program.rsplit('/').next()?;
    PROGRAMS.iter().find(|(program, _)| *program == name).map(|(_, letter)| *letter)
}

/// Says whether this is a secret by its beginning.
pub(super) fn is_known(run: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| run.strip_prefix(beginning).is_some_and(|rest| rest.len() >= MIN_REST))
}
