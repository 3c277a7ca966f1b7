//! The classes of OCS GE, land cover and land use, as nomenclatures of rasters; what its layers have in common.

use arpent_base::{Column, ColumnKind, Language};
use arpent_change::balance::{Cover, Use};
use arpent_gdal::{LayerFormat, LayerOptions, LayerShape};
use arpent_qgis::{Category, Key, Meanings};
use arpent_raster::{Class, Color, Crs, Nomenclature};

use crate::map::TIMESTAMP;
use crate::present::areas_style;

/// Name, French name and color of each cover, in the order of [`Cover::ALL`].
const COVERS: [(&str, &str, [u8; 3]); 14] = [
    ("buildings", "zones bâties", [215, 48, 39]),
    ("sealed surfaces", "zones non bâties", [244, 109, 67]),
    ("mineral materials", "zones à matériaux minéraux", [254, 224, 139]),
    ("composite materials", "zones à autres matériaux composites", [190, 150, 170]),
    ("bare soil", "sols nus", [187, 176, 150]),
    ("water", "surfaces d'eau", [44, 127, 184]),
    ("snow and ice", "névés et glaciers", [230, 245, 255]),
    ("broadleaved trees", "peuplements de feuillus", [26, 127, 55]),
    ("conifers", "peuplements de conifères", [18, 100, 33]),
    ("mixed trees", "peuplements mixtes", [35, 115, 70]),
    ("shrubs", "formations arbustives et sous-arbrisseaux", [120, 160, 60]),
    ("other woody vegetation", "autres formations ligneuses", [150, 140, 60]),
    ("herbaceous vegetation", "formations herbacées", [180, 220, 120]),
    ("other vegetation", "autres formations non ligneuses", [205, 235, 175]),
];

/// The covers, in the order of the nomenclature.
pub(crate) fn covers() -> Nomenclature {
    let class = |((id, cover), (name, name_fr, color)): ((u8, &Cover), &(&str, &str, [u8; 3]))| Class {
        id,
        name: (*name).to_owned(),
        name_fr: Some((*name_fr).to_owned()),
        code: Some(cover.code().to_owned()),
        color: Color(*color),
        features: true,
    };
    nomenclature((0..).zip(Cover::ALL).zip(&COVERS).map(class).collect())
}

/// The uses, in the order of the nomenclature.
pub(crate) fn uses() -> Nomenclature {
    let class = |(id, of): (u8, &Use)| Class {
        id,
        name: of.code().to_owned(),
        name_fr: None,
        code: Some(of.code().to_owned()),
        color: Color([12 * id, 120, 200]),
        features: false,
    };
    nomenclature((0..).zip(Use::ALL).map(class).collect())
}

fn nomenclature(classes: Vec<Class>) -> Nomenclature {
    Nomenclature::new(classes).expect("classes with ids of their own")
}

/// The column of the area, of the layers of `ocsge.gpkg`.
pub(super) fn area_column() -> Column {
    Column::new("area_m2", ColumnKind::Real)
        .titled("Area (m²)", "Surface (m²)")
        .in_unit("m2")
        .described("Area on the ground.")
        .required()
}

/// The last columns of these layers: state of review, and run.
pub(super) fn review_columns() -> [Column; 2] {
    let text = |name: &str| Column::new(name, ColumnKind::Text);
    [
        text("state")
            .titled("State of review", "État de validation")
            .described("`not_verified` until a named person has decided.")
            .required(),
        text("run_id")
            .titled("Run", "Traitement")
            .described("Identifier of the comparison; the manifest has the same.")
            .required(),
    ]
}

/// Colors of what became artificial or is, of what is not any more, and of what is neither.
const SOILS: [Color; 3] = [Color([202, 0, 32]), Color([5, 113, 176]), Color([244, 220, 170])];

/// How QGIS shows one of these layers: by `artificialisation` or `artif` where it has such a column, else by its cover.
pub(super) fn style(fields: &[Column], titles: Language) -> String {
    let say = |en: &'static str, fr: &'static str| match titles {
        Language::En => en,
        Language::Fr => fr,
    };
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    let of = |key: Key, label: &str, color: Color| Category { key, label: label.to_owned(), color };
    let none = say("no code of the rule", "sans code de la règle");
    if has("artificialisation") {
        let categories = [
            of(1.into(), say("became artificial", "artificialisation"), SOILS[0]),
            of((-1).into(), say("became non-artificial", "désartificialisation"), SOILS[1]),
            of(0.into(), say("neither", "ni l'une ni l'autre"), SOILS[2]),
        ];
        return areas_style(fields, titles, ("artificialisation", &categories), none, &[]);
    }
    if has("artif") {
        let categories = [
            of("artif".into(), say("artificial", "artificialisé"), SOILS[0]),
            of("non artif".into(), say("non-artificial", "non artificialisé"), SOILS[1]),
        ];
        return areas_style(fields, titles, ("artif", &categories), none, &[criteria(titles)]);
    }
    let categories: Vec<Category> = covers()
        .classes()
        .iter()
        .map(|class| {
            let (code, name) = (class.code.clone().unwrap_or_default(), class.name_in(titles));
            of(Key::Text(code.clone()), &format!("{code} {name}"), class.color)
        })
        .collect();
    areas_style(fields, titles, ("code_cs", &categories), say("no code", "sans code"), &[])
}

/// What the values of `crit_seuil` mean.
fn criteria(titles: Language) -> Meanings {
    let texts: [[&str; 2]; 6] = [
        ["the cover and the use", "la couverture et l'usage"],
        [
            "enclosed in artificial soils, below the threshold",
            "enclavé dans des sols artificialisés, sous le seuil",
        ],
        ["artificial, enclosed, below the threshold", "artificialisé, enclavé, sous le seuil"],
        ["a building above its threshold", "un bâtiment au-dessus de son seuil"],
        ["exempt", "exempté"],
        ["undecided", "indécis"],
    ];
    let label = |[en, fr]: [&str; 2]| match titles {
        Language::En => en.to_owned(),
        Language::Fr => fr.to_owned(),
    };
    let labels = (0i64..).zip(texts).map(|(value, texts)| (value.into(), label(texts))).collect();
    Meanings { column: "crit_seuil".to_owned(), labels }
}

/// How these layers are written.
pub(super) const fn layer_options<'a>(
    name: &'a str,
    crs: &'a Crs,
    fields: &'a [Column],
    (titles, style): (Language, &'a str),
) -> LayerOptions<'a> {
    LayerOptions {
        format: LayerFormat::GeoPackage,
        name,
        shape: LayerShape::MultiPolygon,
        crs,
        fields,
        titles,
        spatial_index: true,
        style_qml: Some(style),
        description: "",
        timestamp: TIMESTAMP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cover_has_a_name_and_a_color_of_its_own() {
        let covers = covers();
        assert_eq!((covers.classes().len(), uses().classes().len()), (Cover::ALL.len(), Use::ALL.len()));
        for (i, class) in covers.classes().iter().enumerate() {
            let others = &covers.classes()[i + 1..];
            assert!(others.iter().all(|other| other.name != class.name && other.color != class.color));
        }
        assert_eq!(covers.by_id(12).unwrap().code.as_deref(), Some("CS2.2.1"));
    }
}
