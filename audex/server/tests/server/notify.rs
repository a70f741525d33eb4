//! Who is told of requests and decisions: real receivers on loopback.

mod mail;
mod receiver;
mod webhooks;
