//! Arguments of `arpent review`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::examples;

/// A review of a published map.
#[derive(Debug, Clone, Args)]
pub struct ReviewArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ReviewCommand,
}

/// The commands of `arpent review`.
#[derive(Debug, Clone, Subcommand)]
pub enum ReviewCommand {
    /// Begin a review of a published map.
    ///
    /// Writes OUTPUT/reviews/NAME/review.json: the map by its hash, the reasons that decisions may give, and who may decide.
    #[command(after_help = examples::REVIEW_NEW)]
    New(ReviewNewArgs),
    /// Add a decision of a named person, or several as JSON lines on standard input.
    ///
    /// All are checked before the first is written. A decision is never replaced: to undo one, add another.
    #[command(after_help = examples::REVIEW_ADD)]
    Add(ReviewAddArgs),
    /// Report what is decided, disputed, contested and open, and how well persons agree.
    #[command(after_help = examples::REVIEW_STATE)]
    State(ReviewStateArgs),
    /// Check every decision and every link: an edit, a removal or an exchange is found. Exit code 1 if there is one.
    #[command(after_help = examples::REVIEW_VERIFY)]
    Verify(ReviewVerifyArgs),
    /// Draw features for persons to review, and deal them as tasks.
    ///
    /// The sample depends on the seed and the ids alone. A share of the features goes to two reviewers, without a mark.
    #[command(after_help = examples::REVIEW_SAMPLE)]
    Sample(ReviewSampleArgs),
    /// Publish a decided version of the map: states, corrected classes and outlines, and who decided.
    ///
    /// The proposal stays as it is. Invalidated features and what corrections replaced are in a file of their own.
    #[command(after_help = examples::REVIEW_PUBLISH)]
    Publish(ReviewPublishArgs),
    /// Learn from decisions: probabilities of scores, thresholds, hard examples for a training, and what the decisions were worth.
    ///
    /// Writes a new folder with learn.json, report.txt, examples.gpkg, card.toml and sets.toml. What cannot be learned is said.
    #[command(after_help = examples::REVIEW_LEARN)]
    Learn(ReviewLearnArgs),
    /// Add the decisions of CSV files, or of GeoPackages that came back; rows that are known already are left out.
    ///
    /// All GeoPackages are checked before the first decision is written. Copies that were continued apart lose nothing:
    /// what contradicts is disputed.
    #[command(after_help = examples::REVIEW_IMPORT)]
    Import(ReviewImportArgs),
    /// Write all decisions to a CSV file, a GeoPackage in which decisions are entered with QGIS and QField, or the tables that
    /// AIGLE reads.
    #[command(after_help = examples::REVIEW_EXPORT)]
    Export(ReviewExportArgs),
    /// Decide in the browser: serve the page of the map with verdict keys, to this machine only.
    ///
    /// Prints the address, which has a token, and serves until it is interrupted. Every decision is written and sealed before
    /// it is confirmed.
    #[command(after_help = examples::REVIEW_SERVE)]
    Serve(ReviewServeArgs),
}

/// Which review.
#[derive(Debug, Clone, Args)]
pub struct WhichReview {
    /// The published map: the output of `arpent run` or `arpent change`.
    #[arg(value_name = "OUTPUT")]
    pub output: String,
    /// Name of the review; may be left out where there is one only.
    #[arg(long, value_name = "NAME")]
    pub review: Option<String>,
}

/// A new review.
#[derive(Debug, Clone, Args)]
pub struct ReviewNewArgs {
    /// The published map: the output of `arpent run` or `arpent change`.
    #[arg(value_name = "OUTPUT")]
    pub output: String,
    /// Name of the review: its folder.
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// TOML file with `classes`, `max_area_m2`, `[[reasons]]` (code, en, fr) and `[[people]]` (name, function,
    /// organization, key).
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// An earlier map whose review is shown as history of the same objects; it never counts.
    #[arg(long, value_name = "OUTPUT")]
    pub after: Option<String>,
    /// Name of the review of the earlier map; may be left out where there is one only.
    #[arg(long, value_name = "NAME", requires = "after")]
    pub after_review: Option<String>,
}

