//! Styles of vector layers and tables, as QML.

use arpent_base::{Column, ColumnKind, Language};
use arpent_raster::Color;

use crate::expression;
use crate::form::Form;
use crate::key::Key;
use crate::tip::{self, Shown};
use crate::xml::Xml;

/// How opaque the fill of an area is, of 255: imagery stays readable below it.
const FILL: u8 = 90;

/// A row of a layer's legend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// The value.
    pub key: Key,
    /// What the legend says.
    pub label: String,
    /// Its color.
    pub color: Color,
}

/// How features are drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawn<'a> {
    /// By the values of a column: filled half transparent, with an outline in the full color.
    Categories {
        /// The column.
        column: &'a str,
        /// Its values.
        categories: &'a [Category],
        /// Label of features without one of these values; such features are not drawn without it.
        others: Option<&'a str>,
        /// Width of the outlines, millimeters: what is scattered over a map of other areas needs a wide one.
        outline_mm: f64,
    },
    /// Outlines alone, with the text of a column.
    Outlines {
        /// The column of the labels.
        label: &'a str,
    },
    /// Lines, drawn like outlines, with the text of a column.
    Lines {
        /// The column of the labels.
        label: &'a str,
    },
    /// A table has nothing to draw.
    Table,
}

impl Drawn<'_> {
    /// The kind of geometry that QGIS gives the style to.
    const fn geometry(&self) -> &'static str {
        match self {
            Self::Lines { .. } => "1",
            Self::Categories { .. } | Self::Outlines { .. } => "2",
            Self::Table => "4",
        }
    }
}

/// What the values of a column mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meanings {
    /// The column.
    pub column: String,
    /// Its values and their labels.
    pub labels: Vec<(Key, String)>,
}

/// How QGIS shows a layer.
#[derive(Debug, Clone)]
pub struct LayerStyle<'a> {
    /// The columns: their titles become aliases.
    pub columns: &'a [Column],
    /// Language of all texts.
    pub language: Language,
    /// How features are drawn.
    pub drawn: Drawn<'a>,
    /// What values mean: forms, tables and map tips show the labels.
    pub meanings: &'a [Meanings],
    /// Columns that a map tip shows, in this order: the first is its heading. Those that the layer lacks are left out.
    pub tip: &'a [&'a str],
}

