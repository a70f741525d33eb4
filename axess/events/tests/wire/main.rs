//! The wire formats of the catalogue: what is written today, and what must stay readable.

#[cfg(test)]
mod compatibility;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod samples;
