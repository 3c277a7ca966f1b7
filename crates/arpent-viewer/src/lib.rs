//! The page that a map or a comparison publishes for persons: [`page`] makes `index.html` from [`Facts`].
//!
//! The page is one file: program, style, licenses and facts are in it. Beside it, its host needs only the files that the
//! facts name; the page reads parts of them with range requests, and nothing from elsewhere (its policy allows requests to
//! its own origin only). Without scripts it shows what the output is and links to the files.
//!
//! Equal facts give equal bytes. [`entry`] is the page at the address of an output, which leads to the page of its current
//! attempt. [`Host`] serves an output on the loopback address, for `arpent view`, and with an [`Api`] for a review
//! ([`review_page`]).
//!
//! ```
//! use arpent_base::Language;
//! use arpent_viewer::{Facts, Kind, Lattice, page};
//!
//! let facts = Facts {
//!     kind: Kind::Map,
//!     language: Language::Fr,
//!     title: "Occupation du sol <2024>".to_owned(),
//!     extent: [2.0, 48.0, 2.1, 48.1],
//!     places: Lattice::of_degrees([2.0, 48.0, 2.1, 48.1]),
//!     ..Facts::default()
//! };
//! let html = page(&facts)?;
//! assert!(html.contains("<html lang=\"fr\">") && html.contains("<title>Occupation du sol &lt;2024&gt;"));
//! # Ok::<(), arpent_viewer::FactsError>(())
//! ```

mod api;
mod entry;
mod error;
mod facts;
mod page;
mod serve;

pub use api::{Answering, Api, ApiAnswer, ApiRequest, BODY_BYTES, PublicAddress, new_token};
pub use entry::{ENTRY_MARK, entry};
pub use error::{FactsError, ServeError};
pub use facts::{
    ClassFact, Date, Facts, Figure, File, Imagery, Kind, KindFact, Lattice, Model, Pictures, Rules, Scene,
    StateFact, Texts, UndecidedFact, Unscored, Warning, ZoneMap, Zones,
};
pub use page::{PAGE_NAME, page, review_page};
pub use serve::{Host, ReadPart, Served};
