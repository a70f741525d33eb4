//! What the caller gets back: the command's own end, or one of ours.

use crate::home::Home;
use serde_json::Value;
use std::{
    ffi::OsStr,
    io::Write,
    os::unix::ffi::OsStrExt,
    process::{Output, Stdio},
};

const READ: &str = "run --provider local --allow orders:Read";

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

#[test]
fn the_end_of_the_command_is_the_end_of_the_session() {
    let home = Home::new();
    for (line, expected) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 255", 255),
        // One of our own codes is the command's where it is the command's.
        ("exit 83", 83),
        ("kill -TERM $$", 128 + 15),
        ("kill -KILL $$", 128 + 9),
        ("kill -PIPE $$", 128 + 13),
    ] {
        let output = home.shell(READ, line).output().unwrap();
        assert_eq!(code(&output), expected, "{line}: {output:?}");
    }
    let statuses: Vec<Value> = home.sessions().iter().map(|session| session["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "Completed").count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "Failed").count(), 6, "{statuses:?}");
}

#[test]
fn a_command_that_cannot_be_started_has_the_shells_codes() {
    let home = Home::new();
    std::fs::write(home.path().join("plain"), "no program").unwrap();
    for (program, expected, why) in [
        ("no-such-program-here", 127, "command not found: \"no-such-program-here\""),
        ("./plain", 126, "cannot run \"./plain\""),
        ("./bin", 126, "cannot run \"./bin\""),
    ] {
        let output = home.tryaudex(READ).args(["--", program]).output().unwrap();
        assert_eq!(code(&output), expected, "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(why), "{output:?}");
    }
    assert!(home.sessions().iter().all(|session| session["status"] == "Failed"), "{:#?}", home.sessions());
    assert_eq!(home.events().iter().filter(|event| *event == "SessionEnded").count(), 3);
}

#[test]
fn what_cannot_be_done_says_why_and_starts_nothing() {
    let table = [
        ("", "run --allow orders:Read", 2, "command"),
        ("", "run --provider local -- touch started", 2, "--allow"),
        ("", "run --provider local --allow orders -- touch started", 2, "orders"),
        ("", "run --allow s3:GetObjekt --provider aws -- touch started", 2, "s3:GetObject"),
        ("", "run --provider local --allow orders:Read --ttl 15 -- touch started", 2, "unit"),
        ("", "run --provider local --allow orders:Read --ttl 13h -- touch started", 2, "12h"),
        ("", "run --provider lokal --allow orders:Read -- touch started", 2, "local"),
        ("", "run --provider local --allow orders:Read --budget 0 -- touch started", 2, "0.01"),
        ("", "run --provider local --allow orders:Read --budget free -- touch started", 2, "12.50"),
        (
            "[budget]\nlimit_usd = \"0.00\"",
            "run --provider local --allow orders:Read -- touch started",
            86,
            "0.01",
        ),
        (
            "defalt_ttl = \"5m\"",
            "run --provider local --allow orders:Read -- touch started",
            86,
            "default_ttl",
        ),
        ("max_ttl = \"5m\"", "run --provider local --allow orders:Read --ttl 1h -- touch started", 80, "5m"),
        (
            "[policy]\ndeny = [\"orders:*\"]",
            "run --provider local --allow orders:Read -- touch started",
            80,
            "orders:*",
        ),
        // No role is configured, and no key is there.
        ("", "run --provider aws --allow s3:ListBucket -- touch started", 84, "--role-arn"),
    ];
    for (config, args, expected, word) in table {
        let home = Home::with_config(config);
        let output = home.tryaudex(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(&output), expected, "{args}: {said}");
        assert!(said.contains(word), "{args}: `{word}` is not in {said}");
        assert!(output.stdout.is_empty() && !home.path().join("started").exists(), "{args}: {output:?}");
    }
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    let home = Home::new();
    let output = home
        .tryaudex("run --provider local --allow orders:Read=eu/* --dry-run --output json")
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{output:?}");
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["grant"]["allow"], serde_json::json!(["orders:Read=eu/*"]), "{plan}");
    assert_eq!(plan["policy"][0]["locations"], serde_json::json!(["eu/*"]), "{plan}");
    assert_eq!((home.sessions(), home.events()), (Vec::new(), Vec::new()));
}

/// Bytes go through as they are: no text, no lines, no end of them.
#[test]
fn input_arguments_and_environment_pass_as_bytes() {
    let mut home = Home::new();
    home.set("PLAIN", "kept");
    let bytes: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[(number % 3) as usize]).collect();
    let mut command = home.tryaudex(READ);
    let mut child = command.args(["--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let fed = bytes.clone();
    let feeder = std::thread::spawn(move || input.write_all(&fed).unwrap());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert_eq!(output.stdout, bytes);

    let odd = OsStr::from_bytes(b"a\xff\xfe\n b");
    let mut command = home.tryaudex(READ);
    command
        .args(["--", "sh", "-c", "printf '%s|%s|%s' \"$1\" \"$ODD\" \"$PLAIN\"", "sh"])
        .arg(odd)
        .env("ODD", odd);
    let output = command.output().unwrap();
    assert_eq!(output.stdout, [odd.as_bytes(), b"|", odd.as_bytes(), b"|kept"].concat(), "{output:?}");
}

/// What comes out is there while the command runs, and who stops reading stops it.
#[test]
fn output_streams_and_a_broken_pipe_ends_it() {
    let home = Home::new();
    let program = env!("CARGO_BIN_EXE_tryaudex");
    let line = format!("{program} {READ} -- yes | head -n 1; echo \"${{PIPESTATUS[0]}}\"");
    let output = home.program("bash").args(["-c", &line]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "y\n141\n", "{output:?}");
    // Nobody reads what we say ourselves either.
    let line = format!("{program} sessions | true; {program} --help | head -n 1 > /dev/null; echo well");
    let output = home.program("bash").args(["-c", &line]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "well\n");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
}

#[test]
fn our_own_words_are_apart_and_can_be_silenced() {
    let home = Home::new();
    let output = home.shell(READ, "echo out; echo err >&2").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "out\n");
    assert!(String::from_utf8_lossy(&output.stderr).lines().count() > 1, "{output:?}");
    let output = home.shell(&format!("{READ} --quiet"), "echo out; echo err >&2").output().unwrap();
    assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
}

#[test]
fn an_empty_home_is_no_fault() {
    for args in [
        "sessions",
        "sessions --output json",
        "audit recent",
        "audit recent --output json",
        "audit verify",
        "clean",
        "profiles",
        "config path",
    ] {
        let home = Home::new();
        let output = home.tryaudex(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("panicked"), "{args}: {text}");
        assert_eq!(code(&output), 0, "{args}: {text}");
        if args.ends_with("json") {
            let values: Result<Vec<Value>, _> =
                serde_json::Deserializer::from_slice(&output.stdout).into_iter().collect();
            assert!(values.is_ok(), "{args}: {output:?}");
        }
    }
}

#[test]
fn a_signal_to_the_wrapper_reaches_the_command() {
    let home = Home::new();
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1), ("USR1", 10)] {
        let line =
            format!("trap 'echo got {name}; exit 40' {name}; touch ready; while :; do sleep 0.05; done");
        let child = home.shell(READ, &line).stdout(Stdio::piped()).spawn().unwrap();
        crate::home::wait_until("it is ready", || home.path().join("ready").exists());
        crate::home::signal(name, child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("got {name}\n"), "signal {number}");
        assert_eq!(code(&output), 40);
        std::fs::remove_file(home.path().join("ready")).unwrap();
    }
}
