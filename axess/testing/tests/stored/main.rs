//! What was stored once is read for ever: the bytes of every format that was ever written, as files.
//!
//! The secrets in them were made for these files and are used nowhere.

#[cfg(test)]
mod factors;
#[cfg(test)]
mod sessions;
