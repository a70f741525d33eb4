//! Clusters whose slots are moved, and whose nodes fail, while stores are in use.

use super::super::ground::{at, connect, owner, token};
use axess_core::store::{RefreshTokenStore, SaveOutcome, SessionRow, SessionStore};
use axess_identity::SessionId;
use axess_peers::{Kind, Server, skip};
use axess_valkey::{ValkeyOptions, ValkeyRefreshTokenStore, ValkeySessionStore};
use redis::aio::MultiplexedConnection;
use std::collections::BTreeSet;

/// A cluster of this test's own, with a connection to each node.
struct Cluster {
    server: Server,
    nodes: Vec<Node>,
}

struct Node {
    port: u16,
    id: String,
    link: MultiplexedConnection,
}

impl Cluster {
    async fn start(test: &str, kind: Kind) -> Option<Self> {
        if let Some(reason) = kind.missing() {
            skip(test, &reason);
            return None;
        }
        let server = Server::start(kind).unwrap();
        let mut nodes = Vec::new();
        for url in server.urls() {
            let client = redis::Client::open(url.as_str()).unwrap();
            let mut link = client.get_multiplexed_async_connection().await.unwrap();
            let id = redis::cmd("CLUSTER").arg("MYID").query_async(&mut link).await.unwrap();
            nodes.push(Node { port: url.rsplit(':').next().unwrap().parse().unwrap(), id, link });
        }
        Some(Self { server, nodes })
    }

    async fn slot_of(&mut self, key: &str) -> u16 {
        redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query_async(&mut self.nodes[0].link).await.unwrap()
    }

    /// Returns the node that has keys in this slot.
    async fn holder(&mut self, slot: u16) -> usize {
        for number in 0..self.nodes.len() {
            if !self.keys(number, slot).await.is_empty() {
                return number;
            }
        }
        panic!("no node has a key in slot {slot}");
    }

    async fn keys(&mut self, node: usize, slot: u16) -> Vec<Vec<u8>> {
        let mut cmd = redis::cmd("CLUSTER");
        cmd.arg("GETKEYSINSLOT").arg(slot).arg(10_000);
        cmd.query_async(&mut self.nodes[node].link).await.unwrap()
    }

    async fn set_slot(&mut self, node: usize, slot: u16, state: &str, other: usize) {
        let id = self.nodes[other].id.clone();
        let mut cmd = redis::cmd("CLUSTER");
        cmd.arg("SETSLOT").arg(slot).arg(state).arg(id);
        cmd.exec_async(&mut self.nodes[node].link).await.unwrap();
    }

    /// Announces that a slot moves.
    async fn begin_move(&mut self, slot: u16, from: usize, to: usize) {
        self.set_slot(to, slot, "IMPORTING", from).await;
        self.set_slot(from, slot, "MIGRATING", to).await;
    }

    async fn move_keys(&mut self, slot: u16, from: usize, to: usize) {
        let (keys, port) = (self.keys(from, slot).await, self.nodes[to].port);
        if keys.is_empty() {
            return;
        }
        let mut cmd = redis::cmd("MIGRATE");
        cmd.arg("127.0.0.1").arg(port).arg("").arg(0).arg(5_000).arg("KEYS").arg(keys);
        cmd.exec_async(&mut self.nodes[from].link).await.unwrap();
    }

    async fn end_move(&mut self, slot: u16, from: usize, to: usize) {
        for node in [to, from].into_iter().chain((0..self.nodes.len()).filter(|n| *n != to && *n != from)) {
            self.set_slot(node, slot, "NODE", to).await;
        }
    }
}

