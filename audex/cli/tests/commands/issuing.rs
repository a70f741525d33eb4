//! `run`, `chain`, `export` and `revoke`, where what they say on their streams matters.

use crate::home::{Home, PROGRAM};
use std::{fs, process::Command};

const ASKED: [&str; 4] = ["--provider", "local", "--allow", "orders:Read"];

fn with<'a>(command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[command], &ASKED[..], rest].concat()
}

fn statuses(home: &Home) -> Vec<String> {
    let (_, sessions) = home.json(&["sessions", "--all"]);
    let sessions = sessions["sessions"].as_array().unwrap();
    sessions.iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn json_is_alone_on_standard_output() {
    let home = Home::new();
    let (code, run) = home.json(&with("run", &["--", "sh", "-c", "echo noise; exit 4"]));
    assert_eq!((code, &run["exit_code"]), (4, &4.into()));
    assert_eq!(run["session"]["status"], "Failed");
    fs::write(
        home.path().join("steps.toml"),
        "[[steps]]\ncommand = [\"echo\", \"noise\"]\n[[steps]]\ncommand = [\"sh\", \"-c\", \"exit 5\"]\n",
    )
    .unwrap();
    let (code, chain) = home.json(&with("chain", &["steps.toml"]));
    assert_eq!((code, chain["steps"].as_array().unwrap().len()), (5, 2), "{chain}");
    let (code, plans) = home.json(&with("chain", &["steps.toml", "--dry-run"]));
    assert_eq!((code, plans.as_array().unwrap().len()), (0, 2));
    let (code, error) = home.json(&with("run", &["--ttl", "12h", "--", "true"]));
    assert_eq!((code, &error["error"]["name"]), (80, &"denied".into()));
}

#[test]
fn a_chain_ends_at_the_first_step_that_fails_unless_told_to_go_on() {
    let home = Home::new();
    let step = |script: &str| format!("[[steps]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\n");
    fs::write(home.path().join("s.toml"), [step("exit 3"), step("touch second; exit 4")].concat()).unwrap();
    assert_eq!(home.run(&with("chain", &["s.toml"])).code, 3);
    assert!(!home.path().join("second").exists());
    assert_eq!(home.run(&with("chain", &["s.toml", "--keep-going"])).code, 3);
    assert!(home.path().join("second").exists());
}

#[test]
fn no_step_is_run_when_one_is_denied() {
    let home = Home::new();
    home.configure("[policy]\ndeny = [\"orders:Delete*\"]\n");
    let text = "[[steps]]\ncommand = [\"touch\", \"first\"]\n[[steps]]\ncommand = [\"true\"]\nallow = [\"orders:DeleteAll\"]\n";
    fs::write(home.path().join("s.toml"), text).unwrap();
    let answer = home.run(&with("chain", &["s.toml"]));
    assert_eq!(answer.code, 80, "{answer:?}");
    assert!(answer.err.contains("step 2"), "{answer:?}");
    assert!(!home.path().join("first").exists());
    assert!(home.run(&["audit", "recent"]).out.contains("RequestDenied"));
}

#[test]
fn what_nobody_read_is_given_up() {
    let home = Home::new();
    // The reader is gone before the first byte.
    let script = format!(
        "{{ sleep 1; {PROGRAM} export --provider local --allow orders:Read; echo $? > code; }} | true"
    );
    let status = Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .current_dir(home.path())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::read_to_string(home.path().join("code")).unwrap().trim(), "87");
    assert_eq!(statuses(&home), ["Failed"]);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = home.command(&with("export", &[])).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(87));
    assert_eq!(statuses(&home), ["Failed", "Failed"]);
}

