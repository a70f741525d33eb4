//! The pipe under everything that can go wrong: sinks, disks, databases, clocks and processes.
#![cfg(test)]

mod analytics;
mod full;
mod kill;
mod kit;
mod letters;
mod order;
mod outbox;
mod processes;
mod sinks;
mod stop;
mod tenants;
mod units;