impl LayerStyle<'_> {
    /// The style as QML, which QGIS 3.22 and later read.
    pub fn to_qml(&self) -> String {
        self.to_qml_with(None)
    }

    /// The style for a file of the same name as a layer and as a table, such as `zones.gpkg` and `zones.csv`: QGIS refuses a
    /// style that names another kind of geometry than the file has, and this one names none.
    pub fn to_qml_of_any_geometry(&self) -> String {
        self.write(None, None)
    }

    /// The style with a form in which rows are entered.
    pub fn to_qml_with(&self, form: Option<&Form<'_>>) -> String {
        self.write(form, Some(self.drawn.geometry()))
    }

    fn write(&self, form: Option<&Form<'_>>, geometry: Option<&str>) -> String {
        let is_labelled = matches!(self.drawn, Drawn::Outlines { .. } | Drawn::Lines { .. });
        let attributes = [
            ("styleCategories", "Symbology|Labeling|Fields|Forms|MapTips"),
            ("labelsEnabled", if is_labelled { "1" } else { "0" }),
        ];
        Xml::document(&attributes, |xml| {
            match &self.drawn {
                Drawn::Categories { column, categories, others, outline_mm } => {
                    by_category(xml, (column, categories), *others, *outline_mm);
                }
                Drawn::Outlines { label } => outlines(xml, label, "fill"),
                Drawn::Lines { label } => outlines(xml, label, "line"),
                Drawn::Table => {}
            }
            self.fields(xml, form);
            if let Some(form) = form {
                form.write(xml, self.columns);
            }
            let shown: Vec<Shown<'_>> = self.tip.iter().filter_map(|name| self.shown(name)).collect();
            if let Some(heading) = shown.first() {
                xml.text("previewExpression", &expression::column(&heading.column.name));
                xml.text_with("mapTip", &[("enabled", "1")], &tip::template(&shown, self.language));
            }
            if let Some(geometry) = geometry {
                xml.text("layerGeometryType", geometry);
            }
        })
    }

    /// A column for a map tip, if the layer has it. A name with `%]` cannot stand in one: it would end the expression.
    fn shown(&self, name: &str) -> Option<Shown<'_>> {
        let column = self.columns.iter().find(|column| column.name == name && !name.contains("%]"))?;
        Some(Shown { column, labels: self.labels(name) })
    }

    /// The labels of a column's values.
    fn labels(&self, name: &str) -> Option<&[(Key, String)]> {
        self.meanings.iter().find(|meanings| meanings.column == name).map(|meanings| &*meanings.labels)
    }

    /// Aliases, and how fields are edited.
    fn fields(&self, xml: &mut Xml, form: Option<&Form<'_>>) {
        xml.within("fieldConfiguration", &[], |xml| {
            for column in self.columns {
                xml.within("field", &[("name", &column.name), ("configurationFlags", "None")], |xml| {
                    let widget = form.and_then(|form| form.widget(&column.name));
                    match (widget, self.labels(&column.name)) {
                        (Some(widget), _) => widget.write(xml),
                        (None, Some(labels)) => value_map(xml, labels),
                        (None, None) => plain_widget(xml, column.kind),
                    }
                });
            }
        });
        xml.within("aliases", &[], |xml| {
            for (at, column) in self.columns.iter().enumerate() {
                let (at, title) = (at.to_string(), column.title.of(self.language));
                xml.empty("alias", &[("field", &column.name), ("index", &at), ("name", title)]);
            }
        });
    }
}

/// A list of values with their labels.
fn value_map(xml: &mut Xml, labels: &[(Key, String)]) {
    xml.within("editWidget", &[("type", "ValueMap")], |xml| {
        xml.within("config", &[], |xml| {
            xml.within("Option", &[("type", "Map")], |xml| {
                xml.within("Option", &[("name", "map"), ("type", "List")], |xml| {
                    for (key, label) in labels {
                        xml.options(&[(label, &key.text())]);
                    }
                });
            });
        });
    });
}

fn plain_widget(xml: &mut Xml, kind: ColumnKind) {
    // A range would show a missing number as its lowest one.
    let multiline = if kind == ColumnKind::Text { "true" } else { "false" };
    xml.within("editWidget", &[("type", "TextEdit")], |xml| {
        xml.within("config", &[], |xml| {
            xml.within("Option", &[("type", "Map")], |xml| {
                xml.empty("Option", &[("name", "IsMultiline"), ("type", "bool"), ("value", multiline)]);
                xml.empty("Option", &[("name", "UseHtml"), ("type", "bool"), ("value", "false")]);
            });
        });
    });
}

fn by_category(
    xml: &mut Xml,
    (column, categories): (&str, &[Category]),
    others: Option<&str>,
    outline_mm: f64,
) {
    const OTHER: Color = Color([128, 128, 128]);
    let attributes = [
        ("type", "categorizedSymbol"),
        ("attr", column),
        ("forceraster", "0"),
        ("symbollevels", "0"),
        ("enableorderby", "0"),
    ];
    xml.within("renderer-v2", &attributes, |xml| {
        xml.within("categories", &[], |xml| {
            for (at, category) in categories.iter().enumerate() {
                let (at, value) = (at.to_string(), category.key.text());
                xml.empty(
                    "category",
                    &[
                        ("value", &value),
                        ("type", category.key.kind()),
                        ("label", &category.label),
                        ("symbol", &at),
                        ("render", "true"),
                    ],
                );
            }
            if let Some(label) = others {
                let at = categories.len().to_string();
                xml.empty(
                    "category",
                    &[
                        ("value", ""),
                        ("type", "string"),
                        ("label", label),
                        ("symbol", &at),
                        ("render", "true"),
                    ],
                );
            }
        });
        xml.within("symbols", &[], |xml| {
            let colors = categories.iter().map(|category| category.color);
            for (at, color) in colors.chain(others.map(|_| OTHER)).enumerate() {
                fill(xml, at, color, outline_mm);
            }
        });
    });
}

