//! Logins against a real OpenID Provider, and against one of ours that attacks.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod baseline;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod fapi;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod resource;
#[cfg(test)]
mod social;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod verbs;
#[cfg(test)]
mod waits;
