//! What the report is made of.

use std::collections::BTreeMap;

use arpent_change::balance::Coverage;
use arpent_change::events::{EventKind, Rules, SieveCounts};
use arpent_publish::{Input, Warning};

use crate::change::balance::SoilFacts;
use crate::change::chips::Notable;
use crate::change::compare::KindCount;
use crate::change::control::{ControlFacts, StableFacts};
use crate::change::evidence::ImageFacts;
use crate::change::inputs::Inputs;
use crate::change::shift::Shift;
use crate::config::ChangeConfig;

/// What the report of a comparison is made of.
pub(crate) struct Report<'a> {
    pub(crate) config: &'a ChangeConfig,
    pub(crate) inputs: &'a Inputs,
    /// The records of the inputs in the manifest.
    pub(crate) records: Vec<Input>,
    /// `None` where the shift was not measured.
    pub(crate) shift: Option<&'a Shift>,
    pub(crate) images: Option<&'a ImageFacts>,
    /// The rules of what is kept, and what they keep where nothing changed.
    pub(crate) judged: (&'a Rules, Option<&'a ControlFacts>),
    /// What was found on ground that is known not to have changed.
    pub(crate) stable: Option<StableFacts>,
    pub(crate) counts: &'a BTreeMap<EventKind, KindCount>,
    pub(crate) left_out: &'a SieveCounts,
    /// Area of the pixels whose classes differ, before the rules, square meters.
    pub(crate) differ_m2: f64,
    pub(crate) coverage: Coverage,
    /// Events that change back; `None` without a previous comparison.
    pub(crate) flickers: Option<u64>,
    pub(crate) soils: Option<&'a SoilFacts>,
    pub(crate) notable: &'a Notable,
    pub(crate) warnings: &'a [Warning],
    pub(crate) run_id: &'a str,
}

impl Report<'_> {
    /// Area of all events, square meters.
    pub(super) fn changed_m2(&self) -> f64 {
        self.counts.values().map(|kind| kind.changed_m2).sum()
    }

    /// Number of all events.
    pub(super) fn events(&self) -> u64 {
        self.counts.values().map(|kind| kind.events).sum()
    }

    /// The control, if it can show anything: the earlier map was shifted, and compared with itself somewhere.
    pub(super) fn control(&self) -> Option<&ControlFacts> {
        self.judged.1.filter(|control| control.shift_px != [0, 0] && control.of_pixels.is_some())
    }
}
