//! Applications at a real provider, in a real browser: FAPI 2.0 from the login to the logout, and logouts that begin elsewhere.

#[cfg(test)]
mod fapi;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod person;
#[cfg(test)]
mod site;
