//! The connection to a cluster, with retries that never run a script twice.
//!
//! If a connection breaks, the command may have run. A retry could then refund twice. It could also report
//! *not found* to the caller whose first command consumed the code. So the client's own retries are off. A
//! command is sent again only after a reply that proves that it did not run.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, Pipeline, ProtocolVersion,
    RedisError, RedisResult, ServerErrorKind, Value,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    cluster_routing::{
        MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr,
    },
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    config::RedisConfig,
    direct::{Direct, client_of},
};

/// Waits before the further attempts, in milliseconds. The first one is 0: after a node has moved a slot
/// away, the client reloads the slot map before it sends.
const PAUSES_MS: [u64; 8] = [0, 20, 40, 80, 160, 200, 200, 200];

/// The host and port of a node.
type Node = (String, u16);

/// The client of a cluster. Once it has found a first node, it manages its connections itself.
pub(super) struct ClusterLink {
    client: ClusterClient,
    connection: tokio::sync::OnceCell<ClusterConnection>,
    config: RedisConfig,
    /// The settings for a connection to any node; only the address differs.
    node_template: ConnectionInfo,
    /// Connections to nodes that are taking over a slot.
    importing: Mutex<HashMap<Node, Arc<Direct>>>,
}

impl ClusterLink {
    pub(super) fn new(config: &RedisConfig, nodes: &[String]) -> RedisResult<Self> {
        let first = nodes.first().map_or("", String::as_str);
        Ok(Self {
            node_template: first.into_connection_info()?,
            client: client(config, nodes)?,
            connection: tokio::sync::OnceCell::new(),
            config: config.clone(),
            importing: Mutex::default(),
        })
    }

    /// Returns the client's connections. The first call makes them.
    pub(super) async fn get(&self) -> RedisResult<ClusterConnection> {
        // Twice: first to a listed node, then to the nodes of the slot map.
        let limit = 2 * (self.config.connect_timeout + self.config.timeout);
        let made = self.connection.get_or_try_init(|| self.client.get_async_connection());
        match timeout(limit, made).await {
            Ok(made) => made.cloned(),
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    /// Sends one command to every primary. Fails if one of them cannot be reached.
    pub(super) async fn send_to_primaries(&self, command: &Cmd) -> RedisResult<Vec<Value>> {
        let mut connection = self.get().await?;
        let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let replies = match connection.route_command(command.clone(), everywhere).await? {
            Value::Map(replies) => replies.into_iter().map(|(_, reply)| reply).collect(),
            other => vec![other],
        };
        // The client sends only to the nodes to which it has a connection.
        let anywhere = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
        let slots = redis::cmd("CLUSTER").arg("SLOTS").to_owned();
        if replies.len() < primaries(&connection.route_command(slots, anywhere).await?) {
            return Err(std::io::Error::from(std::io::ErrorKind::NotConnected).into());
        }
        Ok(replies)
    }

    /// Sends commands about `key` to the node that has the key. If the first one does not run, none does.
    pub(super) async fn send_all(
        &self,
        commands: &Pipeline,
        key: &[u8],
    ) -> RedisResult<Vec<Value>> {
        let connection = self.get().await?;
        let deadline = Instant::now() + self.config.timeout;
        match timeout_at(deadline, self.send_with_redirects(connection, commands, key, deadline))
            .await
        {
            Ok(reply) => reply,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    async fn send_with_redirects(
        &self,
        mut connection: ClusterConnection,
        commands: &Pipeline,
        key: &[u8],
        deadline: Instant,
    ) -> RedisResult<Vec<Value>> {
        let primary = SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master));
        let mut pauses = PAUSES_MS.into_iter().map(Duration::from_millis);
        let mut importer = None;
        loop {
            let reply = if let Some(node) = importer.take() {
                self.ask(node, commands).await
            } else {
                let count = commands.len();
                connection.route_pipeline(commands.clone(), 0, count, primary.clone()).await
            };
            let Some(refusal) = refusal(&reply) else { return reply };
            let pause = pauses.next().filter(|pause| Instant::now() + *pause < deadline);
            let Some(pause) = pause else { return Err(refusal) };
            importer = asked(&refusal);
            if importer.is_none() {
                sleep(pause).await;
            }
        }
    }

    /// Sends the commands to the node that is taking over the slot, over a connection of this store.
    ///
    /// The client does not know a node without slots. `ASKING` applies to the next command of a connection
    /// only, so that connection must not be shared with the client.
    async fn ask(&self, node: Node, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let mut asking = Pipeline::with_capacity(commands.len() + 1);
        asking.cmd("ASKING");
        for command in commands.cmd_iter() {
            asking.add_command(command.clone());
        }
        let replies = self.direct(node)?.send_all(&asking, asking.len()).await?;
        // The first reply belongs to `ASKING`.
        Ok(replies.into_iter().skip(1).collect())
    }

    fn direct(&self, node: Node) -> RedisResult<Arc<Direct>> {
        let mut importing = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(direct) = importing.get(&node) {
            return Ok(Arc::clone(direct));
        }
        let mut address = self.node_template.addr().clone();
        if let ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } =
            &mut address
        {
            (*host, *port) = node.clone();
        }
        let client = client_of(&self.config, self.node_template.clone().set_addr(address))?;
        let direct = Arc::new(Direct::standalone(client, &self.config));
        importing.insert(node, Arc::clone(&direct));
        Ok(direct)
    }
}

/// Counts the nodes that own a slot in the reply to `CLUSTER SLOTS`.
fn primaries(slots: &Value) -> usize {
    let mut owners: Vec<&[Value]> = Vec::new();
    if let Value::Array(ranges) = slots {
        for range in ranges {
            // First slot, last slot, owner, replicas. A node is its host, its port and more.
            if let Value::Array(range) = range
                && let Some(Value::Array(owner)) = range.get(2)
                && let Some(address) = owner.get(..2)
                && !owners.contains(&address)
            {
                owners.push(address);
            }
        }
    }
    owners.len()
}

/// Returns the error if it proves that nothing ran, so that another attempt may succeed.
fn refusal(reply: &RedisResult<Vec<Value>>) -> Option<RedisError> {
    let error = match reply {
        Err(error) => error.clone(),
        Ok(replies) => match replies.first() {
            Some(Value::ServerError(error)) => error.clone().into(),
            _ => return None,
        },
    };
    was_not_executed(&error).then_some(error)
}

/// Whether this error proves that the script did not run.
///
/// If the client cannot reload its slot map, it returns the reason as the reply to every pending command: no
/// node can be reached, or one is loading or has lost its primary. Those errors are no proof.
pub(super) fn was_not_executed(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, Moved, ReadOnly, TryAgain};
    matches!(error.kind(), ErrorKind::Server(Ask | ClusterDown | Moved | ReadOnly | TryAgain))
}

