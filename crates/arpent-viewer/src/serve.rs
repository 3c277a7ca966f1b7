//! Serves the files of one output on the loopback address, as a static host does: whole, and in parts.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arpent_base::number::{index, wide};
use arpent_base::{Failure, Result};
use tiny_http::{Header, Method, Request, Response, Server};

use crate::api::{Api, ApiAnswer, BODY_BYTES, Head, names_host};
use crate::error::ServeError;
use crate::page::PAGE_NAME;

/// Requests that are answered at a time.
const THREADS: usize = 8;
/// Bytes that are read from the output at a time.
const PART: u64 = 4 << 20;
/// How long a thread waits for a request before it looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(200);

/// Reads some bytes of a file.
pub type ReadPart<'a> = dyn Fn(&str, Range<u64>) -> Result<Vec<u8>> + Sync + 'a;

/// A file that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// What it is read by.
    pub source: String,
    /// Its media type.
    pub media_type: String,
    /// Its size, bytes.
    pub size: u64,
}

/// A host on the loopback address for the files of one output. It has these files and no others: a name is looked up, and
/// never becomes a path. With an [`Api`], it answers other requests, too.
pub struct Host<'a> {
    server: Server,
    port: u16,
    files: BTreeMap<String, Served>,
    read: &'a ReadPart<'a>,
    api: Option<Api<'a>>,
}

impl<'a> Host<'a> {
    /// Listens on a port of 127.0.0.1; 0 for any free one.
    ///
    /// # Errors
    /// [`ServeError::Listen`]
    pub fn listen(
        port: u16,
        files: BTreeMap<String, Served>,
        read: &'a ReadPart<'a>,
    ) -> Result<Self, ServeError> {
        let failed = |message: String| ServeError::Listen { port, message };
        let server = Server::http((Ipv4Addr::LOCALHOST, port)).map_err(|error| failed(error.to_string()))?;
        let address = server.server_addr().to_ip().ok_or_else(|| failed("it has no address".to_owned()))?;
        Ok(Self { server, port: address.port(), files, read, api: None })
    }

    /// The same with what it answers beyond files.
    #[must_use]
    pub fn with_api(self, api: Api<'a>) -> Self {
        Self { api: Some(api), ..self }
    }

    /// The address of the page.
    pub fn url(&self) -> String {
        format!("http://{}:{}/", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Answers requests until the flag is set.
    pub fn serve(&self, stop: &AtomicBool) {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        if let Ok(Some(request)) = self.server.recv_timeout(PATIENCE) {
                            self.answer(request);
                        }
                    }
                });
            }
        });
    }

    fn answer(&self, mut request: Request) {
        let head = head_of(&request);
        let length = request.body_length().unwrap_or(0);
        let answer = match &self.api {
            _ if length > BODY_BYTES => Answer::Json(ApiAnswer::error(413, "the body is too large", None)),
            Some(api) if self.is_own(&head) && api.name(&head).is_some() => ask(api, &head, &mut request),
            _ => self.file(&head),
        };
        match answer {
            // A reader that is gone needs no answer.
            Answer::Part { status, file, range, headers } if length == 0 => {
                let (read, source, rest) = (self.read, &*file.source, range.clone());
                let body = Body { read, source, rest, part: Vec::new(), at: 0 };
                let length = index(range.end - range.start);
                let response = Response::new(status.into(), headers, body, Some(length), None);
                // With its length: a body in chunks has none, and its end could not be told from a failure.
                let _ = request.respond(response.with_chunked_threshold(usize::MAX));
            }
            Answer::Part { .. } => turn_away(request, Answer::Status(400, guarded())),
            Answer::Decided(answer) => respond(request, Answer::Json(answer)),
            answer if length == 0 => respond(request, answer),
            answer => turn_away(request, answer),
        }
    }

    fn file(&self, head: &Head) -> Answer<'_> {
        if !self.is_own(head) {
            return Answer::Status(403, Vec::new());
        }
        if !matches!(&*head.method, "GET" | "HEAD") {
            return Answer::Status(405, vec![header("Allow", "GET, HEAD")]);
        }
        let name = head.path().strip_prefix('/');
        // An output has two pages of this name: at its address, and in the folder of its attempt.
        let page = || self.files.get(PAGE_NAME).filter(|_| name == Some(""));
        let Some(file) = name.and_then(|name| self.files.get(name)).or_else(page) else {
            return Answer::Status(404, Vec::new());
        };
        let mut headers = guarded();
        headers
            .extend([header("Content-Type", media_type(&file.media_type)), header("Accept-Ranges", "bytes")]);
        match wanted(head.first("range"), file.size) {
            Wanted::Whole => Answer::Part { status: 200, file, range: 0..file.size, headers },
            Wanted::Part(range) => {
                let place = format!("bytes {}-{}/{}", range.start, range.end - 1, file.size);
                headers.push(header("Content-Range", &place));
                Answer::Part { status: 206, file, range, headers }
            }
            Wanted::Nothing => {
                Answer::Status(416, vec![header("Content-Range", &format!("bytes */{}", file.size))])
            }
        }
    }

    fn is_own(&self, head: &Head) -> bool {
        names_host(head, self.port, self.api.as_ref().and_then(|api| api.public.as_ref()))
    }
}

