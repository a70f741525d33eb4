//! Reports of logs that were counted by hand, and of names that mean harm.

#[cfg(test)]
mod figures;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod log;
#[cfg(test)]
mod paper;
