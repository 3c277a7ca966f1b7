//! Assembly of a map from the predictions of its windows: strips, rows, regions, features; all into temporary files.

use std::path::{Path, PathBuf};

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_gdal::{RasterKind, StripWriter};
use arpent_model::{PixelDetection, Prediction};
use arpent_publish::{Counts, CoverageCounts, SortedFeatures};
use arpent_raster::{CONFIDENCE_NODATA, LABEL_NODATA, PixelArea, Raster, Window};
use arpent_tiling::{PlannedWindow, Stitcher, Strip};
use arpent_vector::{
    Coverage, Detection, DetectionMerger, EliminatedRow, Object, ObjectMerger, Polygonizer, Region,
    Remaining, Shape, VectorError, clear_unsaid,
};

use super::dissimilarity::DissimilarityMap;
use super::features::FeatureSink;
use super::timing::Clock;
use crate::job::{Confidences, Job, Level, MapJob, Tally};
use crate::mask::{Masks, OBSERVED};
use crate::measured::{MeasuredRows, has_output, hide};

/// An assembled map, in temporary files.
#[derive(Debug)]
pub(crate) struct AssembledMap {
    /// The label raster, not yet a COG.
    pub labels: Option<StripWriter>,
    /// The confidence raster, not yet a COG.
    pub confidence: Option<StripWriter>,
    /// The raster of measured values, of a regression model; not yet a COG.
    pub values: Option<StripWriter<f32>>,
    /// The raster of the published classes, if it differs from the label raster; not yet a COG.
    pub map: Option<StripWriter>,
    /// The raster of what was not observed, if there are masks; not yet a COG.
    pub mask: Option<StripWriter>,
    /// The features, sorted.
    pub features: SortedFeatures,
    /// The counts.
    pub counts: Counts,
}

/// Assembles a map from the predictions of its windows, which come in any order.
#[derive(Debug)]
pub(crate) struct MapAssembler<'a> {
    map: &'a MapJob,
    clock: &'a Clock,
    stitcher: Stitcher,
    labels: Option<StripWriter>,
    confidence: Option<StripWriter>,
    /// Of a regression model.
    measured: Option<MeasuredRows<'a>>,
    mask: Option<StripWriter>,
    masks: Masks<'a>,
    confidences: &'a Confidences,
    /// Whether the pixels of scenes stand for answers, in masks and counts: a model that finds boxes has no answer for each
    /// pixel.
    of_boxes: bool,
    /// Windows of the scenes, where masks or counts need them.
    footprints: Vec<Window>,
    vectors: VectorAssembler<'a>,
    counts: Counts,
}

/// Makes the features of a map of its strips and detections.
#[derive(Debug)]
struct VectorAssembler<'a> {
    tracer: RegionTracer,
    published: PublishedRows,
    merger: DetectionMerger,
    /// Merger of detections and geometry of objects, if configured.
    objects: Option<(ObjectMerger, Shape)>,
    /// Detections of strips that are not complete.
    waiting: Vec<Detection>,
    /// Rows by which a box may extend beyond the strip of its center.
    reach: i64,
    area: PixelArea,
    features: FeatureSink<'a>,
}

/// Writes the rows of published classes to their raster, if configured; keeps the first error.
#[derive(Debug)]
struct PublishedRows {
    raster: Option<StripWriter>,
    /// The class of undecided answers, if there may be any, and their pixels and area.
    undecided: Option<u8>,
    area: PixelArea,
    tally: Tally,
    outcome: Result<()>,
}

impl PublishedRows {
    fn take(&mut self, row: i64, labels: &[u8]) {
        if let Some(undecided) = self.undecided {
            let pixels: u64 = labels.iter().map(|label| u64::from(*label == undecided)).sum();
            self.tally.publish(pixels, exact(pixels) * self.area.of_row(row));
        }
        if let (Some(raster), Ok(())) = (&mut self.raster, &self.outcome) {
            self.outcome = raster.write_rows(row, labels).map_err(Into::into);
        }
    }

    /// The first error, once.
    fn check(&mut self) -> Result<()> {
        std::mem::replace(&mut self.outcome, Ok(()))
    }
}

/// Traces regions in rows.
#[derive(Debug)]
enum RegionTracer {
    /// Each region for itself.
    Each(Box<Polygonizer>),
    /// Regions that fit together.
    Coverage(Box<Coverage>),
}

