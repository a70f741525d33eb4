//! What happened, on each backend that it can be searched in.

mod export;
mod keep;
mod ledger;
mod retired;
mod search;
