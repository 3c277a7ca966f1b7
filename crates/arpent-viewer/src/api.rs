//! Requests beyond files: who may make them, and what is passed on of them.
//!
//! A page of another site must not be able to ask or to change anything in the name of the person whose browser it runs
//! in. So the host's name, the origin and the kind of fetch are checked, and each request needs a token, which is new at every start and which
//! only a page of this host can send: it stands in a field that is not allowed across origins.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::error::ServeError;

/// Largest body of a request, bytes.
pub const BODY_BYTES: usize = 256 << 10;
/// The field with the token.
const TOKEN: &str = "x-arpent-token";
/// Fields that are passed on.
const FIELDS: &str = "x-arpent-";

/// A request that was let through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiRequest {
    /// What is asked for: the part of the path after the prefix.
    pub name: String,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// The body of a POST; none of a GET.
    pub body: Option<Vec<u8>>,
    /// Fields of the head that begin with `x-arpent-`, in lower case and without that; percent-encoded values are decoded.
    pub fields: BTreeMap<String, String>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiAnswer {
    /// Status of HTTP.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl ApiAnswer {
    /// An error, as every command prints it with `--format json`.
    pub fn error(status: u16, message: &str, hint: Option<&str>) -> Self {
        let body = serde_json::json!({ "error": { "message": message, "hint": hint } }).to_string();
        Self { status, body }
    }
}

/// Answers requests.
pub type Answering<'a> = dyn Fn(ApiRequest) -> ApiAnswer + Sync + 'a;

/// The address under which a reverse proxy offers the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAddress {
    /// Scheme and authority, as `Origin` has them.
    origin: String,
}

impl PublicAddress {
    /// Of an address such as `https://review.example.org`.
    ///
    /// # Errors
    /// [`ServeError::Public`] for one without TLS, or with more than a host, a port and a path.
    pub fn parse(text: &str) -> Result<Self, ServeError> {
        let bad = || ServeError::Public { address: text.to_owned() };
        let rest = text.strip_prefix("https://").ok_or_else(bad)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':');
        if authority.is_empty() || !authority.bytes().all(plain) || path.contains(['?', '#']) {
            return Err(bad());
        }
        Ok(Self { origin: format!("https://{authority}") })
    }

    fn host(&self) -> &str {
        self.origin.trim_start_matches("https://")
    }
}

/// What is answered beyond files, and to whom.
pub struct Api<'a> {
    /// Beginning of the paths, such as `/review/`.
    pub prefix: &'static str,
    /// Names that take POST; all others take GET.
    pub posts: &'static [&'static str],
    /// The name that is answered without the token where there is a public address: its answer has the token, which a page
    /// of another origin cannot read.
    pub begin: &'static str,
    /// The token.
    pub token: String,
    /// The address of the reverse proxy, which knows who the person is; none where the token is in the address that the
    /// command prints.
    pub public: Option<PublicAddress>,
    /// Answers.
    pub answer: &'a Answering<'a>,
}

impl std::fmt::Debug for Api<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("prefix", &self.prefix)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// A new token: 256 random bits of the operating system.
///
/// # Errors
/// [`ServeError::Random`]
pub fn new_token() -> Result<String, ServeError> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| ServeError::Random { message: error.to_string() })?;
    Ok(arpent_base::hex(&bits))
}

/// The head of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) url: String,
    /// Names in lower case.
    pub(crate) fields: Vec<(String, String)>,
}

/// Why a request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: &'static str,
}

const fn refused(status: u16, message: &'static str) -> Refusal {
    Refusal { status, message }
}