impl RegionTracer {
    fn new(job: &Job, map: &MapJob) -> Result<Self> {
        let extent = map.plan.extent();
        Ok(match &job.config.coverage {
            None => Self::Each(Box::new(Polygonizer::new(extent, job.kept_classes())?)),
            Some(options) => {
                let undecided = job.confidences.undecided_class().map(|class| class.id);
                let rules = options.rules(&job.classes, undecided, map.grid())?;
                Self::Coverage(Box::new(Coverage::new(extent, &rules)?))
            }
        })
    }

    /// Takes the next rows: their classes, the prediction, and the mask of built-up areas. Rows
    /// that are settled go to `published`.
    fn push_rows(
        &mut self,
        labels: &Raster<u8>,
        said: &Strip,
        built_up: Option<&[bool]>,
        area: &PixelArea,
        published: &mut PublishedRows,
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        let (rows, mut scored) = (labels.window(), Vec::new());
        let is_changed = !std::ptr::eq(labels, &raw const said.labels);
        for (i, row) in (rows.row..rows.row_end()).enumerate() {
            let (labels, area) = (labels.row(i), area.of_row(row));
            let predicted = (said.labels.row(i), said.confidence.row(i));
            match self {
                Self::Each(polygonizer) => {
                    published.take(row, labels);
                    let confidence = if is_changed {
                        predicted.1.clone_into(&mut scored);
                        clear_unsaid(labels, predicted.0, &mut scored);
                        scored.as_slice()
                    } else {
                        predicted.1
                    };
                    polygonizer.push_row(labels, confidence, area, sink)?;
                }
                Self::Coverage(coverage) => {
                    let built_up = built_up.map(|mask| &mask[i * rows.width..][..rows.width]);
                    let mut settled = |row: &EliminatedRow<'_>| published.take(row.row, row.labels);
                    coverage.push_row(labels, predicted, built_up, area, &mut settled, sink)?;
                }
            }
        }
        Ok(())
    }

    fn finish(
        self,
        published: &mut PublishedRows,
        sink: &mut impl FnMut(Region),
    ) -> Result<Option<arpent_vector::CoverageCounts>, VectorError> {
        match self {
            Self::Each(polygonizer) => {
                polygonizer.finish(sink);
                Ok(None)
            }
            Self::Coverage(coverage) => {
                let mut settled = |row: &EliminatedRow<'_>| published.take(row.row, row.labels);
                coverage.finish(&mut settled, sink).map(Some)
            }
        }
    }
}

