//! The provider of AWS against servers that play AWS, and against servers that play tricks.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod mint;
#[cfg(test)]
mod revoke;
#[cfg(test)]
mod spend;
#[cfg(test)]
mod web;
