//! Projects.

use std::io::{Cursor, Write as _};

use arpent_base::{Language, short_hash};
use arpent_raster::{Crs, CrsKind};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::QgisError;
use crate::words::Words;
use crate::xml::{Xml, root_attribute};

/// A project with groups of layers, the uppermost first.
#[derive(Debug, Clone)]
pub struct Project<'a> {
    /// Title.
    pub title: &'a str,
    /// What the project shows, in a sentence or two.
    pub description: &'a str,
    /// Language of the project's own texts.
    pub language: Language,
    /// CRS of the map.
    pub crs: &'a Crs,
    /// What the map shows at first: smallest x and y, largest x and y, in units of the CRS.
    pub extent: [f64; 4],
    /// License of the data.
    pub license: Option<&'a str>,
    /// Whom to name as the source, on the map.
    pub attribution: Option<&'a str>,
    /// The layers.
    pub groups: Vec<Group>,
    /// Relations between layers.
    pub relations: Vec<Relation>,
    /// Variables of expressions, by their names.
    pub variables: Vec<(String, String)>,
}

/// Rows of a table that belong to features of a layer. Layers are named as in their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its id, which forms name: letters, digits and underscores.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The table, and its column with the value of the feature.
    pub rows: (String, String),
    /// The layer of the features, and its column.
    pub of: (String, String),
}

/// Layers under one title.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its title.
    pub title: String,
    /// Its layers, the uppermost first.
    pub layers: Vec<ProjectLayer>,
}

/// A layer of a project.
#[derive(Debug, Clone)]
pub struct ProjectLayer {
    /// Its title.
    pub title: String,
    /// Its file, relative to the project: `labels.tif`.
    pub file: String,
    /// Its layer in a file of several layers.
    pub layer: Option<String>,
    /// What it holds.
    pub content: Content,
    /// EPSG code of a CRS other than the project's.
    pub other_epsg: Option<u32>,
    /// Its style, QML.
    pub style: String,
    /// Whether it is drawn at first.
    pub is_shown: bool,
    /// Whether QGIS refuses to edit it.
    pub is_read_only: bool,
}

/// What a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Pixels.
    Raster,
    /// Areas.
    Areas,
    /// Rows without geometry.
    Table,
}

impl ProjectLayer {
    /// The source, as QGIS stores it: relative, beginning with the folder.
    fn source(&self) -> String {
        match (&self.layer, self.content) {
            (None, _) => format!("./{}", self.file),
            // The driver of GDAL names a raster of a GeoPackage so.
            (Some(layer), Content::Raster) => format!("GPKG:./{}:{layer}", self.file),
            (Some(layer), _) => format!("./{}|layername={layer}", self.file),
        }
    }

    const fn provider(&self) -> &'static str {
        match self.content {
            Content::Raster => "gdal",
            Content::Areas | Content::Table => "ogr",
        }
    }

    /// The same for the same source: QGIS takes letters, digits and underscores.
    fn id(&self) -> String {
        let name = self.layer.as_ref().unwrap_or(&self.file);
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        format!("{plain}_{}", short_hash(self.source().as_bytes()))
    }
}