impl<'a> MapAssembler<'a> {
    /// For one map; temporary files go to `scratch`.
    ///
    /// # Errors
    /// When a temporary file cannot be created.
    pub(crate) fn new(job: &'a Job, map: &'a MapJob, scratch: &Path, clock: &'a Clock) -> Result<Self> {
        let open = |wanted: bool, name: &str, kind: RasterKind<'_>| -> Result<Option<StripWriter>> {
            let path: PathBuf = scratch.join(name);
            let wanted = wanted && !job.model.is_detection() && job.has_classes();
            Ok(wanted.then(|| StripWriter::create(&path, map.plan.extent(), map.grid(), kind)).transpose()?)
        };
        let (classes, published) = (RasterKind::Labels(&job.predicted), RasterKind::Labels(&job.classes));
        let masks = Masks::open(&map.masks, map.grid())?;
        let mask = (!masks.is_empty()).then(|| {
            let (path, reasons) = (scratch.join("mask.part.tif"), map.masks.nomenclature());
            StripWriter::create(&path, map.plan.extent(), map.grid(), RasterKind::Labels(&reasons))
        });
        let measured = job.model.is_regression().then(|| {
            let place = (map.plan.extent(), map.grid());
            MeasuredRows::new(&job.model.values, job.value_classes.as_ref(), place, scratch)
        });
        let of_boxes = job.model.is_detection() && (!masks.is_empty() || job.dissimilarity.is_some());
        Ok(Self {
            map,
            clock,
            stitcher: Stitcher::of_values(&map.plan, job.model.values.len()),
            measured: measured.transpose()?,
            labels: open(job.config.rasters.labels, "labels.part.tif", classes)?,
            confidence: open(
                job.config.rasters.confidence && job.has_confidence(),
                "confidence.part.tif",
                RasterKind::Confidence,
            )?,
            mask: mask.transpose()?,
            masks,
            confidences: &job.confidences,
            of_boxes,
            footprints: if of_boxes || map.aoi.is_some() { map.footprints() } else { Vec::new() },
            vectors: VectorAssembler::new(
                job,
                map,
                scratch,
                open(job.writes_map(), "map.part.tif", published)?,
            )?,
            counts: Counts {
                windows_planned: map.plan.windows().len() as u64,
                pixels_computed: 0,
                // Windows that touch an AOI depend on their size: its pixels are counted as rows pass.
                pixels_wanted: if map.aoi.is_some() { 0 } else { map.plan.pixels_wanted() },
                ..Counts::default()
            },
        })
    }

    /// Takes the levels of dissimilarity of one window, before its prediction.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn take_levels(&mut self, window: &PlannedWindow, levels: &[Level]) -> Result<()> {
        let map = self.vectors.features.dissimilarity.as_mut();
        let aoi = self.map.aoi.as_ref();
        map.map_or(Ok(()), |map| map.put(aoi, &window.core, levels))
    }

    /// Takes the prediction of one window, `None` if it was skipped.
    ///
    /// # Errors
    /// When rows or features cannot be written.
    pub(crate) fn take(&mut self, window: &PlannedWindow, answer: Option<Prediction>) -> Result<()> {
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
            Some(Prediction::Values(values)) => stitcher.push_values(window, &values),
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

    fn take_strip(&mut self, mut strip: Strip) -> Result<()> {
        if let Some(measured) = &self.measured {
            self.clock.stitch.time(|| measured.label(&mut strip));
        }
        self.clock.stitch.time(|| self.mask_outside_aoi(&mut strip));
        let reasons = self.clock.stitch.time(|| self.hide_masked(&mut strip))?;
        let decided = self.clock.stitch.time(|| self.decide(&mut strip))?;
        self.count_levels(&strip)?;
        if let Some(measured) = &mut self.measured {
            self.clock.write.time(|| measured.take(&mut strip))?;
        }
        self.counts.pixels_valid += strip.labels.data().iter().filter(|v| **v != LABEL_NODATA).count() as u64;
        let first = strip.labels.window().row;
        let rasters = [
            (&mut self.labels, strip.labels.data()),
            (&mut self.confidence, strip.confidence.data()),
            (&mut self.mask, reasons.as_slice()),
        ];
        let rasters = rasters.into_iter().filter_map(|(raster, rows)| Some((raster.as_mut()?, rows)));
        let (clock, masks) = (self.clock, &mut self.masks);
        std::thread::scope(|scope| {
            let written = rasters.map(|(raster, rows)| {
                scope.spawn(move || clock.write.time(|| raster.write_rows(first, rows)))
            });
            let written: Vec<_> = written.collect();
            let traced = clock.vectorize.time(|| self.vectors.take_strip(&strip, decided, masks));
            for raster in written {
                raster.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            traced
        })
    }

    /// Corrects confidences; the published classes, if some may be undecided.
    fn decide(&mut self, strip: &mut Strip) -> Result<Option<Raster<u8>>> {
        let tally = &mut self.vectors.published.tally;
        let decided = self.confidences.apply(strip.labels.data(), strip.confidence.data_mut(), tally);
        let window = strip.labels.window();
        Ok(decided.map(|labels| Raster::new(window, labels)).transpose()?)
    }

    /// Counts the valid pixels of a strip by their dissimilarity. A model that finds boxes has none: its scenes' pixels count.
    fn count_levels(&mut self, strip: &Strip) -> Result<()> {
        if self.vectors.features.dissimilarity.is_none() {
            return Ok(());
        }
        let rows = strip.labels.window();
        let seen = if self.of_boxes { self.in_scenes(&rows) } else { Vec::new() };
        let labels = strip.labels.data();
        let is_valid = |pixel: usize| seen.get(pixel).copied().unwrap_or(labels[pixel] != LABEL_NODATA);
        let map = self.vectors.features.dissimilarity.as_mut();
        map.map_or(Ok(()), |map| map.count(&rows, is_valid))
    }

    /// Takes out what lies outside of the AOI, and counts the pixels that are asked for: those of it that a scene covers.
    fn mask_outside_aoi(&mut self, strip: &mut Strip) {
        let Some(aoi) = &self.map.aoi else { return };
        let inside = aoi.mask(strip.labels.window());
        let covered = self.in_footprints(&strip.labels.window());
        let wanted = inside.data().iter().zip(&covered).filter(|(inside, covered)| **inside && **covered);
        self.counts.pixels_wanted += wanted.count() as u64;
        for (label, _) in
            strip.labels.data_mut().iter_mut().zip(inside.data()).filter(|(_, inside)| !**inside)
        {
            *label = LABEL_NODATA;
        }
        for (value, _) in
            strip.confidence.data_mut().iter_mut().zip(inside.data()).filter(|(_, inside)| !**inside)
        {
            *value = CONFIDENCE_NODATA;
        }
        hide(strip, |at| !inside.data()[at]);
    }

    /// Takes out what masks hide; the reason of each pixel, nothing without masks.
    fn hide_masked(&mut self, strip: &mut Strip) -> Result<Vec<u8>> {
        if self.masks.is_empty() {
            return Ok(Vec::new());
        }
        let window = strip.labels.window();
        let has_answer: Vec<bool> = if self.measured.is_some() {
            has_output(strip)
        } else if self.of_boxes {
            self.in_scenes(&window)
        } else {
            strip.labels.data().iter().map(|label| *label != LABEL_NODATA).collect()
        };
        let reasons = self.masks.of_rows(&window, &has_answer)?;
        let rows = [(&mut strip.labels, LABEL_NODATA), (&mut strip.confidence, CONFIDENCE_NODATA)];
        for (raster, nodata) in rows {
            for (value, _) in
                raster.data_mut().iter_mut().zip(&reasons).filter(|(_, reason)| **reason != OBSERVED)
            {
                *value = nodata;
            }
        }
        hide(strip, |at| reasons[at] != OBSERVED);
        Ok(reasons)
    }

    /// Whether the pixels of rows lie in scenes of every date.
    fn in_footprints(&self, rows: &Window) -> Vec<bool> {
        let mut inside = vec![false; rows.width * rows.height];
        for common in self.footprints.iter().filter_map(|scene| scene.intersect(rows)) {
            let Some((left, top)) = rows.offset_of(&common) else { continue };
            for row in inside.chunks_exact_mut(rows.width).skip(top).take(common.height) {
                row[left..left + common.width].fill(true);
            }
        }
        inside
    }

    /// Whether the pixels of rows lie in scenes of every date, and in the AOI.
    fn in_scenes(&self, rows: &Window) -> Vec<bool> {
        let mut inside = self.in_footprints(rows);
        if let Some(aoi) = &self.map.aoi {
            let wanted = aoi.mask(*rows);
            inside.iter_mut().zip(wanted.data()).for_each(|(inside, wanted)| *inside &= wanted);
        }
        inside
    }

    /// Ends the map: the last features, sorted.
    ///
    /// # Errors
    /// When features cannot be written.
    pub(crate) fn finish(mut self) -> Result<AssembledMap> {
        let confidences = self.confidences;
        let (map, features, coverage, tally) =
            self.clock.vectorize.time(|| self.vectors.finish(&mut self.counts, &mut self.masks))?;
        self.counts.features = features.count();
        self.counts.masked = self.masks.counts();
        self.counts.undecided = confidences.counts(&tally);
        self.counts.coverage = coverage.map(|counts| {
            let share = counts.drawn.drawn_px() / exact(self.counts.pixels_valid).max(1.0);
            CoverageCounts {
                regions_eliminated: counts.eliminated.eliminated,
                pixels_eliminated: counts.eliminated.pixels,
                islands: counts.eliminated.islands,
                corners_cut: counts.drawn.cut_corners,
                outlines_squared: counts.drawn.squared,
                drawn_share: share,
                max_drawn_share: counts.drawn.max_drawn_share,
            }
        });
        let mut values = None;
        if let Some(measured) = self.measured {
            let (raster, counts) = measured.finish()?;
            (values, self.counts.values) = (Some(raster), counts);
        }
        let (labels, confidence, mask) = (self.labels, self.confidence, self.mask);
        Ok(AssembledMap { labels, confidence, values, map, mask, features, counts: self.counts })
    }
}

impl<'a> VectorAssembler<'a> {
    fn new(job: &'a Job, map: &'a MapJob, scratch: &Path, raster: Option<StripWriter>) -> Result<Self> {
        let iou = job.model.detection.map_or(0.5, |d| d.iou);
        let objects = match &job.config.objects {
            None => None,
            Some(options) => Some((options.merger(map.grid())?, options.shape)),
        };
        Ok(Self {
            tracer: RegionTracer::new(job, map)?,
            published: PublishedRows {
                raster,
                undecided: job.confidences.undecided_class().map(|class| class.id),
                area: PixelArea::new(map.grid()),
                tally: Tally::default(),
                outcome: Ok(()),
            },
            merger: DetectionMerger::new(iou, true)?,
            objects,
            waiting: Vec::new(),
            reach: i64::from(arpent_model::LARGEST_BOX_PX),
            area: PixelArea::new(map.grid()),
            features: FeatureSink::new(job, map, scratch)?,
        })
    }

    fn take_strip(
        &mut self,
        strip: &Strip,
        decided: Option<Raster<u8>>,
        masks: &mut Masks<'_>,
    ) -> Result<()> {
        let overridden = self.overridden(strip, decided)?;
        let features = &mut self.features;
        let built_up = features.references.built_up(&strip.labels.window())?;
        let labels = overridden.as_ref().unwrap_or(&strip.labels);
        let rows = strip.labels.window();
        let mut sink = |region| features.push(|v| v.region_to_feature(&region));
        let published = &mut self.published;
        self.tracer.push_rows(labels, strip, built_up.as_deref(), &self.area, published, &mut sink)?;
        published.check()?;
        let mut kept = Vec::new();
        self.merger.push(
            &self.waiting,
            &Remaining::below(rows.row_end() - self.reach),
            &mut |detection| kept.push(detection),
        )?;
        self.waiting.clear();
        let kept = observed(kept, masks)?;
        match &mut self.objects {
            None => kept.iter().for_each(|detection| features.push(|v| v.detection_to_feature(detection))),
            Some((objects, shape)) => {
                objects.push(&kept, &self.merger.remaining(), &mut |object| {
                    features.push_object(&object, *shape);
                })?;
            }
        }
        features.check()
    }

    /// The published classes of a strip: `decided` where some are undecided, with the overrides of references; `None` if they
    /// are the predicted ones. The rasters of labels and confidences keep the prediction.
    fn overridden(&mut self, strip: &Strip, decided: Option<Raster<u8>>) -> Result<Option<Raster<u8>>> {
        if !self.features.references.overrides() {
            return Ok(decided);
        }
        let before = self.published.undecided.and(decided.clone());
        let mut labels = decided.unwrap_or_else(|| strip.labels.clone());
        self.features.references.override_labels(&mut labels)?;
        if let Some(before) = before {
            let pairs = before.data().iter().zip(labels.data());
            let given =
                pairs.filter(|(old, new)| self.published.undecided == Some(**old) && old != new).count();
            self.published.tally.give(given as u64);
        }
        Ok(Some(labels))
    }

    /// Ends the map: the raster of the published classes, the features, and the counts of a coverage. Sets the counts
    /// of the reference layers.
    fn finish(
        mut self,
        counts: &mut Counts,
        masks: &mut Masks<'_>,
    ) -> Result<(Option<StripWriter>, SortedFeatures, Option<arpent_vector::CoverageCounts>, Tally)> {
        let features = &mut self.features;
        let mut sink = |region| features.push(|v| v.region_to_feature(&region));
        let coverage = self.tracer.finish(&mut self.published, &mut sink)?;
        self.published.check()?;
        self.published.tally.give(coverage.map_or(0, |coverage| coverage.eliminated.watched_pixels));
        let mut kept = Vec::new();
        self.merger.finish(&mut |detection| kept.push(detection));
        let kept = observed(kept, masks)?;
        match self.objects {
            None => kept.iter().for_each(|detection| features.push(|v| v.detection_to_feature(detection))),
            Some((mut objects, shape)) => {
                let mut sink = |object: Object| features.push_object(&object, shape);
                objects.push(&kept, &Remaining::nothing(), &mut sink)?;
                objects.finish(&mut sink);
            }
        }
        features.check()?;
        counts.references = self.features.references.counts();
        counts.applicability = self.features.dissimilarity.as_ref().map(DissimilarityMap::counts);
        counts.outside_territory =
            self.features.territories.as_ref().map(|_| self.features.outside_territory);
        Ok((self.published.raster, self.features.spool.finish()?, coverage, self.published.tally))
    }
}

/// The boxes whose center no mask hides. They were suppressed by each other before: a box that a better one of the same thing
/// had suppressed does not come back where that one is masked.
fn observed(kept: Vec<Detection>, masks: &mut Masks<'_>) -> Result<Vec<Detection>> {
    if masks.is_empty() {
        return Ok(kept);
    }
    let mut observed = Vec::new();
    for detection in kept {
        if !masks.hides(detection.bbox)? {
            observed.push(detection);
        }
    }
    Ok(observed)
}

fn detection(found: &PixelDetection) -> Detection {
    Detection { class_id: found.class_id, score: found.score, bbox: found.bbox, oriented: found.oriented }
}