/// A half transparent area with an outline.
fn fill(xml: &mut Xml, at: usize, color: Color, outline_mm: f64) {
    let [r, g, b] = color.0;
    let (inside, outline) = (format!("{r},{g},{b},{FILL}"), format!("{r},{g},{b},255"));
    let width = outline_mm.to_string();
    symbol(
        xml,
        at,
        "SimpleFill",
        &[
            ("color", &inside),
            ("style", "solid"),
            ("outline_color", &outline),
            ("outline_style", "solid"),
            ("outline_width", &width),
            ("outline_width_unit", "MM"),
            ("joinstyle", "miter"),
        ],
    );
}

/// Outlines in white on black, which stand out from imagery and from maps, with labels.
fn outlines(xml: &mut Xml, label: &str, kind: &str) {
    let attributes =
        [("type", "singleSymbol"), ("forceraster", "0"), ("symbollevels", "0"), ("enableorderby", "0")];
    xml.within("renderer-v2", &attributes, |xml| {
        xml.within("symbols", &[], |xml| {
            let line = |width: &'static str, color: &'static str| {
                [
                    ("line_color", color),
                    ("line_width", width),
                    ("line_width_unit", "MM"),
                    ("line_style", "solid"),
                    ("joinstyle", "miter"),
                ]
            };
            symbol_of(
                xml,
                (0, kind),
                &[("SimpleLine", &line("0.9", "0,0,0,255")), ("SimpleLine", &line("0.4", "255,255,255,255"))],
            );
        });
    });
    xml.within("labeling", &[("type", "simple")], |xml| {
        xml.within("settings", &[], |xml| {
            let text = [
                ("fieldName", label),
                ("isExpression", "0"),
                ("fontSize", "9"),
                ("fontSizeUnit", "Point"),
                ("textColor", "0,0,0,255"),
                ("textOpacity", "1"),
            ];
            xml.within("text-style", &text, |xml| {
                let buffer = [
                    ("bufferDraw", "1"),
                    ("bufferSize", "1"),
                    ("bufferSizeUnits", "MM"),
                    ("bufferColor", "255,255,255,255"),
                    ("bufferOpacity", "1"),
                ];
                xml.empty("text-buffer", &buffer);
            });
        });
    });
}

fn symbol(xml: &mut Xml, at: usize, class: &str, properties: &[(&str, &str)]) {
    symbol_of(xml, (at, "fill"), &[(class, properties)]);
}

