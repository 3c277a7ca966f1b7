//! The last stage: strips, rows, polygons, features; all into temporary files.

use std::path::{Path, PathBuf};

use arpent_gdal::{RasterKind, StripWriter};
use arpent_model::{PixelDetection, Prediction};
use arpent_publish::{Counts, CoverageCounts, SortedFeatures, Spool, SpoolOptions};
use arpent_raster::{CONFIDENCE_NODATA, LABEL_NODATA, PixelArea};
use arpent_tiling::{PlannedWindow, Stitcher, Strip};
use arpent_vector::{
    Coverage, Detection, DetectionMerger, DissolveCounts, Feature, Polygonizer, Region, VectorError,
    VectorOptions, Vectorizer,
};

use super::Clock;
use crate::job::{BEFORE, Job, MapJob, UsableScene};

/// Features sorted in memory before they go to a scratch file, bytes.
pub const SPOOL_RUN_BYTES: usize = 16 << 20;

/// What a map's windows came to, in temporary files.
#[derive(Debug)]
pub struct Collected {
    /// The label raster, not yet a COG.
    pub labels: Option<StripWriter>,
    /// The confidence raster, not yet a COG.
    pub confidence: Option<StripWriter>,
    /// The features, sorted.
    pub features: SortedFeatures,
    /// What was counted.
    pub counts: Counts,
}

/// Takes the answers of windows in any order.
#[derive(Debug)]
pub struct Collector<'a> {
    map: &'a MapJob,
    clock: &'a Clock,
    stitcher: Stitcher,
    labels: Option<StripWriter>,
    confidence: Option<StripWriter>,
    vectors: Vectors<'a>,
    counts: Counts,
}

/// The side of the collector that makes features.
#[derive(Debug)]
struct Vectors<'a> {
    map: &'a MapJob,
    outlines: Outlines,
    merger: DetectionMerger,
    /// Detections of strips that are not complete.
    waiting: Vec<Detection>,
    /// Rows by which a box may reach out of the strip that holds its center.
    reach: i64,
    vectorizer: Vectorizer,
    area: PixelArea,
    spool: Spool,
}

/// What makes regions of rows.
#[derive(Debug)]
enum Outlines {
    /// Each region for itself.
    Each(Box<Polygonizer>),
    /// Regions that fit together.
    Coverage(Box<Coverage>),
}

impl Outlines {
    fn new(job: &Job, map: &MapJob) -> anyhow::Result<Self> {
        let extent = map.plan.extent();
        Ok(match &job.config.coverage {
            None => Self::Each(Box::new(Polygonizer::new(extent, job.kept_classes())?)),
            Some(options) => {
                let rules = options.rules(&job.model.classes, map.grid())?;
                Self::Coverage(Box::new(Coverage::new(extent, &rules)?))
            }
        })
    }

    fn push_row(
        &mut self,
        labels: &[u8],
        confidence: &[u8],
        pixel_area_m2: f64,
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        match self {
            Self::Each(polygonizer) => polygonizer.push_row(labels, confidence, pixel_area_m2, sink),
            Self::Coverage(coverage) => coverage.push_row(labels, confidence, pixel_area_m2, sink),
        }
    }

    fn finish(self, sink: &mut impl FnMut(Region)) -> Result<Option<DissolveCounts>, VectorError> {
        match self {
            Self::Each(polygonizer) => {
                polygonizer.finish(sink);
                Ok(None)
            }
            Self::Coverage(coverage) => coverage.finish(sink).map(Some),
        }
    }
}

