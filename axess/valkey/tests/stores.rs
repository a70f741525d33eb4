//! Against real servers: Redis and Valkey, alone and as a cluster.

#[cfg(test)]
mod stores {
    mod conformance;
    mod devices;
    mod gcra;
    mod ground;
    mod servers;
    mod small;
}
