//! A proxy in front of an object store that injects faults: minimal HTTP/1.1 in plain threads, one connection for
//! each request.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::SplitMix;

/// Idle time after which a connection is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Size limit of response heads; no store sends longer ones.
const LONGEST_HEAD: usize = 64 << 10;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Responds with 500; the store does not receive the request.
    InternalError,
    /// Responds with 503 `SlowDown`; the store does not receive the request.
    SlowDown,
    /// Resets the connection in the middle of the request, which the store does not receive.
    LostRequest,
    /// Closes the connection without a response after the store has processed the request.
    LostAnswer,
    /// Sends the head of the response, with the right length, and half of the body.
    Truncated,
    /// Changes a byte in the body of the request, or in the body of the response if the request has none.
    Altered,
    /// Stays silent for a while, then closes the connection; the store does not receive the request.
    Stall,
    /// Responds with 403 `ExpiredToken`.
    ExpiredToken,
    /// Responds with 403 `RequestTimeTooSkewed`.
    ClockSkew,
    /// Responds with the first response to the same list request.
    OldList,
}

impl Fault {
    /// All kinds of faults.
    pub const ALL: [Self; 10] = [
        Self::InternalError,
        Self::SlowDown,
        Self::LostRequest,
        Self::LostAnswer,
        Self::Truncated,
        Self::Altered,
        Self::Stall,
        Self::ExpiredToken,
        Self::ClockSkew,
        Self::OldList,
    ];

    /// The response of a fault with a fixed response.
    fn answer(self) -> Option<Vec<u8>> {
        let (status, code) = match self {
            Self::InternalError => ("500 Internal Server Error", "InternalError"),
            Self::SlowDown => ("503 Service Unavailable", "SlowDown"),
            Self::ExpiredToken => ("403 Forbidden", "ExpiredToken"),
            Self::ClockSkew => ("403 Forbidden", "RequestTimeTooSkewed"),
            _ => return None,
        };
        let body =
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Injected</Message></Error>");
        let length = body.len();
        Some(
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
                .into_bytes(),
        )
    }
}

/// Fault plan of a [`FaultProxy`]. The same seed and order of requests give the same faults.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Seed of the sequence.
    pub seed: u64,
    /// Faults per thousand requests.
    pub per_mille: u64,
    /// Number of requests without fault after this plan is set.
    pub spared: u64,
    /// Largest number of faults.
    pub most: u64,
    /// The kinds of faults, with equal probability.
    pub kinds: Vec<Fault>,
    /// Duration of a [`Fault::Stall`].
    pub stall: Duration,
    /// Latency added to every request.
    pub latency: Duration,
}

impl Faults {
    /// No faults, and no latency.
    pub fn none() -> Self {
        let (stall, latency) = (Duration::ZERO, Duration::ZERO);
        Self { seed: 0, per_mille: 0, spared: 0, most: u64::MAX, kinds: Vec::new(), stall, latency }
    }

    /// Adds `latency` to every request, without faults.
    pub fn latency(latency: Duration) -> Self {
        Self { latency, ..Self::none() }
    }
}

/// A proxy on the loopback address; it ends when this value is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    /// Wakes waiting threads when the proxy ends.
    ends: Condvar,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    requests: u64,
    injected: BTreeMap<Fault, u64>,
    lists: HashMap<String, Vec<u8>>,
    ended: bool,
}

impl FaultProxy {
    /// Starts a proxy in front of the server at `upstream`.
    ///
    /// # Panics
    /// If no port is free.
    pub fn start(upstream: SocketAddr, faults: Faults) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (injected, lists) = (BTreeMap::new(), HashMap::new());
        let state = Mutex::new(State { faults, requests: 0, injected, lists, ended: false });
        let shared = Arc::new(Shared { upstream, state, ends: Condvar::new() });
        let acceptor = std::thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the fault plan.
    pub fn set(&self, faults: Faults) {
        let mut state = self.shared.lock();
        let (spared, most) = (state.requests, state.injected.values().sum::<u64>());
        state.faults = Faults {
            spared: faults.spared.saturating_add(spared),
            most: faults.most.saturating_add(most),
            ..faults
        };
    }

    /// Number of requests received.
    pub fn requests(&self) -> u64 {
        self.shared.lock().requests
    }

