//! The classes of the polygons.

use std::path::Path;

use arpent_datasets::AnnotationPolygon;
use arpent_raster::Color;

use super::colors;
use crate::config::nearest;
use crate::error::TrainError;

/// More values than this are not a nomenclature but, for instance, feature numbers.
pub(super) const MAX_CLASSES: usize = 40;

/// A class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Value of the field, as first written.
    pub(super) name: String,
    /// Items of its polygons that hold any pixel.
    pub(super) items: Vec<String>,
    /// Color from the polygons or the command line.
    pub(super) color: Option<Color>,
    /// Whether it is also the class of pixels outside of the polygons.
    pub(super) is_background: bool,
}

/// All classes, and the values that are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classes {
    pub(super) found: Vec<Found>,
    pub(super) skipped: Vec<String>,
}

/// Colors of the command line, as `class=#rrggbb`.
pub(super) fn give_colors(found: &mut [Found], given: &[String]) -> Result<(), TrainError> {
    for text in given {
        let pair = text.rsplit_once('=').ok_or_else(|| {
            TrainError::refused(
                format!("--colors: `{text}` is not `class=#rrggbb`"),
                "write --colors water=#0072b2",
            )
        })?;
        let (name, color) = (pair.0.trim(), colors::parsed(pair.1, "--colors")?);
        let names: Vec<String> = found.iter().map(|c| c.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let at = names.iter().position(|n| n.to_lowercase() == name.to_lowercase());
        let at = at.ok_or_else(|| {
            TrainError::refused(
                format!("--colors names `{name}`, which is not a class"),
                nearest(name, &names),
            )
        })?;
        found[at].color = Some(color);
    }
    Ok(())
}

/// Values of a field are one class when they differ by case, by surrounding blanks or by how an accent is stored alone.
fn key(value: &str) -> String {
    arpent_datasets::same_text(value).to_lowercase()
}

/// The classes wanted, or all, sorted. Each needs two polygons: one for training, one for validation.
pub(super) fn choose(
    polygons: &[AnnotationPolygon],
    wanted: &[String],
    background: Option<&str>,
    labels: &Path,
    field: &str,
) -> Result<Classes, TrainError> {
    let (all, has_empty) = gather(polygons)?;
    let (mut found, mut skipped) =
        if wanted.is_empty() { (all, Vec::new()) } else { pick(all, wanted, field)? };
    if has_empty {
        skipped.push(String::new());
    }
    if let Some(name) = background {
        add_background(&mut found, &mut skipped, name)?;
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
            format!("field `{field}` of {file} has {} class(es): {}", found.len(), names.join(", "));
        let hint = "at least two classes are needed: draw polygons of another class, too, or name the class outside of every \
                    polygon: --background other";
        return Err(TrainError::refused(problem, hint));
    }
    let few: Vec<&str> =
        found.iter().filter(|c| !c.is_background && c.items.len() < 2).map(|c| c.name.as_str()).collect();
    if !few.is_empty() {
        let problem = format!("fewer than two polygons on the scene for: {}", few.join(", "));
        let hint = "a class needs one polygon for training and one for validation: draw more, or name the others in \
                    --classes";
        return Err(TrainError::refused(problem, hint));
    }
    Ok(Classes { found, skipped })
}

/// Classes by name, sorted, and whether the field is empty somewhere.
fn gather(polygons: &[AnnotationPolygon]) -> Result<(Vec<Found>, bool), TrainError> {
    let mut all: Vec<Found> = Vec::new();
    for polygon in polygons {
        let Some(value) = &polygon.value else { continue };
        let at = all.iter().position(|c| key(&c.name) == key(value)).unwrap_or_else(|| {
            let name = value.trim().to_owned();
            all.push(Found { name, items: Vec::new(), color: None, is_background: false });
            all.len() - 1
        });
        if let Some(text) = &polygon.color {
            let color = colors::parsed(text, &format!("polygon {}", polygon.item))?;
            if let Some(other) = all[at].color.filter(|c| *c != color) {
                let problem = format!(
                    "`{}` has two colors: {other} and {color} (polygon {})",
                    all[at].name, polygon.item
                );
                return Err(TrainError::refused(
                    problem,
                    "give all polygons of a class one color, or set it with --colors",
                ));
            }
            all[at].color = Some(color);
        }
        if polygon.pixels > 0 {
            all[at].items.push(polygon.item.clone());
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((all, polygons.iter().any(|p| p.value.is_none())))
}

/// The class of pixels outside of the polygons: one of the drawn classes, or another one.
fn add_background(found: &mut Vec<Found>, skipped: &mut [String], name: &str) -> Result<(), TrainError> {
    if name.trim().is_empty() {
        return Err(TrainError::refused("--background is empty", "name the class: --background other"));
    }
    if skipped.iter().any(|s| key(s) == key(name)) {
        let problem = format!("--background `{}` is a class that --classes leaves out", name.trim());
        return Err(TrainError::refused(problem, "name it in --classes, too, or choose another name"));
    }
    if let Some(class) = found.iter_mut().find(|c| key(&c.name) == key(name)) {
        class.is_background = true;
        return Ok(());
    }
    found.push(Found { name: name.trim().to_owned(), items: Vec::new(), color: None, is_background: true });
    Ok(())
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
    use arpent_base::Diagnostic as _;

    use super::*;

    fn polygons(values: &[&str]) -> Vec<AnnotationPolygon> {
        let one = |(i, value): (usize, &&str)| AnnotationPolygon {
            item: i.to_string(),
            value: (!value.is_empty()).then(|| (*value).to_owned()),
            color: None,
            pixels: usize::from(*value != "speck"),
            size: [1, 1],
        };
        values.iter().enumerate().map(one).collect()
    }

    fn chosen(values: &[&str], wanted: &[&str]) -> Result<Classes, TrainError> {
        let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
        choose(&polygons(values), &wanted, None, Path::new("a.gpkg"), "cover")
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
    fn what_lies_in_no_polygon_may_be_a_class() {
        let with = |values: &[&str], wanted: &[String], name: &str| {
            choose(&polygons(values), wanted, Some(name), Path::new("a.gpkg"), "cover")
        };
        let named = |classes: &Classes| {
            classes.found.iter().map(|c| (c.name.clone(), c.is_background)).collect::<Vec<_>>()
        };
        let one = with(&["tree", "tree"], &[], "other").unwrap();
        assert_eq!(named(&one), [("tree".to_owned(), false), ("other".to_owned(), true)]);
        let drawn = with(&["tree", "tree", "Other"], &[], "other").unwrap();
        assert_eq!(named(&drawn), [("Other".to_owned(), true), ("tree".to_owned(), false)]);
        let left_out = with(&["a", "a", "b", "b"], &["a".to_owned()], "b").unwrap_err();
        assert!(left_out.to_string().contains("leaves out"), "{left_out}");
    }

    #[test]
    fn colors_of_polygons_become_those_of_classes() {
        let mut all = polygons(&["a", "a", "b", "b"]);
        all[0].color = Some("#102030".into());
        all[2].color = Some("16, 32,49".into());
        let classes = choose(&all, &[], None, Path::new("a.gpkg"), "cover").unwrap();
        assert_eq!(
            classes.found.iter().map(|c| c.color).collect::<Vec<_>>(),
            [Some(Color([16, 32, 48])), Some(Color([16, 32, 49]))]
        );
        all[1].color = Some("#102031".into());
        let two = choose(&all, &[], None, Path::new("a.gpkg"), "cover").unwrap_err();
        assert!(two.to_string().contains("two colors: #102030 and #102031 (polygon 1)"), "{two}");
        all[1].color = Some("reddish".into());
        let bad = choose(&all, &[], None, Path::new("a.gpkg"), "cover").unwrap_err();
        assert!(bad.to_string().contains("polygon 1: `reddish` is not a color"), "{bad}");
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
