//! Forms: how rows are entered.

use arpent_base::Column;

use crate::xml::Xml;

/// The form of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form<'a> {
    /// What is said of columns; others have the widget of their type.
    pub fields: &'a [FormField<'a>],
    /// Its tabs: columns that none of them has are not shown.
    pub tabs: &'a [FormTab<'a>],
    /// Whether rows cannot be changed in the form.
    pub is_read_only: bool,
}

/// How a column is entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormField<'a> {
    /// The column.
    pub column: &'a str,
    /// Its widget, if it is not that of its type or of its list of values.
    pub widget: Option<Widget<'a>>,
    /// Expression of its value in a new row; empty for none.
    pub default: &'a str,
    /// Whether the expression is evaluated again when other values change.
    pub follows: bool,
    /// Whether a row without a value is refused.
    pub is_required: bool,
    /// Expression that must hold, and what is said if it does not.
    pub constraint: Option<(&'a str, &'a str)>,
    /// Whether it is shown and not entered.
    pub is_fixed: bool,
}

/// A widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Widget<'a> {
    /// Not shown.
    Hidden,
    /// A feature of a relation, chosen from a list or on the map.
    Reference {
        /// Id of the relation.
        relation: &'a str,
    },
    /// One line of text.
    Line,
}

/// A tab of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormTab<'a> {
    /// Its title.
    pub title: &'a str,
    /// What it shows, in order.
    pub items: &'a [FormItem<'a>],
}

/// An item of a tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormItem<'a> {
    /// A column.
    Field(&'a str),
    /// The rows of a relation, to which rows are added here.
    Rows {
        /// Id of the relation.
        relation: &'a str,
        /// Their title.
        title: &'a str,
    },
}

const fn flag(value: bool) -> &'static str {
    if value { "1" } else { "0" }
}

impl Widget<'_> {
    pub(crate) fn write(self, xml: &mut Xml) {
        let with = |xml: &mut Xml, kind: &str, options: &[(&str, &str, &str)]| {
            xml.within("editWidget", &[("type", kind)], |xml| {
                xml.within("config", &[], |xml| {
                    xml.within("Option", &[("type", "Map")], |xml| {
                        for (name, kind, value) in options {
                            xml.empty("Option", &[("name", name), ("type", kind), ("value", value)]);
                        }
                    });
                });
            });
        };
        match self {
            Self::Hidden => with(xml, "Hidden", &[]),
            Self::Line => {
                with(xml, "TextEdit", &[("IsMultiline", "bool", "false"), ("UseHtml", "bool", "false")]);
            }
            Self::Reference { relation } => with(
                xml,
                "RelationReference",
                &[
                    ("Relation", "QString", relation),
                    ("AllowNULL", "bool", "false"),
                    ("AllowAddFeatures", "bool", "false"),
                    ("MapIdentification", "bool", "true"),
                    ("ShowForm", "bool", "false"),
                    ("OrderByValue", "bool", "true"),
                    // A list of at most so many features; others are found by typing.
                    ("FetchLimitActive", "bool", "true"),
                    ("FetchLimitNumber", "int", "200"),
                ],
            ),
        }
    }
}

impl<'a> Form<'a> {
    /// The widget of a column, if the form has one of its own.
    pub(crate) fn widget(&self, column: &str) -> Option<Widget<'a>> {
        self.fields.iter().find(|field| field.column == column).and_then(|field| field.widget)
    }

    /// Defaults, constraints, layout and what may be edited.
    pub(crate) fn write(&self, xml: &mut Xml, columns: &[Column]) {
        xml.within("defaults", &[], |xml| {
            for field in self.fields.iter().filter(|field| !field.default.is_empty()) {
                let follows = flag(field.follows);
                let attributes =
                    [("field", field.column), ("expression", field.default), ("applyOnUpdate", follows)];
                xml.empty("default", &attributes);
            }
        });
        xml.within("constraints", &[], |xml| {
            for field in self.fields {
                // 1: not null, 4: an expression; strength 1: a row that does not fit is refused.
                let kinds = u8::from(field.is_required) + if field.constraint.is_some() { 4 } else { 0 };
                let attributes = [
                    ("field", field.column),
                    ("constraints", &kinds.to_string()),
                    ("notnull_strength", flag(field.is_required)),
                    ("unique_strength", "0"),
                    ("exp_strength", flag(field.constraint.is_some())),
                ];
                xml.empty("constraint", &attributes);
            }
        });
        xml.within("constraintExpressions", &[], |xml| {
            for field in self.fields {
                if let Some((expression, message)) = field.constraint {
                    let attributes = [("field", field.column), ("exp", expression), ("desc", message)];
                    xml.empty("constraint", &attributes);
                }
            }
        });
        xml.text("editorlayout", "tablayout");
        xml.within("attributeEditorForm", &[], |xml| {
            for tab in self.tabs {
                let attributes = [
                    ("name", tab.title),
                    ("groupBox", "0"),
                    ("columnCount", "1"),
                    ("showLabel", "1"),
                    ("visibilityExpressionEnabled", "0"),
                    ("visibilityExpression", ""),
                ];
                xml.within("attributeEditorContainer", &attributes, |xml| {
                    tab.items.iter().for_each(|item| item.write(xml, columns));
                });
            }
        });
        xml.within("editable", &[], |xml| {
            let is_fixed = |name: &str| {
                self.is_read_only || self.fields.iter().any(|field| field.column == name && field.is_fixed)
            };
            for column in columns {
                xml.empty("field", &[("name", &column.name), ("editable", flag(!is_fixed(&column.name)))]);
            }
        });
        xml.within("labelOnTop", &[], |_| {});
    }
}

