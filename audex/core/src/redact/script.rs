//! Secrets in a text, which may be a script.

mod value;

use self::value::{Extent, Quotes, end_of_value};
use super::{
    MAX_ARGUMENT, REDACTED,
    names::{Letter, is_known, is_long_option, is_name, is_user_option, letter_of},
};

/// How the private part of a key in text form begins, and ends.
const KEY_BEGINS: &str = "-----BEGIN ";
const KEY_ENDS: &str = "-----END ";

/// What the word before makes of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Expects {
    /// Nothing.
    #[default]
    Nothing,
    /// It is a secret.
    Secret,
    /// It is a secret where it is in quotes.
    Quoted,
    /// It may be `user:password`.
    User,
}

/// Goes through texts, word by word.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// What the last word makes of the next one, which may be in the next argument.
    pub(super) expects: Expects,
    letter: Option<Letter>,
    is_after_name: bool,
}

impl Scanner {
    /// Forgets what came before.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Returns a text without its secrets; `is_whole` says that it is an argument of its own, and no script.
    pub(super) fn text(&mut self, text: &str, is_whole: bool) -> String {
        let (mut kept, mut at) = (String::new(), 0);
        let mut quotes = Quotes::default();
        let (mut is_word, mut is_run) = (true, true);
        while let Some(rest) = text.get(at..)
            && let Some(c) = rest.chars().next()
            && kept.len() <= 4 * MAX_ARGUMENT
        {
            let opens = quotes.token(rest);
            let secret = match opens {
                Some(token) if !quotes.ends_with(token) => self.quoted(),
                Some(_) => None,
                None if ends_word(rest) => None,
                None if is_word => {
                    self.word(rest).or_else(|| secret_at(text, at, &quotes, is_whole && at == 0))
                }
                None if is_run => secret_at(text, at, &quotes, false),
                None => None,
            };
            if let Some(Secret { keeps, skips, extent }) = secret {
                let begin = at + keeps;
                kept.push_str(text.get(at..begin).unwrap_or(""));
                self.expects = Expects::Nothing;
                let end = match extent {
                    Some(extent) => {
                        let inner = text.get(at..begin).unwrap_or("");
                        quotes.pass(inner.get(inner.len().saturating_sub(skips)..).unwrap_or(""));
                        end_of_value(text, begin, &mut quotes, extent)
                    }
                    None => begin + skips,
                };
                let value = text.get(begin..end).unwrap_or("");
                let is_empty = value.chars().all(|c| matches!(c, '"' | '\'' | '\\'));
                kept.push_str(if is_empty { value } else { REDACTED });
                (at, is_word, is_run) = (end, end == begin && keeps == 0, false);
                if end == begin && keeps == 0 {
                    // Nothing was taken: on with the next character, whatever it is.
                    kept.push(c);
                    at += c.len_utf8();
                }
                continue;
            }
            let length = opens.map_or(c.len_utf8(), |token| token.length());
            let escaped =
                if opens.is_none() && c == '\\' { rest.chars().nth(1).map_or(0, char::len_utf8) } else { 0 };
            kept.push_str(rest.get(..length + escaped).unwrap_or(""));
            if let Some(token) = opens {
                quotes.turn(token);
            } else if ends_command(rest) {
                self.forget();
            }
            is_word = opens.is_some() || ends_word(rest);
            is_run = is_word || escaped > 0 || !in_run(c);
            at += length + escaped;
        }
        kept
    }

    /// Takes notice of a quote that opens.
    fn quoted(&mut self) -> Option<Secret> {
        let is_secret = matches!(self.expects, Expects::Secret | Expects::Quoted);
        is_secret.then(|| {
            self.expects = Expects::Nothing;
            Secret::value(0, 0, Extent::Word)
        })
    }

    /// Takes notice of the word that begins here; returns what is secret because of the one before, or of its first letters.
    fn word(&mut self, rest: &str) -> Option<Secret> {
        let word = rest.get(..word_length(rest)).unwrap_or(rest);
        let (expects, was_name) = (self.expects, self.is_after_name);
        self.expects = Expects::Nothing;
        self.is_after_name = false;
        match expects {
            Expects::Secret if !is_long_option(word) => return Some(Secret::value(0, 0, Extent::Word)),
            Expects::User if let Some(user) = user_kept(word) => {
                return Some(Secret::value(user.len(), 0, Extent::Word));
            }
            _ => {}
        }
        if let Some(letter) = self.letter
            && let Letter::Joined(c) | Letter::Either(c) = letter
            && let Some(value) = word.strip_prefix('-').and_then(|rest| rest.strip_prefix(c))
        {
            self.letter = None;
            if !value.is_empty() {
                return Some(Secret::value(1 + c.len_utf8(), 0, Extent::Word));
            }
            if matches!(letter, Letter::Either(_)) {
                self.expects = Expects::Secret;
                return None;
            }
        }
        for option in ["--user=", "--proxy-user=", "--auth=", "-u"] {
            if let Some(user) = word.strip_prefix(option).and_then(user_kept) {
                return Some(Secret::value(option.len() + user.len(), 0, Extent::Word));
            }
        }
        self.expects = match word {
            "=" | ":=" | "=>" if was_name => Expects::Quoted,
            "Bearer" | "bearer" | "Basic" => Expects::Secret,
            _ if word.eq_ignore_ascii_case("password") || word.eq_ignore_ascii_case("by") => Expects::Quoted,
            _ if is_user_option(word) => Expects::User,
            _ if word.starts_with('-') && !word.contains(['=', ':']) && is_name(word) => Expects::Secret,
            _ => Expects::Nothing,
        };
        self.is_after_name = is_name(word);
        self.letter = letter_of(word).or(self.letter);
        None
    }
}

