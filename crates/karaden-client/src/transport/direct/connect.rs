//! Making a connection: name look-up, TCP, TLS.

use std::{
    error::Error as StdError,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, sleep, timeout_at},
};
use url::Host;

use super::{
    connection::Connection,
    origin::Origin,
    socket::{Socket, Tcp},
    tls::Tls,
};
use crate::{
    error::Error,
    options::Options,
    transport::{TransportError, TransportErrorKind},
};

/// How long an address may take before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

type Cause = Box<dyn StdError + Send + Sync>;

#[derive(Debug)]
pub(super) struct Connector {
    timeout: Duration,
    tls: Tls,
}

impl Connector {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { timeout: options.connect_timeout, tls: Tls::new(options)? })
    }

    /// A connection to `origin`, by `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::Connect`]: no request has been made, so nothing of it can have left.
    /// [`TransportErrorKind::Unusable`] for https where there is no TLS.
    pub(super) async fn connect(
        &self,
        origin: Origin,
        deadline: Option<Instant>,
    ) -> Result<Box<Connection>, TransportError> {
        if origin.is_tls && !Tls::IS_THERE {
            let error = TransportError::new(TransportErrorKind::Unusable);
            return Err(error.with_source("https needs one of the TLS features"));
        }
        let failed = TransportError::new(TransportErrorKind::Connect);
        let ours = Instant::now().checked_add(self.timeout);
        let opening = self.open(origin);
        let opened = match [ours, deadline].into_iter().flatten().min() {
            Some(end) => timeout_at(end, opening).await,
            None => Ok(opening.await),
        };
        match opened {
            Ok(connected) => connected.map_err(|cause| failed.with_source(cause)),
            Err(elapsed) => Err(failed.with_source(elapsed)),
        }
    }

    async fn open(&self, origin: Origin) -> Result<Box<Connection>, Cause> {
        let addresses = match &origin.host {
            Host::Ipv4(address) => vec![SocketAddr::new(IpAddr::V4(*address), origin.port)],
            Host::Ipv6(address) => vec![SocketAddr::new(IpAddr::V6(*address), origin.port)],
            Host::Domain(name) => lookup_host((name.as_str(), origin.port)).await?.collect(),
        };
        let stream = first_to_answer(in_turns(addresses), TcpStream::connect).await?;
        stream.set_nodelay(true)?;
        let tcp = Tcp::new(stream);
        let socket = if origin.is_tls {
            self.tls.wrap(tcp, &origin.host).await?
        } else {
            Socket::Plain(tcp)
        };
        Ok(Box::new(Connection::new(origin, socket)))
    }
}

/// The families in turns, starting with the one that the system prefers (RFC 8305, section 4).
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(prefers_v6) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == prefers_v6);
    first.reverse();
    second.reverse();
    let mut turns = Vec::with_capacity(first.len() + second.len());
    while !first.is_empty() || !second.is_empty() {
        turns.extend(first.pop());
        turns.extend(second.pop());
    }
    turns
}

/// Tries all addresses, one after the other, and does not wait long for one before it tries the
/// next beside it. The first that answers wins, the others are given up.
async fn first_to_answer<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut left = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        attempts.extend(left.next().map(&connect));
        tokio::select! {
            attempt = attempts.next() => match attempt {
                Some(Ok(connected)) => return Ok(connected),
                Some(Err(error)) => last = error,
                None => return Err(last),
            },
            () = sleep(HEAD_START), if left.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_families_take_turns() {
        const ROWS: [(&str, &str); 3] = [
            ("6.1 6.2 6.3 4.1 4.2", "6.1 4.1 6.2 4.2 6.3"),
            ("4.1 6.1 4.2", "4.1 6.1 4.2"),
            ("4.1 4.2", "4.1 4.2"),
        ];
        // `6.2` stands for `[::2]:1`, `4.2` for `127.0.0.2:1`.
        let addresses = |row: &str| -> Vec<SocketAddr> {
            row.split(' ')
                .map(|short| match short.split_once('.') {
                    Some(("6", last)) => address(&format!("[::{last}]:1")),
                    Some((_, last)) => address(&format!("127.0.0.{last}:1")),
                    None => unreachable!("a row of pairs"),
                })
                .collect()
        };
        for (given, turns) in ROWS {
            assert_eq!(in_turns(addresses(given)), addresses(turns), "{given}");
        }
        assert_eq!(in_turns(vec![]), vec![]);
    }

    /// What becomes of an attempt: after so many milliseconds it works or fails; `None` is silence.
    type Plan = (&'static str, Option<(u64, bool)>);

    async fn try_all(plan: &[Plan]) -> (Result<SocketAddr, String>, Duration) {
        let began = Instant::now();
        let addresses = plan.iter().map(|(text, _)| address(text)).collect();
        let plan: Vec<_> = plan.iter().map(|(text, fate)| (address(text), *fate)).collect();
        let connect = |to: SocketAddr| {
            let fate = plan.iter().find(|(address, _)| *address == to).and_then(|(_, fate)| *fate);
            async move {
                let Some((after, works)) = fate else { return std::future::pending().await };
                sleep(Duration::from_millis(after)).await;
                if works { Ok(to) } else { Err(io::Error::other(format!("{to} refused"))) }
            }
        };
        let result = first_to_answer(addresses, connect).await;
        (result.map_err(|error| error.to_string()), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_costs_a_quarter_of_a_second() {
        let (result, took) = try_all(&[("[::1]:1", None), ("127.0.0.1:1", Some((5, true)))]).await;
        assert_eq!(result, Ok(address("127.0.0.1:1")));
        assert_eq!(took, Duration::from_millis(255));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_costs_no_wait() {
        let (result, took) =
            try_all(&[("[::1]:1", Some((1, false))), ("127.0.0.1:1", Some((5, true)))]).await;
        assert_eq!(result, Ok(address("127.0.0.1:1")));
        assert_eq!(took, Duration::from_millis(6));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_address_may_still_win() {
        let (result, took) =
            try_all(&[("[::1]:1", Some((300, true))), ("127.0.0.1:1", Some((100, true)))]).await;
        assert_eq!(result, Ok(address("[::1]:1")));
        assert_eq!(took, Duration::from_millis(300));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_fail_the_last_error_tells() {
        let (result, _) =
            try_all(&[("[::1]:1", Some((1, false))), ("127.0.0.1:1", Some((1, false)))]).await;
        assert_eq!(result, Err("127.0.0.1:1 refused".to_owned()));
        let (result, _) = try_all(&[]).await;
        assert_eq!(result, Err("the name has no address".to_owned()));
    }
}
