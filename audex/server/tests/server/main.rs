//! The team server against real clients, databases and clocks.
// A whole server, its database and its clients are one future in many tests.
#![recursion_limit = "256"]

#[cfg(test)]
mod access;
#[cfg(test)]
mod api;
#[cfg(test)]
mod compliance;
#[cfg(test)]
mod console;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod notify;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod site;
#[cfg(test)]
mod sso;
#[cfg(test)]
mod store;
#[cfg(test)]
mod telemetry;
