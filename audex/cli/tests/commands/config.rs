use crate::home::{Home, answer};
use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

#[test]
fn the_usual_file_is_made_checked_and_shown() {
    let home = Home::new();
    let made = home.run(&[
        "init",
        "--provider",
        "aws",
        "--role-arn",
        "arn:aws:iam::123456789012:role/dev",
        "--ttl",
        "5m",
    ]);
    assert_eq!(made.code, 0, "{made:?}");
    let mode = fs::metadata(home.config_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(home.run(&["config", "check"]).code, 0);
    assert_eq!(home.run(&["config", "path"]).out.trim(), home.config_file().to_str().unwrap());
    let (_, shown) = home.json(&["config", "show", "aws.role_arn"]);
    assert_eq!(shown["values"][0]["value"], "arn:aws:iam::123456789012:role/dev");
    assert!(shown["values"][0]["source"].as_str().unwrap().contains("config.toml:"), "{shown}");
    let again = home.run(&["init"]);
    assert_eq!(again.code, 2, "what is there is never changed: {again:?}");
}

#[test]
fn a_file_of_the_team_servers_is_told_by_what_it_has() {
    let home = Home::new();
    for text in ["[server]\nmax_connections = 100\n", "[sso]\nenabled = false\n"] {
        home.configure(text);
        let told = home.run(&["config", "check"]);
        assert!(told.code != 0 && told.err.contains("server --check-config"), "{told:?}");
        let file = home.config_file();
        let checked = home.run(&["--config", file.to_str().unwrap(), "server", "--check-config"]);
        assert_eq!(checked.code, 0, "{checked:?}");
    }
    home.configure("regoin = \"x\"\n");
    let told = home.run(&["config", "check"]);
    assert!(told.code != 0 && !told.err.contains("--check-config"), "{told:?}");
}

#[test]
fn what_is_typed_into_init_has_to_make_a_sound_file() {
    let home = Home::new();
    assert_eq!(home.run(&["init", "--role-arn", "admin"]).code, 2);
    assert!(!home.config_file().exists());
    let printed = home.run(&["init", "--print", "--provider", "local"]);
    assert!(printed.out.contains("\nprovider = \"local\"\n"), "{printed:?}");
}

#[test]
fn every_fault_of_a_file_is_told_with_line_and_hint() {
    let home = Home::new();
    home.configure("provder = \"aws\"\ndefault_ttl = \"15\"\n[aws]\nregoin = \"x\"\n[policy]\ndeny = [\"s3:GetObjct\"]\n");
    for command in [
        &["config", "check"][..],
        &["config", "show"],
        &["profiles"],
        &["run", "--allow", "a:B", "--", "true"],
    ] {
        let answer = home.run(command);
        assert_eq!(answer.code, 86, "{answer:?}");
        for part in [
            "line 1: provder: there is no such key (did you mean provider?)",
            "line 2: default_ttl: a lifetime needs a unit",
            "line 4: aws.regoin: there is no such key (did you mean region?)",
            "line 6: policy.deny[0]: `s3:GetObjct`",
        ] {
            assert!(answer.err.contains(part), "{part}: {answer:?}");
        }
    }
    let (code, told) = home.json(&["config", "check"]);
    assert_eq!((code, told["faults"].as_array().unwrap().len()), (86, 4));
    assert_eq!(told["faults"][0]["line"], 1);
    let (code, told) = home.json(&["profiles"]);
    assert_eq!((code, told["error"]["name"].as_str()), (86, Some("config")));
}

#[test]
fn flags_win_over_variables_and_those_over_the_file() {
    let home = Home::new();
    home.configure("provider = \"gcp\"\ndefault_ttl = \"5m\"\n");
    let provider = |variable: Option<&str>, flag: &[&str]| {
        let arguments = [&["--output", "json", "estimate", "--allow", "a:B"], flag].concat();
        let mut command = home.command(&arguments);
        if let Some(value) = variable {
            command.env("AUDEX_PROVIDER", value);
        }
        let told = answer(&mut command);
        serde_json::from_str::<serde_json::Value>(&told.out).unwrap()["grant"]["provider"].clone()
    };
    assert_eq!(provider(Some("local"), &[]), "local");
    assert_eq!(provider(Some("gcp"), &["--provider", "local"]), "local");
    home.configure("provider = \"local\"\n");
    assert_eq!(provider(None, &[]), "local");
}

#[test]
fn variables_are_checked_and_mistyped_ones_warned_of() {
    let home = Home::new();
    let told = answer(
        home.command(&["config", "show", "--changed"]).env("AUDEX_TTL", "15").env("AUDEX_PROVIDER", "x"),
    );
    assert_eq!(told.code, 86);
    assert!(told.err.contains("AUDEX_TTL: ") && told.err.contains("AUDEX_PROVIDER: "), "{told:?}");
    let told = answer(
        home.command(&["config", "show", "--changed"])
            .env("AUDEX_REGOIN", "x")
            .env("AUDEX_REGION", "eu-west-1"),
    );
    assert_eq!(told.code, 0);
    assert!(told.err.contains("AUDEX_REGOIN means nothing (did you mean AUDEX_REGION?)"), "{told:?}");
    assert!(told.out.contains("\"eu-west-1\""), "{told:?}");
    let told = answer(home.command(&["--quiet", "config", "show"]).env("AUDEX_REGOIN", "x"));
    assert_eq!(told.err, "");
}

#[test]
fn a_file_that_others_can_write_is_refused_with_what_mends_it() {
    let home = Home::new();
    home.configure("");
    fs::set_permissions(home.config_file(), fs::Permissions::from_mode(0o664)).unwrap();
    let told = home.run(&["config", "check"]);
    assert_eq!(told.code, 86);
    let mend = told.err.lines().find_map(|line| line.strip_prefix("help: run: ")).unwrap();
    assert!(std::process::Command::new("sh").args(["-c", mend]).status().unwrap().success());
    assert_eq!(home.run(&["config", "check"]).code, 0);
}

#[test]
fn a_folder_that_others_can_write_is_refused_with_what_mends_it() {
    let home = Home::new();
    home.configure("");
    let folder = home.config_file().parent().unwrap().to_owned();
    let mends = |told: &crate::home::Answer| {
        assert_eq!(told.code, 86, "{told:?}");
        let mend = told.err.lines().find_map(|line| line.strip_prefix("help: run: ")).unwrap();
        assert!(std::process::Command::new("sh").args(["-c", mend]).status().unwrap().success());
        assert_eq!(home.run(&["config", "check"]).code, 0);
    };
    let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    chmod(&folder, 0o777);
    mends(&home.run(&["run", "--allow", "a:B", "--", "true"]));
    // Where a link points, too.
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(home.config_file(), elsewhere.join("c.toml")).unwrap();
    symlink(elsewhere.join("c.toml"), home.config_file()).unwrap();
    assert_eq!(home.run(&["config", "check"]).code, 0);
    chmod(&elsewhere, 0o770);
    mends(&home.run(&["config", "check"]));
    // As /tmp is: nobody else replaces a file of ours.
    chmod(&elsewhere, 0o1777);
    assert_eq!(home.run(&["config", "check"]).code, 0);
    // Who can remove the file can remove its rules.
    fs::remove_file(home.config_file()).unwrap();
    chmod(&folder, 0o777);
    mends(&home.run(&["config", "check"]));
}

#[test]
fn a_link_to_nothing_is_not_no_rules() {
    for is_folder in [false, true] {
        let home = Home::new();
        home.configure("");
        let folder = home.config_file().parent().unwrap().to_owned();
        fs::remove_file(home.config_file()).unwrap();
        assert_eq!(home.run(&["config", "check"]).code, 0, "there is no file");
        let link = if is_folder {
            fs::remove_dir(&folder).unwrap();
            folder
        } else {
            home.config_file()
        };
        symlink("nowhere", &link).unwrap();
        for command in [&["config", "check"][..], &["run", "--allow", "a:B", "--", "true"]] {
            let told = home.run(command);
            assert_eq!(told.code, 86, "{told:?}");
            assert!(told.err.contains(&format!("{} is a link to nothing", link.display())), "{told:?}");
        }
        assert_eq!(home.run(&["health"]).code, 1);
    }
}

#[test]
fn an_output_that_is_none_is_told_by_every_command() {
    let home = Home::new();
    for command in [&["sessions"][..], &["health"], &["config", "path"], &["clean"], &["man"]] {
        for value in ["xml", "JSON "] {
            let told = answer(home.command(command).env("AUDEX_OUTPUT", value));
            assert_eq!((told.code, told.out.as_str()), (86, ""), "{command:?}: {told:?}");
            assert!(told.err.contains("AUDEX_OUTPUT"), "{told:?}");
        }
        if command != ["man"] {
            let told = answer(home.command(command).env("AUDEX_OUTPUT", "").env("AUDEX_NONSENSE", ""));
            assert_eq!((told.code, told.err.contains("AUDEX_")), (0, false), "{command:?}: {told:?}");
        }
    }
}

#[test]
fn odd_files_are_refused() {
    let home = Home::new();
    for bytes in [&b"\xff\xfe"[..], b"provider = \xc3", &vec![b'#'; (1 << 20) + 1]] {
        home.configure("");
        fs::write(home.config_file(), bytes).unwrap();
        assert_eq!(home.run(&["config", "check"]).code, 86);
    }
    fs::remove_file(home.config_file()).unwrap();
    fs::create_dir(home.config_file()).unwrap();
    assert_eq!(home.run(&["config", "check"]).code, 86);
    assert_eq!(home.run(&["--config", "nowhere.toml", "config", "check"]).code, 86);
    assert_eq!(home.run(&["--config", "/dev/zero", "config", "check"]).code, 86);
}

#[test]
fn without_a_home_folder_it_says_what_to_set() {
    let home = Home::new();
    let mut command = home.command(&["sessions"]);
    command.env_remove("HOME");
    // Whoever runs this has a home in the user database.
    assert_eq!(answer(&mut command).code, 0);
    let told = answer(home.command(&["sessions"]).env("HOME", "relative"));
    assert_eq!(told.code, 0, "{told:?}");
}

#[test]
fn a_home_that_cannot_be_written_can_be_read() {
    let home = Home::new();
    for read in
        [&["sessions"][..], &["config", "show"], &["audit", "recent"], &["audit", "verify"], &["clean"]]
    {
        let told = answer(home.command(read).env("HOME", "/proc"));
        assert_eq!(told.code, 0, "{read:?}: {told:?}");
    }
    let told = answer(home.command(&["init"]).env("HOME", "/proc"));
    assert_eq!(told.code, 87, "{told:?}");
}

#[test]
fn profiles_are_listed_and_shown_with_what_they_inherit() {
    let home = Home::new();
    home.configure("provider = \"aws\"\n[profiles.base]\nallow = [\"s3:ListBucket\"]\n[profiles.logs]\nextends = [\"base\"]\nallow = [\"s3:GetObject\"]\n");
    assert!(home.run(&["profiles"]).out.contains("logs"));
    let (code, shown) = home.json(&["profiles", "show", "logs"]);
    assert_eq!((code, shown["allows"].as_array().unwrap().len()), (0, 2));
    let told = home.run(&["profiles", "show", "lgos"]);
    assert_eq!(told.code, 2);
    assert!(told.err.contains("did you mean logs?"), "{told:?}");
}

#[test]
fn init_asks_where_a_terminal_is() {
    let home = Home::new();
    if std::process::Command::new("script").arg("--version").output().is_err() {
        axess_peers::skip("init_asks_where_a_terminal_is", "script is not installed");
        return;
    }
    let line = format!("{} init", crate::home::PROGRAM);
    let mut script = std::process::Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin");
    script.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = script.spawn().unwrap();
    let answers = "nonsense\naws\narn:aws:iam::123456789012:role/dev\n\n";
    child.stdin.as_mut().unwrap().write_all(answers.as_bytes()).unwrap();
    let told = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.status.success() && said.contains("no such provider"), "{said}");
    let (_, shown) = home.json(&["config", "show", "aws.role_arn"]);
    assert_eq!(shown["values"][0]["value"], "arn:aws:iam::123456789012:role/dev");
}
