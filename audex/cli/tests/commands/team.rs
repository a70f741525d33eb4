use crate::home::{Home, answer};
use std::os::unix::fs::PermissionsExt;

#[test]
fn what_needs_a_server_says_how_to_name_one() {
    let home = Home::new();
    for command in [
        &["login"][..],
        &["logout"],
        &["approve"],
        &["deny", "a1b2c3d4"],
        &["run", "--allow", "a:B", "--server", "--", "true"],
    ] {
        let told = home.run(command);
        assert_eq!(told.code, 2, "{command:?}: {told:?}");
        assert!(told.err.contains("no server is named") && told.err.contains("AUDEX_SERVER"), "{told:?}");
    }
}

#[test]
fn what_cannot_be_read_is_told_before_anybody_is_asked() {
    let home = Home::new();
    for (arguments, part) in [
        (
            &["login", "--server", "http://audex.example.com"][..],
            "http is for a server on this machine alone",
        ),
        (&["login", "--server", "https://audex.example.com/path"], "the address of a server is needed"),
        (&["approve", "a1b2"], "8 or more of its first characters"),
        (&["deny"], "required"),
        (&["run", "--no-wait", "--allow", "a:B", "--", "true"], "--server"),
        (&["server", "--metrics-port", "0"], "0 is not in"),
        (&["server", "--admin", "alice"], "an e-mail address is needed"),
        (&["server", "--dev", "--check-config"], "cannot be used with"),
        (&["login", "--scope", "root"], "possible values: request, approve, read, administer"),
        (&["login", "--scope", "read", "--token-stdin"], "cannot be used with"),
        (&["chain", "steps.toml", "--wait", "1m"], "--server"),
    ] {
        let told = home.run(arguments);
        assert_eq!(told.code, 2, "{arguments:?}: {told:?}");
        assert!(told.err.contains(part), "{arguments:?}: {told:?}");
    }
    let told = answer(home.command(&["config", "check"]).env("AUDEX_SERVER", "audex.example.com"));
    assert!(told.code == 86 && told.err.contains("AUDEX_SERVER"), "{told:?}");
    assert!(!home.data().exists(), "nothing was kept");
}

#[test]
fn the_server_of_the_configuration_is_meant_and_a_variable_wins() {
    let home = Home::new();
    home.configure("server = \"https://audex.example.com/\"\n");
    let (_, shown) = home.json(&["config", "show", "server"]);
    assert_eq!(shown["values"][0]["value"], "https://audex.example.com");
    let told = home.run(&["approve"]);
    assert_eq!(told.code, 80, "{told:?}");
    assert!(told.err.contains("you are not logged in to https://audex.example.com"), "{told:?}");
    assert!(told.err.contains("tryaudex login --server https://audex.example.com"), "{told:?}");
    let told = answer(home.command(&["approve"]).env("AUDEX_SERVER", "http://127.0.0.1:9"));
    assert!(told.err.contains("you are not logged in to http://127.0.0.1:9"), "{told:?}");
    let (code, error) = home.json(&["approve"]);
    assert_eq!((code, error["error"]["name"].as_str()), (80, Some("denied")));
}

#[test]
fn a_server_without_any_configuration_is_sound() {
    let home = Home::new();
    let (code, checked) = home.json(&["server", "--check-config"]);
    assert_eq!((code, checked["faults"].as_array().map(Vec::len)), (0, Some(0)), "{checked}");
    let told = home.run(&["--config", "nowhere.toml", "server", "--check-config"]);
    assert_eq!(told.code, 86, "{told:?}");
}

/// Checks a configuration; returns the code and what it says.
fn checked(text: &str) -> (i32, String) {
    let home = Home::new();
    std::fs::write(home.path().join("server-config.toml"), text).unwrap();
    std::fs::set_permissions(home.path().join("server-config.toml"), PermissionsExt::from_mode(0o600))
        .unwrap();
    let told = home.run(&["--config", "server-config.toml", "server", "--check-config"]);
    (told.code, told.err)
}

