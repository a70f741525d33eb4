use axess_core::{
    refresh::{RefreshGrant, RefreshToken, TokenHash},
    store::Owner,
};
use axess_identity::{RefreshTokenId, TenantId, TokenFamilyId, UserId};
use axess_peers::{Kind, shared, skip};
use axess_valkey::{Valkey, ValkeyOptions};
use chrono::{DateTime, Utc};
use std::{
    process,
    sync::atomic::{AtomicU64, Ordering},
};

pub(crate) const KINDS: [Kind; 4] = [Kind::Redis, Kind::Valkey, Kind::RedisCluster, Kind::ValkeyCluster];

/// Connects to each shared server, under a prefix that no other test has.
pub(crate) async fn servers(test: &str) -> Vec<Valkey> {
    let mut servers = Vec::new();
    for kind in KINDS {
        match shared(kind) {
            Some(urls) => servers.push(connect(kind, &urls, ValkeyOptions::default()).await),
            None => skip(test, &format!("no {}", kind.name())),
        }
    }
    servers
}

pub(crate) async fn connect(kind: Kind, urls: &[String], options: ValkeyOptions) -> Valkey {
    let options = ValkeyOptions { prefix: prefix(), ..options };
    let valkey = match kind {
        Kind::RedisCluster | Kind::ValkeyCluster => options.connect_cluster(urls.iter().cloned()).await,
        _ => options.connect(&urls[0]).await,
    };
    valkey.unwrap_or_else(|error| panic!("{}: {error:?}", kind.name()))
}

fn prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("test-{}-{}:", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the time `seconds` after some point in the past of every server.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

pub(crate) fn owner(tenant: u8, user: u8) -> Owner {
    Owner { tenant_id: TenantId::from_parts(0, [tenant; 10]), user_id: UserId::from_parts(0, [user; 10]) }
}

/// A token of one owner and family that is active from second `n` to second 1000.
pub(crate) fn token(n: u8) -> RefreshToken {
    RefreshToken {
        id: RefreshTokenId::from_parts(0, [n; 10]),
        owner: owner(1, 1),
        family_id: TokenFamilyId::from_parts(0, [1; 10]),
        token_hash: TokenHash::new("sha256::00").unwrap(),
        grant: RefreshGrant::new(at(0), vec![]),
        device_id: None,
        device_info: None,
        issued_at: at(i64::from(n)),
        expires_at: at(1_000),
        rotated_at: None,
        revoked_at: None,
        successor: None,
    }
}