fn head_of(request: &Request) -> Head {
    let field = |header: &Header| {
        (header.field.as_str().as_str().to_ascii_lowercase(), header.value.as_str().to_owned())
    };
    Head {
        method: request.method().as_str().to_owned(),
        url: request.url().to_owned(),
        fields: request.headers().iter().map(field).collect(),
    }
}

/// Asks the API, if it may be asked. A body is read only then.
fn ask<'a>(api: &Api<'_>, head: &Head, request: &mut Request) -> Answer<'a> {
    let mut asked = match api.admit(head) {
        Ok(asked) => asked,
        Err(refusal) => return Answer::Json(ApiAnswer::error(refusal.status, refusal.message, None)),
    };
    if *request.method() == Method::Post {
        let mut body = Vec::new();
        let most = wide(BODY_BYTES) + 1;
        match request.as_reader().take(most).read_to_end(&mut body) {
            Ok(size) if size <= BODY_BYTES => asked.body = Some(body),
            _ => return Answer::Json(ApiAnswer::error(400, "the body could not be read", None)),
        }
    }
    Answer::Decided((api.answer)(asked))
}

/// Answers a request whose body was read, or that has none.
fn respond(request: Request, answer: Answer<'_>) {
    let _ = match answer {
        Answer::Json(answer) | Answer::Decided(answer) => {
            let response = Response::from_string(answer.body).with_status_code(answer.status);
            let response = guarded().into_iter().fold(response, Response::with_header);
            request.respond(response.with_header(header("Content-Type", "application/json")))
        }
        Answer::Status(status, headers) => {
            let response = headers.into_iter().fold(Response::empty(status), Response::with_header);
            request.respond(response)
        }
        Answer::Part { .. } => Ok(()),
    };
}

/// Answers a request whose body was not read. tiny_http waits for all of it when the request is dropped, and allocates
/// its length: the first is done in a thread of its own, the second not at all for a length that no client means.
fn turn_away(request: Request, answer: Answer<'_>) {
    const ABSURD: usize = 16 << 20;
    let (status, body) = match answer {
        Answer::Json(answer) | Answer::Decided(answer) => (answer.status, answer.body),
        Answer::Status(status, _) | Answer::Part { status, .. } => (status, String::new()),
    };
    let answer = Answer::Json(ApiAnswer { status, body });
    if request.body_length().is_some_and(|length| length > ABSURD) {
        let response = Response::empty(status).with_header(header("Connection", "close"));
        std::mem::forget(request.upgrade("none", response));
    } else {
        std::thread::spawn(move || respond(request, answer));
    }
}

