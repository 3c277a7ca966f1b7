//! The classes of OCS GE, land cover and land use, as nomenclatures of rasters; what its layers have in common.

use arpent_base::{Column, ColumnKind, Language};
use arpent_change::balance::{Cover, Use};
use arpent_gdal::{LayerFormat, LayerOptions, LayerShape};
use arpent_raster::{Class, Color, Crs, Nomenclature};

use crate::map::TIMESTAMP;

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

/// How these layers are written.
pub(super) const fn layer_options<'a>(
    name: &'a str,
    crs: &'a Crs,
    fields: &'a [Column],
    titles: Language,
) -> LayerOptions<'a> {
    LayerOptions {
        format: LayerFormat::GeoPackage,
        name,
        shape: LayerShape::MultiPolygon,
        crs,
        fields,
        titles,
        spatial_index: true,
        style_qml: None,
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
