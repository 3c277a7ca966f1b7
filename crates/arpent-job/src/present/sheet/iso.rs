//! ISO 19115 in the XML of ISO 19139, as INSPIRE and French geocatalogs take it.
//!
//! Order and names are those of the schemas; texts of INSPIRE those of its technical guidance 2.0 in French.

use arpent_publish::is_web_address;

use super::facts::Sheet;
use super::xml::Node;

const CODES: &str = "http://standards.iso.org/iso/19139/resources/gmxCodelists.xml";
const LANGUAGES: &str = "http://www.loc.gov/standards/iso639-2/";
const NAMESPACES: [(&str, &str); 4] = [
    ("xmlns:gmd", "http://www.isotc211.org/2005/gmd"),
    ("xmlns:gco", "http://www.isotc211.org/2005/gco"),
    ("xmlns:gml", "http://www.opengis.net/gml/3.2"),
    ("xmlns:xlink", "http://www.w3.org/1999/xlink"),
];
const NOT_VERIFIED: &str =
    "Proposition automatique, non vérifiée par une personne\u{a0}: ne vaut ni constat ni décision.";

/// The metadata of an output.
pub(super) fn metadata(sheet: &Sheet) -> Node {
    let root = Node::of(
        "gmd:MD_Metadata",
        [
            characters("gmd:fileIdentifier", &sheet.id),
            language(),
            code("gmd:characterSet", "gmd:MD_CharacterSetCode", "utf8"),
            code("gmd:hierarchyLevel", "gmd:MD_ScopeCode", "dataset"),
            party("gmd:contact", sheet, "pointOfContact"),
            Node::of("gmd:dateStamp", [Node::text("gco:Date", &sheet.created)]),
            characters("gmd:metadataStandardName", "ISO 19115"),
            characters("gmd:metadataStandardVersion", "2003/Cor.1:2006"),
            reference_system(sheet),
            Node::of("gmd:identificationInfo", [identification(sheet)]),
            distribution(sheet),
            quality(sheet),
        ],
    );
    NAMESPACES.into_iter().fold(root, |root, (name, value)| root.with(name, value))
}

fn characters(name: &'static str, text: &str) -> Node {
    Node::of(name, [Node::text("gco:CharacterString", text)])
}

/// A value of a code list.
fn code(name: &'static str, list: &'static str, value: &str) -> Node {
    let at = format!("{CODES}#{}", list.trim_start_matches("gmd:"));
    Node::of(name, [Node::text(list, value).with("codeList", &at).with("codeListValue", value)])
}

fn language() -> Node {
    let french = Node::text("gmd:LanguageCode", "fre").with("codeList", LANGUAGES);
    Node::of("gmd:language", [french.with("codeListValue", "fre")])
}

fn unknown(name: &'static str) -> Node {
    Node::of(name, []).with("gco:nilReason", "unknown")
}

/// Who answers for the output; missing where nobody is configured.
fn party(name: &'static str, sheet: &Sheet, role: &str) -> Node {
    let contact = sheet.contact.as_deref();
    let mut nodes = match (&sheet.organization, contact) {
        (None, None) => return Node::of(name, []).with("gco:nilReason", "missing"),
        (Some(organization), _) => vec![characters("gmd:organisationName", organization)],
        (None, Some(contact)) => vec![characters("gmd:individualName", contact)],
    };
    let reached = contact.map(|contact| {
        let how = if is_web_address(contact) {
            Node::of("gmd:onlineResource", [Node::of("gmd:CI_OnlineResource", [linkage(contact)])])
        } else if contact.contains('@') {
            let mail = characters("gmd:electronicMailAddress", contact);
            Node::of("gmd:address", [Node::of("gmd:CI_Address", [mail])])
        } else {
            characters("gmd:contactInstructions", contact)
        };
        Node::of("gmd:contactInfo", [Node::of("gmd:CI_Contact", [how])])
    });
    nodes.extend(reached);
    nodes.push(code("gmd:role", "gmd:CI_RoleCode", role));
    Node::of(name, [Node::of("gmd:CI_ResponsibleParty", nodes)])
}

fn linkage(address: &str) -> Node {
    Node::of("gmd:linkage", [Node::text("gmd:URL", address)])
}

