//! Scenes behind HTTP, served from this process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use arpent_base::Diagnostic as _;
use arpent_gdal::{GdalError, MosaicReader, fingerprint, open_scene, read_aoi, resolve_scenes};

use crate::common::{HERE, folder, mosaic, picture};

/// First and one past the last byte of each body that was sent.
pub(crate) type Sent = Arc<Mutex<Vec<(usize, usize)>>>;

/// Serves files with ranges until the test process ends; paths not in the list are 404, `/broken` is 500.
pub(crate) fn serve(files: Vec<(&'static str, Vec<u8>)>) -> String {
    serve_counted(files).0
}

/// The same, with what was sent.
pub(crate) fn serve_counted(files: Vec<(&'static str, Vec<u8>)>) -> (String, Sent) {
    let (address, sent, _) = serve_logged(files);
    (address, sent)
}

/// The same, with what was asked for: method and path of each request.
pub(crate) fn serve_logged(files: Vec<(&'static str, Vec<u8>)>) -> (String, Sent, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sent, asked) = (Sent::default(), Arc::<Mutex<Vec<String>>>::default());
    let (files, log, requests) = (Arc::new(files), Arc::clone(&sent), Arc::clone(&asked));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (files, log, requests) = (Arc::clone(&files), Arc::clone(&log), Arc::clone(&requests));
            std::thread::spawn(move || answer(stream, &files, &log, &requests));
        }
    });
    (address, sent, asked)
}

fn answer(
    mut stream: TcpStream,
    files: &[(&str, Vec<u8>)],
    log: &Sent,
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut request, mut range) = (String::new(), None);
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("range: bytes=") {
            let (from, to) = value.trim().split_once('-').unwrap_or(("0", ""));
            range = Some((from.parse().unwrap_or(0usize), to.parse().unwrap_or(usize::MAX - 1)));
        }
    }
    let path = request.split(' ').nth(1).unwrap_or("");
    requests
        .lock()
        .unwrap()
        .push(request.rsplit_once(' ').map_or(String::new(), |(asked, _)| asked.to_owned()));
    let Some((_, body)) = files.iter().find(|(name, _)| *name == path) else {
        let status = if path.starts_with("/broken") { "403 Forbidden" } else { "404 Not Found" };
        return write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let (from, to) =
        range.map_or((0, body.len()), |(from, to)| (from.min(body.len()), (to + 1).min(body.len())));
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\nETag: \"abc123\"\r\n\
         Content-Range: bytes {from}-{}/{}\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nConnection: close\r\n\r\n",
        to - from,
        to.saturating_sub(1),
        body.len()
    )?;
    if request.starts_with("GET") {
        log.lock().unwrap().push((from, to));
        stream.write_all(&body[from..to])?;
    }
    Ok(())
}

/// A page of a listing, as Google's store answers by its XML interface.
fn page(keys: &[&str], next: Option<&str>) -> Vec<u8> {
    let object = |key: &&str| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2022-02-02T00:00:00.000Z</LastModified><ETag>\"a\"</ETag>\
             <Size>1000</Size></Contents>"
        )
    };
    let objects: String = keys.iter().map(object).collect();
    let more = next.map_or_else(
        || "<IsTruncated>false</IsTruncated>".to_owned(),
        |key| format!("<IsTruncated>true</IsTruncated><NextMarker>{key}</NextMarker>"),
    );
    format!(
        "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>\
         <Name>bucket</Name><Prefix>dalles/</Prefix>{more}{objects}</ListBucketResult>"
    )
    .into_bytes()
}

#[test]
fn folders_and_globs_of_a_google_bucket_are_listed_page_by_page() {
    let _dir = folder();
    let (first, second) = (["dalles/a.tif", "dalles/notes.txt"], ["dalles/b 1.tif", "dalles/c.jp2"]);
    let (base, _, asked) = serve_logged(vec![
        ("/bucket/?delimiter=%2F&prefix=dalles%2F", page(&first, Some("dalles/notes.txt"))),
        ("/bucket/?delimiter=%2F&marker=dalles%2Fnotes.txt&prefix=dalles%2F", page(&second, None)),
    ]);
    let options = [("CPL_GS_ENDPOINT", format!("{base}/")), ("GS_NO_SIGN_REQUEST", "YES".to_owned())];
    let options = options.map(|(name, value)| (name.to_owned(), value)).into();
    arpent_gdal::init(arpent_gdal::InitOptions { options, ..Default::default() }).unwrap();
    let listed = |uri: &str| -> Result<Vec<String>, GdalError> {
        Ok(resolve_scenes(&[uri.to_owned()])?.into_iter().map(|scene| scene.uri).collect())
    };
    let of_folder = listed("gs://bucket/dalles/").unwrap_or_else(|e| panic!("{e}: {:?}", asked.lock()));
    assert_eq!(
        of_folder,
        ["gs://bucket/dalles/a.tif", "gs://bucket/dalles/b 1.tif", "gs://bucket/dalles/c.jp2"]
    );
    assert_eq!(listed("gs://bucket/dalles/[ab]*.tif").unwrap(), of_folder[..2]);
    let e = listed("gs://bucket/dalles/*.png").unwrap_err();
    assert!(matches!(e, GdalError::NoMatch { .. }), "{e:?}");
    let e = open_scene(&resolve_scenes(&["gs://bucket/gone.tif".to_owned()]).unwrap()[0]).unwrap_err();
    assert!(e.to_string().contains("no such object"), "{e}");
    let e = listed("gs://gone/dalles/").unwrap_err();
    assert!(matches!(e, GdalError::Missing { .. }), "{e:?}");
}

