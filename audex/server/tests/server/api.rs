//! The HTTP API, as clients see it.

mod approvals;
mod client;
mod credentials;
mod curl;
mod description;
mod evidence;
mod faults;
mod lists;
mod made_up;
pub(crate) mod pretend;

pub(crate) use client::{Answer, Api, delete_order, id_of};
