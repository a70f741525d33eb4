//! Ctrl-C, Ctrl-Z, a closed window, a pager: as without us.

use crate::{
    home::{processes, wait_until},
    screen::Screen,
};

const RUN: &str = "$TRYAUDEX run --quiet --provider local --allow orders:Read --";

#[test]
fn ctrl_c_reaches_the_command_once_and_it_decides() {
    let Some(screen) = Screen::open("ctrl_c_reaches_the_command_once_and_it_decides") else { return };
    screen.types(&format!(
        "{RUN} bash -c 'trap \"echo got it; n=\\$((n+1))\" INT; echo be\"\"gun; while [ \"$n\" != 2 ]; do sleep 0.1; done; echo en\"\"ded $n; exit 9'; echo code $?"
    ));
    screen.shows("begun");
    screen.presses("C-c");
    wait_until("the first Ctrl-C is seen", || {
        screen.text().matches("\ngot it").count() + screen.text().matches("^Cgot it").count() >= 1
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    let seen = screen.text().matches("got it").count();
    // Once on the line that was typed.
    assert_eq!(seen, 2, "{}", screen.text());
    screen.presses("C-c");
    screen.shows("ended 2");
    screen.shows("code 9");
}

#[test]
fn ctrl_c_ends_a_command_that_does_not_mind() {
    let Some(screen) = Screen::open("ctrl_c_ends_a_command_that_does_not_mind") else { return };
    let mark = format!("4000.{}", std::process::id());
    screen.types(&format!("{RUN} sh -c 'echo be\"\"gun; sleep {mark}'; echo code $?"));
    screen.shows("begun");
    screen.presses("C-c");
    screen.shows("code 130");
    wait_until("nothing is left", || processes(&format!("sleep {mark}")).is_empty());
    let session = screen.home().session();
    assert_eq!((&session["status"], &session["ending"]["signal"]), (&"Failed".into(), &2.into()));
    assert!(screen.home().verify().status.success());
}

#[test]
fn ctrl_z_stops_the_whole_job_and_fg_goes_on() {
    let Some(screen) = Screen::open("ctrl_z_stops_the_whole_job_and_fg_goes_on") else { return };
    screen.types(&format!(
        "{RUN} bash -c 'echo be\"\"gun; until test -e go; do sleep 0.25; done; echo fin\"\"ished'; echo code $?"
    ));
    screen.shows("begun");
    screen.presses("C-z");
    screen.shows("[1]+  Stopped");
    // bash says how a stopped job ended, and takes what follows.
    screen.types("echo me''anwhile");
    screen.shows("meanwhile");
    std::fs::write(screen.home().path().join("go"), "").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(!screen.text().lines().any(|line| line.starts_with("finished")), "{}", screen.text());
    screen.types("fg; echo then $?");
    screen.shows("finished");
    screen.shows("then 0");
    assert_eq!(screen.home().session()["status"], "Completed");
}

/// A stopped job has a deadline, too.
#[test]
fn a_stopped_job_ends_at_its_deadline() {
    let Some(screen) = Screen::open("a_stopped_job_ends_at_its_deadline") else { return };
    let mark = format!("5000.{}", std::process::id());
    let run = RUN.replace("--quiet", "--quiet --ttl 15s");
    screen.types(&format!("{run} sh -c 'echo be\"\"gun; sleep {mark}'"));
    screen.shows("begun");
    screen.presses("C-z");
    screen.shows("[1]+  Stopped");
    screen.types("bg");
    wait_until("its command ends", || processes(&format!("sleep {mark}")).is_empty());
    wait_until("the record says so", || screen.home().session()["status"] == "Expired");
}

#[test]
fn the_command_has_the_terminal() {
    let Some(screen) = Screen::open("the_command_has_the_terminal") else { return };
    screen.types(&format!("{RUN} sh -c 'test -t 0 && test -t 1 && test -t 2 && stty size && read answer && echo \"read <$answer>\"'"));
    screen.shows("50 200");
    screen.types("hello");
    screen.shows("read <hello>");
    screen.types(&format!("{RUN} seq 1000 | less -X"));
    wait_until("less shows a page", || {
        screen.text().lines().any(|line| line == "1") && screen.text().contains(':')
    });
    screen.presses("q");
    screen.types("echo a''fter");
    screen.shows("after");
}

/// The window is closed: the command gets SIGHUP from the kernel, and nothing stays behind.
#[test]
fn a_closed_window_ends_the_session() {
    let Some(screen) = Screen::open("a_closed_window_ends_the_session") else { return };
    let mark = format!("6000.{}", std::process::id());
    screen.types(&format!("{RUN} sh -c 'echo be\"\"gun; setsid -f sleep {mark}; sleep {mark}'"));
    screen.shows("begun");
    let status = screen
        .home()
        .program("tmux")
        .arg("-S")
        .arg(screen.home().path().join("tmux"))
        .arg("kill-server")
        .status();
    assert!(status.unwrap().success());
    wait_until("nothing is left", || processes(&format!("sleep {mark}")).is_empty());
    wait_until("the record says so", || screen.home().session()["status"] == "Failed");
    assert!(screen.home().verify().status.success());
}
