//! JWT-SVIDs: honest ones, and those of attackers. The tests of `axess-http` have those of whole issuers.

#[cfg(test)]
mod claims;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod garbage;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod mapping;
#[cfg(test)]
mod once;
#[cfg(test)]
mod times;
