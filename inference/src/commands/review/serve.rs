//! `arpent review serve`: a review in the browser.

use std::ops::Range;
use std::sync::mpsc::channel;

use arpent_base::number::{index, wide};
use arpent_base::{DoingWhat as _, Failure, Result};
use arpent_job::{ReviewDesk, ReviewPerson, ReviewServeOptions, asking};
use arpent_publish::{ObjectKind, Target};
use arpent_shell::interrupt;
use arpent_shell::message::notice;
use arpent_shell::print::{Format, print};
use arpent_viewer::{Api, Host, PAGE_NAME, PublicAddress, Served, new_token, review_page};
use serde::Serialize;

use crate::commands::view;
use arpent_cli::ReviewServeArgs;

/// Beginning of the paths of requests about the review.
const PREFIX: &str = "/review/";
/// The name of the page at the root.
const ROOT: &str = "";
/// What the page of the review is read by: no file of an output has this name.
const PAGE: &str = "";

/// What is served.
#[derive(Debug, Serialize)]
struct Serving {
    /// The address of the page, with the token of this start.
    url: String,
    output: String,
    review: String,
    features: usize,
}

/// Runs the command.
///
/// # Errors
/// When the review cannot be opened or written, nobody is named, there is no page, or the port cannot be listened on.
pub(crate) fn main(args: &ReviewServeArgs, person: ReviewPerson, format: Format) -> Result<u8> {
    let public = args.trust_proxy_headers.as_deref().map(PublicAddress::parse).transpose()?;
    let is_named = public.is_none();
    if is_named && person.person.is_none() {
        return Err(arpent_review::ReviewError::Missing { field: "person.name" }.into());
    }
    let token = new_token()?;
    let desk = ReviewDesk::open(ReviewServeOptions {
        output: args.of.output.clone(),
        review: args.of.review.clone(),
        person: person.person.filter(|_| is_named),
        key: person.key.filter(|_| is_named),
        tasks: args.tasks.clone(),
        reviewer: args.reviewer.clone(),
        token: token.clone(),
    })?;
    let target = Target::parse(&args.of.output)?;
    let mut files = view::files(&args.of.output, &target, &target.read_manifest()?)?;
    let page = page(&target, &files[ROOT].source)?;
    let media_type = "text/html; charset=utf-8".to_owned();
    let served = Served { source: PAGE.to_owned(), media_type, size: wide(page.len()) };
    // Also under its name: beside a manifest, that is a page that leads to the published one.
    files.insert(ROOT.to_owned(), served.clone());
    files.insert(PAGE_NAME.to_owned(), served);
    let read = |href: &str, range: Range<u64>| match href {
        PAGE => Ok(page.as_bytes()[index(range.start)..index(range.end)].to_vec()),
        _ => Ok(target.read_part(href, range)?),
    };
    let host = Host::listen(args.port, files, &read)?;
    // Under no name that messages leave the value out of: this one is meant to be read.
    let url = if is_named { format!("{}#review={token}", host.url()) } else { host.url() };
    let serving = Serving {
        url,
        output: args.of.output.clone(),
        review: desk.name().to_owned(),
        features: desk.features(),
    };
    let stop = interrupt::flag()?;
    print(&serving, &format!("{}\n", serving.url), format)?;
    notice("serving until interrupted (Ctrl-C)");
    let (sender, calls) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let answer = asking(sender);
            let api = Api {
                prefix: PREFIX,
                posts: &["decisions"],
                begin: "session",
                token,
                public,
                answer: &answer,
            };
            host.with_api(api).serve(&stop);
        });
        // Until the host, which alone may ask, has ended.
        desk.run(&calls);
    });
    Ok(0)
}

/// The page of the review, from the published one.
fn page(target: &Target, href: &str) -> Result<String> {
    let published = target.read(href, ObjectKind::Document)?.unwrap_or_default();
    let text = String::from_utf8(published).map_err(Failure::foreign).with_context(|| href.to_owned())?;
    review_page(&text).with_context(|| href.to_owned())
}
