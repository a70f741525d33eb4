//! Vectors of others, below `vectors/`: every verdict is theirs, or a skip with its reason.

#[cfg(test)]
mod primitives;
#[cfg(test)]
mod rfc;
#[cfg(test)]
mod verdicts;
#[cfg(test)]
mod wycheproof;
