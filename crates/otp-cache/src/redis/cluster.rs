//! The way to a cluster: the client's map of the slots, and retries that never run a script twice.
//!
//! The client's own retries are off. It would send a command again whose connection broke, when nobody
//! knows whether it ran: a refund would be given twice, and the one who consumed a code be told that
//! there is none. Here a command is sent again only after an answer by which a node says that it did
//! not run.

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

/// How long to wait before each further try. The first follows at once: a node that has moved a slot
/// away makes the client look at the map anew before it sends.
const PAUSES_MS: [u64; 8] = [0, 20, 40, 80, 160, 200, 200, 200];

/// Host and port of a node.
type Node = (String, u16);

/// A cluster's client looks after its connections by itself once it has found a first node.
pub(super) struct ClusterLink {
    client: ClusterClient,
    connection: tokio::sync::OnceCell<ClusterConnection>,
    config: RedisConfig,
    /// How to any node, but for its address.
    like: ConnectionInfo,
    /// Connections to nodes that are taking over a slot.
    importing: Mutex<HashMap<Node, Arc<Direct>>>,
}

impl ClusterLink {
    pub(super) fn new(config: &RedisConfig, nodes: &[String]) -> RedisResult<Self> {
        let first = nodes.first().map_or("", String::as_str);
        Ok(Self {
            like: first.into_connection_info()?,
            client: client(config, nodes)?,
            connection: tokio::sync::OnceCell::new(),
            config: config.clone(),
            importing: Mutex::default(),
        })
    }

    /// The client's connections, made by the first call: one to a node of the list, which has the map,
    /// and then those to the nodes of the map.
    pub(super) async fn get(&self) -> RedisResult<ClusterConnection> {
        let limit = 2 * (self.config.connect_timeout + self.config.timeout);
        let made = self.connection.get_or_try_init(|| self.client.get_async_connection());
        match timeout(limit, made).await {
            Ok(made) => made.cloned(),
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    /// Asks every primary the same; an error if one of them cannot be reached.
    pub(super) async fn send_to_primaries(&self, command: &Cmd) -> RedisResult<Vec<Value>> {
        let mut connection = self.get().await?;
        let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let answers = match connection.route_command(command.clone(), everywhere).await? {
            Value::Map(answers) => answers.into_iter().map(|(_, answer)| answer).collect(),
            other => vec![other],
        };
        // The client asks those only that it has a connection to.
        let anywhere = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
        let slots = redis::cmd("CLUSTER").arg("SLOTS").to_owned();
        if answers.len() < primaries(&connection.route_command(slots, anywhere).await?) {
            return Err(std::io::Error::from(std::io::ErrorKind::NotConnected).into());
        }
        Ok(answers)
    }

    /// Sends commands about `key`, the first of which decides whether they run, to the node that has
    /// the key.
    pub(super) async fn send_all(
        &self,
        commands: &Pipeline,
        key: &[u8],
    ) -> RedisResult<Vec<Value>> {
        let connection = self.get().await?;
        let deadline = Instant::now() + self.config.timeout;
        match timeout_at(deadline, self.follow(connection, commands, key, deadline)).await {
            Ok(answer) => answer,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    async fn follow(
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
            let answer = if let Some(node) = importer.take() {
                self.ask(node, commands).await
            } else {
                let count = commands.len();
                connection.route_pipeline(commands.clone(), 0, count, primary.clone()).await
            };
            let Some(refusal) = refusal(&answer) else { return answer };
            let pause = pauses.next().filter(|pause| Instant::now() + *pause < deadline);
            let Some(pause) = pause else { return Err(refusal) };
            importer = asked(&refusal);
            if importer.is_none() {
                sleep(pause).await;
            }
        }
    }

    /// Sends the commands to the node that is taking over the slot, over a connection of our own: the
    /// client knows no node that has no slot yet, and the leave to ask holds for one command only,
    /// which must be ours.
    async fn ask(&self, node: Node, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let mut asking = Pipeline::with_capacity(commands.len() + 1);
        asking.cmd("ASKING");
        for command in commands.cmd_iter() {
            asking.add_command(command.clone());
        }
        let answers = self.direct(node)?.send_all(&asking, asking.len()).await?;
        Ok(answers.into_iter().skip(1).collect())
    }

    fn direct(&self, node: Node) -> RedisResult<Arc<Direct>> {
        let mut importing = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(direct) = importing.get(&node) {
            return Ok(Arc::clone(direct));
        }
        let mut address = self.like.addr().clone();
        if let ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } =
            &mut address
        {
            (*host, *port) = node.clone();
        }
        let client = client_of(&self.config, self.like.clone().set_addr(address))?;
        let direct = Arc::new(Direct::standalone(client, &self.config));
        importing.insert(node, Arc::clone(&direct));
        Ok(direct)
    }
}

/// How many nodes own a slot, by what `CLUSTER SLOTS` answers.
fn primaries(slots: &Value) -> usize {
    let mut owners: Vec<&[Value]> = Vec::new();
    if let Value::Array(ranges) = slots {
        for range in ranges {
            // First slot, last slot, the owner, its replicas; of each its host, its port and more.
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

/// The error, if it proves that nothing ran and another try may go better.
fn refusal(answer: &RedisResult<Vec<Value>>) -> Option<RedisError> {
    let error = match answer {
        Err(error) => error.clone(),
        Ok(answers) => match answers.first() {
            Some(Value::ServerError(error)) => error.clone().into(),
            _ => return None,
        },
    };
    did_not_run(&error).then_some(error)
}

/// Whether only the script itself can have been answered so, and then did not run.
///
/// When the client cannot renew its map, it gives the reason as the answer to all that is on its way:
/// that no node can be reached, or that one is loading or has lost its primary. None of these is proof.
pub(super) fn did_not_run(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, Moved, ReadOnly, TryAgain};
    matches!(error.kind(), ErrorKind::Server(Ask | ClusterDown | Moved | ReadOnly | TryAgain))
}

/// The node that takes over the slot, if the answer says to ask there.
fn asked(refusal: &RedisError) -> Option<Node> {
    if refusal.kind() != ErrorKind::Server(ServerErrorKind::Ask) {
        return None;
    }
    let (host, port) = refusal.redirect_node()?.0.rsplit_once(':')?;
    // A cluster that does not know its hosts by name or number names none.
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
    fn what_the_client_may_say_of_a_command_that_ran_is_no_refusal() {
        let says = |kind: ErrorKind| refusal(&Err((kind, "an answer").into())).is_some();
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