fn symbol_of(xml: &mut Xml, (at, kind): (usize, &str), layers: &[(&str, &[(&str, &str)])]) {
    let name = at.to_string();
    let attributes =
        [("type", kind), ("name", &*name), ("alpha", "1"), ("clip_to_extent", "1"), ("force_rhr", "0")];
    xml.within("symbol", &attributes, |xml| {
        for (class, properties) in layers {
            let attributes = [("class", *class), ("enabled", "1"), ("locked", "0"), ("pass", "0")];
            xml.within("layer", &attributes, |xml| xml.options(properties));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(qml: &str) -> roxmltree::Document<'_> {
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        roxmltree::Document::parse_with_options(qml, options).unwrap()
    }

    const HOSTILE: &str = "roof <flat> & \"green\" 'x' %] [% 1 %] \\";

    fn columns() -> [Column; 3] {
        [
            Column::new("class_name", ColumnKind::Text).titled("Class", HOSTILE).required(),
            Column::new("score", ColumnKind::Real).titled("Score", HOSTILE),
            Column::new("a %] b", ColumnKind::Text),
        ]
    }

    #[test]
    fn lines_have_a_symbol_of_lines_and_a_style_beside_a_table_names_no_geometry() {
        let columns = columns();
        let of =
            |drawn| LayerStyle { columns: &columns, language: Language::Fr, drawn, meanings: &[], tip: &[] };
        for (drawn, kind, geometry) in [
            (Drawn::Outlines { label: "class_name" }, "fill", "2"),
            (Drawn::Lines { label: "class_name" }, "line", "1"),
        ] {
            let style = of(drawn);
            let (own, beside) = (style.to_qml(), style.to_qml_of_any_geometry());
            let document = document(&own);
            let symbol = document.descendants().find(|node| node.has_tag_name("symbol")).unwrap();
            assert_eq!(symbol.attribute("type"), Some(kind));
            let named = document.descendants().find(|node| node.has_tag_name("layerGeometryType"));
            assert_eq!(named.and_then(|node| node.text()), Some(geometry));
            assert_eq!(beside.matches("layerGeometryType").count(), 0);
            assert!(beside.contains("labelsEnabled=\"1\""), "{beside}");
        }
    }

    #[test]
    fn a_style_has_the_categories_aliases_and_labels_that_are_given_and_no_others() {
        let categories = [
            Category { key: 1.into(), label: HOSTILE.to_owned(), color: Color([1, 2, 3]) },
            Category { key: 7.into(), label: "b".to_owned(), color: Color([4, 5, 6]) },
        ];
        let meanings =
            [Meanings { column: "class_name".into(), labels: vec![(HOSTILE.into(), HOSTILE.to_owned())] }];
        let columns = columns();
        let style = |others| {
            LayerStyle {
                columns: &columns,
                language: Language::Fr,
                drawn: Drawn::Categories {
                    column: "class_id",
                    categories: &categories,
                    others,
                    outline_mm: 0.3,
                },
                meanings: &meanings,
                tip: &["missing", "class_name", "score", "a %] b"],
            }
            .to_qml()
        };
        let qml = style(None);
        let document = document(&qml);
        let all = |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
        let labels: Vec<_> = all("category").filter_map(|node| node.attribute("label")).collect();
        assert_eq!(labels, [HOSTILE, "b"]);
        assert_eq!(all("symbol").count(), 2);
        let aliases: Vec<_> = all("alias").filter_map(|node| node.attribute("name")).collect();
        assert_eq!(aliases, [HOSTILE, HOSTILE, "a %] b"]);
        let widgets: Vec<_> = all("editWidget").filter_map(|node| node.attribute("type")).collect();
        assert_eq!(widgets, ["ValueMap", "TextEdit", "TextEdit"]);
        // Expressions of the tip begin and end where the style says, whatever the texts.
        let tip = all("mapTip").next().unwrap().text().unwrap();
        assert_eq!((tip.matches("[%").count(), tip.matches("%]").count()), (2, 2), "{tip}");
        assert!(tip.contains("map_get(map(") && tip.contains("'aucun'"), "{tip}");
        let others = style(Some("none"));
        assert_eq!(others.matches("<category ").count(), 3);
        assert_eq!(others.matches("<symbol ").count(), 3);
    }

    #[test]
    fn outlines_are_labelled_and_tables_have_nothing_to_draw() {
        let columns = columns();
        let style = |drawn| {
            LayerStyle { columns: &columns, language: Language::En, drawn, meanings: &[], tip: &[] }.to_qml()
        };
        let zones = style(Drawn::Outlines { label: "a %] b" });
        let zones = document(&zones);
        assert_eq!(zones.root_element().attribute("labelsEnabled"), Some("1"));
        let text = zones.descendants().find(|node| node.has_tag_name("text-style")).unwrap();
        assert_eq!(text.attribute("fieldName"), Some("a %] b"));
        let table = style(Drawn::Table);
        assert!(!table.contains("renderer-v2") && table.contains("alias"));
    }
}
