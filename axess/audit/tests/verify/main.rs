//! What the verifier finds, and what it must not find.
#![cfg(test)]

mod attacks;
mod checkpoints;
mod folder;
mod hostile;
mod program;
mod random;
mod readme;
mod sample;
mod vouched;
