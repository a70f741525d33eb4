//! What a command sees must be what it sees without us.

use crate::{
    Test,
    rig::{Rig, code, text},
};
use std::{
    ffi::{OsStr, OsString},
    io::{Read, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::PermissionsExt,
    },
    process::{Command, Stdio},
};

pub(crate) const TESTS: &[Test] = &[
    ("transparent::exit_codes_are_the_commands", exit_codes_are_the_commands),
    ("transparent::a_signal_is_128_and_its_number", a_signal_is_128_and_its_number),
    ("transparent::what_cannot_run_is_126_and_127", what_cannot_run_is_126_and_127),
    ("transparent::the_path_is_the_childs", the_path_is_the_childs),
    ("transparent::arguments_and_environment_are_any_bytes", arguments_and_environment_are_any_bytes),
    ("transparent::a_large_environment_passes", a_large_environment_passes),
    ("transparent::standard_streams_are_the_callers_own", standard_streams_are_the_callers_own),
    ("transparent::huge_output_and_input_pass", huge_output_and_input_pass),
    ("transparent::a_reader_that_leaves_breaks_the_pipe", a_reader_that_leaves_breaks_the_pipe),
    ("transparent::closed_streams_are_not_our_socket", closed_streams_are_not_our_socket),
    (
        "transparent::no_descriptor_of_ours_and_all_of_the_callers",
        no_descriptor_of_ours_and_all_of_the_callers,
    ),
    (
        "transparent::masks_limits_and_dispositions_are_the_callers",
        masks_limits_and_dispositions_are_the_callers,
    ),
    ("transparent::a_long_folder_is_no_problem", a_long_folder_is_no_problem),
    ("transparent::ten_at_once", ten_at_once),
    ("transparent::secrets_are_in_no_command_line", secrets_are_in_no_command_line),
];

fn exit_codes_are_the_commands() {
    for expected in [0, 1, 2, 42, 83, 126, 127, 128, 200, 255] {
        let rig = Rig::new();
        assert_eq!(rig.bash(&format!("exit {expected}")).status.code(), Some(expected));
        assert_eq!(rig.report(), format!("Ok(Ended {{ exit: Code({expected}), cause: Own, left: [] }})"));
        rig.assert_clean();
    }
}

fn a_signal_is_128_and_its_number() {
    // 34 and 64 are real-time signals, which have no name.
    for signal in [1, 2, 6, 9, 11, 15, 34, 64] {
        let rig = Rig::new();
        assert_eq!(rig.bash(&format!("ulimit -c 0; kill -{signal} $$")).status.code(), Some(128 + signal));
        assert_eq!(rig.report(), format!("Ok(Ended {{ exit: Signal({signal}), cause: Own, left: [] }})"));
        rig.assert_clean();
    }
}

fn what_cannot_run_is_126_and_127() {
    let rig = Rig::new();
    let write = |name: &str, content: &str, mode| {
        let file = rig.home().join(name);
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let cases = [
        ("no-such-command".to_owned(), 127, "command not found"),
        ("/no/such/command".to_owned(), 127, "command not found"),
        (String::new(), 127, "command not found"),
        (write("plain", "#!/bin/sh\n", 0o644), 126, "permission denied"),
        (rig.home().to_str().unwrap().to_owned(), 126, "it is a directory"),
        (write("headless", "echo hello\n", 0o755), 126, "neither a program nor a script"),
        (write("orphan", "#!/no/such/interpreter\n", 0o755), 126, "interpreter"),
        (format!("{}/x", write("file", "", 0o755)), 127, "command not found"),
    ];
    for (command, expected, message) in cases {
        let rig = Rig::new();
        assert_eq!(rig.run(&[&command]).status.code(), Some(expected), "{command}");
        assert!(rig.report().contains(message), "{command}: {}", rig.report());
        assert!(!rig.data("abandoned-one").exists(), "a wrapper that lives closes its own record");
        // Of an empty command no keeper heard, so the folder is the caller's.
        assert_eq!(rig.folder().exists(), command.is_empty(), "{command}");
    }
}

fn the_path_is_the_childs() {
    let rig = Rig::new();
    let tool = rig.home().join("tool");
    std::fs::write(&tool, "#!/bin/bash\necho \"$0\"\n").unwrap();
    std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).unwrap();
    let run = |path: &str, word: &str| {
        let rig = Rig::new();
        let output =
            rig.command(&[word]).env("PATH", path).current_dir(tool.parent().unwrap()).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout))
    };
    let home = rig.home().to_str().unwrap();
    assert_eq!(run(&format!("/nowhere:{home}"), "tool"), (0, format!("{home}/tool")));
    assert_eq!(run("/nowhere:", "tool").0, 0, "an empty element is the current folder");
    assert_eq!(run("/nowhere", "./tool"), (0, "./tool".to_owned()));
    assert_eq!(run("/nowhere", "tool").0, 127);
}

