//! The built program, and real programs around it: the AWS CLI and boto3 against MiniStack, a service that verifies tokens,
//! the shell.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod concurrent;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod exits;
#[cfg(test)]
mod home;
#[cfg(test)]
mod hostile;
#[cfg(test)]
#[cfg(feature = "keyring")]
mod keyring;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod revoked;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod server;
#[cfg(test)]
mod service;
