//! What the server keeps, on SQLite and on PostgreSQL.

mod answers;
mod away;
mod crash;
mod crowded;
mod files;
mod groups;
mod limits;
mod notices;
mod people;
pub(crate) mod place;
mod races;
mod requests;
mod sessions;
