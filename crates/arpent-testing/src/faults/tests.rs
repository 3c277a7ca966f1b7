use super::*;

const BODY: &[u8] = b"hello, this is the body";

/// A server that returns the body of every request, or [`BODY`]; ends with its last request.
fn server(requests: usize) -> (SocketAddr, JoinHandle<usize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut served = 0;
        for client in listener.incoming().take(requests) {
            let mut client = client.unwrap();
            let Ok(head) = read_head(&mut client) else { break };
            let mut body = head.rest;
            let missing = content_length(&head.text).unwrap_or(0) - body.len();
            (&client).take(missing as u64).read_to_end(&mut body).unwrap();
            let answer = if body.is_empty() { BODY } else { &body };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
            client.write_all(head.as_bytes()).and_then(|()| client.write_all(answer)).unwrap();
            served += 1;
        }
        served
    });
    (address, thread)
}

fn ask(proxy: &FaultProxy, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    let head = format!("PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    // A reset may come before everything is written.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn always(kind: Fault) -> Faults {
    Faults { per_mille: 1000, kinds: vec![kind], stall: Duration::from_millis(30), ..Faults::none() }
}

#[test]
fn every_fault_has_its_effect() {
    let (address, thread) = server(6);
    let proxy = FaultProxy::start(address, Faults::none());
    let clean = ask(&proxy, b"");
    assert!(clean.ends_with(BODY));
    assert!(ask(&proxy, b"mine").ends_with(b"mine"));
    let with = |kind, body: &[u8]| {
        proxy.set(always(kind));
        ask(&proxy, body)
    };
    let text = |answer: Vec<u8>| String::from_utf8(answer).unwrap();
    assert!(text(with(Fault::SlowDown, b"")).contains("503 Service Unavailable"));
    assert!(text(with(Fault::InternalError, b"")).starts_with("HTTP/1.1 500"));
    assert!(text(with(Fault::ExpiredToken, b"x")).contains("ExpiredToken"));
    assert!(text(with(Fault::ClockSkew, b"x")).contains("RequestTimeTooSkewed"));
    assert!(with(Fault::LostRequest, &vec![7; 100_000]).is_empty());
    assert!(with(Fault::Stall, b"").is_empty());
    assert!(with(Fault::LostAnswer, b"").is_empty());
    let cut = with(Fault::Truncated, b"");
    assert!(clean.starts_with(&cut) && cut.len() + BODY.len() / 2 <= clean.len() && cut.len() > 40);
    let altered = with(Fault::Altered, b"");
    assert_eq!(altered.iter().zip(&clean).filter(|(a, b)| a != b).count(), 1);
    let altered = with(Fault::Altered, b"mine");
    assert_eq!(altered.len() - end_of_head(&altered).unwrap(), 4);
    assert!(!altered.ends_with(b"mine"));
    assert_eq!(proxy.requests(), 12);
    assert_eq!(proxy.injected().values().sum::<u64>(), 10);
    assert_eq!(thread.join().unwrap(), 6, "what is lost is not seen by the server");
}

#[test]
fn faults_begin_and_end_where_they_should() {
    let (address, thread) = server(5);
    let proxy = FaultProxy::start(address, Faults::none());
    ask(&proxy, b"");
    proxy.set(Faults { spared: 2, most: 1, ..always(Fault::SlowDown) });
    let fine: Vec<bool> = (0..5).map(|_| ask(&proxy, b"").ends_with(BODY)).collect();
    assert_eq!(fine, [true, true, false, true, true]);
    assert_eq!(thread.join().unwrap(), 5);
}

#[test]
fn the_same_seed_gives_the_same_faults() {
    let draws = |seed| {
        let faults = Faults { seed, per_mille: 500, kinds: Fault::ALL.into(), ..Faults::none() };
        let proxy = FaultProxy::start(([127, 0, 0, 1], 1).into(), faults);
        (0..200).map(|_| proxy.shared.draw().0).collect::<Vec<_>>()
    };
    assert_eq!(draws(1), draws(1));
    assert_ne!(draws(1), draws(2));
    assert!((60..140).contains(&draws(3).iter().flatten().count()));
}

#[test]
fn a_list_that_lags_is_the_first_one() {
    let head = "GET /b?list-type=2&prefix=x HTTP/1.1\r\nhost: x\r\n\r\n";
    assert_eq!(list_of(head).as_deref(), Some("/b?list-type=2&prefix=x"));
    assert!(list_of("GET /b/object HTTP/1.1\r\n\r\n").is_none());
    assert!(list_of("PUT /b?comp=list HTTP/1.1\r\n\r\n").is_none());
}
