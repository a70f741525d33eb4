//! Starts the real program on its real port and speaks HTTP to it.

#[cfg(test)]
mod curl;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod login;
#[cfg(test)]
mod program;

#[cfg(test)]
use program::Program;

#[cfg(test)]
fn start() -> Program {
    Program::start(env!("CARGO_BIN_EXE_example-minimal"), 3000)
}