impl<'a> Collector<'a> {
    /// For one map; temporary files go to `scratch`.
    ///
    /// # Errors
    /// When a temporary file cannot be created.
    pub fn new(job: &Job, map: &'a MapJob, scratch: &Path, clock: &'a Clock) -> anyhow::Result<Self> {
        let open = |wanted: bool, name: &str, kind: RasterKind<'_>| -> anyhow::Result<Option<StripWriter>> {
            let path: PathBuf = scratch.join(name);
            let wanted = wanted && !job.model.is_detection();
            Ok(wanted.then(|| StripWriter::create(&path, map.plan.extent(), map.grid(), kind)).transpose()?)
        };
        let classes = RasterKind::Labels(&job.model.classes);
        Ok(Self {
            map,
            clock,
            stitcher: Stitcher::new(&map.plan),
            labels: open(job.config.rasters.labels, "labels.part.tif", classes)?,
            confidence: open(job.config.rasters.confidence, "confidence.part.tif", RasterKind::Confidence)?,
            vectors: Vectors::new(job, map, scratch)?,
            counts: Counts {
                windows_planned: map.plan.windows().len() as u64,
                pixels_computed: 0,
                pixels_wanted: map.plan.pixels_wanted(),
                ..Counts::default()
            },
        })
    }

    /// Takes the answer of one window, `None` if it was skipped.
    ///
    /// # Errors
    /// When rows or features cannot be written.
    pub fn take(&mut self, window: &PlannedWindow, answer: Option<Prediction>) -> anyhow::Result<()> {
        if answer.is_some() {
            self.counts.windows_run += 1;
            self.counts.pixels_computed += window.read.pixels();
        } else {
            self.counts.windows_skipped += 1;
        }
        let stitcher = &mut self.stitcher;
        self.clock.stitch.time(|| match answer {
            Some(Prediction::Labels { labels, confidence }) => {
                stitcher.push(window, Some((&labels, &confidence)))
            }
            Some(Prediction::Detections(found)) => {
                self.vectors.waiting.extend(found.iter().map(detection));
                stitcher.push(window, None)
            }
            None => stitcher.push(window, None),
        })?;
        while let Some(strip) = self.stitcher.pop() {
            self.take_strip(strip)?;
        }
        Ok(())
    }

    fn take_strip(&mut self, mut strip: Strip) -> anyhow::Result<()> {
        self.clock.stitch.time(|| self.mask_outside_aoi(&mut strip));
        self.counts.pixels_valid += strip.labels.data().iter().filter(|v| **v != LABEL_NODATA).count() as u64;
        let first = strip.labels.window().row;
        let rasters = [(&mut self.labels, &strip.labels), (&mut self.confidence, &strip.confidence)];
        let rasters = rasters.into_iter().filter_map(|(raster, rows)| Some((raster.as_mut()?, rows.data())));
        let clock = self.clock;
        std::thread::scope(|scope| {
            let written = rasters.map(|(raster, rows)| {
                scope.spawn(move || clock.write.time(|| raster.write_rows(first, rows)))
            });
            let written: Vec<_> = written.collect();
            let traced = clock.vectorise.time(|| self.vectors.take_strip(&strip));
            for raster in written {
                raster.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            traced
        })
    }

    fn mask_outside_aoi(&self, strip: &mut Strip) {
        let Some(aoi) = &self.map.aoi else { return };
        let inside = aoi.mask(strip.labels.window());
        for (label, _) in strip.labels.data_mut().iter_mut().zip(&inside).filter(|(_, inside)| !**inside) {
            *label = LABEL_NODATA;
        }
        for (value, _) in strip.confidence.data_mut().iter_mut().zip(&inside).filter(|(_, inside)| !**inside)
        {
            *value = CONFIDENCE_NODATA;
        }
    }

    /// Ends the map: the last features, sorted.
    ///
    /// # Errors
    /// When features cannot be written.
    pub fn finish(mut self) -> anyhow::Result<Collected> {
        let (features, dissolved) = self.clock.vectorise.time(|| self.vectors.finish())?;
        self.counts.features = features.count();
        self.counts.coverage = dissolved.map(|counts| CoverageCounts {
            regions_dissolved: counts.dissolved,
            pixels_dissolved: counts.pixels,
            islands: counts.islands,
        });
        Ok(Collected { labels: self.labels, confidence: self.confidence, features, counts: self.counts })
    }
}

