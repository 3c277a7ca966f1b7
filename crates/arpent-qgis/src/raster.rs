//! Styles of rasters, as QML.

use arpent_raster::Color;

use crate::xml::Xml;

/// A row of a raster's legend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value of the pixels.
    pub value: u8,
    /// What the legend says.
    pub label: String,
    /// Its color.
    pub color: Color,
}

/// A stop of a color ramp.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// The value: scale and offset of the band are applied.
    pub value: f64,
    /// What the legend says.
    pub label: String,
    /// Its color.
    pub color: Color,
}

/// A style for a raster of one band whose values are classes; its legend has these entries and no others.
pub fn classes_qml(entries: &[Entry]) -> String {
    document(|xml| {
        let attributes =
            [("type", "paletted"), ("band", "1"), ("opacity", "1"), ("alphaBand", "-1"), ("nodataColor", "")];
        xml.within("rasterrenderer", &attributes, |xml| {
            xml.within("colorPalette", &[], |xml| {
                for Entry { value, label, color } in entries {
                    let (value, color) = (value.to_string(), color.to_string());
                    let entry = [("value", &*value), ("label", label), ("color", &color), ("alpha", "255")];
                    xml.empty("paletteEntry", &entry);
                }
            });
        });
    })
}

/// A style for a raster of one band whose values are measured: colors between the stops are interpolated.
///
/// QGIS need not compute statistics for it, which it would store beside the file.
pub fn ramp_qml(stops: &[Stop]) -> String {
    let ends = [stops.first(), stops.last()].map(|stop| stop.map_or(0.0, |stop| stop.value).to_string());
    let [low, high] = &ends;
    document(|xml| {
        let attributes = [
            ("type", "singlebandpseudocolor"),
            ("band", "1"),
            ("opacity", "1"),
            ("alphaBand", "-1"),
            ("nodataColor", ""),
            ("classificationMin", low),
            ("classificationMax", high),
        ];
        xml.within("rasterrenderer", &attributes, |xml| {
            xml.within("minMaxOrigin", &[], |xml| {
                xml.text("limits", "None");
                xml.text("extent", "WholeRaster");
                xml.text("statAccuracy", "Estimated");
            });
            xml.within("rastershader", &[], |xml| {
                let shader = [
                    ("colorRampType", "INTERPOLATED"),
                    ("classificationMode", "1"),
                    ("minimumValue", low),
                    ("maximumValue", high),
                    ("clip", "0"),
                    ("labelPrecision", "2"),
                ];
                xml.within("colorrampshader", &shader, |xml| {
                    for Stop { value, label, color } in stops {
                        let (value, color) = (value.to_string(), color.to_string());
                        let item =
                            [("value", &*value), ("label", label), ("color", &color), ("alpha", "255")];
                        xml.empty("item", &item);
                    }
                    // A row for each stop, with its label, instead of a bar.
                    xml.empty("rampLegendSettings", &[("useContinuousLegend", "0")]);
                });
            });
        });
    })
}

/// A style for a picture of red, green, blue and alpha, drawn as it is.
pub fn picture_qml() -> String {
    document(|xml| {
        let attributes = [
            ("type", "multibandcolor"),
            ("redBand", "1"),
            ("greenBand", "2"),
            ("blueBand", "3"),
            ("alphaBand", "4"),
            ("opacity", "1"),
            ("nodataColor", ""),
        ];
        xml.empty("rasterrenderer", &attributes);
    })
}

fn document(renderer: impl FnOnce(&mut Xml)) -> String {
    Xml::document(&[("styleCategories", "AllStyleCategories")], |xml| {
        xml.within("pipe", &[], renderer);
        xml.text("blendMode", "0");
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_has_the_rows_that_are_given_and_no_others() {
        let entry = |value, label: &str| Entry { value, label: label.to_owned(), color: Color([255, 1, 16]) };
        let qml = classes_qml(&[entry(0, "a"), entry(254, "b <c>")]);
        assert_eq!(qml.matches("<paletteEntry ").count(), 2);
        assert!(qml.contains("value=\"254\" label=\"b &lt;c&gt;\" color=\"#ff0110\""), "{qml}");
        let stop = |value| Stop { value, label: format!("{value}"), color: Color([0, 0, 0]) };
        let qml = ramp_qml(&[stop(0.0), stop(0.5), stop(1.0)]);
        assert_eq!(qml.matches("<item ").count(), 3);
        assert!(qml.contains("classificationMin=\"0\"") && qml.contains("maximumValue=\"1\""), "{qml}");
    }
}
