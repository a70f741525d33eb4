//! The built program in a real terminal, which tmux has and a test types into.

#[cfg(test)]
#[path = "../end_to_end/home.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod home;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod screen;
