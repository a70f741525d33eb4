//! Sending one command, with what is repeated and what is not.

use super::{Link, Valkey};
use crate::error::is_refused_for_now;
use redis::{
    Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
};
use std::{io, time::Duration};

/// How often a command is sent again that a node of a cluster refused because slots are on the move.
const MAX_REFUSALS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(20);

impl Valkey {
    /// Sends a command and waits for its answer, within the deadline.
    ///
    /// It is repeated only after an answer that says that nothing was done: whoever reserves, counts or spends something
    /// by a script must not do it twice because an answer was lost.
    pub(crate) async fn send(&self, cmd: &Cmd) -> RedisResult<Value> {
        let answer = tokio::time::timeout(self.deadline, async {
            match &self.link {
                Link::Single(link) => cmd.query_async(&mut link.clone()).await,
                Link::Cluster(link) => send_to_cluster(link, cmd).await,
            }
        });
        answer.await.unwrap_or_else(|_| Err(RedisError::from(io::Error::from(io::ErrorKind::TimedOut))))
    }

    /// Sends a command to the node of a cluster at this address.
    pub(crate) async fn send_to_node(&self, cmd: &Cmd, host: &str, port: u16) -> RedisResult<Value> {
        let Link::Cluster(link) = &self.link else { return self.send(cmd).await };
        let node = SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port };
        let mut link = link.clone();
        let answer = link.route_command(cmd.clone(), RoutingInfo::SingleNode(node));
        let answer = tokio::time::timeout(self.deadline, answer).await;
        answer
            .unwrap_or_else(|_| Err(RedisError::from(io::Error::from(io::ErrorKind::TimedOut))))?
            .extract_error()
    }
}

async fn send_to_cluster(link: &ClusterConnection, cmd: &Cmd) -> RedisResult<Value> {
    let (mut link, mut pause) = (link.clone(), FIRST_PAUSE);
    for _ in 0..MAX_REFUSALS {
        match cmd.query_async(&mut link).await {
            // The key was moved already, but its slot was not: the other node answers if it is asked by name.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::Ask) => {
                match ask(&mut link, cmd, &error).await {
                    Err(error) if is_refused_for_now(&error) => {}
                    answer => return answer,
                }
            }
            // The library learns the new place of the slot from the refusal.
            Err(error) if is_refused_for_now(&error) => {}
            answer => return answer,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    cmd.query_async(&mut link).await
}

async fn ask(link: &mut ClusterConnection, cmd: &Cmd, redirect: &RedisError) -> RedisResult<Value> {
    let node = redirect.redirect_node().and_then(|(address, _)| address.rsplit_once(':'));
    let Some((host, Ok(port))) = node.map(|(host, port)| (host, port.parse())) else {
        return Err(redirect.clone());
    };
    let mut both = redis::pipe();
    both.cmd("ASKING").add_command(cmd.clone());
    let node = SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port };
    let answers = link.route_pipeline(both, 0, 2, node).await?;
    answers.into_iter().next_back().unwrap_or(Value::Nil).extract_error()
}
