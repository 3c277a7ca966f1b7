//! Reports for readers: one HTML file in English and French, made of the manifest and the files of an output, so that it
//! can be made again at any time. What the reports of a run and of a comparison share is here, with the report of a run;
//! the sections of a comparison are in `change/report`.

mod asked;
mod card;
mod chart;
mod decided;
mod draw;
mod features;
mod found;
mod material;
mod measured;
mod observed;
mod of_map;
mod overview;
mod page;
mod parts;
mod pictures;
mod place;
mod reading;
mod scenes;
mod shown;
mod states;
mod words;

pub(crate) use card::{class_names, task};
pub(crate) use chart::{Bar, bars, field};
pub(crate) use decided::{notice as decided_notice, section as decided_section};
pub(crate) use draw::{Values, colors, limits_of, outline};
pub(crate) use features::{LISTED, Notable};
pub(crate) use material::{Files, Imprint, Material, PlacedFile};
pub(crate) use of_map::of_map;
pub(crate) use overview::Overview;
pub(crate) use page::{Article, page};
pub(crate) use parts::{Section, area, cell, class, facts, proposal, shown, table, warnings};
pub(crate) use pictures::{Picture, Pictures, Stored};
pub(crate) use place::place_of_item;
pub(crate) use reading::{computation, hashes, license, software, whom};
pub(crate) use scenes::Thumbnails;
pub(crate) use shown::problems;
pub(crate) use states::{CONTESTED, DISPUTED, state_color, state_title, states};
pub(crate) use words::{NONE, Words};

/// Name of the report among the files of an output.
pub(crate) const REPORT_NAME: &str = "report.html";
