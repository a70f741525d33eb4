use crate::home::{Home, PROGRAM, answer};
use audex_cli::args::Cli;
use clap::{Command, CommandFactory};
use std::{fs, process};

/// Hands each command that can be typed to a closure, with the words that name it.
fn each(command: &Command, words: &[String], take: &mut impl FnMut(&Command, &[String])) {
    take(command, words);
    for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
        each(one, &[words, &[one.get_name().to_owned()]].concat(), take);
    }
}

#[test]
fn every_command_and_flag_says_what_it_does() {
    let mut root = Cli::command();
    root.build();
    let mut count = 0;
    each(&root, &[], &mut |command, words| {
        count += 1;
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!about.is_empty() && !about.contains("```"), "{words:?}: {about}");
        let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
        assert!(!long.contains("```"), "{words:?}: {long}");
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "{words:?} {}", argument.get_id());
        }
    });
    assert!(count > 25, "{count}");
}

#[test]
fn help_is_printed_for_every_command() {
    let home = Home::new();
    let mut root = Cli::command();
    root.build();
    each(&root, &[], &mut |command, words| {
        let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let told = home.run(&arguments);
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{words:?}");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            if let Some(long) = argument.get_long() {
                assert!(told.out.contains(&format!("--{long}")), "{words:?} --{long}");
            }
        }
    });
}

#[test]
fn the_pages_of_the_manual_are_sound() {
    let home = Home::new();
    let told = home.run(&["man", "--dir", "man1"]);
    assert_eq!(told.code, 0, "{told:?}");
    let pages: Vec<_> =
        fs::read_dir(home.path().join("man1")).unwrap().map(|page| page.unwrap().path()).collect();
    let mut count = 0;
    let mut root = Cli::command();
    root.build();
    each(&root, &[], &mut |_, _| count += 1);
    assert_eq!(pages.len(), count);
    let main = fs::read_to_string(home.path().join("man1/tryaudex.1")).unwrap();
    for exit in audex_cli::exit::Exit::ALL {
        assert!(main.contains(&format!("\\fB{}\\fR", exit.code())), "{exit:?}");
    }
    for variable in audex_cli::config::Variable::ALL {
        assert!(main.contains(&variable.name.replace('-', "\\-")), "{variable:?}");
    }
    if process::Command::new("groff").arg("--version").output().is_err() {
        axess_peers::skip("the_pages_of_the_manual_are_sound", "groff is not installed");
        return;
    }
    for page in pages {
        let checked = process::Command::new("groff")
            .args(["-man", "-ww", "-Kutf8", "-Tutf8", "-z"])
            .arg(&page)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success() && said.is_empty(), "{}: {said}", page.display());
    }
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let told = home.run(&["completions", shell]);
        assert!(told.code == 0 && told.out.contains("tryaudex"), "{shell}");
    }
    let completed = |words: &str, current: &str| {
        let count = words.split(' ').count();
        let script = format!(
            "source <({PROGRAM} completions bash) && COMP_WORDS=({words} '{current}') && COMP_CWORD={count} \
             && _tryaudex tryaudex '{current}' \"${{COMP_WORDS[{count}-1]}}\" && echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = process::Command::new("bash");
        bash.args(["--norc", "-c", &script])
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/bin:/bin");
        answer(&mut bash)
    };
    for (words, current, expected) in [
        ("tryaudex", "sess", "sessions"),
        ("tryaudex audit", "ver", "verify"),
        ("tryaudex run --provider", "", "vault"),
        ("tryaudex run", "--dry", "--dry-run"),
    ] {
        let told = completed(words, current);
        assert!(told.out.split_whitespace().any(|word| word == expected), "{words} {current}: {told:?}");
    }
}
