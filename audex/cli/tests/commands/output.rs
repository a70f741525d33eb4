use crate::home::{Home, PROGRAM, answer};
use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

#[test]
fn a_reader_that_goes_away_ends_nothing_loudly() {
    let home = Home::new();
    home.session();
    for arguments in
        ["--help", "man", "config show", "audit export", "completions bash", "sessions", "init --print"]
    {
        let script = format!("{PROGRAM} {arguments} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
        let told = answer(&mut shell);
        assert_eq!((told.out.as_str(), told.err.as_str()), ("0\n", ""), "{arguments}");
    }
}

#[test]
fn a_reader_that_goes_away_does_not_hide_what_was_found() {
    let home = Home::new();
    home.session();
    let segment = home.data().join("audit/000000000001.jsonl");
    fs::write(&segment, fs::read_to_string(&segment).unwrap().replace("orders", "0rders")).unwrap();
    let script = format!("{PROGRAM} audit verify | true; echo ${{PIPESTATUS[0]}}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
    assert_eq!(answer(&mut shell).out, "85\n");
}

#[test]
fn a_full_disk_behind_standard_output_is_told() {
    let home = Home::new();
    let mut command = home.command(&["config", "show"]);
    let ended = command.stdout(File::create("/dev/full").unwrap()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(87));
    assert!(String::from_utf8(ended.stderr).unwrap().starts_with("error: cannot write to standard output"));
}

#[test]
fn closed_streams_are_no_crash() {
    let home = Home::new();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let script = format!("{PROGRAM} config show {closed}");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
        let code = answer(&mut shell).code;
        assert!(code == 0 || code == 87, "{closed}: {code}");
    }
}

#[test]
fn colours_are_where_they_are_wanted() {
    let home = Home::new();
    for (flags, variable, has_colour) in [
        (&[][..], None, false),
        (&["--color", "always"], None, true),
        (&["--color", "always"], Some("NO_COLOR"), true),
        (&[], Some("CLICOLOR_FORCE"), true),
        (&["--color", "never"], Some("CLICOLOR_FORCE"), false),
    ] {
        let mut command = home.command(&[flags, &["health"]].concat());
        if let Some(variable) = variable {
            command.env(variable, "1");
        }
        assert_eq!(answer(&mut command).out.contains('\u{1b}'), has_colour, "{flags:?} {variable:?}");
    }
}

#[test]
fn json_is_one_document_whatever_happens() {
    let home = Home::new();
    home.session();
    for (arguments, expected) in [
        (&["sessions"][..], 0),
        (&["health"], 0),
        (&["config", "show"], 0),
        (&["config", "path"], 0),
        (&["profiles"], 0),
        (&["clean", "--dry-run"], 0),
        (&["audit", "verify"], 0),
        (&["policy", "explain", "--allow", "a:B"], 0),
        (&["policy", "lint", "--allow", "a:B"], 0),
        (&["policy", "diff", "--allow", "a:B", "--to-allow", "a:C"], 0),
        (&["estimate", "--allow", "a:B"], 0),
        (&["estimate"], 2),
        (&["policy", "explain", "--provider", "aws", "--allow", "s3:GetObjct"], 2),
        (&["sessions", "show", "zzzz"], 2),
        (&["nonsense"], 2),
        (&["profiles", "show", "nobody"], 2),
        (&[], 2),
    ] {
        let (code, value) = home.json(arguments);
        assert_eq!(code, expected, "{arguments:?}");
        assert_eq!(
            value["error"]["code"].as_i64(),
            (code != 0).then_some(i64::from(code)),
            "{arguments:?}: {value}"
        );
    }
    let told = answer(home.command(&["sessions"]).env("AUDEX_OUTPUT", "json"));
    assert!(told.out.starts_with('{'), "{told:?}");
}

#[test]
fn arguments_that_are_not_unicode_are_no_crash() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let odd = std::ffi::OsStr::from_bytes(b"\xff\x1b[2J");
    for arguments in [&["sessions", "show"][..], &["--config"], &["policy", "explain", "--allow"], &[]] {
        let told = answer(home.command(arguments).arg(odd));
        assert!(told.code == 2 || told.code == 86, "{arguments:?}: {told:?}");
        assert!(!told.err.contains('\u{1b}'), "{told:?}");
    }
    let told = answer(home.command(&["config", "show"]).env("AUDEX_REGION", odd));
    assert_eq!(told.code, 86, "{told:?}");
}

#[test]
fn quiet_leaves_results_and_errors() {
    let home = Home::new();
    let told = home.run(&["--quiet", "sessions"]);
    assert_eq!((told.out.as_str(), told.err.as_str()), ("", ""));
    assert!(home.run(&["--quiet", "sessions", "show", "abcd"]).err.starts_with("error: "));
    assert!(!home.run(&["--quiet", "health"]).out.is_empty());
}