impl<'a> Vectors<'a> {
    fn new(job: &Job, map: &'a MapJob, scratch: &Path) -> anyhow::Result<Self> {
        let wanted = &job.config.features;
        let simplify_px = Some(wanted.simplify_px).filter(|px| *px > 0.0);
        let options = VectorOptions { min_area_m2: wanted.min_area_m2, simplify_px };
        let iou = job.model.detection.map_or(0.5, |d| d.iou);
        Ok(Self {
            map,
            outlines: Outlines::new(job, map)?,
            merger: DetectionMerger::new(iou, true)?,
            waiting: Vec::new(),
            reach: i64::from(arpent_model::LARGEST_BOX_PX),
            vectorizer: Vectorizer::new(map.grid(), &job.model.classes, options)?,
            area: PixelArea::new(map.grid()),
            spool: Spool::create(
                scratch,
                map.grid(),
                SpoolOptions { run_bytes: SPOOL_RUN_BYTES, ..SpoolOptions::default() },
            )?,
        })
    }

    fn take_strip(&mut self, strip: &Strip) -> anyhow::Result<()> {
        let mut made =
            Made { map: self.map, vectorizer: &self.vectorizer, spool: &mut self.spool, outcome: Ok(()) };
        let rows = strip.labels.window();
        for (i, row) in (rows.row..rows.row_end()).enumerate() {
            let area = self.area.of_row(row);
            let mut sink = |region| made.push(|v| v.region_to_feature(&region));
            self.outlines.push_row(strip.labels.row(i), strip.confidence.row(i), area, &mut sink)?;
        }
        let mut sink = |detection| made.push(|v| v.detection_to_feature(&detection));
        self.merger.push(&self.waiting, rows.row_end() - self.reach, &mut sink)?;
        self.waiting.clear();
        made.outcome
    }

    fn finish(self) -> anyhow::Result<(SortedFeatures, Option<DissolveCounts>)> {
        let mut spool = self.spool;
        let mut made =
            Made { map: self.map, vectorizer: &self.vectorizer, spool: &mut spool, outcome: Ok(()) };
        let dissolved = self.outlines.finish(&mut |region| made.push(|v| v.region_to_feature(&region)))?;
        self.merger.finish(&mut |detection| made.push(|v| v.detection_to_feature(&detection)));
        made.outcome?;
        Ok((spool.finish()?, dissolved))
    }
}

/// Takes regions and detections out of their streams and puts features into the spool; keeps the first error.
struct Made<'a> {
    map: &'a MapJob,
    vectorizer: &'a Vectorizer,
    spool: &'a mut Spool,
    outcome: anyhow::Result<()>,
}

impl Made<'_> {
    fn push(&mut self, make: impl FnOnce(&Vectorizer) -> Option<Feature>) {
        if self.outcome.is_err() {
            return;
        }
        let Some(mut feature) = make(self.vectorizer) else { return };
        self.say_scenes(&mut feature);
        self.outcome = self.spool.push(&feature).map_err(Into::into);
    }

    /// The scenes that the feature's bbox touches, and the earliest of their dates; where two dates are compared, the
    /// scenes of both, and when the later ones were taken: the feature is what was seen then.
    fn say_scenes(&self, feature: &mut Feature) {
        let window = self.map.grid().window_of(feature.bbox());
        let touched = self.map.scenes().filter(|(_, s)| s.info.window.intersect(&window).is_some());
        for (date, UsableScene { info: scene, .. }) in touched {
            feature.scene_ids.push(scene.id.clone());
            if let Some(date) = scene.acquired.as_ref().filter(|_| date != Some(BEFORE)) {
                let earlier = feature.acquired.as_ref().is_none_or(|known| date < known);
                feature.acquired = if earlier { Some(date.clone()) } else { feature.acquired.take() };
            }
        }
    }
}

fn detection(found: &PixelDetection) -> Detection {
    Detection { class_id: found.class_id, score: found.score, bbox: found.bbox }
}
