//! What of a command line may be kept: not what looks like a secret.

/// How many arguments are kept.
const MAX_ARGUMENTS: usize = 64;

/// How much of an argument is kept, in characters.
const MAX_ARGUMENT: usize = 512;

/// What stands for what was taken out.
const REDACTED: &str = "[redacted]";

/// Words that make the value of an option or variable a secret.
const NAMES: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "credential",
    "authorization",
    "private-key",
];

/// Beginnings by which secrets of others are known.
const BEGINNINGS: [&str; 14] = [
    "AKIA",
    "ASIA",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk-",
    "hvs.",
    "-----BEGIN",
];

/// Returns a command line for the record: bounded, with what looks like a secret replaced.
///
/// It is a net, not a wall: a program that takes secrets as arguments shows them to every user of the machine anyway.
///
/// ```
/// use audex_core::redacted_command;
/// let kept = redacted_command(["curl", "--token", "s3cret", "https://u:p@example.com/", "DB_PASSWORD=x"]);
/// assert_eq!(kept, ["curl", "--token", "[redacted]", "https://[redacted]@example.com/", "DB_PASSWORD=[redacted]"]);
/// ```
pub fn redacted_command<T: AsRef<str>>(command: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut is_value = false;
    let mut command = command.into_iter();
    for argument in command.by_ref().take(MAX_ARGUMENTS) {
        let argument = argument.as_ref();
        let is_option = argument.starts_with('-');
        kept.push(if is_value && !is_option { REDACTED.to_owned() } else { redacted(argument) });
        is_value = is_option && !argument.contains('=') && is_name(argument);
    }
    let more = command.count();
    if more > 0 {
        kept.push(format!("({more} more)"));
    }
    kept
}

fn redacted(argument: &str) -> String {
    let words: Vec<String> = argument.split(' ').map(redacted_word).collect();
    let text = words.join(" ");
    match text.char_indices().nth(MAX_ARGUMENT) {
        None => text,
        Some((at, _)) => format!("{}(cut)", text.get(..at).unwrap_or("")),
    }
}

fn redacted_word(word: &str) -> String {
    if let Some((name, _)) = word.split_once('=')
        && is_name(name)
    {
        return format!("{name}={REDACTED}");
    }
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((user, place)) = rest.split_once('@')
        && !user.contains('/')
    {
        return format!("{scheme}://{REDACTED}@{place}");
    }
    let bare = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_known = BEGINNINGS.iter().any(|beginning| {
        bare.strip_prefix(beginning).is_some_and(|rest| rest.len() >= 8 || beginning.starts_with("--"))
    });
    if is_known { REDACTED.to_owned() } else { word.to_owned() }
}

fn is_name(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    NAMES.iter().any(|name| text.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept() {
        let cases = [
            ("aws s3 ls", "aws s3 ls"),
            ("psql --password hunter2 -c x", "psql --password [redacted] -c x"),
            ("tool --secret=abc --verbose", "tool --secret=[redacted] --verbose"),
            (concat!("tool AKIA", "IOSFODNN7EXAMPLE"), "tool [redacted]"),
            ("curl https://example.com/a@b", "curl https://example.com/a@b"),
            ("tool --token --verbose", "tool --token --verbose"),
        ];
        for (given, kept) in cases {
            assert_eq!(redacted_command(given.split(' ')).join(" "), kept);
        }
        let script = redacted_command(["sh", "-c", "export GITHUB_TOKEN=abc; echo 'ghp_0123456789abcdef'"]);
        assert_eq!(script.last().unwrap(), "export GITHUB_TOKEN=[redacted] echo [redacted]");
    }

    #[test]
    fn it_is_bounded() {
        let many = redacted_command((0..100).map(|_| "é".repeat(10_000)));
        assert_eq!(many.len(), MAX_ARGUMENTS + 1);
        assert!(many.iter().all(|one| one.chars().count() < MAX_ARGUMENT + 8));
        assert_eq!(many.last().unwrap(), "(36 more)");
    }
}
