//! A real Secret Service: GNOME Keyring on a bus of its own.

#[cfg(test)]
mod secret_service;