impl Project<'_> {
    /// The project as the archive that QGIS opens (`.qgz`). Equal projects give equal bytes.
    ///
    /// # Errors
    /// [`QgisError`] when a layer's style is not XML, or the archive cannot be written.
    pub fn to_qgz(&self, name: &str) -> Result<Vec<u8>, QgisError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file(format!("{name}.qgs"), options)?;
        archive.write_all(self.to_qgs()?.as_bytes()).map_err(zip::result::ZipError::from)?;
        Ok(archive.finish()?.into_inner())
    }

    /// The project as XML (`.qgs`).
    ///
    /// # Errors
    /// [`QgisError::Style`] when a layer's style is not XML.
    pub fn to_qgs(&self) -> Result<String, QgisError> {
        let mut made = Ok(());
        let text = Xml::compact_document(&[("projectname", self.title)], |xml| {
            xml.empty("homePath", &[("path", "")]);
            xml.text("title", self.title);
            self.relations(xml);
            xml.within("projectCrs", &[], |xml| reference_system(xml, self.crs));
            self.tree(xml);
            self.view(xml);
            xml.within("projectlayers", &[], |xml| {
                made = self.layers().try_for_each(|layer| self.layer(xml, layer));
            });
            xml.within("layerorder", &[], |xml| {
                self.layers().for_each(|layer| xml.empty("layer", &[("id", &layer.id())]));
            });
            self.properties(xml);
            self.metadata(xml);
        });
        made.map(|()| text)
    }

    fn relations(&self, xml: &mut Xml) {
        let id = |name: &str| {
            let named = |layer: &&ProjectLayer| layer.layer.as_deref() == Some(name);
            self.layers().find(named).map(ProjectLayer::id).unwrap_or_default()
        };
        xml.within("relations", &[], |xml| {
            for relation in &self.relations {
                let ((table, column), (layer, of)) = (&relation.rows, &relation.of);
                let attributes = [
                    ("id", &*relation.id),
                    ("name", &relation.title),
                    ("referencingLayer", &id(table)),
                    ("referencedLayer", &id(layer)),
                    ("strength", "Association"),
                ];
                xml.within("relation", &attributes, |xml| {
                    xml.empty("fieldRef", &[("referencingField", column), ("referencedField", of)]);
                });
            }
        });
    }

    fn layers(&self) -> impl Iterator<Item = &ProjectLayer> {
        self.groups.iter().flat_map(|group| &group.layers)
    }

    /// The tree of groups and layers.
    fn tree(&self, xml: &mut Xml) {
        let checked = |is_shown: bool| if is_shown { "Qt::Checked" } else { "Qt::Unchecked" };
        xml.within("layer-tree-group", &[], |xml| {
            for group in self.groups.iter().filter(|group| !group.layers.is_empty()) {
                let attributes = [("name", &*group.title), ("checked", checked(true)), ("expanded", "1")];
                xml.within("layer-tree-group", &attributes, |xml| {
                    for layer in &group.layers {
                        let (id, source) = (layer.id(), layer.source());
                        let attributes = [
                            ("id", &*id),
                            ("name", &layer.title),
                            ("source", &source),
                            ("providerKey", layer.provider()),
                            ("checked", checked(layer.is_shown)),
                            ("expanded", if layer.is_shown { "1" } else { "0" }),
                        ];
                        xml.empty("layer-tree-layer", &attributes);
                    }
                });
            }
        });
    }

    /// What the map shows at first.
    fn view(&self, xml: &mut Xml) {
        let [west, south, east, north] = self.extent.map(|side| side.to_string());
        let sides = [("xmin", &west), ("ymin", &south), ("xmax", &east), ("ymax", &north)];
        let units = match self.crs.kind {
            CrsKind::Geographic => "degrees",
            CrsKind::Mercator { .. } | CrsKind::Projected { .. } => "meters",
        };
        xml.within("mapcanvas", &[("name", "theMapCanvas"), ("annotationsVisible", "1")], |xml| {
            xml.text("units", units);
            xml.within("extent", &[], |xml| sides.iter().for_each(|(side, value)| xml.text(side, value)));
            xml.text("rotation", "0");
            xml.within("destinationsrs", &[], |xml| reference_system(xml, self.crs));
        });
        xml.within("ProjectViewSettings", &[("UseProjectScales", "0")], |xml| {
            let sides = sides.map(|(side, value)| (side, value.as_str()));
            xml.within("DefaultViewExtent", &sides, |xml| reference_system(xml, self.crs));
        });
    }

    fn layer(&self, xml: &mut Xml, layer: &ProjectLayer) -> Result<(), QgisError> {
        let is_labelled = root_attribute(&layer.style, "labelsEnabled");
        let mut attributes = match layer.content {
            Content::Raster => vec![("type", "raster")],
            Content::Areas => vec![("type", "vector"), ("geometry", "Polygon")],
            Content::Table => vec![("type", "vector"), ("geometry", "No geometry")],
        };
        attributes.extend(is_labelled.as_deref().map(|value| ("labelsEnabled", value)));
        attributes.push(("readOnly", if layer.is_read_only { "1" } else { "0" }));
        attributes.push(("autoRefreshEnabled", "0"));
        let mut copied = Ok(());
        xml.within("maplayer", &attributes, |xml| {
            xml.text("id", &layer.id());
            xml.text("datasource", &layer.source());
            xml.text("layername", &layer.title);
            if layer.content != Content::Table {
                xml.within("srs", &[], |xml| match layer.other_epsg {
                    Some(code) => xml.within("spatialrefsys", &[], |xml| code_of(xml, code)),
                    None => reference_system(xml, self.crs),
                });
            }
            xml.within("resourceMetadata", &[], |xml| {
                xml.text("language", Words(self.language).say("ENG", "FRE"));
                xml.text("type", "dataset");
                xml.text("title", &layer.title);
                xml.text("abstract", self.description);
                self.attribution.iter().for_each(|text| xml.text("rights", text));
                self.license.iter().for_each(|text| xml.text("license", text));
            });
            if layer.content == Content::Raster {
                xml.text("provider", layer.provider());
            } else {
                xml.text_with("provider", &[("encoding", "UTF-8")], layer.provider());
            }
            copied = xml.copy_content(&layer.style);
        });
        copied
    }

    /// Relative paths, the CRS, and the source on the map.
    fn properties(&self, xml: &mut Xml) {
        xml.within("properties", &[], |xml| {
            xml.within("Paths", &[], |xml| xml.text_with("Absolute", &[("type", "bool")], "false"));
            // Without it, QGIS ignores the CRS of the project.
            xml.within("SpatialRefSys", &[], |xml| {
                xml.text_with("ProjectionsEnabled", &[("type", "int")], "1");
            });
            if !self.variables.is_empty() {
                xml.within("Variables", &[], |xml| {
                    let list = |xml: &mut Xml, name: &str, pick: fn(&(String, String)) -> &String| {
                        xml.within(name, &[("type", "QStringList")], |xml| {
                            self.variables.iter().for_each(|pair| xml.text("value", pick(pair)));
                        });
                    };
                    list(xml, "variableNames", |(name, _)| name);
                    list(xml, "variableValues", |(_, value)| value);
                });
            }
            if let Some(attribution) = self.attribution {
                xml.within("CopyrightLabel", &[], |xml| {
                    xml.text_with("Enabled", &[("type", "bool")], "true");
                    xml.text_with("Label", &[("type", "QString")], attribution);
                });
            }
        });
    }

    fn metadata(&self, xml: &mut Xml) {
        let words = Words(self.language);
        let license = self.license.map(|license| format!("{} {license}", words.say("License:", "Licence :")));
        let description: Vec<&str> =
            [Some(self.description), self.attribution, license.as_deref()].into_iter().flatten().collect();
        xml.within("projectMetadata", &[], |xml| {
            xml.text("language", words.say("ENG", "FRE"));
            xml.text("type", "dataset");
            xml.text("title", self.title);
            xml.text("abstract", &description.join("\n"));
        });
    }
}