fn arguments_and_environment_are_any_bytes() {
    let hostile: Vec<OsString> = [
        &b"\xff\xfe\x80"[..],
        b"",
        b" ",
        b"--help",
        b"--",
        b"-c",
        b"a\nb\tc\r",
        b"$(id)`id`;'\"\\",
        b"\x1b]0;title\x07",
        "\u{202e}\u{1f9ea}".as_bytes(),
    ]
    .into_iter()
    .map(|bytes| OsString::from_vec(bytes.to_vec()))
    .collect();
    let rig = Rig::new();
    let script = "import os,sys\nsys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])) + b'|' + os.environb[b'ODD'])";
    let mut command: Vec<&OsStr> = vec![OsStr::new("python3"), OsStr::new("-c"), OsStr::new(script)];
    command.extend(hostile.iter().map(OsString::as_os_str));
    let odd = OsStr::from_bytes(b"\xc3\x28 \n=\xff");
    let output = rig.command(&command).env("ODD", odd).output().unwrap();
    let mut expected = hostile.iter().map(|word| word.as_bytes()).collect::<Vec<_>>().join(&0);
    expected.extend_from_slice(&[b"|", odd.as_bytes()].concat());
    assert_eq!(output.stdout, expected);
}

fn a_large_environment_passes() {
    let rig = Rig::new();
    let mut line = rig.command(&["bash", "-c", "env | grep -c ^BIG"]);
    for number in 0..12 {
        line.env(format!("BIG{number}"), "v".repeat(100_000));
    }
    let output = line.output().unwrap();
    assert_eq!(text(&output.stdout), "12", "{}", rig.report());
}

