//! The front door, as browsers, machines and strangers find it.

mod bearers;
mod devices;
pub(crate) mod door;
mod enrolment;
mod guards;
mod half_way;
mod headers;
mod keys;
mod logins;
mod people;
mod policies;
mod tokens;
mod workloads;
