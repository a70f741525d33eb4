//! `tryaudex man`: the manual.

use super::Invocation;
use crate::{
    args::Cli,
    config::Variable,
    exit::{Exit, Failure, Outcome, SUCCESS},
};
use clap::{Args, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// The arguments of `tryaudex man`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "man", "--dir", "man1"])?;
/// assert!(matches!(cli.command, Command::Man(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Write every page into this folder, which is made where there is none: tryaudex.1, tryaudex-run.1 and so on
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Files, for the manual: where, and what.
const FILES: [(&str, &str); 9] = [
    ("$XDG_CONFIG_HOME/audex/config.toml", "the configuration; refused when others can write it"),
    ("$XDG_CONFIG_HOME/audex/server-config.toml", "the configuration of tryaudex server"),
    ("$XDG_DATA_HOME/audex/sessions/", "a JSON record for each session"),
    ("$XDG_DATA_HOME/audex/audit/", "the audit log; audit.jsonl in it is a link to the newest segment"),
    ("$XDG_DATA_HOME/audex/keys/", "the audit log's keys; checkpoint.pub may be given to others"),
    ("$XDG_DATA_HOME/audex/issuer/", "the local issuer's keys"),
    ("$XDG_DATA_HOME/audex/servers/", "logins to team servers, and the keys that approvals are signed with"),
    ("$XDG_DATA_HOME/audex/state/", "what is counted between runs"),
    ("$XDG_RUNTIME_DIR/audex/", "the private folders of running sessions, else run/ beside the sessions"),
];

pub(super) fn run(invocation: &Invocation, args: &ManArgs) -> Outcome {
    let Some(folder) = &args.dir else {
        let text = main_page().map_err(|error| Failure::of(Exit::Bug, &error))?;
        invocation.output.bytes(&text)?;
        return Ok(SUCCESS);
    };
    let folder = invocation.surroundings.absolute(folder);
    let count = write_pages(&folder).map_err(|error| {
        Failure::new(Exit::LocalState, format!("cannot write the manual to {}: {error}", folder.display()))
    })?;
    if invocation.output.is_json() {
        invocation.output.json(&serde_json::json!({ "folder": folder, "pages": count }))?;
    } else {
        invocation.output.note(format_args!("wrote {count} pages to {}", folder.display()));
    }
    Ok(SUCCESS)
}

/// Writes every page; returns how many.
fn write_pages(folder: &Path) -> io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("tryaudex.1"), main_page()?)?;
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut count = 1;
    let mut open: Vec<clap::Command> =
        root.get_subcommands().filter(|one| !one.is_hide_set()).cloned().collect();
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands().filter(|one| !one.is_hide_set()).cloned());
        let man = Man::new(command);
        let mut page = Vec::new();
        man.render(&mut page)?;
        std::fs::write(folder.join(man.get_filename()), page)?;
        count += 1;
    }
    Ok(count)
}

/// Returns the page of the program: with exit codes, variables and files.
fn main_page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    output_section(&mut page)?;
    exit_section(&mut page)?;
    let variables = |is_read| Variable::ALL.iter().filter(move |variable| variable.is_read == is_read);
    listed(
        &mut page,
        "ENVIRONMENT",
        "These variables are read. A flag wins over a variable, and a variable over the file.",
        variables(true).map(|one| (one.name, one.about)),
    )?;
    listed(
        &mut page,
        "ENVIRONMENT OF THE COMMAND",
        "These are set for the command that is run, beside those of the provider.",
        variables(false).map(|one| (one.name, one.about)),
    )?;
    listed(&mut page, "FILES", "Folders have the mode 0700, and secret files 0600.", FILES.iter().copied())?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn output_section(page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["OUTPUT"]);
    roff.text([
        roman("Results go to standard output, everything else to standard error. With "),
        bold("--output json"),
        roman(" standard output holds one JSON document and nothing else; "),
        bold("audit recent"),
        roman(", "),
        bold("audit show"),
        roman(" and "),
        bold("audit export"),
        roman(" write one document on each line. A failure is then "),
        italic("{\"error\":{\"code\",\"name\",\"message\",\"help\"}}"),
        roman(", beside the lines "),
        bold("error:"),
        roman(" and "),
        bold("help:"),
        roman(" on standard error."),
    ]);
    roff.to_writer(page)
}

fn exit_section(page: &mut Vec<u8>) -> io::Result<()> {
    let intro = "A command that was run ends tryaudex with its own code, or 128 and the number of the signal that ended it. \
                 Otherwise the code is one of these, which do not change.";
    let codes: Vec<(String, &str)> =
        Exit::ALL.iter().map(|exit| (exit.code().to_string(), exit.meaning())).collect();
    let success = std::iter::once(("0", "done as asked"));
    listed(
        page,
        "EXIT STATUS",
        intro,
        success.chain(codes.iter().map(|(code, meaning)| (code.as_str(), *meaning))),
    )
}

fn listed<'a>(
    page: &mut Vec<u8>,
    heading: &str,
    intro: &str,
    entries: impl Iterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    roff.text([roman(intro)]);
    for (name, about) in entries {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(about)]);
    }
    roff.to_writer(page)
}