/// Who decides.
#[derive(Debug, Clone, Args)]
pub struct PersonArgs {
    /// First and last name of the person who decides; by default the variable ARPENT_PERSON.
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
    /// Function of the person; by default the variable ARPENT_FUNCTION.
    #[arg(long, value_name = "TEXT")]
    pub function: Option<String>,
    /// Organization of the person; by default the variable ARPENT_ORGANIZATION.
    #[arg(long, value_name = "TEXT")]
    pub organization: Option<String>,
    /// Private key of the person (PEM of `openssl genpkey -algorithm ed25519`), where the review lists the public one.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// A decision, or several on standard input.
#[derive(Debug, Clone, Args)]
pub struct ReviewAddArgs {
    /// The review.
    #[command(flatten)]
    pub of: WhichReview,
    /// Who decides.
    #[command(flatten)]
    pub person: PersonArgs,
    /// Id of the feature or event.
    #[arg(long, value_name = "ID", required_unless_present = "stdin")]
    pub feature: Option<String>,
    /// The verdict.
    #[arg(long, value_enum, value_name = "VERDICT", required_unless_present_any = ["stdin", "contest"])]
    pub verdict: Option<VerdictArg>,
    /// Contest what is decided, with the grounds in --comment.
    #[arg(long, conflicts_with_all = ["verdict", "answers"])]
    pub contest: bool,
    /// Contests that this verdict answers, by their ids.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub answers: Vec<String>,
    /// A reason code of the review.
    #[arg(long, value_name = "CODE")]
    pub reason: Option<String>,
    /// A comment; required with --contest and --answers.
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// The corrected class.
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// The corrected geometry: GeoJSON in EPSG:4326.
    #[arg(long, value_name = "GEOJSON")]
    pub geometry: Option<String>,
    /// Read decisions from standard input: a JSON object a line, with the columns of `arpent review export`.
    #[arg(long, conflicts_with_all = ["feature", "verdict", "contest", "answers", "reason", "comment", "class", "geometry"])]
    pub stdin: bool,
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum VerdictArg {
    /// Not decided (again): withdraws earlier verdicts.
    NotVerified,
    /// The object is there, and may break a rule.
    Suspect,
    /// The object is there, and breaks a rule.
    Illegal,
    /// The object is there, and breaks no rule.
    Legitimate,
    /// The object is not there: a false detection.
    Invalidated,
    /// The object is there; nothing is said about rules.
    Confirmed,
}

/// A status of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum StatusArg {
    /// Withdrawn.
    Open,
    /// Decided.
    Decided,
    /// Contradicting decisions.
    Disputed,
    /// Contests without an answer.
    Contested,
}

/// What to report.
#[derive(Debug, Clone, Args)]
pub struct ReviewStateArgs {
    /// The review.
    #[command(flatten)]
    pub of: WhichReview,
    /// Id of a feature to report.
    #[arg(value_name = "FEATURE")]
    pub feature: Option<String>,
    /// List the features of a status.
    #[arg(long, value_enum, value_name = "STATUS", conflicts_with = "feature")]
    pub status: Option<StatusArg>,
}

/// What to verify.
#[derive(Debug, Clone, Args)]
pub struct ReviewVerifyArgs {
    /// The review.
    #[command(flatten)]
    pub of: WhichReview,
    /// A seal that an earlier verification printed as newest: it must still be there. May be repeated.
    #[arg(long = "seal", value_name = "ID")]
    pub seals: Vec<String>,
}

/// What strata are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitArg {
    /// Classes, or kinds of events.
    Class,
    /// Zones.
    Zone,
    /// Bands of the score.
    Score,
}

/// A sample of the features of a map.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("design").required(true)))]
pub struct ReviewSampleArgs {
    /// The review.
    #[command(flatten)]
    pub of: WhichReview,
    /// New folder for tasks.csv and sample.json.
    #[arg(long, value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Names of the reviewers.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true)]
    pub reviewers: Vec<String>,
    /// Review every feature.
    #[arg(long, group = "design")]
    pub all: bool,
    /// Review so many features of highest score in each zone.
    #[arg(long, value_name = "N", group = "design")]
    pub top: Option<usize>,
    /// Review so many features at random: the only design whose result can be projected to the map.
    #[arg(long, value_name = "N", group = "design")]
    pub random: Option<u64>,
    /// Review so many features whose score is nearest to 0.5, as many of each class as far as it has them.
    #[arg(long, value_name = "N", group = "design")]
    pub least_certain: Option<usize>,
    /// With --least-certain: whatever their class.
    #[arg(long, requires = "least_certain")]
    pub unbalanced: bool,
    /// With --random: strata by class, zone or band of the score.
    #[arg(long, value_enum, value_name = "BY", value_delimiter = ',', requires = "random")]
    pub by: Vec<SplitArg>,
    /// With --random: fewest features of a stratum, or all it has.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub minimum: u64,
    /// With --random: distribute in proportion to the features times the deviation that their scores let expect.
    #[arg(long, requires = "random")]
    pub neyman: bool,
    /// Column of the features with the zone of each, such as one that a reference layer gave.
    #[arg(long, value_name = "COLUMN")]
    pub zones: Option<String>,
    /// Share of the features that a second reviewer gets; 0.05 by default, 0 for a single reviewer.
    #[arg(long, value_name = "SHARE")]
    pub doubled: Option<f64>,
    /// Ids of features whose answer is known, which every reviewer gets.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub known: Vec<String>,
    /// Seed of the draw.
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
}

