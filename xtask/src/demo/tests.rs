use super::*;
use std::net::{SocketAddr, TcpListener};

#[test]
fn a_tour_asks_only_its_own_example() {
    for example in &EXAMPLES {
        let own = format!("http://{}", example.address());
        for Step { about, command, answers } in example.steps {
            assert_eq!(command.matches("http://").count(), command.matches(&own).count(), "{command}");
            assert!(!command.contains("https://"), "{command}");
            let asks = command.contains("curl -s");
            assert!(!asks || command.contains(&own), "{command}");
            // What a step keeps for the next one is proved by that.
            let keeps = command.contains("tee ") || command.contains("cat > ");
            assert!(!asks || keeps || !answers.is_empty(), "{about} proves nothing");
        }
        assert!(instructions(Path::new("/tmp/demo")).contains(&own));
    }
}

#[test]
fn the_ports_are_apart() {
    let ports: Vec<u16> = EXAMPLES.iter().map(|example| example.port).collect();
    assert_eq!(ports, [3000, 3001, 7425, 3004, 8080]);
}

#[test]
fn arguments_it_does_not_know_are_refused() {
    for args in [&["--two-factor"][..], &["--check", "--check"], &["check"]] {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        assert!(run(&args).unwrap_err().contains("cargo xtask demo [--check]"));
    }
}

#[test]
fn a_taken_port_is_said_clearly() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert!(server::port_is_free(address).unwrap_err().contains(&format!("{address} is taken")));
    assert!(server::port_is_free(SocketAddr::new(address.ip(), 0)).is_ok());
}

#[test]
fn an_answer_is_held_against_its_promise() {
    let step = Step { about: "log in", command: "curl", answers: &["HTTP/1.1 200", "welcome"] };
    assert_eq!(fault_of(&step, "HTTP/1.1 200 OK\n\nwelcome"), None);
    assert!(fault_of(&step, "HTTP/1.1 401 Unauthorized").unwrap().contains("`HTTP/1.1 200` is missing"));
}

/// Runs `demo` on the runtime that the command would use.
fn block_on<T>(demo: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(demo)
}

#[test]
fn commands_are_typed_in_the_folder_of_the_tour() {
    let folder = tempfile::tempdir().unwrap();
    let answer = |command| block_on(typed(command, folder.path()));
    assert_eq!(answer("echo welcome | tee kept.txt").unwrap(), "welcome\n");
    assert_eq!(answer("cat kept.txt").unwrap(), "welcome\n");
    assert!(answer("echo why >&2; exit 1").unwrap_err().contains("why"));
}

#[test]
fn an_interrupted_check_has_failed() {
    // The signal goes to this process alone: the shell sends it and nothing else of ours listens.
    let interrupted = |check| {
        block_on(until_interrupted(
            async {
                let line = format!("kill -INT {}", std::process::id());
                typed(&line, Path::new("/")).await?;
                std::future::pending().await
            },
            check,
        ))
    };
    assert_eq!(interrupted(false), Ok(()));
    assert_eq!(interrupted(true), Err("interrupted".to_owned()));
    let fault = || Err("ended".to_owned());
    assert_eq!(block_on(until_interrupted(std::future::ready(fault()), false)), fault());
}
