//! How credentials reach a command, against real sockets, files, users and programs.
#![cfg(test)]

mod endpoint;
mod environment;
mod files;
mod folder;
mod process;
mod sdk;
mod stage;
mod strangers;