fn standard_streams_are_the_callers_own() {
    let script = "for fd in 0 1 2; do stat -Lc '%d:%i' /proc/self/fd/$fd; done";
    let rig = Rig::new();
    let (input, output, error) = (rig.home().join("in"), rig.home().join("out"), rig.home().join("err"));
    std::fs::write(&input, "x").unwrap();
    let status = rig
        .command(&["bash", "-c", script])
        .stdin(std::fs::File::open(&input).unwrap())
        .stdout(std::fs::File::create(&output).unwrap())
        .stderr(std::fs::File::create(&error).unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    let expected =
        Command::new("stat").args(["-Lc", "%d:%i"]).args([&input, &output, &error]).output().unwrap();
    assert_eq!(std::fs::read_to_string(&output).unwrap(), String::from_utf8(expected.stdout).unwrap());
}

fn huge_output_and_input_pass() {
    const SIZE: usize = 200 << 20;
    let rig = Rig::new();
    let mut child = rig
        .command(&["bash", "-c", "cat | tee >(wc -c >&2) | tail -c 209715200"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let block = vec![7_u8; 1 << 20];
        for _ in 0..SIZE >> 20 {
            stdin.write_all(&block).unwrap();
        }
    });
    let mut seen = 0;
    let mut stdout = child.stdout.take().unwrap();
    let mut block = vec![0; 1 << 20];
    loop {
        let count = stdout.read(&mut block).unwrap();
        if count == 0 {
            break;
        }
        seen += count;
    }
    writer.join().unwrap();
    assert_eq!((seen, code(&mut child)), (SIZE, 0));
}

fn a_reader_that_leaves_breaks_the_pipe() {
    let rig = Rig::new();
    let mut child = rig.command(&["yes"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut some = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert_eq!(code(&mut child), 128 + 13, "the command dies of SIGPIPE, as it would without us");
}

fn closed_streams_are_not_our_socket() {
    let rig = Rig::new();
    let this = std::env::current_exe().unwrap();
    let listing = rig.data("listing");
    // The shell that lists opens its own output; 0, 1 and 2 are what it inherited.
    let script = format!("for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done 7>&1 >{}", listing.display());
    let line = format!("exec '{}' __wrapper bash -c \"$SCRIPT\" <&- >&- 2>&-", this.display());
    let status =
        Command::new("bash").args(["-c", &line]).env("SCRIPT", script).envs(rig.words()).status().unwrap();
    assert!(status.success(), "{}", rig.report());
    let seen = std::fs::read_to_string(listing).unwrap();
    let mut lines = seen.lines();
    assert_eq!(lines.next(), Some("/dev/null"), "{seen}");
    assert!(!seen.contains("socket"), "{seen}");
}

fn no_descriptor_of_ours_and_all_of_the_callers() {
    let script = "import os\nfor fd in range(0, 200):\n  try: print(fd, os.readlink(f'/proc/self/fd/{fd}'))\n  except OSError: pass";
    let list = |wrapped: bool| {
        let rig = Rig::new();
        let this = std::env::current_exe().unwrap();
        let prefix = if wrapped { format!("'{}' __wrapper", this.display()) } else { String::new() };
        let line = format!(
            "exec 5</etc/passwd 77>/dev/null; {prefix} python3 -c \"$SCRIPT\" </dev/null 2>/dev/null | cat"
        );
        let output = Command::new("bash")
            .args(["-c", &line])
            .env("SCRIPT", script)
            .envs(rig.words())
            .output()
            .unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        // The number of a pipe differs from run to run.
        lines.lines().map(|line| line.split('[').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let without = list(false);
    assert!(without.contains(&"5 /etc/passwd".to_owned()), "{without:?}");
    assert_eq!(list(true), without);
}

fn masks_limits_and_dispositions_are_the_callers() {
    let script = "umask; pwd; ulimit -n; ulimit -c; nice; grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; ps -o sid= -p $$";
    let show = |wrapped: bool, prefix: &[&str]| {
        let rig = Rig::new();
        let mut line = Command::new("bash");
        let this = std::env::current_exe().unwrap();
        line.args(["-c", "umask 027; ulimit -n 100; ulimit -c 0; cd /usr; exec nice -n 3 \"$@\"", "x"]);
        line.args(prefix);
        if wrapped {
            line.arg(this).arg("__wrapper");
        }
        line.args(["bash", "-c", script]).envs(rig.words()).stdin(Stdio::null());
        text(&line.output().unwrap().stdout)
    };
    assert_eq!(show(true, &[]), show(false, &[]));
    let nohup = show(false, &["nohup"]);
    let ignored = nohup.lines().find(|line| line.starts_with("SigIgn")).unwrap();
    assert!(ignored.ends_with('1'), "a hangup is ignored: {nohup}");
    assert_eq!(show(true, &["nohup"]), nohup, "what nohup ignores stays ignored");
}

fn a_long_folder_is_no_problem() {
    let rig = Rig::new();
    let above = rig.home().join("d".repeat(200)).join("e".repeat(200));
    let deep = above.join(rig.folder().file_name().unwrap());
    std::fs::create_dir_all(&deep).unwrap();
    for folder in [&above, &deep] {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).unwrap();
    }
    let status =
        rig.command(&["true"]).env(format!("{}FOLDER", crate::role::PREFIX), &deep).status().unwrap();
    assert!(status.success(), "{}", rig.report());
    assert!(!deep.exists());
}

fn ten_at_once() {
    let rigs: Vec<Rig> = (0..10).map(|_| Rig::new()).collect();
    let children: Vec<_> =
        rigs.iter().enumerate().map(|(at, rig)| rig.spawn_bash(&format!("sleep 0.5; exit {at}"))).collect();
    for (at, mut child) in children.into_iter().enumerate() {
        assert_eq!(code(&mut child), i32::try_from(at).unwrap());
    }
    rigs.iter().for_each(Rig::assert_clean);
}

fn secrets_are_in_no_command_line() {
    let rig = Rig::new();
    let line = "for pid in $PPID $(ps -o ppid= -p $PPID); do tr '\\0' ' ' </proc/$pid/cmdline; echo; done; \
                tr '\\0' ' ' </proc/$PPID/environ | wc -c";
    let output = rig.command(&["bash", "-c", line]).env("TOKEN", "s3cr3t-value").output().unwrap();
    let seen = text(&output.stdout);
    assert!(!seen.contains("s3cr3t-value"), "{seen}");
    assert!(seen.ends_with("\n0"), "the keeper has no environment: {seen}");
}