    /// Faults so far, by kind.
    pub fn injected(&self) -> BTreeMap<Fault, u64> {
        self.shared.lock().injected.clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.ends.notify_all();
        // Wakes the accepting thread, which ends the others.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut running: Vec<JoinHandle<()>> = Vec::new();
    for client in listener.incoming() {
        if shared.lock().ended {
            break;
        }
        running.retain(|thread| !thread.is_finished());
        let Ok(client) = client else { continue };
        let shared = shared.clone();
        // Failing connections are the purpose of the proxy.
        running.push(std::thread::spawn(move || drop(shared.serve(client))));
    }
    for thread in running {
        let _ = thread.join();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, or returns early if the proxy ends.
    fn wait(&self, time: Duration) {
        let _ = self.ends.wait_timeout_while(self.lock(), time, |state| !state.ended);
    }

    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        patient(&client)?;
        let head = read_head(&mut client)?;
        let length = content_length(&head.text).unwrap_or(0);
        let (fault, at, latency, stall) = self.draw();
        self.wait(latency);
        if fault == Some(Fault::LostRequest) {
            // Unread data make the kernel close the connection with a reset.
            self.count(Fault::LostRequest);
            let half = (length / 2).saturating_sub(head.rest.len());
            io::copy(&mut (&client).take(half as u64), &mut io::sink())?;
            return Ok(());
        }
        let mut body = head.rest;
        let missing = length.saturating_sub(body.len()) as u64;
        (&client).take(missing).read_to_end(&mut body)?;
        if fault == Some(Fault::Stall) {
            self.count(Fault::Stall);
            self.wait(stall);
            return Ok(());
        }
        if let Some((fault, answer)) = fault.and_then(|fault| Some((fault, fault.answer()?))) {
            self.count(fault);
            return client.write_all(&answer);
        }
        let mut fault = fault;
        if fault == Some(Fault::Altered) && !body.is_empty() {
            self.count(Fault::Altered);
            fault = None;
            alter(&mut body, at);
        }
        let answer = self.ask(&head.text, &body)?;
        self.answer(&mut client, &head.text, answer, fault, at)
    }

    /// Forwards the response, with or without a fault.
    fn answer(
        &self,
        client: &mut TcpStream,
        head: &str,
        mut answer: Vec<u8>,
        fault: Option<Fault>,
        at: u64,
    ) -> io::Result<()> {
        let body_at = end_of_head(&answer).unwrap_or(answer.len());
        let has_body = body_at < answer.len();
        match fault {
            Some(Fault::LostAnswer) => {
                self.count(Fault::LostAnswer);
                return Ok(());
            }
            Some(Fault::Truncated) if has_body => {
                self.count(Fault::Truncated);
                answer.truncate(usize::midpoint(body_at, answer.len()));
            }
            Some(Fault::Altered) if has_body => {
                self.count(Fault::Altered);
                alter(&mut answer[body_at..], at);
            }
            _ => {}
        }
        if let Some(list) = list_of(head) {
            let first = self.lock().lists.entry(list).or_insert_with(|| answer.clone()).clone();
            if fault == Some(Fault::OldList) && first != answer {
                self.count(Fault::OldList);
                answer = first;
            }
        }
        client.write_all(&answer)?;
        client.shutdown(Shutdown::Write)
    }

    /// Draws the next request's fault, a random number for it, and the delays.
    fn draw(&self) -> (Option<Fault>, u64, Duration, Duration) {
        let mut state = self.lock();
        state.requests += 1;
        let mut numbers = SplitMix::new(state.faults.seed.wrapping_add(state.requests << 20));
        let faults = &state.faults;
        let due = state.requests > faults.spared && state.injected.values().sum::<u64>() < faults.most;
        let fails = numbers.below(1000) < faults.per_mille && !faults.kinds.is_empty() && due;
        let choice = usize::try_from(numbers.below(faults.kinds.len().max(1) as u64)).unwrap_or(0);
        let fault = fails.then(|| faults.kinds[choice]);
        (fault, numbers.draw(), faults.latency, faults.stall)
    }

    fn count(&self, fault: Fault) {
        *self.lock().injected.entry(fault).or_default() += 1;
    }

    /// The server's complete response.
    fn ask(&self, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect_timeout(&self.upstream, PATIENCE)?;
        patient(&server)?;
        // The server closes the connection after the response, so its end need not be parsed.
        let lines =
            head.split("\r\n").filter(|line| !line.is_empty() && header(line, "connection").is_none());
        let head = lines.fold(String::new(), |text, line| text + line + "\r\n") + "connection: close\r\n\r\n";
        server.write_all(head.as_bytes())?;
        server.write_all(body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

fn patient(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

/// The head of a request, and the part of the body received with it.
struct Head {
    text: String,
    rest: Vec<u8>,
}

fn read_head(client: &mut TcpStream) -> io::Result<Head> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = end_of_head(&bytes) {
            let rest = bytes.split_off(end);
            let text = String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
            return Ok(Head { text, rest });
        }
        let read = client.read(&mut piece)?;
        if read == 0 || bytes.len() > LONGEST_HEAD {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&piece[..read]);
    }
}

/// Start of the body.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn header<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = line.split_once(':')?;
    key.eq_ignore_ascii_case(name).then(|| value.trim())
}

fn content_length(head: &str) -> Option<usize> {
    head.split("\r\n").find_map(|line| header(line, "content-length"))?.parse().ok()
}

/// The URL of a list request, of S3 or of Azure.
fn list_of(head: &str) -> Option<String> {
    let target = head.strip_prefix("GET ")?.split(' ').next()?;
    let is_list = target.contains("list-type=2") || target.contains("comp=list");
    is_list.then(|| target.to_owned())
}

/// Changes one byte.
fn alter(body: &mut [u8], at: u64) {
    let at = usize::try_from(at % body.len() as u64).unwrap_or(0);
    body[at] ^= 0x20;
}

#[cfg(test)]
mod tests;
