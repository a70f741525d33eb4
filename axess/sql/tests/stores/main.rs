//! The stores on real databases: every suite of the conformance kit, on SQLite, PostgreSQL and MariaDB.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

#[cfg(test)]
mod audit;
#[cfg(test)]
mod buckets;
#[cfg(test)]
mod database;
#[cfg(test)]
mod delegated;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod factors;
#[cfg(test)]
mod federated_links;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod key_value;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod play;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod sids;
#[cfg(test)]
mod sqlite_faults;
#[cfg(test)]
mod tenant_idps;
#[cfg(test)]
mod units;