impl Head {
    /// The value of a field that is there once.
    fn only(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut found = self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| &**value);
        let first = found.next();
        match found.next() {
            Some(_) => Err(refused(400, "a field of the request is there twice")),
            None => Ok(first),
        }
    }

    /// The value of a field, the first one.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| &**value)
    }

    /// The path without query.
    pub(crate) fn path(&self) -> &str {
        self.url.split(['?', '#']).next().unwrap_or_default()
    }

    fn query(&self) -> Option<BTreeMap<String, String>> {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let parts = query.split('&').filter(|part| !part.is_empty());
        parts
            .map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                Some((decoded(name)?, decoded(value)?))
            })
            .collect()
    }

    fn passed_on(&self) -> Result<BTreeMap<String, String>, Refusal> {
        let mut fields = BTreeMap::new();
        for (field, value) in self.fields.iter().filter(|(field, _)| field != TOKEN) {
            let Some(name) = field.strip_prefix(FIELDS) else { continue };
            let value = decoded(value).ok_or(refused(400, "a field is not percent-encoded UTF-8"))?;
            // A proxy that adds to what its client sent, instead of replacing it, would let the client name a person.
            if fields.insert(name.to_owned(), value).is_some() {
                return Err(refused(400, "a field of the request is there twice"));
            }
        }
        Ok(fields)
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Compares texts in a time that does not depend on where they differ.
fn is_same(one: &str, other: &str) -> bool {
    let differing = one.bytes().zip(other.bytes()).fold(0, |bits, (a, b)| bits | (a ^ b));
    one.len() == other.len() && differing == 0
}

/// Whether a request names this host: on the loopback address with its port, or the public one if there is one. A page of
/// another site that a name server sends here has another name.
pub(crate) fn names_host(head: &Head, port: u16, public: Option<&PublicAddress>) -> bool {
    let Ok(Some(host)) = head.only("host") else { return false };
    match public {
        Some(public) => host == public.host(),
        None => ["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{port}")),
    }
}

