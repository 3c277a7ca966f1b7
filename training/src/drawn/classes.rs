//! The classes that polygons tell.

use std::path::Path;

use arpent_datasets::SurveyedPolygon;

use crate::config::nearest;
use crate::error::TrainError;

/// More values than this are no nomenclature but, for instance, the field of the feature's number.
pub(super) const MAX_CLASSES: usize = 40;

/// A class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Value of the field, as first written.
    pub(super) name: String,
    /// Items of its polygons that hold any pixel.
    pub(super) items: Vec<String>,
}

/// All classes, and the values that are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classes {
    pub(super) found: Vec<Found>,
    pub(super) skipped: Vec<String>,
}

/// Values of a field are one class when they differ by case, by surrounding blanks or by how an accent is stored alone.
fn key(value: &str) -> String {
    arpent_gdal::same_text(value).to_lowercase()
}

/// The classes wanted, or all, sorted. Each needs two polygons: one to learn from, one to be judged by.
pub(super) fn choose(
    polygons: &[SurveyedPolygon],
    wanted: &[String],
    labels: &Path,
    field: &str,
) -> Result<Classes, TrainError> {
    let (all, has_empty) = gather(polygons);
    let (found, mut skipped) = if wanted.is_empty() { (all, Vec::new()) } else { pick(all, wanted, field)? };
    if has_empty {
        skipped.push(String::new());
    }
    let file = labels.display();
    if found.len() > MAX_CLASSES {
        let problem = format!("field `{field}` of {file} has {} values", found.len());
        let hint = format!("name the field of the class, or up to {MAX_CLASSES} of its values: --classes");
        return Err(TrainError::refused(problem, hint));
    }
    if found.len() < 2 {
        let names: Vec<&str> = found.iter().map(|c| c.name.as_str()).collect();
        let problem =
            format!("field `{field}` of {file} tells {} class(es): {}", found.len(), names.join(", "));
        let hint = "at least two classes are needed: draw polygons of what is something else, too";
        return Err(TrainError::refused(problem, hint));
    }
    let few: Vec<&str> = found.iter().filter(|c| c.items.len() < 2).map(|c| c.name.as_str()).collect();
    if !few.is_empty() {
        let problem = format!("fewer than two polygons on the scene for: {}", few.join(", "));
        let hint = "a class needs a polygon to learn from and one to be judged by: draw more, or name the others in \
                    --classes";
        return Err(TrainError::refused(problem, hint));
    }
    Ok(Classes { found, skipped })
}

/// Classes by name, sorted, and whether the field is empty somewhere.
fn gather(polygons: &[SurveyedPolygon]) -> (Vec<Found>, bool) {
    let mut all: Vec<Found> = Vec::new();
    for polygon in polygons {
        let Some(value) = &polygon.value else { continue };
        let at = all.iter().position(|c| key(&c.name) == key(value)).unwrap_or_else(|| {
            all.push(Found { name: value.trim().to_owned(), items: Vec::new() });
            all.len() - 1
        });
        if polygon.pixels > 0 {
            all[at].items.push(polygon.item.clone());
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    (all, polygons.iter().any(|p| p.value.is_none()))
}

/// Those wanted, in that order, and the names of the others.
fn pick(all: Vec<Found>, wanted: &[String], field: &str) -> Result<(Vec<Found>, Vec<String>), TrainError> {
    let names: Vec<String> = all.iter().map(|c| c.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut rest: Vec<Option<Found>> = all.into_iter().map(Some).collect();
    let mut found = Vec::new();
    for name in wanted {
        let Some(at) = names.iter().position(|n| key(n) == key(name)) else {
            let problem = format!("--classes: field `{field}` has no value `{name}`");
            return Err(TrainError::refused(problem, nearest(name, &names)));
        };
        let taken = rest[at].take();
        found.push(taken.ok_or_else(|| {
            TrainError::refused(format!("--classes names `{name}` twice"), "name every class once")
        })?);
    }
    Ok((found, rest.into_iter().flatten().map(|c| c.name).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygons(values: &[&str]) -> Vec<SurveyedPolygon> {
        let one = |(i, value): (usize, &&str)| SurveyedPolygon {
            item: i.to_string(),
            value: (!value.is_empty()).then(|| (*value).to_owned()),
            pixels: usize::from(*value != "speck"),
            size: [1, 1],
        };
        values.iter().enumerate().map(one).collect()
    }

    fn chosen(values: &[&str], wanted: &[&str]) -> Result<Classes, TrainError> {
        let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
        choose(&polygons(values), &wanted, Path::new("a.gpkg"), "cover")
    }

    #[test]
    fn values_become_classes_sorted_or_as_wanted() {
        let values = ["water", "Forest", "forest ", "water", "mud", "mud", ""];
        let all = chosen(&values, &[]).unwrap();
        let names: Vec<&str> = all.found.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["Forest", "mud", "water"]);
        assert_eq!(
            (&all.found[0].items[..], &all.skipped[..]),
            (&["1".into(), "2".into()][..], &[String::new()][..])
        );
        let some = chosen(&values, &["Water", "forest"]).unwrap();
        assert_eq!((some.found[0].name.as_str(), &some.skipped[0][..]), ("water", "mud"));
    }

    #[test]
    fn what_cannot_be_learned_is_refused() {
        let told = |values: &[&str], wanted: &[&str]| {
            let error = chosen(values, wanted).unwrap_err();
            format!("{error}; {}", error.hint().unwrap())
        };
        assert!(told(&["a", "a", "b"], &[]).contains("fewer than two polygons on the scene for: b"));
        assert!(told(&["a", "a", "speck", "speck"], &[]).contains("for: speck"));
        assert!(told(&["a", "a"], &[]).contains("1 class(es): a"));
        assert!(told(&["grass", "grass", "b", "b"], &["gras", "b"]).contains("did you mean `grass`?"));
        assert!(told(&["a", "a", "b", "b"], &["a", "A"]).contains("twice"));
        let many: Vec<String> = (0..41).map(|i| i.to_string()).collect();
        assert!(told(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[]).contains("has 41 values"));
    }
}
