//! Against real servers: Redis and Valkey, alone and as a cluster.

#[cfg(test)]
mod stores {
    mod conformance;
    mod devices;
    mod faults;
    mod gcra;
    mod ground;
    mod moves;
    mod small;
}
