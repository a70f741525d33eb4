//! Who is told of requests and decisions: real receivers on loopback.

mod killed;
mod mail;
mod receiver;
mod shared;
mod webhooks;
