//! Features of a map, with all their columns, on their way to the spool.

use std::path::Path;

use arpent_base::number::signed;
use arpent_base::{Result, Value};
use arpent_publish::{Spool, SpoolOptions};
use arpent_vector::{Feature, Object, Shape, VectorOptions, Vectorizer};

use super::dissimilarity::DissimilarityMap;
use super::origin::Origins;
use crate::config::OcsGe;
use crate::job::{Job, MapJob, SPOOL_RUN_BYTES, Territories};
use crate::reference::References;

/// Makes features of regions and detections, adds the columns of the scenes, of reference layers and of OCS GE, and spools
/// them; keeps the first error.
#[derive(Debug)]
pub(super) struct FeatureSink<'a> {
    map: &'a MapJob,
    vectorizer: Vectorizer,
    origins: Origins,
    pub(super) references: References<'a>,
    ocs_ge: Option<&'a OcsGe>,
    model_id: &'a str,
    /// Whether features are made of boxes.
    of_boxes: bool,
    pub(super) dissimilarity: Option<DissimilarityMap>,
    pub(super) territories: Option<Territories<'a>>,
    /// Features outside of all territories.
    pub(super) outside_territory: u64,
    pub(super) spool: Spool,
    outcome: Result<()>,
}

impl<'a> FeatureSink<'a> {
    /// Of a map; the spool goes to `scratch`.
    ///
    /// # Errors
    /// When a reference layer cannot be opened, or a temporary file not be created.
    pub(super) fn new(job: &'a Job, map: &'a MapJob, scratch: &Path) -> Result<Self> {
        let wanted = &job.config.features;
        let simplify_px = Some(wanted.simplify_px.get()).filter(|px| *px > 0.0);
        let options = VectorOptions { min_area_m2: wanted.min_area_m2.get(), simplify_px };
        let dissimilarity = job.dissimilarity.as_ref();
        let dissimilarity = dissimilarity.map(|of| DissimilarityMap::create(scratch, map, of.threshold()));
        let spool_options = SpoolOptions { run_bytes: SPOOL_RUN_BYTES, ..SpoolOptions::default() };
        Ok(Self {
            map,
            vectorizer: Vectorizer::new(map.grid(), &job.classes, options)?,
            origins: Origins::default(),
            references: References::open(&map.references, map.grid(), &job.classes)?,
            ocs_ge: job.ocs_ge.as_ref(),
            model_id: &job.model.id,
            of_boxes: job.model.is_detection(),
            dissimilarity: dissimilarity.transpose()?,
            territories: Territories::of(&job.model.territories, &map.grid().crs)?,
            outside_territory: 0,
            spool: Spool::create(scratch, map.grid(), spool_options)?,
            outcome: Ok(()),
        })
    }

    /// Takes a feature, if one is made.
    pub(super) fn push(&mut self, make: impl FnOnce(&Vectorizer) -> Option<Feature>) {
        if self.outcome.is_err() {
            return;
        }
        let Some(mut feature) = make(&self.vectorizer) else { return };
        let filled = self.fill(&mut feature);
        self.outcome = filled.and_then(|()| Ok(self.spool.push(&feature)?));
    }

    /// An object, with the number of its fragments.
    pub(super) fn push_object(&mut self, object: &Object, shape: Shape) {
        let fragments = signed(object.fragments());
        self.push(|vectorizer| {
            let mut feature = vectorizer.object_to_feature(object, shape)?;
            feature.attributes.push(Some(Value::Integer(fragments)));
            Some(feature)
        });
    }

    fn fill(&mut self, feature: &mut Feature) -> Result<()> {
        self.origins.add_scenes(self.map, feature)?;
        let origin = self.references.fill(feature)?;
        if let Some(ocs_ge) = self.ocs_ge {
            let values = ocs_ge.values(feature, origin.as_ref(), self.model_id);
            feature.attributes.extend(values);
        }
        if let Some(dissimilarity) = &mut self.dissimilarity {
            let share = dissimilarity.share(self.map.grid(), feature, self.of_boxes)?;
            feature.attributes.push(share.map(Value::Real));
        }
        if let Some(territories) = &self.territories {
            let outside = territories.is_outside(feature.bbox());
            self.outside_territory += u64::from(outside == Some(true));
            feature.attributes.push(outside.map(Territories::value));
        }
        Ok(())
    }

    /// The first error, once.
    pub(super) fn check(&mut self) -> Result<()> {
        std::mem::replace(&mut self.outcome, Ok(()))
    }
}