impl Api<'_> {
    /// The name that a request asks for; none if it is for a file.
    pub(crate) fn name<'h>(&self, head: &'h Head) -> Option<&'h str> {
        head.path().strip_prefix(self.prefix)
    }

    /// Lets a request through, but for its body. That it names this host was checked before.
    pub(crate) fn admit(&self, head: &Head) -> Result<ApiRequest, Refusal> {
        let name = self.name(head).unwrap_or_default();
        let host = head.only("host")?.unwrap_or_default();
        let origin =
            self.public.as_ref().map_or_else(|| format!("http://{host}"), |public| public.origin.clone());
        if head.only("origin")?.is_some_and(|field| field != origin)
            || head.only("sec-fetch-site")?.is_some_and(|site| site != "same-origin")
        {
            return Err(refused(403, "the request comes from a page of another site"));
        }
        let is_post = self.posts.contains(&name);
        if head.method != if is_post { "POST" } else { "GET" } {
            return Err(refused(405, "the method is not allowed here"));
        }
        let is_open = self.public.is_some() && name == self.begin;
        if !is_open && !head.only(TOKEN)?.is_some_and(|token| is_same(token, &self.token)) {
            return Err(refused(403, "the token of this start of the server is missing or another one"));
        }
        if is_post {
            let kind = head.only("content-type")?.and_then(|kind| kind.split(';').next()).unwrap_or_default();
            if !kind.trim().eq_ignore_ascii_case("application/json") {
                return Err(refused(415, "the body is to be application/json"));
            }
            let length = head.only("content-length")?.and_then(|length| length.parse::<usize>().ok());
            match length {
                None => return Err(refused(411, "the body has no length")),
                Some(length) if length > BODY_BYTES => return Err(refused(413, "the body is too large")),
                Some(_) => {}
            }
        }
        let query = head.query().ok_or(refused(400, "the query is not percent-encoded UTF-8"))?;
        Ok(ApiRequest { name: name.to_owned(), query, body: None, fields: head.passed_on()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN_VALUE: &str = "0123abcd";

    fn api(public: Option<&str>) -> Api<'static> {
        Api {
            prefix: "/review/",
            posts: &["decisions"],
            begin: "session",
            token: TOKEN_VALUE.to_owned(),
            public: public.map(|public| PublicAddress::parse(public).unwrap()),
            answer: &|_| ApiAnswer { status: 200, body: String::new() },
        }
    }

    fn head(method: &str, url: &str, fields: &[(&str, &str)]) -> Head {
        let field = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Head { method: method.to_owned(), url: url.to_owned(), fields: fields.iter().map(field).collect() }
    }

    const POST: [(&str, &str); 6] = [
        ("host", "127.0.0.1:80"),
        ("origin", "http://127.0.0.1:80"),
        ("sec-fetch-site", "same-origin"),
        ("x-arpent-token", TOKEN_VALUE),
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", "20"),
    ];

    /// A POST with a field changed, or left out.
    fn post(name: &str, value: Option<&str>) -> Result<ApiRequest, Refusal> {
        let mut fields: Vec<(&str, &str)> =
            POST.iter().copied().filter(|(field, _)| *field != name).collect();
        fields.extend(value.map(|value| (name, value)));
        api(None).admit(&head("POST", "/review/decisions", &fields))
    }

    #[test]
    fn a_request_of_another_page_is_refused() {
        assert_eq!(post("x-arpent-name", Some("Zo%C3%A9")).unwrap().fields["name"], "Zoé");
        // A script has neither origin nor kind of fetch.
        assert!(post("origin", None).is_ok() && post("sec-fetch-site", None).is_ok());
        for (field, value, status) in [
            ("origin", Some("http://example.org"), 403),
            ("origin", Some("null"), 403),
            ("origin", Some("http://localhost:80"), 403),
            ("origin", Some("https://127.0.0.1:80"), 403),
            ("sec-fetch-site", Some("cross-site"), 403),
            ("sec-fetch-site", Some("same-site"), 403),
            ("sec-fetch-site", Some("none"), 403),
            ("x-arpent-token", None, 403),
            ("x-arpent-token", Some("0123abce"), 403),
            ("x-arpent-token", Some("0123abc"), 403),
            ("x-arpent-token", Some(""), 403),
            ("content-type", Some("text/plain"), 415),
            ("content-type", Some("application/x-www-form-urlencoded"), 415),
            ("content-type", None, 415),
            ("content-length", Some("262145"), 413),
            ("content-length", Some("99999999999999999999"), 411),
            ("content-length", None, 411),
            ("x-arpent-name", Some("%FF"), 400),
        ] {
            assert_eq!(post(field, value).unwrap_err().status, status, "{field}: {value:?}");
        }
        let api = api(None);
        for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"] {
            assert_eq!(api.admit(&head(method, "/review/decisions", &POST)).unwrap_err().status, 405);
        }
        assert_eq!(api.admit(&head("POST", "/review/session", &POST)).unwrap_err().status, 405);
        for twice in [("x-arpent-token", "0123abcd"), ("origin", "http://127.0.0.1:80")] {
            let fields = [&POST[..], &[twice]].concat();
            assert_eq!(api.admit(&head("POST", "/review/decisions", &fields)).unwrap_err().status, 400);
        }
        let names = [("x-arpent-name", "Ana"), ("x-arpent-name", "Ben")];
        let fields = [&POST[..], &names].concat();
        assert_eq!(api.admit(&head("POST", "/review/decisions", &fields)).unwrap_err().status, 400);
    }

    #[test]
    fn a_host_has_its_own_names() {
        let named = |host: &[(&str, &str)], public: Option<&PublicAddress>| {
            names_host(&head("GET", "/", host), 8080, public)
        };
        assert!(named(&[("host", "127.0.0.1:8080")], None) && named(&[("host", "localhost:8080")], None));
        for other in ["example.org:8080", "127.0.0.1", "127.0.0.1:80", "localhost.:8080", "[::1]:8080", ""] {
            assert!(!named(&[("host", other)], None), "{other}");
        }
        assert!(!named(&[], None));
        assert!(!named(&[("host", "localhost:8080"), ("host", "localhost:8080")], None));
        let public = PublicAddress::parse("https://review.example.org/town").unwrap();
        assert!(named(&[("host", "review.example.org")], Some(&public)));
        assert!(!named(&[("host", "127.0.0.1:8080")], Some(&public)));
        for bad in [
            "http://review.example.org",
            "review.example.org",
            "https://",
            "https://a@b",
            "https://a/?x",
            "https://A",
        ] {
            assert!(PublicAddress::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn behind_a_proxy_a_page_gets_the_token_first() {
        let api = api(Some("https://review.example.org"));
        let host = ("host", "review.example.org");
        assert!(api.admit(&head("GET", "/review/session", &[host])).is_ok());
        for fields in [
            &[host, ("origin", "https://example.org")][..],
            &[host, ("origin", "http://review.example.org")],
            &[host, ("sec-fetch-site", "cross-site")],
        ] {
            assert_eq!(api.admit(&head("GET", "/review/session", fields)).unwrap_err().status, 403);
        }
        let next = api.admit(&head("GET", "/review/next?from=3", &[host])).unwrap_err();
        assert_eq!(next.status, 403);
        let fields = [host, ("x-arpent-token", TOKEN_VALUE)];
        let next = api.admit(&head("GET", "/review/next?from=3&id=a%20b", &fields)).unwrap();
        assert_eq!((&*next.name, &*next.query["from"], &*next.query["id"]), ("next", "3", "a b"));
        // Without a proxy, the token comes with the address that the command prints.
        assert_eq!(
            self::api(None).admit(&head("GET", "/review/session", &[POST[0]])).unwrap_err().status,
            403
        );
    }

    #[test]
    fn tokens_differ() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert!(one.len() == 64 && one != other);
    }
}
