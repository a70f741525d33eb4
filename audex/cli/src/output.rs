//! Where words go: results to standard output, everything else to standard error.

mod printable;
mod style;
mod table;

pub use printable::{printable, shortened};
pub use style::{Color, Style};
pub use table::Table;

use crate::{
    config::Surroundings,
    exit::{Exit, Failure},
};
use anstream::AutoStream;
use serde::Serialize;
use std::{
    cell::Cell,
    fmt,
    io::{self, ErrorKind, Write},
    str::FromStr,
};

/// What standard output holds.
///
/// ```
/// use audex_cli::output::Format;
/// assert_eq!("json".parse(), Ok(Format::Json));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Sentences and tables.
    #[default]
    Text,
    /// JSON: one document, or one on each line where the command says so.
    Json,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("no such format (one of text, json)"),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Json { "json" } else { "text" })
    }
}

/// Writes results, notes, warnings and failures.
///
/// A reader that went away (`| head -1`) is no failure: what follows is not written, and the command keeps its own exit
/// code.
///
/// ```
/// use audex_cli::{config::Surroundings, output::{Color, Format, Output}};
/// let output = Output::new(&Surroundings::empty(), Format::Text, Color::Never, true);
/// output.note("quiet: nobody reads this");
/// assert!(output.is_quiet() && !output.is_json());
/// ```
#[derive(Debug)]
pub struct Output {
    format: Format,
    is_quiet: bool,
    stdout: anstream::ColorChoice,
    stderr: anstream::ColorChoice,
    is_gone: Cell<bool>,
}

impl Output {
    /// Decides where colours go: by the flag, then `NO_COLOR` and `CLICOLOR_FORCE`, then whether a terminal reads.
    pub fn new(surroundings: &Surroundings, format: Format, color: Color, is_quiet: bool) -> Self {
        Self {
            format,
            is_quiet,
            stdout: color.choice(surroundings, surroundings.stdout_is_terminal),
            stderr: color.choice(surroundings, surroundings.stderr_is_terminal),
            is_gone: Cell::new(false),
        }
    }

    /// Tells whether standard output holds JSON and nothing else.
    pub const fn is_json(&self) -> bool {
        matches!(self.format, Format::Json)
    }

    /// Tells whether only errors are written to standard error.
    pub const fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Tells whether the reader of standard output went away, so that a long result may end.
    pub const fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    /// Writes a part of the result as it is: with [`Style`]s, and with nothing else that has control characters.
    ///
    /// # Errors
    ///
    /// [`Exit::LocalState`] when it cannot be written, as on a full disk.
    pub fn print(&self, text: impl fmt::Display) -> Result<(), Failure> {
        self.write(text.to_string().as_bytes(), true)
    }

    /// Writes a line of the result.
    ///
    /// # Errors
    ///
    /// As [`print`](Self::print).
    pub fn line(&self, text: impl fmt::Display) -> Result<(), Failure> {
        self.print(format_args!("{text}\n"))
    }

    /// Writes the result as one JSON document.
    ///
    /// # Errors
    ///
    /// As [`print`](Self::print).
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.json_with(serde_json::to_vec_pretty(value))
    }

    /// Writes a JSON document on a line of its own.
    ///
    /// # Errors
    ///
    /// As [`print`](Self::print).
    pub fn json_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.json_with(serde_json::to_vec(value))
    }

    /// Writes bytes of the result as they are, as of a file.
    ///
    /// # Errors
    ///
    /// As [`print`](Self::print).
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(bytes, false)
    }

    /// Tells the person something that is not the result, unless they want quiet.
    pub fn note(&self, text: impl fmt::Display) {
        if !self.is_quiet {
            self.say("", Style::Plain, &text.to_string());
        }
    }

    /// Warns the person, unless they want quiet.
    pub fn warn(&self, text: impl fmt::Display) {
        if !self.is_quiet {
            self.say("warning: ", Style::Warning, &text.to_string());
        }
    }

    /// Shows the help to somebody who did not ask for it, on standard error.
    pub fn overview(&self, help: impl fmt::Display) {
        let _ = write!(AutoStream::new(io::stderr().lock(), self.stderr), "{help}");
    }

    /// Tells why the command failed.
    ///
    /// A line `error: ...` and lines `help: ...` go to standard error, and with `--output json` also
    /// `{"error":{"code","name","message","help"}}` to standard output.
    pub fn fail(&self, failure: &Failure) {
        self.say("error: ", Style::Error, &failure.message);
        for help in &failure.help {
            self.say("help: ", Style::Help, help);
        }
        if self.is_json() {
            let Failure { exit, message, help } = failure;
            let (code, name) = (exit.code(), exit.name());
            let error = serde_json::json!({ "code": code, "name": name, "message": message, "help": help });
            // The failure is what counts, not that it could not be written as well.
            let _ = self.json(&serde_json::json!({ "error": error }));
        }
    }

    /// Writes to standard error; nobody is left to be told when that fails.
    fn say(&self, label: &str, style: Style, text: &str) {
        let mut stderr = AutoStream::new(io::stderr().lock(), self.stderr);
        let lines = text.lines().map(printable).collect::<Vec<_>>().join("\n  ");
        let _ = writeln!(stderr, "{}{lines}", style.paint(label));
    }

    fn json_with(&self, text: Result<Vec<u8>, serde_json::Error>) -> Result<(), Failure> {
        let mut text = text.map_err(|error| Failure::of(Exit::Bug, &error))?;
        text.push(b'\n');
        self.write(&text, false)
    }

    fn write(&self, bytes: &[u8], is_styled: bool) -> Result<(), Failure> {
        if self.is_gone.get() {
            return Ok(());
        }
        let stdout = io::stdout().lock();
        let written = if is_styled {
            let mut stdout = AutoStream::new(stdout, self.stdout);
            stdout.write_all(bytes).and_then(|()| stdout.flush())
        } else {
            let mut stdout = stdout;
            stdout.write_all(bytes).and_then(|()| stdout.flush())
        };
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_gone.set(true);
                Ok(())
            }
            Err(error) => {
                Err(Failure::new(Exit::LocalState, format!("cannot write to standard output: {error}")))
            }
        }
    }
}
