//! QGIS styles.

use std::fmt::Write as _;

use arpent_raster::{Class, Nomenclature};

/// A QGIS 3 style (QML) for polygons: one category per class with features, by the column `class_id`, filled half
/// transparent in the class's color, with an outline.
pub fn qgis_style(nomenclature: &Nomenclature) -> String {
    let classes = || nomenclature.classes().iter().filter(|c| c.features).enumerate();
    let mut qml = String::from(
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n\
         <qgis version=\"3.22.0\" styleCategories=\"Symbology\">\n\
         <renderer-v2 type=\"categorizedSymbol\" attr=\"class_id\" forceraster=\"0\" symbollevels=\"0\" \
         enableorderby=\"0\">\n<categories>\n",
    );
    for (i, class) in classes() {
        let (id, name) = (class.id, escaped(&class.name));
        let line = format!("value=\"{id}\" type=\"long\" label=\"{name}\" symbol=\"{i}\" render=\"true\"");
        let _ = writeln!(qml, "<category {line}/>");
    }
    qml.push_str("</categories>\n<symbols>\n");
    for (i, class) in classes() {
        push_symbol(&mut qml, i, class);
    }
    qml.push_str("</symbols>\n</renderer-v2>\n<layerGeometryType>2</layerGeometryType>\n</qgis>\n");
    qml
}

fn push_symbol(qml: &mut String, index: usize, class: &Class) {
    let [r, g, b] = class.color.0;
    let properties = [
        ("color", format!("{r},{g},{b},110")),
        ("style", "solid".into()),
        ("outline_color", format!("{r},{g},{b},255")),
        ("outline_style", "solid".into()),
        ("outline_width", "0.3".into()),
        ("outline_width_unit", "MM".into()),
        ("joinstyle", "miter".into()),
    ];
    let _ = writeln!(
        qml,
        "<symbol type=\"fill\" name=\"{index}\" alpha=\"1\" clip_to_extent=\"1\" force_rhr=\"0\">\n\
         <layer class=\"SimpleFill\" enabled=\"1\" locked=\"0\" pass=\"0\">\n<Option type=\"Map\">"
    );
    for (key, value) in &properties {
        let _ = writeln!(qml, "<Option type=\"QString\" name=\"{key}\" value=\"{value}\"/>");
    }
    qml.push_str("</Option>\n");
    // QGIS before 3.26 reads these instead.
    for (key, value) in &properties {
        let _ = writeln!(qml, "<prop k=\"{key}\" v=\"{value}\"/>");
    }
    qml.push_str("</layer>\n</symbol>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
