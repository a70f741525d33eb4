use crate::home::{Home, answer};

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
