//! Tokens of the broker's own issuer, verified by others with nothing but what it serves.

#[cfg(test)]
mod verifiers;