/// Fields of every answer: nothing is kept or guessed, and no page of another site shows it or reads it.
fn guarded() -> Vec<Header> {
    vec![
        header("Cache-Control", "no-store"),
        header("X-Content-Type-Options", "nosniff"),
        header("Content-Security-Policy", "frame-ancestors 'none'"),
        header("X-Frame-Options", "DENY"),
        header("Cross-Origin-Resource-Policy", "same-origin"),
        header("Referrer-Policy", "no-referrer"),
    ]
}

enum Answer<'a> {
    /// Without a body.
    Status(u16, Vec<Header>),
    /// Why the API was not asked.
    Json(ApiAnswer),
    /// Of the API, which has read the body.
    Decided(ApiAnswer),
    /// A part of a file, or all of it.
    Part { status: u16, file: &'a Served, range: Range<u64>, headers: Vec<Header> },
}

/// A media type; one that would end its line is not sent.
fn media_type(text: &str) -> &str {
    let is_one_line = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if is_one_line { text } else { "application/octet-stream" }
}

fn header(name: &str, value: &str) -> Header {
    Header::from_str(&format!("{name}: {value}")).expect("names and values are ASCII")
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// A part that the file does not have.
    Nothing,
}

/// The part that a `Range` field asks for. Of a field that is not understood, or has several parts, nothing follows:
/// the whole file is a correct answer (RFC 9110, 14.2).
fn wanted(field: Option<&str>, size: u64) -> Wanted {
    let Some((start, end)) =
        field.and_then(|field| field.strip_prefix("bytes=")).and_then(|part| part.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let range = match (start.parse::<u64>(), end.parse::<u64>()) {
        (Ok(start), Ok(end)) if start <= end => start..size.min(end.saturating_add(1)),
        (Ok(start), Err(_)) if end.is_empty() => start..size,
        (Err(_), Ok(last)) if start.is_empty() => size.saturating_sub(last)..size,
        _ => return Wanted::Whole,
    };
    if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) }
}

