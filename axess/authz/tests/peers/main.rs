//! Decisions compared with those of an evaluator that other people built: Cedar's own WebAssembly package.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod wasm;