fn reference_system(sheet: &Sheet) -> Node {
    let identifier = match sheet.epsg {
        Some(epsg) => {
            let address = format!("http://www.opengis.net/def/crs/EPSG/0/{epsg}");
            vec![characters("gmd:code", &address), characters("gmd:codeSpace", "EPSG")]
        }
        None => vec![characters("gmd:code", &sheet.crs)],
    };
    let identifier = Node::of("gmd:referenceSystemIdentifier", [Node::of("gmd:RS_Identifier", identifier)]);
    Node::of("gmd:referenceSystemInfo", [Node::of("gmd:MD_ReferenceSystem", [identifier])])
}

fn identification(sheet: &Sheet) -> Node {
    let id = Node::of("gmd:MD_Identifier", [characters("gmd:code", &sheet.id)]);
    let citation = Node::of(
        "gmd:CI_Citation",
        [
            characters("gmd:title", &sheet.title),
            date(&sheet.created, "creation"),
            date(&sheet.created, "publication"),
            Node::of("gmd:identifier", [id]),
        ],
    );
    let mut nodes =
        vec![Node::of("gmd:citation", [citation]), characters("gmd:abstract", &sheet.summary.join("\n"))];
    nodes.extend(sheet.attribution.as_ref().map(|attribution| characters("gmd:credit", attribution)));
    nodes.push(code("gmd:status", "gmd:MD_ProgressCode", "completed"));
    nodes.push(party("gmd:pointOfContact", sheet, "owner"));
    let frequency =
        code("gmd:maintenanceAndUpdateFrequency", "gmd:MD_MaintenanceFrequencyCode", "notPlanned");
    nodes.push(Node::of("gmd:resourceMaintenance", [Node::of("gmd:MD_MaintenanceInformation", [frequency])]));
    nodes.extend(keywords(sheet));
    nodes.extend(constraints(sheet));
    for kind in ["vector", "grid"] {
        nodes.push(code("gmd:spatialRepresentationType", "gmd:MD_SpatialRepresentationTypeCode", kind));
    }
    nodes.push(resolution(sheet.gsd_m));
    nodes.push(language());
    nodes.push(code("gmd:characterSet", "gmd:MD_CharacterSetCode", "utf8"));
    let topic = Node::text("gmd:MD_TopicCategoryCode", "imageryBaseMapsEarthCover");
    nodes.push(Node::of("gmd:topicCategory", [topic]));
    nodes.push(extent(sheet));
    Node::of("gmd:MD_DataIdentification", nodes)
}

fn date(day: &str, kind: &str) -> Node {
    let day = Node::of("gmd:date", [Node::text("gco:Date", day)]);
    let kind = code("gmd:dateType", "gmd:CI_DateTypeCode", kind);
    Node::of("gmd:date", [Node::of("gmd:CI_Date", [day, kind])])
}

/// The theme of INSPIRE, with its thesaurus, and free keywords.
fn keywords(sheet: &Sheet) -> Vec<Node> {
    let words = |words: &[&str]| words.iter().map(|word| characters("gmd:keyword", word)).collect::<Vec<_>>();
    let theme = sheet.theme.map(|theme| {
        let thesaurus = Node::of(
            "gmd:CI_Citation",
            [
                characters("gmd:title", "GEMET - INSPIRE themes, version 1.0"),
                date("2008-06-01", "publication"),
            ],
        );
        let mut nodes = words(&[theme]);
        nodes.push(Node::of("gmd:thesaurusName", [thesaurus]));
        nodes
    });
    let free: Vec<&str> = sheet.keywords.iter().map(String::as_str).collect();
    let groups = theme.into_iter().chain([words(&free)]);
    groups.map(|nodes| Node::of("gmd:descriptiveKeywords", [Node::of("gmd:MD_Keywords", nodes)])).collect()
}

/// What the data may be used for, and under which terms.
fn constraints(sheet: &Sheet) -> Vec<Node> {
    let limitation = Node::of("gmd:MD_Constraints", [characters("gmd:useLimitation", NOT_VERIFIED)]);
    let mut all = vec![limitation];
    let restricted = |name| code(name, "gmd:MD_RestrictionCode", "otherRestrictions");
    if let Some(license) = &sheet.license {
        let terms = match &license.url {
            Some(url) if *url != license.text => format!("{} ({url})", license.text),
            _ => license.text.clone(),
        };
        let nodes = [restricted("gmd:useConstraints"), characters("gmd:otherConstraints", &terms)];
        all.push(Node::of("gmd:MD_LegalConstraints", nodes));
    }
    all.into_iter().map(|node| Node::of("gmd:resourceConstraints", [node])).collect()
}