/// Returns the node that takes over the slot, if the reply names it.
fn asked(refusal: &RedisError) -> Option<Node> {
    if refusal.kind() != ErrorKind::Server(ServerErrorKind::Ask) {
        return None;
    }
    let (host, port) = refusal.redirect_node()?.0.rsplit_once(':')?;
    // A cluster that does not know its own host names sends none.
    if host.is_empty() { None } else { Some((host.to_owned(), port.parse().ok()?)) }
}

fn client(config: &RedisConfig, nodes: &[String]) -> RedisResult<ClusterClient> {
    let mut builder = ClusterClientBuilder::new(nodes.iter().map(String::as_str))
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(config.connect_timeout)
        .response_timeout(config.timeout)
        .overall_response_timeout(Some(config.timeout))
        .retries(0);
    if let Some(username) = &config.username {
        builder = builder.username(username);
    }
    if let Some(password) = config.password() {
        builder = builder.password(password);
    }
    #[cfg(feature = "redis-rustls")]
    if let Some(certificates) = super::direct::certificates(config) {
        builder = builder.certs(certificates);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_a_command_that_ran_can_get_is_no_refusal() {
        let says = |kind: ErrorKind| refusal(&Err((kind, "a reply").into())).is_some();
        for kind in [ServerErrorKind::Moved, ServerErrorKind::Ask, ServerErrorKind::ClusterDown] {
            assert!(says(kind.into()), "{kind:?}");
        }
        for kind in [ServerErrorKind::BusyLoading, ServerErrorKind::MasterDown] {
            assert!(!says(kind.into()), "{kind:?}");
        }
        assert!(!says(ErrorKind::ClusterConnectionNotFound));
        for kind in [std::io::ErrorKind::ConnectionRefused, std::io::ErrorKind::BrokenPipe] {
            assert!(refusal(&Err(std::io::Error::from(kind).into())).is_none(), "{kind:?}");
        }
        assert!(refusal(&Ok(vec![Value::Okay])).is_none());
    }
}