#[test]
fn scenes_items_and_areas_are_read_over_http() {
    let dir = folder();
    let tif = std::fs::read(picture(40, 40, 3).write(&dir.path().join("a.tif"))).unwrap();
    let size = u64::try_from(tif.len()).unwrap();
    let item = r#"{"type":"Feature","id":"item-1","properties":{"datetime":"2022-02-02T00:00:00Z"},"links":[],
        "assets":{"visual":{"href":"../../a.tif","type":"image/tiff; application=geotiff","roles":["data"]}}}"#;
    let area = r#"{"type":"Feature","properties":{},"geometry":{"type":"Polygon",
        "coordinates":[[[2.3,48.8],[2.4,48.8],[2.4,48.9],[2.3,48.8]]]}}"#;
    let base = serve(vec![
        ("/a.tif", tif),
        ("/stac/items/1", item.into()),
        ("/area.geojson", area.into()),
        ("/words.tif", b"these are words".repeat(100)),
    ]);
    let sources = resolve_scenes(&[format!("{base}/stac/items/1"), format!("{base}/a.tif")]).unwrap();
    // The item's asset is the same raster as the file: it is listed once, as the one with more metadata.
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert_eq!((sources[0].id.as_str(), sources[0].acquired.is_some()), ("item-1", true));
    let scene = open_scene(&sources[0]).unwrap();
    let m = mosaic(vec![scene.clone()]);
    let chip = MosaicReader::new(&m, &[vec![1, 2, 3]]).unwrap().read(m.window).unwrap();
    assert!(chip.valid.iter().all(|v| *v));
    let print = fingerprint(&sources[0]).unwrap();
    assert_eq!((print.size, print.etag.as_deref(), print.sha256), (Some(size), Some("abc123"), None));
    assert!(print.modified.is_some());
    assert!(!read_aoi(&format!("{base}/area.geojson"), &scene.grid, &HERE).unwrap().window().is_empty());

    let open = |name: &str| open_scene(&resolve_scenes(&[format!("{base}/{name}")]).unwrap()[0]).unwrap_err();
    let e = open("gone.tif");
    assert!(matches!(e, GdalError::Missing { .. }), "{e:?}");
    let e = open("broken.tif");
    assert!(matches!(e, GdalError::Unreachable { .. }), "{e:?}");
    assert!(e.hint().unwrap().contains("credentials are part of the URL"));
    let e = open("words.tif");
    assert!(matches!(e, GdalError::NotARaster { .. }), "{e:?}");
    let e = resolve_scenes(&[format!("{base}/gone/item.json")]).unwrap_err();
    assert!(matches!(e, GdalError::Missing { .. }), "{e:?}");

    // Nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = format!("http://127.0.0.1:{port}/a.tif");
    let e = open_scene(&resolve_scenes(&[silent]).unwrap()[0]).unwrap_err();
    assert!(matches!(e, GdalError::Unreachable { .. }), "{e:?}");
    let e = resolve_scenes(&[format!("http://127.0.0.1:{port}/item.json")]).unwrap_err();
    assert!(matches!(e, GdalError::Unreachable { .. }), "{e:?}");
}

#[test]
fn a_blank_in_a_url_is_refused() {
    let _dir = folder();
    for uri in ["http://127.0.0.1:9/a b.tif", "https://127.0.0.1:9/a b.tif?sig=secret"] {
        let refused = open_scene(&resolve_scenes(&[uri.to_owned()]).unwrap()[0]).unwrap_err();
        assert!(
            matches!(refused, GdalError::BlankInUrl { .. }) && refused.is_transient() == Some(false),
            "{refused}"
        );
        let hint = refused.hint().unwrap();
        assert!(hint.contains("/a%20b.tif") && !hint.contains("secret"), "{hint}");
    }
    let items = resolve_scenes(&["http://127.0.0.1:9/an item.json".to_owned()]);
    assert!(matches!(items, Err(GdalError::BlankInUrl { .. })), "{items:?}");
}