fn resolution(gsd_m: f64) -> Node {
    let distance = Node::text("gco:Distance", &gsd_m.to_string()).with("uom", "m");
    let distance = Node::of("gmd:distance", [distance]);
    Node::of("gmd:spatialResolution", [Node::of("gmd:MD_Resolution", [distance])])
}

fn extent(sheet: &Sheet) -> Node {
    let [west, south, east, north] = sheet.bbox;
    let degrees = |name, value: f64| Node::of(name, [Node::text("gco:Decimal", &format!("{value:.6}"))]);
    let bounds = Node::of(
        "gmd:EX_GeographicBoundingBox",
        [
            degrees("gmd:westBoundLongitude", west),
            degrees("gmd:eastBoundLongitude", east),
            degrees("gmd:southBoundLatitude", south),
            degrees("gmd:northBoundLatitude", north),
        ],
    );
    let mut nodes = vec![Node::of("gmd:geographicElement", [bounds])];
    nodes.extend(sheet.period.as_ref().map(|[first, last]| {
        let period = Node::of(
            "gml:TimePeriod",
            [Node::text("gml:beginPosition", first), Node::text("gml:endPosition", last)],
        );
        let extent = Node::of("gmd:extent", [period.with("gml:id", "periode")]);
        Node::of("gmd:temporalElement", [Node::of("gmd:EX_TemporalExtent", [extent])])
    }));
    Node::of("gmd:extent", [Node::of("gmd:EX_Extent", nodes)])
}

/// The formats, each once, and the files: their addresses are relative to the sheet, which lies beside them.
fn distribution(sheet: &Sheet) -> Node {
    let mut formats: Vec<_> = sheet.files.iter().map(|file| file.format).collect();
    formats.sort_unstable();
    formats.dedup();
    let format = |(name, version): (&str, Option<&str>)| {
        let version = match version {
            Some(version) => characters("gmd:version", version),
            None => unknown("gmd:version"),
        };
        Node::of(
            "gmd:distributionFormat",
            [Node::of("gmd:MD_Format", [characters("gmd:name", name), version])],
        )
    };
    let mut nodes: Vec<Node> = formats.into_iter().map(format).collect();
    let file = |file: &super::facts::Distributed| {
        let nodes = [
            linkage(&file.name),
            characters("gmd:protocol", "WWW:DOWNLOAD-1.0-http--download"),
            characters("gmd:name", &file.name),
            characters("gmd:description", file.what),
            code("gmd:function", "gmd:CI_OnLineFunctionCode", "download"),
        ];
        Node::of("gmd:onLine", [Node::of("gmd:CI_OnlineResource", nodes)])
    };
    let files = Node::of("gmd:MD_DigitalTransferOptions", sheet.files.iter().map(file));
    nodes.push(Node::of("gmd:transferOptions", [files]));
    Node::of("gmd:distributionInfo", [Node::of("gmd:MD_Distribution", nodes)])
}

/// Conformity to INSPIRE, which nobody has evaluated, and how the data were made.
fn quality(sheet: &Sheet) -> Node {
    let scope = Node::of("gmd:DQ_Scope", [code("gmd:level", "gmd:MD_ScopeCode", "dataset")]);
    let regulation = Node::of(
        "gmd:CI_Citation",
        [
            characters(
                "gmd:title",
                "RÈGLEMENT (UE) No 1089/2010 DE LA COMMISSION du 23 novembre 2010 portant modalités d'application de la directive \
                 2007/2/CE du Parlement européen et du Conseil en ce qui concerne l'interopérabilité des séries et des services de \
                 données géographiques",
            ),
            date("2010-12-08", "publication"),
        ],
    );
    let result = Node::of(
        "gmd:DQ_ConformanceResult",
        [
            Node::of("gmd:specification", [regulation]),
            characters("gmd:explanation", "Conformité non évaluée"),
            unknown("gmd:pass"),
        ],
    );
    let consistency = Node::of("gmd:DQ_DomainConsistency", [Node::of("gmd:result", [result])]);
    let lineage = Node::of("gmd:LI_Lineage", [characters("gmd:statement", &sheet.lineage)]);
    let quality = Node::of(
        "gmd:DQ_DataQuality",
        [
            Node::of("gmd:scope", [scope]),
            Node::of("gmd:report", [consistency]),
            Node::of("gmd:lineage", [lineage]),
        ],
    );
    Node::of("gmd:dataQualityInfo", [quality])
}
