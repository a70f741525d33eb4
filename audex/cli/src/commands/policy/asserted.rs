//! What a grant is expected to allow, line by line.

use crate::{
    commands::Invocation,
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::{Style, printable, shortened},
};
use audex_policy::Grant;
use serde_json::json;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The largest file of expectations, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// One expectation.
#[derive(Debug, PartialEq, Eq)]
struct Expectation<'a> {
    line: usize,
    is_allowed: bool,
    action: &'a str,
    resource: &'a str,
}

pub(super) fn run(invocation: &Invocation, grant: &Grant, file: &Path) -> Outcome {
    let text = read(invocation, file)
        .map_err(|error| Failure::new(Exit::Usage, format!("cannot read {}: {error}", file.display())))?;
    let expectations = parse(&text)?;
    let broken: Vec<&Expectation<'_>> =
        expectations.iter().filter(|one| grant.allows(one.action, one.resource) != one.is_allowed).collect();
    let code = if broken.is_empty() { SUCCESS } else { Exit::CheckFailed.code() };
    let output = &invocation.output;
    if output.is_json() {
        let fault = |one: &&Expectation<'_>| {
            let expected = if one.is_allowed { "allow" } else { "deny" };
            json!({ "line": one.line, "expected": expected, "action": one.action, "resource": one.resource })
        };
        let failed: Vec<_> = broken.iter().map(fault).collect();
        output.json(&json!({ "checked": expectations.len(), "failed": failed }))?;
        return Ok(code);
    }
    for one in &broken {
        let (expected, found) = if one.is_allowed { ("allowed", "denied") } else { ("denied", "allowed") };
        let what = format!("{} on {}", printable(one.action), printable(one.resource));
        output.line(format_args!(
            "{}: line {}: {what} is {found}, and should be {expected}",
            Style::Error.paint("failed"),
            one.line
        ))?;
    }
    let passed = expectations.len() - broken.len();
    output.note(format_args!("{passed} of {} hold", expectations.len()));
    Ok(code)
}

fn read(invocation: &Invocation, file: &Path) -> io::Result<String> {
    let reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(invocation.surroundings.absolute(file))?)
    };
    let mut bytes = Vec::new();
    reader.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(io::Error::other(format!("it is larger than {MAX_FILE} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| io::Error::other(error.utf8_error()))
}

/// Reads every line, or names every line that cannot be read; a file that expects nothing is one as well.
fn parse(text: &str) -> Result<Vec<Expectation<'_>>, Failure> {
    let (mut expectations, mut faults) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let code = line.split_once('#').map_or(line, |(code, _)| code);
        let words: Vec<&str> = code.split_whitespace().collect();
        let is_allowed = words.first().map(|word| *word == "allow");
        match words.as_slice() {
            [] => {}
            ["allow" | "deny", action, resource] => {
                let is_allowed = is_allowed.unwrap_or(false);
                expectations.push(Expectation { line: index + 1, is_allowed, action, resource });
            }
            _ => {
                faults.push(format!("line {}: `{}` is no expectation", index + 1, shortened(code.trim(), 60)))
            }
        }
    }
    if expectations.is_empty() && faults.is_empty() {
        faults.push("the file expects nothing".to_owned());
    }
    if faults.is_empty() {
        return Ok(expectations);
    }
    let failure = Failure::new(Exit::Usage, faults.join("\n"));
    Err(failure.with_help("write `allow ACTION RESOURCE` or `deny ACTION RESOURCE`, as in allow s3:GetObject arn:aws:s3:::logs/a"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_every_fault_is_told() {
        let read = parse("# all\n\nallow s3:GetObject arn:aws:s3:::a/b # why\n  deny\ts3:*  *\r\n").unwrap();
        assert_eq!(
            read.iter().map(|one| (one.line, one.is_allowed)).collect::<Vec<_>>(),
            [(3, true), (4, false)]
        );
        let failure = parse("allow s3:GetObject\nmaybe a b\ndeny a b\n").unwrap_err();
        assert_eq!(failure.message.lines().count(), 2);
        assert!(parse("# nothing\n").is_err());
    }
}