/// A file to import.
#[derive(Debug, Clone, Args)]
pub struct ReviewImportArgs {
    /// The review.
    #[command(flatten)]
    pub of: WhichReview,
    /// The files: CSV in UTF-8 with the columns of `arpent review export`, of which `feature` and `verdict` are required;
    /// or copies of GeoPackages that it wrote.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Leave out a row of a GeoPackage, by its `uuid`. May be repeated.
    #[arg(long, value_name = "UUID")]
    pub without: Vec<String>,
    /// The program that the files are from: a CSV with `inference_id`, `batch_id`, `detection_validation_status`, `user_email`
    /// and `updated_at` is from AIGLE.
    #[arg(long, value_enum, value_name = "PROGRAM", requires = "delivery")]
    pub from: Option<FromArg>,
    /// With --from aigle: the folder that `arpent review export --to aigle` wrote.
    #[arg(long, value_name = "FOLDER", requires = "from")]
    pub delivery: Option<PathBuf>,
    /// With --from aigle: CSV with `email`, `name`, `function` and `organization` of its users.
    #[arg(long, value_name = "FILE", requires = "from")]
    pub people: Option<PathBuf>,
    /// With --from aigle: who a user is. May be repeated.
    #[arg(long = "person-of", value_name = "EMAIL=NAME;FUNCTION;ORGANIZATION", requires = "from")]
    pub person_of: Vec<String>,
    /// Who decides, in rows that do not say it.
    #[command(flatten)]
    pub person: PersonArgs,
}

/// A file to export.
#[derive(Debug, Clone, Args)]
pub struct ReviewExportArgs {
    /// The review.
    #[command(flatten)]
    pub of: WhichReview,
    /// The file, which is not there yet: its ending says the format, `.csv` or `.gpkg`. Or a format, `gpkg` or `aigle`, with
    /// PLACE.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// With a format in --to: the file, or the folder of a delivery to AIGLE.
    #[arg(value_name = "PLACE", conflicts_with = "folder")]
    pub place: Option<PathBuf>,
    /// With a format in --to: a folder for a file with the default name, such as review.gpkg.
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// What a GeoPackage is for.
    #[command(flatten)]
    pub geopackage: ForGeoPackage,
    /// What AIGLE is given.
    #[command(flatten)]
    pub aigle: Box<ForAigle>,
}

/// What AIGLE is given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of --to aigle")]
pub struct ForAigle {
    /// Write nothing; report which rows AIGLE would skip or refuse, and why. Exit code 1 if there is one.
    #[arg(long)]
    pub check: bool,
    /// Address of the imagery tiles (WebP, zoom 15 to 19), with `{z}`, `{x}` and `{y}`; AIGLE skips a batch without it.
    #[arg(long, value_name = "URL")]
    pub batch_tiles_url: Option<String>,
    /// Name of the batch; by default the title of the map.
    #[arg(long, value_name = "NAME")]
    pub batch_name: Option<String>,
    /// Id of the run and the batch; by default a number that follows from the map.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub batch_id: Option<i32>,
    /// Year of the imagery; by default that of the scenes.
    #[arg(long, value_name = "YYYY")]
    pub year: Option<i64>,
    /// Id of the geozone; without it the run is listed and cannot be deployed.
    #[arg(long, value_name = "N")]
    pub geozone: Option<i64>,
    /// Object type of a class, where it has another name in AIGLE. May be repeated.
    #[arg(long = "object-type", value_name = "CLASS=TYPE")]
    pub object_types: Vec<String>,
    /// File with the object types that AIGLE has, one a line: one that it lacks refuses the whole batch.
    #[arg(long, value_name = "FILE")]
    pub known_types: Option<PathBuf>,
    /// Write the verdicts of decided features. Without it the status is NULL: only then AIGLE inherits the verdict of an
    /// earlier year.
    #[arg(long)]
    pub with_verdicts: bool,
    /// Write the imagery tiles, too, as tiles/Z/X/Y.webp: of the imagery that the map was published with.
    #[arg(long, conflicts_with = "check")]
    pub tiles: bool,
}

