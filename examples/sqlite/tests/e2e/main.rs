//! Starts the built program on a free port and speaks HTTP to it, reads its mails, kills it, and starts it again.

#[cfg(test)]
mod abuse;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod home;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod phone;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod site;
#[cfg(test)]
mod sqlite3;
#[cfg(test)]
mod story;
#[cfg(test)]
mod survival;
