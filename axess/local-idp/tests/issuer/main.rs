//! The issuer from outside: files, processes that race and die, and verifiers that are not ours.

#[cfg(test)]
#[cfg(unix)]
mod files;
#[cfg(test)]
#[cfg(feature = "testing")]
mod fixture;
#[cfg(test)]
#[cfg(all(unix, feature = "keyring"))]
mod keyring;
#[cfg(test)]
#[cfg(feature = "http")]
mod peers;
#[cfg(test)]
#[cfg(unix)]
mod processes;