#[test]
fn what_would_not_start_does_not_pass_the_check() {
    for (text, parts) in [
        (
            "[notifications]\nwebhooks = [\"https://hooks.example.com/x\"]",
            &["notifications.webhook_key: "][..],
        ),
        ("[notifications]\nwebhook_key = \"short\"", &["notifications.webhook_key: a key of 16 bytes"]),
        ("[notifications]\nmail_to = [\"a@example.com\"]", &["notifications.smtp: mails need a mail server"]),
        ("[notifications]\nsmtp = \"smtp://mail.example.com\"", &["notifications.mail_from: "]),
        ("[notifications]\nsmtp = \"smtp://:25\"\nmail_from = \"a@example.com\"", &["notifications.smtp: "]),
        ("[database]\nurl = \"postgresql://db:54x32/audex\"", &["line 2: database.url: "]),
        (
            "[database]\nurl = \"mysql://db/audex\"",
            &["line 2: database.url: an address is needed, as in postgresql:"],
        ),
        ("[database]\nurl = \"sqlite:audex.db\"", &["line 2: database.url: the absolute path of a file"]),
        (
            "[database]\nurl = \"sqlite://var/audex.db\"",
            &["line 2: database.url: the absolute path of a file"],
        ),
        ("[database]\nurl = \"sqlite::memory:\"", &["line 2: database.url: a database in memory"]),
        ("[database]\nurl = \"postgresql://db:99999/audex\"", &["line 2: database.url: "]),
        ("[database]\nurl = \"postgresql://db/audex?sslmode=on\"", &["line 2: database.url: "]),
        (
            "[audit]\nbackend = \"postgres\"\nconnection_string = \"postgresql://db:x/audex\"",
            &["line 3: audit.connection_string: "],
        ),
        ("[server]\nmetrics_port = 8080", &["server.metrics_port: server.listen listens there already"]),
        ("[server]\nissuer_listen = \"127.0.0.1:8080\"", &["server.issuer_listen: server.listen listens"]),
        (
            "[server]\nlisten = \"0.0.0.0:8080\"\nissuer_listen = \"127.0.0.1:9090\"\nmetrics_port = 9090",
            &["server.issuer_listen: server.metrics_port listens there already"],
        ),
        // What is wrong in the file hides nothing of what is wrong beside it.
        (
            "[server]\nlisten = \"8080\"\n[authorization]\npolicies = \"/nowhere\"\n[[workload.issuers]]\n\
             issuer = \"i\"\naudience = \"a\"\njwks = \"/nowhere/jwks.json\"\nsubjects = [\"*\"]",
            &["line 2: server.listen: ", "authorization.policies: ", "workload.issuers.jwks: cannot read"],
        ),
    ] {
        let (code, said) = checked(text);
        assert_eq!(code, 86, "{text}: {said}");
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(said.matches("notifications.smtp").count().max(1), 1, "said once: {said}");
    }
    let (code, said) = checked("[server]\nissuer_listen = \"127.0.0.1:7425\"\nmetrics_port = 9090");
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_server_that_is_reached_without_tls_is_told_what_is_so() {
    for text in ["", "public_url = \"http://127.0.0.1:8080\"\n"] {
        let (code, said) = checked(&format!("[server]\nlisten = \"0.0.0.0:8080\"\n{text}"));
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("public_url is no https address") && !said.contains("not set"), "{said}");
    }
    let (_, said) =
        checked("[server]\nlisten = \"0.0.0.0:8080\"\npublic_url = \"https://audex.example.com\"");
    assert!(!said.contains("public_url"), "{said}");
}

#[test]
fn flags_that_do_not_go_together_are_told_as_that() {
    let home = Home::new();
    let file = home.path().join("server-config.toml");
    std::fs::write(&file, "[server]\nmetrics_port = 9090\n").unwrap();
    for (arguments, part) in [
        (
            &["server", "--listen", "127.0.0.1:9191", "--metrics-port", "9191"][..],
            "--metrics-port: --listen listens there already (127.0.0.1:9191)",
        ),
        (
            &["server", "--metrics-port", "8080"],
            "--metrics-port: server.listen listens there already (127.0.0.1:8080)",
        ),
        (
            &["--config", "server-config.toml", "server", "--listen", "127.0.0.1:9090"],
            "--listen: server.metrics_port listens there already (127.0.0.1:9090)",
        ),
    ] {
        for check in [&["--check-config"][..], &[]] {
            let told = home.run(&[arguments, check].concat());
            assert_eq!(told.code, 2, "{arguments:?}: {told:?}");
            assert!(told.err.contains(part) && !told.err.contains("environment"), "{told:?}");
        }
    }
    // Beside what is wrong with the file they are told as well.
    std::fs::write(&file, "[server]\nmetrics_port = 9090\nmax_tll = \"1h\"\n").unwrap();
    let flag = ["--config", "server-config.toml", "server", "--check-config", "--listen", "127.0.0.1:9090"];
    let told = home.run(&flag);
    assert!(told.code == 86 && told.err.contains("max_tll") && told.err.contains("--listen: "), "{told:?}");
    assert!(!home.data().exists(), "nothing was begun");
}