#[test]
fn an_exported_credential_goes_into_a_shell_and_into_a_new_file() {
    let home = Home::new();
    for (form, shell) in [
        ("shell", "eval \"$(cat)\"; test ${#AUDEX_TOKEN} -gt 100"),
        ("dotenv", ". /dev/stdin; test ${#AUDEX_TOKEN} -gt 100"),
    ] {
        let text = home.run(&with("export", &["--form", form])).out;
        let status =
            Command::new("sh").args(["-c", shell]).stdin(std::process::Stdio::piped()).spawn().and_then(
                |mut child| {
                    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes())?;
                    child.wait()
                },
            );
        assert!(status.unwrap().success(), "{form}: {text}");
    }
    let file = home.path().join("token.env");
    let to = ["--to", file.to_str().unwrap()];
    assert_eq!(home.run(&with("export", &to)).code, 0);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let again = home.run(&with("export", &to));
    assert_eq!(again.code, 87, "{again:?}");
    assert_eq!(statuses(&home)[0], "Failed", "what was not written is given up");
}

#[test]
fn what_cannot_be_kept_is_not_promised() {
    let home = Home::new();
    let budget = home.run(&with("export", &["--budget", "5"]));
    assert_eq!(budget.code, 2, "{budget:?}");
    let long = home.run(&["revoke", "--all", "--reason", &"x".repeat(600)]);
    assert_eq!(long.code, 2, "{long:?}");
    let role = home.run(&with("run", &["--role-arn", "arn:aws:iam::123456789012:role/x", "--", "true"]));
    assert_eq!(role.code, 2, "{role:?}");
}

#[test]
fn revoking_says_what_became_of_each_credential() {
    let home = Home::new();
    home.configure("[local]\nverifiers_introspect = true\n");
    let mut running = home.command(&with("run", &["--", "sleep", "60"])).spawn().unwrap();
    let active = || statuses(&home).iter().any(|status| status == "Active");
    while !home.data().join("sessions").exists() || !active() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (code, revoked) = home.json(&["revoke", "--all", "--reason", "laptop lost"]);
    assert_eq!((code, &revoked[0]["status"]), (0, &"Revoked".into()), "{revoked}");
    assert_eq!(revoked[0]["credentials"][0]["outcome"]["fate"], "dead");
    assert_eq!(running.wait().unwrap().code(), Some(88));
    let (code, again) = home.json(&["revoke", "--all"]);
    assert_eq!(code, 0, "{again}");
    let events = home.run(&["audit", "recent"]).out;
    assert!(events.contains("SessionRevoked") && events.contains("laptop lost"), "{events}");
}

#[test]
fn a_pipe_is_no_file_of_steps() {
    let home = Home::new();
    assert!(Command::new("mkfifo").arg(home.path().join("pipe")).status().unwrap().success());
    let answer = home.run(&with("chain", &["pipe"]));
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(answer.err.contains("no regular file"), "{answer:?}");
}

#[test]
fn the_next_run_ends_what_is_left_when_wrapper_and_keeper_were_killed() {
    let home = Home::new();
    let script = "echo $$ > pid; exec sleep 600";
    let mut wrapper =
        home.command(&with("run", &["--deliver", "file", "--", "sh", "-c", script])).spawn().unwrap();
    let pid = || fs::read_to_string(home.path().join("pid")).ok().filter(|text| text.ends_with('\n'));
    while pid().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let command = std::path::PathBuf::from(format!("/proc/{}/environ", pid().unwrap().trim()));
    let id = wrapper.id();
    let keeper = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let kill = Command::new("kill").args(["-9", keeper.trim(), &id.to_string()]).status().unwrap();
    assert!(kill.success());
    wrapper.wait().unwrap();
    assert!(fs::read(&command).is_ok_and(|environ| !environ.is_empty()), "nobody is left to end it");
    assert_eq!(home.run(&with("run", &["--", "true"])).code, 0);
    assert!(!fs::read(&command).is_ok_and(|environ| !environ.is_empty()), "the next run does");
    assert_eq!(fs::read_dir(home.data().join("run")).unwrap().count(), 0);
    assert_eq!(statuses(&home), ["Completed", "Failed"]);
}
