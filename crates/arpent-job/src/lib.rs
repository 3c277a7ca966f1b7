//! From a configuration to a published map.
//!
//! A configuration ([`Config`]) is resolved into a [`Job`]: all checks of the inputs are then done. [`run`] computes its
//! windows, stores their predictions by pieces, stitches and vectorizes them into temporary files, and publishes the results with
//! its manifest last. With [`write_plan`], [`work`] and [`merge`] several processes do the same. [`zonal`] measures a published
//! map inside zones.
//!
//! ```
//! use arpent_job::{Config, Job, Sharing, write_plan};
//! # use arpent_model::{HandSet, hand_set_linear};
//! # use arpent_raster::Window;
//! # use arpent_testing::{GeoTiff, Picture};
//! #
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # let network = HandSet::segmentation(&["red", "green", "blue"], 2);
//! # hand_set_linear(&network, &[vec![0.0; 3], vec![1.0; 3]], &[0.0, -300.0], &folder.join("model"))?;
//! # let window = Window::new(3_260_000, -34_310_000, 200, 100);
//! # GeoTiff::rgb(2154, 0.2, window, &Picture::new(1, 20).bands(window)).write(&folder.join("scene.tif")).expect("a picture is written");
//!
//! let file = folder.join("run.toml");
//! std::fs::write(&file, "model = \"model\"\nscenes = [\"scene.tif\"]\noutput = \"map\"\n")?;
//! let job = Job::resolve(Config::load(&file)?, false)?;
//! assert_eq!(job.maps[0].plan.extent(), window);
//!
//! // The same job as a plan for two workers, below its output.
//! let sharing = Sharing { shards: Some(2), group_by_crs: false, overwrite: false };
//! let (plan, address) = write_plan(&job, sharing)?;
//! assert_eq!((plan.shards, plan.maps[0].pixels), (2, 200 * 100));
//! assert!(address.ends_with("plan.json"));
//! # Ok::<(), arpent_base::Failure>(())
//! ```

mod address;
mod change;
mod config;
mod cost;
mod doctor;
mod error;
mod execute;
mod explain;
mod hint;
mod job;
mod map;
mod margins;
mod mask;
mod measured;
mod pipeline;
mod planned;
mod present;
mod reference;
mod report;
mod reports;
mod review;
mod scratch;
mod shards;
mod sorted;
mod stores;
mod wanted;
mod warnings;
mod zonal;

pub use change::{
    AreaReport, ChangeJobError, ChangePlanReport, ChangeReport, EstimateOptions, EstimateReport, SampleError,
    SampleFile, SampleOptions, SampleReport, SampleStratum, SampleUnit, SampledChange, SampledZones,
    StratumReport, UnitKind, balance_columns, change, differential_columns, estimate, lineage_columns,
    ocs_ge_columns, sample, write_change_plan,
};
pub use config::{
    AbstainOptions, AlphaOption, AlphaRole, ArtificialisationOptions, BalanceZones, BuiltUpOptions,
    ChangeConfig, ChangeInput, ChangePlaces, ClassByField, ClassOf, ClassOptions, CollarOption,
    CompareOptions, ComputeOptions, ConfidenceOptions, Config, ConfigFile, CoverageOptions, DateInputs,
    Device, EnrichOptions, EventOptions, FeatureFormat, FeatureOptions, GridOptions, ImageMethod,
    ImageOptions, ImageShare, InputOptions, LayerOptions, Machine, MaskClass, MaskLayer, MaskLayerOptions,
    MaskOptions, Measure, Names, NodataOption, NodataValue, NodataWord, ObjectOptions, OcsGe, OcsGeLayer,
    OcsGeOptions, Order, OutsideOption, OverrideOptions, RasterOptions, Ratio, ReferenceOptions,
    RegistrationMode, RegistrationOptions, ResampleFactor, ResampleFactors, Resampling, RoadOptions,
    SmoothOptions, SnapOptions, TargetGsd, ValueOptions, ValueStatistic, ZonalConfig, ZonalPlaces,
    ZoneFormat, normalized_date,
};
pub use cost::{
    Amounts, BUDGET_SPENT, BoampsOptions, Budget, CostError, CostTable, JobKind, Limits, NoBudget,
    Observation, boamps_record, rates_file, read_rates, record_rates,
};
pub use doctor::{DoctorPart, DoctorReport, PartState, doctor};
pub use error::JobError;
pub use execute::{
    ExpectedClass, ExpectedUndecided, Forecast, ForecastOptions, JobStatus, MapReport, PlanReport, Quantity,
    RunOptions, RunReport, SceneReport, ShardState, ShardStatus, StatusReport, WorkerReport, forecast_lines,
    forecast_of, ledger_lines, plan_report, pool, run, status, took_line, write_plan,
};
pub use explain::{Attribute, Explained, Explanation, Statement, Topic, explain};
pub use job::{
    BEFORE, ConfidenceError, FailedScene, Job, MapJob, OutsideSample, Overlap, UNDECIDED, UsableScene,
    check_date, describe_bands, describe_validity, mpx_per_s,
};
pub use map::{PublishedFile, PublishedMap, may_be_a_layer, mlm, published_file};
pub use margins::{MarginOptions, MarginReport, MarginRow, margins, with_margin};
pub use mask::{MaskError, MaskFacts};
pub use measured::MeasuredError;
pub use planned::{MergeReport, merge, work};
pub use reports::report_html;
pub use review::{
    AddReport, After, AgreementReport, AigleError, AigleExport, AigleImport, AigleOptions, AiglePerson,
    Bought, Consequence, EnergyOfLearning, Errors, ExampleCounts, ExportReport, Gain, GeoPackageError,
    GeoPackageExport, GeoPackageImport, GeoPackageOptions, GroupLesson, ImportReport, LearnOptions, Lessons,
    NewReport, PlaceKind, Places, Recalibrated, Replay, ReviewCall, ReviewDesk, ReviewJobError,
    ReviewLearnOptions, ReviewLearnReport, ReviewNames, ReviewPerson, ReviewPublishOptions,
    ReviewPublishReport, ReviewSampleOptions, ReviewSampleReport, ReviewServeOptions, RuleCount, StateReport,
    StatusCount, Threshold, VerifyReport, asking, decided_columns, learned_text, review_add, review_export,
    review_export_aigle, review_export_geopackage, review_import, review_import_aigle,
    review_import_geopackages, review_learn, review_new, review_new_after, review_publish, review_sample,
    review_state, review_verify, statement_of_line, states_in_order,
};
pub use scratch::Scratch;
#[doc(hidden)]
pub use shards::reads_answers;
pub use shards::{
    AnyPlan, CHANGE_PLAN_FORMAT, ChangePlan, Correction, Divided, JobPlace, MOST_SHARDS, PLAN_FORMAT, Part,
    PieceId, Plan, PlannedMap, PlannedScene, Scorer, Scoring, ShardError, Sharing, reopen_failed,
};
pub use stores::set_up_gdal;
pub use warnings::warn;
pub use zonal::{ZonalError, ZonalReport, zonal};
