//! The log on disk: every promise it makes, against crashes, full disks, many processes and damage.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod model;
#[cfg(test)]
mod open;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod tampered;
