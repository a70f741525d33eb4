//! Starts the built program on a free port and speaks HTTP to it, as people of two companies and from several places.

#[cfg(test)]
mod circumstances;
#[cfg(test)]
mod explanations;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod person;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod reloads;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod site;
