//! How much memory a long log takes: in a process of its own, since that is measured.

#[cfg(test)]
mod memory;
