//! What of a command line may be kept: not what looks like a secret.

mod names;
mod script;

use self::{
    names::{is_header_option, is_long_option, is_name, is_user_option},
    script::{Expects, Scanner, user_kept},
};

/// How many arguments are kept.
const MAX_ARGUMENTS: usize = 64;

/// How much of an argument is kept, in characters.
const MAX_ARGUMENT: usize = 512;

/// What stands for what was taken out.
const REDACTED: &str = "[redacted]";

/// Returns a command line for the record: bounded, with what looks like a secret replaced.
///
/// Scripts and other texts in an argument are looked through as a shell splits them. What is replaced there ends where the
/// value ends, so that what is run stays readable.
///
/// It is a net, not a wall: a program that takes secrets as arguments shows them to every user of the machine anyway.
///
/// ```
/// use audex_core::redacted_command;
/// let kept = redacted_command(["curl", "--token", "s3cret", "https://u:p@example.com/", "DB_PASSWORD=x"]);
/// assert_eq!(kept, ["curl", "--token", "[redacted]", "https://[redacted]@example.com/", "DB_PASSWORD=[redacted]"]);
/// let kept = redacted_command(["sh", "-c", "curl -H 'Authorization: Bearer x' example.com; id"]);
/// assert_eq!(kept[2], "curl -H 'Authorization: [redacted]' example.com; id");
/// ```
pub fn redacted_command<T: AsRef<str>>(command: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut scanner = Scanner::default();
    let mut before = String::new();
    let mut command = command.into_iter();
    for argument in command.by_ref().take(MAX_ARGUMENTS) {
        let argument = argument.as_ref();
        kept.push(cut(redacted(&mut scanner, &before, argument)));
        argument.clone_into(&mut before);
    }
    let more = command.count();
    if more > 0 {
        kept.push(format!("({more} more)"));
    }
    kept
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_ARGUMENT) {
        None => text,
        Some((at, _)) => format!("{}(cut)", text.get(..at).unwrap_or("")),
    }
}

/// Redacts an argument, which stands after another one.
fn redacted(scanner: &mut Scanner, before: &str, argument: &str) -> String {
    let is_script = is_script_option(before);
    match scanner.expects {
        Expects::Secret if !is_script && !is_long_option(argument) => {
            scanner.expects = Expects::Nothing;
            return REDACTED.to_owned();
        }
        Expects::User if let Some(user) = user_kept(argument) => {
            scanner.expects = Expects::Nothing;
            return format!("{user}{REDACTED}");
        }
        _ => {}
    }
    if !is_script {
        // No line for a shell, so that nothing but its end ends the value.
        if let Some((name, value)) = argument.split_once('=')
            && name.starts_with('-')
            && !name.contains(char::is_whitespace)
            && !value.is_empty()
        {
            if is_name(name) {
                return format!("{name}={REDACTED}");
            }
            if is_user_option(name)
                && let Some(user) = user_kept(value)
            {
                return format!("{name}={user}{REDACTED}");
            }
            if is_header_option(name)
                && let Some(header) = header_kept(value)
            {
                return format!("{name}={header}{REDACTED}");
            }
        }
        if is_header_option(before)
            && let Some(header) = header_kept(argument)
        {
            scanner.expects = Expects::Nothing;
            return format!("{header}{REDACTED}");
        }
    }
    let text = scanner.text(argument, !is_script);
    if script::has_several_words(argument) {
        scanner.forget();
    }
    text
}

/// Says whether a line for a shell follows, as after `-c` and `-lc`.
fn is_script_option(argument: &str) -> bool {
    let letters = argument.strip_prefix('-').unwrap_or("");
    letters == "-command"
        || (letters.contains('c') && letters.len() <= 5 && letters.bytes().all(|b| b.is_ascii_alphabetic()))
}

/// Returns what is kept of `Name: value` where the value is a secret.
fn header_kept(text: &str) -> Option<&str> {
    let (name, value) = text.split_once(':')?;
    let spaces = value.len() - value.trim_start().len();
    (is_name(name) && !value.trim().is_empty()).then(|| text.get(..=name.len() + spaces))?
}

#[cfg(test)]
mod tests;
