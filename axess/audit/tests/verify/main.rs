//! What the verifier finds, and what it must not find.
#![cfg(test)]

mod attacks;
mod checkpoints;
mod folder;
mod program;
mod random;
mod sample;
mod vouched;