/// A CRS: QGIS takes the code if it has one, else the definition.
fn reference_system(xml: &mut Xml, crs: &Crs) {
    xml.within("spatialrefsys", &[], |xml| {
        xml.text("wkt", &crs.wkt);
        crs.epsg.iter().for_each(|code| code_of(xml, *code));
    });
}

/// QGIS reads a code only beside a number of its own table that is not one of a user's systems; which number does not matter.
fn code_of(xml: &mut Xml, code: u32) {
    xml.text("srsid", "1");
    xml.text("authid", &format!("EPSG:{code}"));
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::raster::{Entry, classes_qml};

    fn crs(epsg: Option<u32>) -> Crs {
        Crs {
            name: "a \"b\"".to_owned(),
            epsg,
            wkt: "PROJCS[\"a & b\"]".to_owned(),
            projjson: String::new(),
            kind: CrsKind::Projected { meters_per_unit: 1.0 },
            semi_major_m: 6_378_137.0,
            inverse_flattening: 298.257,
        }
    }

    fn layer(file: &str, content: Content) -> ProjectLayer {
        let entry =
            Entry { value: 1, label: "a <b> & \"c\"".to_owned(), color: arpent_raster::Color([1, 2, 3]) };
        ProjectLayer {
            title: "l'été <2024>".to_owned(),
            file: file.to_owned(),
            layer: (content != Content::Raster).then(|| "événements".to_owned()),
            content,
            other_epsg: None,
            style: classes_qml(&[entry]),
            is_shown: true,
            is_read_only: true,
        }
    }

    fn project(crs: &Crs) -> Project<'_> {
        let layers = vec![layer("a.gpkg", Content::Areas), layer("b.gpkg", Content::Table)];
        let groups = vec![
            Group { title: "Objets".to_owned(), layers },
            Group { title: "Rien".to_owned(), layers: Vec::new() },
            Group { title: "Rasters".to_owned(), layers: vec![layer("a.tif", Content::Raster)] },
        ];
        Project {
            title: "t & u",
            description: "d",
            language: Language::Fr,
            crs,
            extent: [0.5, 1.0, 2.0, 3.0],
            license: Some("Licence Ouverte 2.0"),
            attribution: Some("IGN"),
            groups,
            relations: vec![Relation {
                id: "of".to_owned(),
                title: "<de>".to_owned(),
                rows: ("événements".to_owned(), "a".to_owned()),
                of: ("événements".to_owned(), "b".to_owned()),
            }],
            variables: vec![("x".to_owned(), "a & b".to_owned())],
        }
    }

    #[test]
    fn a_project_names_its_layers_once_each() {
        let crs = crs(Some(2154));
        let text = project(&crs).to_qgs().unwrap();
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(&text, options).unwrap();
        let all = |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
        let ids: Vec<_> = all("layer-tree-layer").map(|node| node.attribute("id").unwrap()).collect();
        let listed = all("maplayer")
            .map(|node| node.children().find(|c| c.has_tag_name("id")).unwrap().text().unwrap());
        assert_eq!(ids, listed.collect::<Vec<_>>());
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), 3);
        let sources: Vec<_> = all("datasource").filter_map(|node| node.text()).collect();
        assert_eq!(sources, ["./a.gpkg|layername=événements", "./b.gpkg|layername=événements", "./a.tif"]);
        let groups: Vec<_> = all("layer-tree-group").filter_map(|node| node.attribute("name")).collect();
        assert_eq!(groups, ["Objets", "Rasters"], "a group without layers is left out");
        assert!(all("maplayer").all(|node| node.attribute("readOnly") == Some("1")));
        assert_eq!(all("paletteEntry").count(), 3, "every layer has its style");
        assert_eq!(all("license").count(), 3);
        let relation = all("relation").next().unwrap();
        assert_eq!(relation.attribute("referencedLayer"), Some(ids[0]));
        let variables: Vec<_> = all("variableValues").flat_map(|node| node.children()).collect();
        assert_eq!(variables[0].text(), Some("a & b"));
        let codes: Vec<_> = all("authid").filter_map(|node| node.text()).collect();
        assert!(codes.len() > 3 && codes.iter().all(|code| *code == "EPSG:2154"), "{codes:?}");
    }

    #[test]
    fn equal_projects_have_equal_bytes_and_hold_one_file() {
        let crs = crs(None);
        let [a, b] = [project(&crs).to_qgz("map").unwrap(), project(&crs).to_qgz("map").unwrap()];
        assert!(a == b);
        let mut archive = zip::ZipArchive::new(Cursor::new(a)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_name("map.qgs").unwrap();
        assert_eq!(file.last_modified(), Some(DateTime::default()));
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, project(&crs).to_qgs().unwrap());
        assert!(!text.contains("EPSG:") && text.contains("PROJCS[&quot;a &amp; b&quot;]"), "{text}");
    }

    #[test]
    fn a_layer_whose_style_is_not_xml_is_refused() {
        let crs = crs(None);
        let mut project = project(&crs);
        project.groups[0].layers[0].style = "<qgis><a></qgis>".to_owned();
        assert!(matches!(project.to_qgz("map"), Err(QgisError::Style { .. })));
    }
}
