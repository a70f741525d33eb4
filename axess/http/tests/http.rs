//! The session layer, guards and sockets from outside: most through `tower`, the rest over real connections.

#[cfg(test)]
mod http {
    mod accepted;
    mod at_rest;
    #[cfg(feature = "authz")]
    mod audited;
    #[cfg(feature = "authz")]
    mod authz;
    #[cfg(feature = "authz")]
    mod authz_site;
    mod browser;
    #[cfg(feature = "oauth")]
    mod callback;
    mod chromium;
    #[cfg(feature = "oauth")]
    mod code_injection;
    mod compile_fail;
    mod cookies;
    mod curl;
    #[cfg(feature = "oauth")]
    mod device_login;
    mod disconnect;
    mod extractors;
    mod faults;
    mod fingerprints;
    mod guards;
    mod hostile;
    mod keys;
    mod lifetime;
    mod nginx;
    mod probe;
    mod proxies;
    mod races;
    mod rejections;
    mod routers;
    #[cfg(feature = "authz")]
    mod shared_cache;
    mod site;
    #[cfg(feature = "oauth")]
    mod social;
    #[cfg(feature = "ws")]
    mod sockets;
    #[cfg(all(feature = "jwt-svid", feature = "oauth"))]
    mod svids;
    mod wire;
    #[cfg(all(feature = "authz", feature = "jwt-svid"))]
    mod workloads;
}