impl FormItem<'_> {
    fn write(self, xml: &mut Xml, columns: &[Column]) {
        match self {
            Self::Field(name) => {
                // A form does not show what the layer lacks.
                if let Some(at) = columns.iter().position(|column| column.name == name) {
                    let attributes = [("name", name), ("index", &at.to_string()), ("showLabel", "1")];
                    xml.empty("attributeEditorField", &attributes);
                }
            }
            Self::Rows { relation, title } => {
                let attributes = [
                    ("name", relation),
                    ("relation", relation),
                    ("label", title),
                    ("showLabel", "1"),
                    ("nmRelationId", ""),
                    ("forceSuppressFormPopup", "0"),
                    ("relationWidgetTypeId", "relation_editor"),
                ];
                xml.within("attributeEditorRelation", &attributes, |xml| {
                    xml.within("editor_configuration", &[("type", "Map")], |xml| {
                        // Rows are added here, and neither removed nor taken from another feature.
                        let buttons = "AddChildFeature|SaveChildEdits|ZoomToChildFeature";
                        let button = [("name", "buttons"), ("type", "QString"), ("value", buttons)];
                        xml.empty("Option", &button);
                        let first = [("name", "show_first_feature"), ("type", "bool"), ("value", "true")];
                        xml.empty("Option", &first);
                    });
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arpent_base::{Column, ColumnKind, Language};

    use super::*;
    use crate::style::{Drawn, LayerStyle};

    #[test]
    fn a_form_has_the_fields_that_are_there_and_hostile_texts_stay_texts() {
        const HOSTILE: &str = "a <b> & \"c\" 'd' %]";
        let columns = [
            Column::new("verdict", ColumnKind::Text).titled("Verdict", HOSTILE),
            Column::new("uuid", ColumnKind::Text),
        ];
        let fields = [
            FormField {
                column: "verdict",
                is_required: true,
                constraint: Some(("\"verdict\" <> ''", HOSTILE)),
                ..FormField::default()
            },
            FormField {
                column: "uuid",
                widget: Some(Widget::Hidden),
                default: "uuid('Id128')",
                is_fixed: true,
                ..FormField::default()
            },
        ];
        let items = [
            FormItem::Field("verdict"),
            FormItem::Field("none"),
            FormItem::Rows { relation: "r", title: HOSTILE },
        ];
        let form =
            Form { fields: &fields, tabs: &[FormTab { title: HOSTILE, items: &items }], is_read_only: false };
        let style = LayerStyle {
            columns: &columns,
            language: Language::Fr,
            drawn: Drawn::Table,
            meanings: &[],
            tip: &[],
        };
        let qml = style.to_qml_with(Some(&form));
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(&qml, options).unwrap();
        let all = |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
        assert_eq!(all("attributeEditorField").count(), 1);
        assert_eq!(all("attributeEditorRelation").next().unwrap().attribute("label"), Some(HOSTILE));
        let kinds: Vec<_> = all("constraint").filter_map(|node| node.attribute("constraints")).collect();
        assert_eq!(kinds, ["5", "0"]);
        let widgets: Vec<_> = all("editWidget").filter_map(|node| node.attribute("type")).collect();
        assert_eq!(widgets, ["TextEdit", "Hidden"]);
        let editable: Vec<_> = all("field").filter_map(|node| node.attribute("editable")).collect();
        assert_eq!(editable, ["1", "0"]);
    }
}
