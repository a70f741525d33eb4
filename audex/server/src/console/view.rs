//! The pages: what each shows, and its template. They ask nobody.

pub mod approvals;
pub mod ask;
pub mod audit;
pub mod credential;
pub mod device;
pub mod enrol;
pub mod fault;
pub mod frame;
pub mod help;
pub mod home;
pub mod me;
pub mod parts;
pub mod people;
pub mod policies;
pub mod program;
pub mod prove_again;
pub mod request;
pub mod sessions;
pub mod sign_in;
pub mod signed_out;
