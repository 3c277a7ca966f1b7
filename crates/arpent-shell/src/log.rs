//! Where messages go: standard error, as plain lines, as lines with time and level, or as JSON.

use std::io::{IsTerminal as _, Write as _};
use std::time::SystemTime;

use clap::{ArgAction, Args, ValueEnum};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::message::{TARGET, shown};

/// Amount and format of messages.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LogArgs {
    /// Print more on standard error: files opened, cached and uploaded; given twice, also messages of the libraries.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Print only warnings and errors on standard error.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Format of the lines on standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Plain)]
    pub log_format: LogFormat,
}

/// Format of the lines on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// The message alone.
    #[default]
    Plain,
    /// Time (UTC) and level before each message, for logs of batch jobs.
    Full,
    /// One JSON object per line: time, level, message and its fields.
    Json,
}

impl LogFormat {
    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Full => "full",
            Self::Json => "json",
        }
    }
}

/// Starts the log. Messages before the start are not written.
pub fn start(args: LogArgs) {
    let own = match (args.quiet, args.verbose) {
        (true, _) => LevelFilter::WARN,
        (false, 0) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let others = if args.verbose > 1 { LevelFilter::DEBUG } else { LevelFilter::OFF };
    let targets = tracing_subscriber::filter::Targets::new().with_default(others).with_target(TARGET, own);
    // Tests that start it twice keep the first.
    let _ = tracing_subscriber::registry().with(Lines(args.log_format).with_filter(targets)).try_init();
}

/// Whether a progress bar may be drawn: on a terminal, unless `--quiet` is set.
pub(crate) fn draws_bars() -> bool {
    std::io::stderr().is_terminal() && tracing::enabled!(target: TARGET, Level::INFO)
}

/// Writes each event as a line.
struct Lines(LogFormat);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = line(self.0, *event.metadata().level(), &fields.0, SystemTime::now());
        // An error is ignored: stderr may be closed. One call per line, so that lines of several processes do not mix.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

fn line(format: LogFormat, level: Level, fields: &Map<String, Value>, now: SystemTime) -> String {
    let time = || humantime::format_rfc3339_seconds(now).to_string();
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    if format == LogFormat::Json {
        let mut object = Map::new();
        object.insert("time".to_owned(), time().into());
        object.insert("level".to_owned(), level.as_str().to_ascii_lowercase().into());
        let shown = fields.iter().map(|(name, value)| {
            (name.clone(), value.as_str().map_or_else(|| value.clone(), |text| shown(text).into()))
        });
        object.extend(shown);
        return Value::Object(object).to_string() + "\n";
    }
    let mut words = String::new();
    match level {
        Level::ERROR => words.push_str("error: "),
        Level::WARN => words.push_str("warning: "),
        _ => {}
    }
    if !text("subject").is_empty() {
        words.push_str(text("subject"));
        words.push_str(": ");
    }
    words.push_str(text("message"));
    if !text("hint").is_empty() {
        words.push_str("\nhint: ");
        words.push_str(text("hint"));
    }
    let words = shown(&words);
    let before =
        if format == LogFormat::Full { format!("{} {:5} ", time(), level.as_str()) } else { String::new() };
    let lines: Vec<&str> = words.lines().collect();
    before.clone() + &lines.join(&format!("\n{before}")) + "\n"
}

/// The fields of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !value.is_empty() {
            self.0.insert(field.name().to_owned(), value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(format: LogFormat, level: Level, fields: &Value) -> String {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        line(format, level, fields.as_object().unwrap(), now)
    }

    #[test]
    fn plain_lines_are_the_messages() {
        let said = serde_json::json!({ "message": "computing on CPU" });
        assert_eq!(of(LogFormat::Plain, Level::INFO, &said), "computing on CPU\n");
        let warned = serde_json::json!({ "subject": "a.tif", "message": "is odd", "hint": "look" });
        assert_eq!(of(LogFormat::Plain, Level::WARN, &warned), "warning: a.tif: is odd\nhint: look\n");
    }

    #[test]
    fn full_lines_have_time_and_level_each() {
        let warned = serde_json::json!({ "message": "is odd", "hint": "look" });
        let expected = "2023-11-14T22:13:20Z WARN  warning: is odd\n2023-11-14T22:13:20Z WARN  hint: look\n";
        assert_eq!(of(LogFormat::Full, Level::WARN, &warned), expected);
    }

    #[test]
    fn json_lines_keep_what_belongs_to_them_and_no_secret() {
        let said = serde_json::json!({ "message": "http://h/a?sig=b", "stage": "predict", "percent": 11.0 });
        let json: Value = serde_json::from_str(&of(LogFormat::Json, Level::INFO, &said)).unwrap();
        assert_eq!((json["level"].as_str(), json["percent"].as_f64()), (Some("info"), Some(11.0)));
        assert_eq!(
            (json["stage"].as_str(), json["message"].as_str()),
            (Some("predict"), Some("http://h/a?sig=REDACTED"))
        );
    }
}
