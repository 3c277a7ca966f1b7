//! Words and numbers in the language of a report.

use arpent_base::Language;
use arpent_base::number::floor;
use arpent_change::events::{Doubt, EventKind};
use arpent_raster::Nomenclature;

/// Stands for a value that does not exist.
pub(crate) const NONE: &str = "–";
/// Between thousands, and before a unit.
const APART: char = '\u{202f}';

/// Writes in one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words(pub(crate) Language);

impl Words {
    /// The text of the page's language, with blanks that do not break where French has them.
    pub(crate) fn say(self, en: &str, fr: &str) -> String {
        match self.0 {
            Language::En => en.to_owned(),
            Language::Fr => {
                let mut text = fr.replace("« ", "«\u{a0}");
                for sign in [":", "»"] {
                    text = text.replace(&format!(" {sign}"), &format!("\u{a0}{sign}"));
                }
                for sign in [";", "?", "!"] {
                    text = text.replace(&format!(" {sign}"), &format!("{APART}{sign}"));
                }
                text
            }
        }
    }

    /// The code of the language.
    pub(crate) fn code(self) -> &'static str {
        match self.0 {
            Language::En => "en",
            Language::Fr => "fr",
        }
    }

    /// A count with its noun, singular or plural: English, then French. In French, 0 is singular.
    pub(crate) fn counted(self, count: u64, en: [&str; 2], fr: [&str; 2]) -> String {
        let noun = match self.0 {
            Language::En => en[usize::from(count != 1)],
            Language::Fr => fr[usize::from(count > 1)],
        };
        format!("{}\u{a0}{noun}", self.integer(count))
    }

    /// A mean of scores, or a score: three decimals.
    pub(crate) fn score(self, score: Option<f64>) -> String {
        score.map_or_else(|| NONE.to_owned(), |score| self.number(score, 3))
    }

    /// A duration: `12 s`, `3 min 20 s`, `2 h 5 min`.
    pub(crate) fn duration(self, seconds: f64) -> String {
        let whole = arpent_base::number::round::<u64>(seconds);
        match (whole / 3600, whole % 3600 / 60, whole % 60) {
            (0, 0, _) => format!("{}{APART}s", self.number(seconds, usize::from(seconds < 9.95))),
            (0, min, s) => format!("{min}{APART}min {s}{APART}s"),
            (h, min, _) => format!("{}{APART}h {min}{APART}min", self.integer(h)),
        }
    }

    /// An energy: Wh, or kWh from 1000 on.
    pub(crate) fn energy(self, watt_hours: f64) -> String {
        let (value, unit) =
            if watt_hours >= 1000.0 { (watt_hours / 1000.0, "kWh") } else { (watt_hours, "Wh") };
        let decimals = if value < 0.995 { 4 } else { 2 };
        format!("{}{APART}{unit}", self.number(value, decimals))
    }

    /// A number with so many decimals, grouped by thousands.
    pub(crate) fn number(self, value: f64, decimals: usize) -> String {
        if !value.is_finite() {
            return NONE.to_owned();
        }
        let text = format!("{:.decimals$}", value.abs());
        let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
        let is_zero = text.bytes().all(|digit| digit == b'0' || digit == b'.');
        let mut shown = if value < 0.0 && !is_zero { "−".to_owned() } else { String::new() };
        for (i, digit) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                shown.push(APART);
            }
            shown.push(digit);
        }
        if !rest.is_empty() {
            shown.push(if self.0 == Language::Fr { ',' } else { '.' });
            shown.push_str(rest);
        }
        shown
    }

    /// A number with four significant digits at least, without an exponent; 0 without decimals.
    pub(crate) fn significant(self, value: f64) -> String {
        let before = if value == 0.0 { 3 } else { floor::<i64>(value.abs().log10()) };
        self.number(value, usize::try_from(3 - before).unwrap_or(0).min(12))
    }

    /// A count.
    pub(crate) fn integer(self, value: u64) -> String {
        self.number(arpent_base::number::approximate(value), 0)
    }

    /// An area without its unit: whole square meters, and hundredths below 100.
    pub(crate) fn area(self, m2: f64) -> String {
        self.number(m2, if m2.abs() < 99.995 && m2 != 0.0 { 2 } else { 0 })
    }

    /// A share as percent, and `< 0.1 %` rather than a rounded zero.
    pub(crate) fn percent(self, share: f64) -> String {
        if share > 0.0 && share < 0.0005 {
            return format!("<{APART}{}{APART}%", self.number(0.1, 1));
        }
        format!("{}{APART}%", self.number(100.0 * share, 1))
    }

    /// A date of an input: the day, both ends, or the year where it is a whole one.
    pub(crate) fn date(self, date: &str) -> String {
        let day = |date: &str| date.split('T').next().unwrap_or(date).to_owned();
        let Some((start, end)) = date.split_once('/') else { return day(date) };
        let (start, end) = (day(start), day(end));
        match (start.strip_suffix("-01-01"), end.strip_suffix("-12-31")) {
            (Some(year), Some(last)) if year == last => year.to_owned(),
            _ => format!("{start} {} {end}", self.say("to", "au")),
        }
    }

    /// The name of a class.
    pub(crate) fn class(self, classes: &Nomenclature, id: u8) -> String {
        let Some(class) = classes.by_id(id) else { return format!("{} {id}", self.say("class", "classe")) };
        let french = class.name_fr.as_ref().filter(|_| self.0 == Language::Fr);
        french.unwrap_or(&class.name).clone()
    }

    /// The name of a kind of event.
    pub(crate) fn kind(self, kind: EventKind) -> String {
        kind.title().of(self.0).to_owned()
    }

    /// What a kind of event means.
    pub(crate) fn meaning(self, kind: EventKind) -> String {
        let (en, fr) = match kind {
            EventKind::Appeared => {
                ("an object that was not there before", "un objet qui n'existait pas avant")
            }
            EventKind::Disappeared => ("an object that is not there any more", "un objet qui n'existe plus"),
            EventKind::Grown => (
                "an object that gained at least twice what it lost",
                "un objet qui a gagné au moins le double de ce qu'il a perdu",
            ),
            EventKind::Shrunk => (
                "an object that lost at least twice what it gained",
                "un objet qui a perdu au moins le double de ce qu'il a gagné",
            ),
            EventKind::Moved => ("an object that gained and lost", "un objet qui a gagné et perdu"),
            EventKind::Split => ("one object that became several", "un objet devenu plusieurs"),
            EventKind::Merged => ("several objects that became one", "plusieurs objets devenus un seul"),
            EventKind::Reorganized => {
                ("several objects that became several others", "plusieurs objets devenus plusieurs autres")
            }
            EventKind::Reclassified => ("ground of another class", "un sol d'une autre classe"),
        };
        self.say(en, fr)
    }

    /// Why an area was left out.
    pub(crate) fn doubt(self, doubt: Doubt) -> String {
        let (en, fr) = match doubt {
            Doubt::Narrow => (
                "not wider than twice the shift between the dates",
                "pas plus large que deux fois le décalage entre les dates",
            ),
            Doubt::Small => ("smaller than the smallest area", "plus petit que la surface minimale"),
            Doubt::ImagesAgree => ("the images do not differ there", "les images n'y diffèrent pas"),
            Doubt::LowConfidence => (
                "the mean confidence of one of the maps is below `events.confidence`",
                "la confiance moyenne de l'une des cartes est inférieure à `events.confidence`",
            ),
        };
        self.say(en, fr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_report_are_those_of_the_language() {
        let [en, fr] = [Words(Language::En), Words(Language::Fr)];
        let of = |words: Words| {
            [words.area(1_234_567.4), words.area(-12.345), words.area(0.0), words.percent(0.1234)]
        };
        assert_eq!(of(en), ["1\u{202f}234\u{202f}567", "−12.35", "0", "12.3\u{202f}%"]);
        assert_eq!(of(fr), ["1\u{202f}234\u{202f}567", "−12,35", "0", "12,3\u{202f}%"]);
        assert_eq!((en.number(-0.001, 2), en.number(f64::NAN, 1)), ("0.00".to_owned(), NONE.to_owned()));
        assert_eq!(fr.percent(0.0001), "<\u{202f}0,1\u{202f}%");
        assert_eq!(
            [fr.duration(4.21), fr.duration(125.0), en.duration(11_541.0)]
                .map(|t| t.replace('\u{202f}', " ")),
            ["4,2 s", "2 min 5 s", "3 h 12 min",]
        );
        assert_eq!(
            [en.energy(0.01234), fr.energy(1234.0)].map(|t| t.replace('\u{202f}', " ")),
            ["0.0123 Wh", "1,23 kWh"]
        );
        let features = |count| fr.counted(count, ["feature", "features"], ["objet", "objets"]);
        assert_eq!(
            [features(0), features(1), features(2)],
            ["0\u{a0}objet", "1\u{a0}objet", "2\u{a0}objets"]
        );
        assert_eq!(fr.date("2018-07-01T00:00:00Z/2018-08-31"), "2018-07-01 au 2018-08-31");
        assert_eq!(en.date("2018-01-01/2018-12-31"), "2018");
    }

    #[test]
    fn french_signs_of_the_report_do_not_break() {
        let fr = Words(Language::Fr);
        assert_eq!(fr.say("", "quoi : « rien » ; fin"), "quoi\u{a0}: «\u{a0}rien\u{a0}»\u{202f}; fin");
    }
}