/// What a GeoPackage with decisions is for.
#[derive(Debug, Clone, Args)]
pub struct ForGeoPackage {
    /// Of a GeoPackage: tasks of a reviewer (tasks.csv of `arpent review sample`). Only their features, without the opinions
    /// of others.
    #[arg(long, value_name = "FILE")]
    pub tasks: Option<PathBuf>,
    /// The reviewer, where the tasks are those of several.
    #[arg(long, value_name = "NAME", requires = "tasks")]
    pub reviewer: Option<String>,
    /// First and last name of the person who decides in it: what its form proposes.
    #[arg(long, value_name = "NAME", requires_all = ["function", "organization"])]
    pub person: Option<String>,
    /// Function of the person.
    #[arg(long, value_name = "TEXT", requires = "person")]
    pub function: Option<String>,
    /// Organization of the person.
    #[arg(long, value_name = "TEXT", requires = "person")]
    pub organization: Option<String>,
    /// Of a GeoPackage: with the imagery around the features, if the map was published with it.
    #[arg(long)]
    pub imagery: bool,
    /// Language of its form; by default that of the columns of the output.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    pub language: Option<LanguageArg>,
}

/// A program that decisions are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FromArg {
    /// AIGLE, of the French ministry in charge of planning.
    Aigle,
}

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LanguageArg {
    /// English.
    En,
    /// French.
    Fr,
}

/// A review to serve.
#[derive(Debug, Clone, Args)]
pub struct ReviewServeArgs {
    /// The review.
    #[command(flatten)]
    pub of: WhichReview,
    /// Who decides.
    #[command(flatten)]
    pub person: PersonArgs,
    /// Tasks that `arpent review sample` wrote (tasks.csv); without them, all features, the least certain first.
    #[arg(long, value_name = "FILE")]
    pub tasks: Option<PathBuf>,
    /// Whose tasks they are, where the file does not have the name of the person.
    #[arg(long, value_name = "NAME", requires = "tasks")]
    pub reviewer: Option<String>,
    /// Port on 127.0.0.1; by default any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Take the person of each request from the headers X-Arpent-Name, X-Arpent-Function and X-Arpent-Organization, which a
    /// reverse proxy with a login sets: its address, such as `https://review.example.org`.
    #[arg(
        long,
        value_name = "ADDRESS",
        conflicts_with_all = ["person", "function", "organization", "key", "reviewer"]
    )]
    pub trust_proxy_headers: Option<String>,
}

/// How persons are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NamesArg {
    /// Name, function and organization.
    Name,
    /// Function and organization.
    Function,
    /// Nothing.
    None,
}

/// A decided version of a map.
#[derive(Debug, Clone, Args)]
pub struct ReviewPublishArgs {
    /// The review.
    #[command(flatten)]
    pub of: WhichReview,
    /// Where the decided map is published: a folder or an object store, not in the map that was proposed.
    #[arg(long, value_name = "OUTPUT")]
    pub to: String,
    /// What the decided map says of who decided.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "function")]
    pub names: NamesArg,
    /// Replace what is there.
    #[arg(long)]
    pub overwrite: bool,
}

/// What to learn from decisions.
#[derive(Debug, Clone, Args)]
pub struct ReviewLearnArgs {
    /// The review.
    #[command(flatten)]
    pub of: WhichReview,
    /// New folder.
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// Column of the features with the zone of each: probabilities also by class and zone.
    #[arg(long, value_name = "COLUMN")]
    pub zones: Option<String>,
    /// Lowest score of each class whose features are right at least so often, 0 to 1.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub precision: Option<f64>,
    /// Lowest score so that at most so many features of the map reach it.
    #[arg(long, value_name = "N")]
    pub budget: Option<u64>,
    /// Fewest verdicts of a class, or of a class in a zone, to learn from.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub minimum: usize,
}

/// A share above 0, up to 1.
fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err("expected a share above 0, up to 1".to_owned()) }
}
