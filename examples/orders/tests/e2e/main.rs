//! Starts the real program and sends it tokens, good ones and others.

#[cfg(test)]
mod decides;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod refuses;
#[cfg(test)]
mod service;
