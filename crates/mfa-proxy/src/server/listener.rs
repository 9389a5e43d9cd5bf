//! The sockets of a listener: TCP addresses, and Unix sockets.

use std::{
    fmt,
    fs::{self, Metadata, Permissions},
    future::poll_fn,
    io,
    net::{Ipv6Addr, SocketAddr, SocketAddrV6},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};

use rustix::net::sockopt::set_ipv6_v6only;
use tokio::net::{
    TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream, lookup_host,
};

/// Connections that the system accepts before the program does.
const BACKLOG: u32 = 1024;

/// The address of every peer on a Unix socket: `[::]:0`. No peer on TCP has it.
pub const UNIX_PEER: SocketAddr = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0));

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a configuration has these; the crate is not published"
)]
pub enum ListenAddress {
    /// All addresses of a host name that this machine has.
    Host {
        /// The name.
        name: String,
        /// The port.
        port: u16,
    },
    /// One address. `[::]` takes connections over IPv4 too.
    Socket(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Not an address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is neither an IP address nor a host name with a port, nor unix: with a path")]
pub struct InvalidListenAddress;

impl FromStr for ListenAddress {
    type Err = InvalidListenAddress;

    fn from_str(text: &str) -> Result<Self, InvalidListenAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            let is_path = !path.is_empty() && !path.contains('\0');
            return if is_path { Ok(Self::Unix(path.into())) } else { Err(InvalidListenAddress) };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Socket(address));
        }
        let (name, port) = text.rsplit_once(':').ok_or(InvalidListenAddress)?;
        let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_port).ok_or(InvalidListenAddress)?;
        if !is_host_name(name) {
            return Err(InvalidListenAddress);
        }
        Ok(Self::Host { name: name.to_owned(), port })
    }
}

/// Whether this is a host name. What looks like a short IPv4 address is none: resolvers read `127.1` as 127.0.0.1.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(is_inner) && !label.starts_with('-')
    };
    let mut labels = name.split('.');
    let has_letter = labels
        .next_back()
        .is_some_and(|last| is_label(last) && last.starts_with(|c: char| c.is_ascii_alphabetic()));
    name.len() <= 253 && has_letter && labels.all(is_label)
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port } => write!(f, "{name}:{port}"),
            Self::Socket(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

/// A listener with one socket or more.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<Socket>,
    /// The socket that is asked first. It changes, so that no socket starves the others.
    next: AtomicUsize,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A connection that was accepted.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Listener {
    /// Listens on `address`. A Unix socket gets the permissions `socket_mode`. A socket file that no program listens
    /// on is replaced.
    ///
    /// # Errors
    ///
    /// When the address is in use or does not belong to this machine. Of a host name, addresses that this machine
    /// lacks are left out, as long as one remains.
    pub async fn bind(address: &ListenAddress, socket_mode: u32) -> io::Result<Self> {
        let sockets = match address {
            ListenAddress::Socket(address) => vec![bind_tcp(*address)?],
            ListenAddress::Host { name, port } => bind_host(name, *port).await?,
            ListenAddress::Unix(path) => vec![bind_unix(path, socket_mode).await?],
        };
        Ok(Self::of(sockets))
    }

    fn of(sockets: Vec<Socket>) -> Self {
        Self { sockets, next: AtomicUsize::new(0) }
    }

    /// Returns the addresses, with the ports that the system has chosen.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn addresses(&self) -> io::Result<Vec<ListenAddress>> {
        let address = |socket: &Socket| match socket {
            Socket::Tcp(listener) => listener.local_addr().map(ListenAddress::Socket),
            Socket::Unix(_, file) => Ok(ListenAddress::Unix(file.path.clone())),
        };
        self.sockets.iter().map(address).collect()
    }

    /// Returns the first TCP address.
    ///
    /// # Errors
    ///
    /// When the system does not tell, or there are only Unix sockets.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let mut tcp = self.sockets.iter().filter_map(|socket| match socket {
            Socket::Tcp(listener) => Some(listener.local_addr()),
            Socket::Unix(..) => None,
        });
        tcp.next().unwrap_or_else(|| Err(io::ErrorKind::AddrNotAvailable.into()))
    }

    /// Accepts the next connection.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for at in 0..self.sockets.len() {
            let accepted = match &self.sockets[first.wrapping_add(at) % self.sockets.len()] {
                Socket::Tcp(listener) => listener
                    .poll_accept(context)
                    .map_ok(|(stream, peer)| Accepted::Tcp(stream, peer)),
                Socket::Unix(listener, _) => {
                    listener.poll_accept(context).map_ok(|(stream, _)| Accepted::Unix(stream))
                }
            };
            if accepted.is_ready() {
                return accepted;
            }
        }
        Poll::Pending
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::of(vec![Socket::Tcp(listener)])
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        // Without this, the machine's settings decide whether `[::]` takes IPv4.
        set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(Socket::Tcp(socket.listen(BACKLOG)?))
}

async fn bind_host(name: &str, mut port: u16) -> io::Result<Vec<Socket>> {
    let (mut sockets, mut missing) = (Vec::new(), None);
    let mut bound = Vec::new();
    for address in lookup_host((name, port)).await? {
        if bound.contains(&address.ip()) {
            continue;
        }
        bound.push(address.ip());
        match bind_tcp(SocketAddr::new(address.ip(), port)) {
            Ok(Socket::Tcp(listener)) => {
                // With port 0 the system chooses one for the first address, and it holds for all.
                port = listener.local_addr()?.port();
                sockets.push(Socket::Tcp(listener));
            }
            Ok(socket) => sockets.push(socket),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                tracing::warn!(event = "listener.address_missing", address = %address.ip(), name, "an address of the name does not belong to this machine");
                missing = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(missing.unwrap_or_else(unknown));
    }
    Ok(sockets)
}

async fn bind_unix(path: &Path, mode: u32) -> io::Result<Socket> {
    remove_stale(path).await?;
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile { id: id_of(&fs::symlink_metadata(path)?), path: path.to_owned() };
    // Before `listen`, so that no connection is accepted under other permissions.
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(Socket::Unix(socket.listen(BACKLOG)?, file))
}

/// Removes a socket that no program listens on. Leaves every other file.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        let what = "there is a file that is not a socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Its queue is full.
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// The file of a Unix socket. It is removed on drop, unless another one has taken its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| id_of(&found) == self.id) {
            // If it stays, the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn id_of(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in [
            "127.0.0.1:8080",
            "[::]:8080",
            "[::1]:0",
            "localhost:8080",
            "gateway-1.internal:443",
            "unix:/run/mfa/gateway.sock",
            "unix:gateway.sock",
        ] {
            let address: ListenAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ":8080",
            "8080",
            "127.0.0.1",
            "127.1:8080",
            "256.0.0.1:8080",
            "1234:8080",
            "0x7f.0.0.1:8080",
            "host.0x1:8080",
            "::1:8080",
            "localhost",
            "localhost:",
            "localhost:+80",
            "localhost:65536",
            "localhost:80 ",
            "-a:80",
            "a..b:80",
            "a b:80",
            "http://localhost:8080",
            "unix:",
            "unix:a\0b",
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(InvalidListenAddress), "{text:?}");
        }
    }
}