fn row(n: u8) -> SessionRow {
    let id = SessionId::from_bytes([n; 16]);
    SessionRow {
        id,
        lineage: id,
        version: 1,
        owner: None,
        payload: vec![n].into(),
        created_at: at(0),
        expires_at: at(1_000),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_moves_while_its_keys_are_used() {
    for kind in [Kind::RedisCluster, Kind::ValkeyCluster] {
        let Some(mut cluster) = Cluster::start("a_slot_moves_while_its_keys_are_used", kind).await else {
            continue;
        };
        let valkey = connect(kind, &cluster.server.urls(), ValkeyOptions::default()).await;
        let (store, by, now) = (ValkeyRefreshTokenStore::new(&valkey), owner(1, 1), at(200));
        for n in 0..3 {
            let _ = store.issue_with_eviction(token(n), 100).await.unwrap();
        }
        let tag = format!("{{{}:{}}}", by.tenant_id.as_uuid().simple(), by.user_id.as_uuid().simple());
        let slot = cluster.slot_of(&tag).await;
        let from = cluster.holder(slot).await;
        let to = (from + 1) % 3;

        cluster.begin_move(slot, from, to).await;
        assert_eq!(store.find_tokens_for_user(by, now, 9).await.unwrap().len(), 3, "announced");
        cluster.move_keys(slot, from, to).await;
        assert_eq!(store.find_tokens_for_user(by, now, 9).await.unwrap().len(), 3, "keys moved");
        let _ = store.issue_with_eviction(token(3), 100).await.unwrap();
        assert_eq!(store.find_tokens_for_user(by, now, 9).await.unwrap().len(), 4, "written on the way");
        cluster.end_move(slot, from, to).await;
        assert_eq!(store.find_tokens_for_user(by, now, 9).await.unwrap().len(), 4, "moved");
        let _ = store.issue_with_eviction(token(4), 100).await.unwrap();
        assert_eq!(store.revoke_for_tenant(by.tenant_id, now).await.unwrap(), 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_sees_rows_that_move_behind_its_back() {
    for kind in [Kind::RedisCluster, Kind::ValkeyCluster] {
        let Some(mut cluster) = Cluster::start("a_scan_sees_rows_that_move_behind_its_back", kind).await
        else {
            continue;
        };
        let options = ValkeyOptions::default();
        let valkey = connect(kind, &cluster.server.urls(), options).await;
        let store = ValkeySessionStore::new(&valkey);
        let all: BTreeSet<_> = (0..=255).map(|n| row(n).id).collect();
        for n in 0..=255 {
            assert_eq!(store.insert(row(n)).await.unwrap(), SaveOutcome::Saved);
        }
        let (mut seen, mut cursor, mut pages) = (BTreeSet::new(), None, 0);
        loop {
            let page = store.scan(cursor, at(1), 10).await.unwrap();
            seen.extend(page.rows.iter().map(|row| row.id));
            pages += 1;
            if pages == 12 {
                // Everything that was not seen so far and is not on the first node moves there.
                for from in [1, 2] {
                    move_all(&mut cluster, from, 0).await;
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert!(pages > 12, "the scan was over too early: {pages}");
        assert_eq!(seen, all, "{}", kind.name());
        assert_eq!(store.cleanup_expired(at(1_000), 1_000).await.unwrap(), 256);
    }
}

/// Moves every slot of a node that has keys.
async fn move_all(cluster: &mut Cluster, from: usize, to: usize) {
    let keys: Vec<Vec<u8>> =
        redis::cmd("KEYS").arg("*").query_async(&mut cluster.nodes[from].link).await.unwrap();
    let mut slots = BTreeSet::new();
    for key in keys {
        slots.insert(cluster.slot_of(&String::from_utf8(key).unwrap()).await);
    }
    for slot in slots {
        cluster.begin_move(slot, from, to).await;
        cluster.move_keys(slot, from, to).await;
        cluster.end_move(slot, from, to).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_away_is_an_error_until_it_is_back() {
    for kind in [Kind::RedisCluster, Kind::ValkeyCluster] {
        let Some(mut cluster) = Cluster::start("one_node_away_is_an_error_until_it_is_back", kind).await
        else {
            continue;
        };
        let valkey = connect(kind, &cluster.server.urls(), ValkeyOptions::default()).await;
        let store = ValkeySessionStore::new(&valkey);
        cluster.server.kill_node(1).unwrap();
        let mut failed = 0;
        for n in 0..60 {
            match store.insert(row(n)).await {
                Ok(outcome) => assert_eq!(outcome, SaveOutcome::Saved),
                Err(error) => {
                    assert!(error.kind().is_transient(), "{error:?}");
                    failed += 1;
                    if failed > 3 {
                        break;
                    }
                }
            }
        }
        assert!(failed > 0);
        cluster.server.restart().unwrap();
        let again = async {
            for n in 100..=255 {
                while store.insert(row(n)).await.is_err() {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), again)
            .await
            .expect("the cluster is whole again");
        for n in 100..=255 {
            assert_eq!(store.load(row(n).id, at(1)).await.unwrap(), Some(row(n)));
        }
    }
}