/// Something that is taken out.
struct Secret {
    /// How many bytes before it stay.
    keeps: usize,
    /// Of them, how many at their end may hold quotes; without an extent, how long the secret is.
    skips: usize,
    extent: Option<Extent>,
}

impl Secret {
    const fn value(keeps: usize, skips: usize, extent: Extent) -> Self {
        Self { keeps, skips, extent: Some(extent) }
    }

    const fn of_length(keeps: usize, length: usize) -> Self {
        Self { keeps, skips: length, extent: None }
    }
}

/// Returns what is kept of `user:password`; numbers are ids of a user and a group.
pub(super) fn user_kept(text: &str) -> Option<&str> {
    let (user, password) = text.split_once(':')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_other =
        password.is_empty() || password.starts_with("//") || (is_number(user) && is_number(password));
    (!is_other).then(|| text.get(..=user.len()))?
}

/// Says whether a text is more than one word.
pub(super) fn has_several_words(text: &str) -> bool {
    text.char_indices().any(|(at, _)| text.get(at..).is_some_and(ends_word))
}

/// Returns the secret of the name, address or token that begins here.
fn secret_at(text: &str, at: usize, quotes: &Quotes, is_whole: bool) -> Option<Secret> {
    let (before, rest) = text.split_at_checked(at)?;
    if let Some(length) = private_key(rest) {
        return Some(Secret::of_length(0, length));
    }
    let run = rest.get(..rest.find(|c| !in_run(c)).unwrap_or(rest.len())).unwrap_or("");
    if run.is_empty() {
        return None;
    }
    if is_known(run) {
        let is_token = |c: char| in_run(c) || matches!(c, '+' | '/' | '=' | '~');
        return Some(Secret::of_length(0, rest.find(|c| !is_token(c)).unwrap_or(rest.len())));
    }
    let after = rest.get(run.len()..).unwrap_or("");
    if let Some(address) = after.strip_prefix("://") {
        let word = if is_whole { address } else { address.get(..word_length(address)).unwrap_or("") };
        return user_of_address(run, word).map(|length| Secret::of_length(run.len() + 3, length));
    }
    if !is_name(run) {
        return None;
    }
    // The name itself may be in quotes, as in JSON.
    let quote =
        quotes.token(after).filter(|token| quotes.ends_with(*token)).map_or(0, |token| token.length());
    let sign = after.get(quote..)?.chars().next().filter(|c| matches!(c, '=' | ':'))?;
    let value = after.get(quote + 1..)?;
    if sign == ':' && before.ends_with([':', '/']) {
        // A part of a name such as an ARN, which has more of them.
        return None;
    }
    let spaces = value.len() - value.trim_start_matches([' ', '\t']).len();
    let extent = match sign {
        _ if quote > 0 => Extent::Item,
        '=' => Extent::Word,
        _ if value.trim_start().starts_with(['"', '\'']) && !quotes.ends_here(value.trim_start()) => {
            Extent::Word
        }
        // A header that is no argument of its own, and in no quotes, ends with its word.
        _ if spaces == 0 && !is_whole && quotes.is_empty() => Extent::Word,
        _ => Extent::Rest,
    };
    let spaces = if sign == '=' && quote == 0 { 0 } else { spaces };
    Some(Secret::value(run.len() + quote + 1 + spaces, quote + 1 + spaces, extent))
}

/// Returns how long the user and password of an address are.
fn user_of_address(scheme: &str, address: &str) -> Option<usize> {
    let host = address.get(..address.find(['/', '?', '#']).unwrap_or(address.len())).unwrap_or("");
    if let Some(at) = host.rfind('@') {
        return Some(at);
    }
    // A password with a slash that should have been encoded, unless it is a port.
    let (_, port) = host.split_once(':')?;
    let is_web = matches!(scheme, "http" | "https" | "ws" | "wss");
    let is_port = port.bytes().all(|b| b.is_ascii_digit());
    if is_web && is_port { None } else { address.rfind('@') }
}

/// Returns how long the private key is that begins here.
fn private_key(rest: &str) -> Option<usize> {
    let (name, _) = rest.strip_prefix(KEY_BEGINS)?.split_once("-----")?;
    let is_private = name.ends_with("PRIVATE KEY") || name.ends_with("PRIVATE KEY BLOCK");
    let begin = is_private.then_some(KEY_BEGINS.len() + name.len() + 5)?;
    let inner = rest.get(begin..)?;
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "+/=:,-.\\".contains(c);
    let whole = inner.get(..inner.find(|c| !is_inner(c)).unwrap_or(inner.len()))?;
    let end = whole.find(KEY_ENDS).and_then(|at| {
        let name = at + KEY_ENDS.len();
        Some(name + whole.get(name..)?.find("-----")? + 5)
    });
    Some(begin + end.unwrap_or(whole.len()))
}

const fn in_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Says whether a word ends here.
fn ends_word(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_whitespace() || c.is_control()) || ends_command(rest)
}

/// Says whether a command ends here, or another one begins.
fn ends_command(rest: &str) -> bool {
    rest.starts_with(['\n', '\r', ';', '|', '&', '<', '>', '(', ')', '`']) || rest.starts_with("$(")
}

fn word_length(rest: &str) -> usize {
    let ends = |at: usize, c: char| matches!(c, '"' | '\'') || rest.get(at..).is_some_and(ends_word);
    rest.char_indices().find(|&(at, c)| ends(at, c)).map_or(rest.len(), |(at, _)| at)
}
