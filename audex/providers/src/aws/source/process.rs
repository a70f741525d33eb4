//! A command of the user's that prints keys (`credential_process`).

use super::{BaseCredentials, given};
use audex_core::{ProviderError, ProviderFault};
use std::{collections::BTreeMap, process::Stdio, time::Duration};
use tokio::{io::AsyncReadExt, process::Command, time::timeout};
use zeroize::Zeroizing;

/// How long the command may take; it may have to ask a person.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes of what it prints.
const MAX_OUTPUT: u64 = 64 * 1024;

/// Runs a command and reads the keys that it prints. What it says on standard error, people see.
pub(in crate::aws) async fn run(
    command: &str,
    environment: &BTreeMap<String, String>,
) -> Result<BaseCredentials, ProviderError> {
    let words = split(command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| failed("its quotes do not match, or it is empty"))?;
    let (program, arguments) = words.split_first().ok_or_else(|| failed("it is empty"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed("it cannot be started").with_source(error))?;
    let mut output = Zeroizing::new(Vec::with_capacity(4 * 1024));
    let ended = timeout(TIMEOUT, async {
        if let Some(stdout) = child.stdout.take() {
            let read = stdout.take(MAX_OUTPUT + 1).read_to_end(&mut output).await?;
            if u64::try_from(read).is_ok_and(|read| read > MAX_OUTPUT) {
                return Ok(None);
            }
        }
        child.wait().await.map(Some)
    });
    let status = ended.await.map_err(|_| failed("it took longer than a minute"))?;
    let status = status.map_err(|error| failed("it cannot be waited for").with_source(error))?;
    let status = status.ok_or_else(|| failed("it prints more than 64 KiB"))?;
    if !status.success() {
        return Err(failed(&format!("it failed ({status})")));
    }
    given(&output, true).map_err(failed)
}

fn failed(why: &str) -> ProviderError {
    ProviderError::new(
        ProviderFault::NotLoggedIn,
        format!("the credential_process of the AWS profile is of no use: {why}"),
    )
    .with_hint("run the command by hand and look at what it prints")
}

/// Splits a command into words, as AWS's tools do: blanks divide, quotes hold together, a backslash takes the next
/// character as it is.
fn split(command: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = command.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(c),
            (_, '\\') => word.get_or_insert_default().push(characters.next()?),
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_like_a_shell_does() {
        for (command, words) in [
            ("a b  c", Some(&["a", "b", "c"][..])),
            (r#"sh -c "echo 'x y'" ''"#, Some(&["sh", "-c", "echo 'x y'", ""])),
            (r#"a\ b 'c\d' "e\"f""#, Some(&["a b", r"c\d", "e\"f"])),
            ("", Some(&[])),
            ("a 'b", None),
            ("a\\", None),
        ] {
            assert_eq!(
                split(command).as_deref(),
                words.map(|words| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>()).as_deref(),
                "{command}"
            );
        }
    }

    async fn fails(command: &str) -> ProviderError {
        let environment = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
        run(command, &environment).await.unwrap_err()
    }

    #[tokio::test]
    async fn keys_are_read_and_nothing_else() {
        let environment = [
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("KEY".to_owned(), "AKIAexample00000".to_owned()),
        ];
        let command = r#"sh -c 'echo "{\"Version\":1,\"AccessKeyId\":\"$KEY\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\",\"Expiration\":\"2026-01-01T00:00:00Z\"}"'"#;
        let keys = run(command, &environment.into()).await.unwrap();
        assert_eq!((keys.access_key_id(), keys.session_token()), ("AKIAexample00000", Some("t")));
        assert!(keys.expires_at().is_some());
        for (command, why) in [
            ("/nonexistent/program", "cannot be started"),
            ("false", "it failed"),
            ("echo {}", "no JSON"),
            ("yes", "64 KiB"),
            (r#"echo '{"Version":2,"AccessKeyId":"AKIAexample00000","SecretAccessKey":"hush"}'"#, "Version"),
            (r#"echo '{"Version":1,"AccessKeyId":"x","SecretAccessKey":"hush"}'"#, "malformed"),
        ] {
            let error = fails(command).await.to_string();
            assert!(error.contains(why) && !error.contains("hush"), "{command}: {error}");
        }
    }
}
