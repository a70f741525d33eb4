//! How long events are kept, how they are found, and how a person is taken out of them.

#[cfg(test)]
mod archive;
#[cfg(test)]
mod archive_crash;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod databases;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod erasure_crash;
#[cfg(test)]
mod export;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod letters;
#[cfg(test)]
mod log_age;
#[cfg(test)]
mod piped;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod retention_crash;
