//! Fits the tables of right answers of a package from the answers on validation data (`arpent-train calibrate --by-class`).

use arpent_base::Result;
use arpent_base::number::truncate;
use arpent_metrics::{Grouped, Isotonic, IsotonicLevel, Merge as _, Reliability};
use arpent_model::{AnswerLevel, AnswerTables, ClassAnswers};
use arpent_raster::{CONFIDENCE_SCALE, Class};
use arpent_shell::lines::count;

use crate::evaluate::{Answers, rounded};

/// How many answers make a table: fewer are left out, and named.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Least {
    /// Fewest answers of a class.
    pub(crate) answers: u64,
    /// Fewest pictures with such an answer: neighboring pixels are wrong together.
    pub(crate) pictures: u64,
}

/// The tables of all territories together and of each.
pub(crate) fn fit(by_territory: &Grouped<Answers>, classes: &[Class], least: Least) -> Result<AnswerTables> {
    let pooled = by_territory.pooled()?;
    let mut left_out = Vec::new();
    let all = tables_of(&pooled, classes, least, "all territories", &mut left_out)?;
    let mut territories = std::collections::BTreeMap::new();
    // One territory alone is all of them.
    let several = by_territory.groups().len() > 1;
    for (name, answers) in by_territory.groups().filter(|_| several) {
        let own = tables_of(answers, classes, least, name, &mut left_out)?;
        if !own.is_empty() {
            territories.insert(name.to_owned(), own);
        }
    }
    let ece_held_out = if several { held_out(by_territory, classes, least)?.map(rounded) } else { None };
    let Least { answers: least_answers, pictures: least_pictures } = least;
    Ok(AnswerTables { least_answers, least_pictures, ece_held_out, all, territories, left_out })
}

fn tables_of(
    answers: &Answers,
    classes: &[Class],
    least: Least,
    place: &str,
    left_out: &mut Vec<String>,
) -> Result<Vec<ClassAnswers>> {
    let mut tables = Vec::new();
    for (position, class) in classes.iter().enumerate() {
        let (found, pictures) = (answers.count(position), answers.pictures(position));
        if found < least.answers || pictures < least.pictures {
            let (found, pictures) = (count(found), count(pictures));
            left_out.push(format!("{place}: {} has {found} answers in {pictures} pictures", class.name));
            continue;
        }
        let counts =
            answers.steps(position).map(|(step, [right, wrong])| (f64::from(step), right, right + wrong));
        let levels = Isotonic::levels(&counts.collect::<Vec<_>>())?;
        tables.push(ClassAnswers { class: class.id, levels: levels.iter().map(level).collect() });
    }
    Ok(tables)
}

/// A level whose scores are steps.
fn level(of: &IsotonicLevel) -> AnswerLevel {
    let step = truncate::<u8>;
    AnswerLevel { from: step(of.low), to: step(of.high), right: of.right, answers: of.count }
}

/// Expected calibration error of answers that are corrected by the tables of the other territories.
fn held_out(by_territory: &Grouped<Answers>, classes: &[Class], least: Least) -> Result<Option<f64>> {
    let mut bins = Reliability::default();
    for (name, answers) in by_territory.groups() {
        let mut others = Answers::new(classes.len());
        by_territory.groups().filter(|(other, _)| *other != name).try_for_each(|(_, of)| others.merge(of))?;
        let tables = tables_of(&others, classes, least, "", &mut Vec::new())?;
        for (position, class) in classes.iter().enumerate() {
            let table = tables.iter().find(|table| table.class == class.id).map(ClassAnswers::corrected);
            for (step, [right, wrong]) in answers.steps(position) {
                let step = table.map_or(step, |table| table[usize::from(step)]);
                bins.add_counts(f64::from(step) * CONFIDENCE_SCALE, right, wrong)?;
            }
        }
    }
    Ok(bins.expected_calibration_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Rng;
    use arpent_base::number::exact;

    fn class(id: u8, name: &str) -> Class {
        let color = arpent_raster::Color([0; 3]);
        Class { id, name: name.into(), name_fr: None, code: None, color, features: true }
    }

    /// Answers of two classes: those of the second are right less often than they say.
    fn answers(seed: u64, pictures: usize) -> Answers {
        let mut rng = Rng::new(&[seed]);
        let mut answers = Answers::new(2);
        for _ in 0..pictures {
            let picture: Vec<(u8, u8, bool)> = (0..2000)
                .map(|i| {
                    let share = rng.range(0.5, 1.0);
                    let class = u8::from(i % 2 == 1);
                    let right = rng.chance(if class == 1 { share * share } else { share });
                    (class, truncate::<u8>((share / CONFIDENCE_SCALE).round()), right)
                })
                .collect();
            answers.add_picture(picture.into_iter());
        }
        answers
    }

    #[test]
    fn each_class_is_corrected_by_itself_and_on_territories_held_out() {
        let classes = [class(4, "field"), class(9, "pond")];
        let mut all = Grouped::new(Answers::new(2));
        for (seed, name) in [(1, "north"), (2, "south"), (3, "west")] {
            *all.group(name) = answers(seed, 4);
        }
        let least = Least { answers: 1000, pictures: 3 };
        let tables = fit(&all, &classes, least).unwrap();
        assert_eq!((tables.all.len(), tables.territories.len(), tables.left_out.len()), (2, 3, 0));
        let at =
            |class: usize, step: usize| f64::from(tables.all[class].corrected()[step]) * CONFIDENCE_SCALE;
        for step in [140, 180, 220] {
            let share = exact(step) * CONFIDENCE_SCALE;
            assert!((at(0, step) - share).abs() < 0.08, "{step}: {}", at(0, step));
            assert!((at(1, step) - share * share).abs() < 0.08, "{step}: {}", at(1, step));
        }
        let mut before = Reliability::default();
        let pooled = all.pooled().unwrap();
        (0..2).flat_map(|class| pooled.steps(class)).for_each(|(step, [right, wrong])| {
            before.add_counts(f64::from(step) * CONFIDENCE_SCALE, right, wrong).unwrap();
        });
        let (before, after) = (before.expected_calibration_error().unwrap(), tables.ece_held_out.unwrap());
        assert!(before > 0.05 && after < 0.03, "{before} {after}");
    }

    #[test]
    fn what_has_too_few_answers_has_no_table_and_is_named() {
        let classes = [class(4, "field"), class(9, "pond")];
        let mut all = Grouped::new(Answers::new(2));
        *all.group("north") = answers(1, 3);
        all.group("south").add_picture([(0, 200, true)].into_iter());
        let tables = fit(&all, &classes, Least { answers: 1000, pictures: 3 }).unwrap();
        assert_eq!(tables.territories.keys().collect::<Vec<_>>(), ["north"]);
        assert_eq!(
            tables.left_out,
            ["south: field has 1 answers in 1 pictures", "south: pond has 0 answers in 0 pictures"]
        );
        let none = fit(&all, &classes, Least { answers: 1_000_000, pictures: 3 }).unwrap();
        assert!(none.all.is_empty() && none.left_out.len() == 6);
    }
}