/// The bytes of an answer, read from the output as they are sent.
struct Body<'a> {
    read: &'a ReadPart<'a>,
    source: &'a str,
    rest: Range<u64>,
    part: Vec<u8>,
    at: usize,
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.part.len() && !self.rest.is_empty() {
            let end = self.rest.end.min(self.rest.start + PART);
            let range = self.rest.start..end;
            let failed = |error: Failure| io::Error::other(error.message());
            self.part = (self.read)(self.source, range.clone()).map_err(failed)?;
            if wide(self.part.len()) != range.end - range.start {
                return Err(io::Error::other("the file has another size than was published"));
            }
            (self.rest.start, self.at) = (end, 0);
        }
        let count = buffer.len().min(self.part.len() - self.at);
        buffer[..count].copy_from_slice(&self.part[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpStream;

    use super::*;

    fn served(source: &str, size: u64) -> Served {
        Served { source: source.to_owned(), media_type: "application/octet-stream".to_owned(), size }
    }

    /// Ends the host also when a test fails.
    struct Stopping<'a>(&'a AtomicBool);

    impl Drop for Stopping<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// The status, the fields and the body of an answer.
    fn ask(port: u16, request: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head, answer[end + 4..].to_vec())
    }

    #[test]
    fn parts_are_those_of_the_field() {
        let part = |range| Wanted::Part(range);
        for (field, expected) in [
            ("bytes=0-0", part(0..1)),
            ("bytes=5-", part(5..10)),
            ("bytes=-3", part(7..10)),
            ("bytes=-30", part(0..10)),
            ("bytes=8-99", part(8..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=3-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=0-18446744073709551615", part(0..10)),
            ("lines=0-1", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(field), 10), expected, "{field}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
    }

    #[test]
    fn files_of_the_output_are_served_and_no_others() {
        let bytes: Vec<u8> = (0..3 * PART + 77).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let read = |source: &str, range: Range<u64>| match source {
            "a1/big.bin" => Ok(bytes[index(range.start)..index(range.end)].to_vec()),
            "a1/index.html" => Ok(b"<page>"[index(range.start)..index(range.end)].to_vec()),
            _ => Err(Failure::text("gone")),
        };
        let files = [
            ("index.html", served("a1/index.html", 6)),
            ("big.bin", served("a1/big.bin", wide(bytes.len()))),
            ("gone.bin", served("a1/gone.bin", 4)),
        ];
        let files = files.map(|(name, file)| (name.to_owned(), file)).into();
        let host = Host::listen(0, files, &read).unwrap();
        let (port, stop) = (host.port, AtomicBool::new(false));
        assert_eq!(host.url(), format!("http://127.0.0.1:{port}/"));
        std::thread::scope(|scope| {
            scope.spawn(|| host.serve(&stop));
            let _stopping = Stopping(&stop);
            let get = |path: &str, more: &str| {
                ask(
                    port,
                    &format!(
                        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{more}\r\n"
                    ),
                )
            };
            let (status, head, body) = get("/", "");
            assert_eq!((status, &*body), (200, &b"<page>"[..]));
            assert!(head.contains("Accept-Ranges: bytes") && head.contains("nosniff"), "{head}");
            assert_eq!(get("/index.html?x=1", "").2, b"<page>");
            assert!(get("/big.bin", "").2 == bytes, "in several parts");
            let (status, head, body) = get("/big.bin", &format!("Range: bytes={}-{}\r\n", PART - 1, PART));
            assert_eq!((status, &*body), (206, &bytes[index(PART - 1)..=index(PART)]));
            let place = format!("Content-Range: bytes {}-{}/{}", PART - 1, PART, bytes.len());
            assert!(head.contains(&place), "{head}");
            assert_eq!(get("/index.html", "Range: bytes=6-\r\n").0, 416);
            // A part that cannot be read is not sent as if it were the whole.
            assert!(get("/gone.bin", "").2.len() < 4);
            let outside = [
                "/a1/index.html",
                "/../index.html",
                "//index.html",
                "/%2e%2e/manifest.json",
                "/etc/passwd",
                "*",
            ];
            for path in outside {
                assert_eq!(get(path, "").0, 404, "{path}");
            }
            for host in ["example.org", "127.0.0.1", "127.0.0.1:1"] {
                assert_eq!(
                    ask(port, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).0,
                    403
                );
            }
            let head = ask(
                port,
                &format!("HEAD /big.bin HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"),
            );
            assert_eq!((head.0, head.2.len()), (200, 0));
            assert!(head.1.contains(&format!("Content-Length: {}", bytes.len())), "{}", head.1);
            assert_eq!(
                ask(port, &format!("PUT / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"))
                    .0,
                405
            );
            // Bodies that never come: the host goes on, however many there are and however long they say they are.
            let mut waiting = Vec::new();
            for length in [2_000, 300_000, 10 << 30, u64::MAX / 2].repeat(THREADS) {
                let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                let head =
                    format!("POST / HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {length}\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
                let mut status = [0; 12];
                stream.read_exact(&mut status).unwrap();
                let expected = if length > wide(BODY_BYTES) { b"HTTP/1.1 413" } else { b"HTTP/1.1 405" };
                assert_eq!(&status, expected, "{length}");
                waiting.push(stream);
            }
            assert_eq!(get("/", "").0, 200);
        });
        // Its port is taken while the host exists.
        let taken = Host::listen(port, BTreeMap::new(), &read).err().unwrap();
        assert!(matches!(taken, ServeError::Listen { .. }));
    }

    #[test]
    fn a_media_type_cannot_add_a_field() {
        assert_eq!(media_type("text/csv; charset=utf-8"), "text/csv; charset=utf-8");
        assert_eq!(media_type("text/html\r\nSet-Cookie: a=b"), "application/octet-stream");
    }
}
