//! Starts the real program on its real port and speaks HTTP to it.

#[cfg(test)]
mod alice;
#[cfg(test)]
mod enrolment;
#[cfg(test)]
mod peers;
#[cfg(test)]
#[path = "../../../minimal/tests/e2e/program.rs"]
mod program;
#[cfg(test)]
mod protection;
#[cfg(test)]
mod step_up;

#[cfg(test)]
use program::Program;

#[cfg(test)]
const PROGRAM: &str = env!("CARGO_BIN_EXE_example-two-factor");

#[cfg(test)]
fn start() -> Program {
    Program::start(PROGRAM, 3001)
}
