//! The commands, as people and programs call them: the built program in a home folder of its own.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod clean;
#[cfg(test)]
mod config;
#[cfg(test)]
mod health;
#[cfg(test)]
mod home;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod issuing;
#[cfg(test)]
mod manual;
#[cfg(test)]
mod output;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod records;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod team;
#[cfg(test)]
mod waiting;
