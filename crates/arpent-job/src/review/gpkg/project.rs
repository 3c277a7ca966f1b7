//! The project inside: features that are only looked at, and the form in which decisions are entered.

use arpent_base::{Column, ColumnKind, Language, Result};
use arpent_qgis::{
    Category, Content, Drawn, Form, FormField, FormItem, FormTab, Group, Key, LayerStyle, Meanings, Project,
    ProjectLayer, Relation, Widget,
};
use arpent_raster::{Color, Crs};
use arpent_review::{Kind, Person, Review, Status, Verdict};

use super::schema::{DECISIONS, Entered, FEATURES, FILLED_IN, OUTLINES, verdict_titles};

/// Id of the relation between features and decisions.
const RELATION: &str = "decisions_of_features";
/// Id of the relation between features and outlines.
const OUTLINE_RELATION: &str = "outlines_of_features";
/// Variables of QGIS and QField with the person: of this project, or, where it has none, of the program's settings.
const VARIABLES: [&str; 3] = ["arpent_person", "arpent_function", "arpent_organization"];

/// The time in UTC, from the milliseconds since 1970. A date is made at noon, so that a time zone whose offset has changed
/// since 1970 does not give another day.
const NOW: &str = "with_variable('ms', epoch(now()), \
    format_date(make_datetime(1970, 1, 1, 12, 0, 0) + make_interval(0, 0, 0, floor(@ms / 86400000)), 'yyyy-MM-dd') \
    || 'T' || lpad(floor(@ms % 86400000 / 3600000), 2, '0') || ':' || lpad(floor(@ms % 3600000 / 60000), 2, '0') \
    || ':' || lpad(floor(@ms % 60000 / 1000), 2, '0') || '.' || lpad(@ms % 1000, 3, '0') || 'Z')";

/// What the project is made of.
pub(super) struct Shown<'a> {
    pub(super) review: &'a Review,
    /// Columns of the features.
    pub(super) columns: &'a [Column],
    /// Column with the class of a feature.
    pub(super) class: &'a str,
    pub(super) language: Language,
    pub(super) crs: &'a Crs,
    pub(super) extent: [f64; 4],
    /// Title of the map.
    pub(super) title: &'a str,
    /// Name of the file.
    pub(super) file: &'a str,
    /// Whose decisions are entered, if that is known.
    pub(super) person: Option<&'a Person>,
    /// Layers below the features.
    pub(super) below: Vec<ProjectLayer>,
}

impl<'a> Shown<'a> {
    const fn say(&self, en: &'a str, fr: &'a str) -> &'a str {
        match self.language {
            Language::En => en,
            Language::Fr => fr,
        }
    }

    /// The project as an archive.
    ///
    /// # Errors
    /// When it cannot be compressed.
    pub(super) fn to_qgz(&self, name: &str) -> Result<Vec<u8>> {
        let layer = |title: &str, layer: &str, content, style| ProjectLayer {
            title: title.to_owned(),
            file: self.file.to_owned(),
            layer: Some(layer.to_owned()),
            content,
            other_epsg: None,
            style,
            is_shown: true,
            is_read_only: layer == FEATURES,
        };
        let features = layer(self.say("Features", "Objets"), FEATURES, Content::Areas, self.features_style());
        let decisions = layer(
            self.say("Decisions", "Décisions"),
            DECISIONS,
            Content::Table,
            self.entered_style(Entered::Decisions),
        );
        let outlines = layer(
            self.say("Corrected outlines", "Contours corrigés"),
            OUTLINES,
            Content::Areas,
            self.entered_style(Entered::Outlines),
        );
        // Outlines are drawn above the features.
        let mut layers = vec![outlines, features, decisions];
        layers.extend(self.below.iter().cloned());
        let variables = self.person.map_or_else(Vec::new, |person| {
            let values = [&person.name, &person.function, &person.organization];
            VARIABLES.map(str::to_owned).into_iter().zip(values.map(Clone::clone)).collect()
        });
        let project = Project {
            title: &format!("{} ({})", self.title, self.say("review", "vérification")),
            description: self.say(
                "Proposals of a model, and the decisions of named persons. Select a feature, open its form and add a decision. Rows are added, and neither changed nor removed.",
                "Propositions d'un modèle et décisions de personnes nommées. Sélectionnez un objet, ouvrez son formulaire et ajoutez une décision. Les lignes s'ajoutent ; elles ne sont ni modifiées ni supprimées.",
            ),
            language: self.language,
            crs: self.crs,
            extent: self.extent,
            license: None,
            attribution: None,
            groups: vec![Group { title: self.say("Review", "Vérification").to_owned(), layers }],
            relations: vec![
                relation(
                    RELATION,
                    self.say("Decisions of the feature", "Décisions sur l'objet"),
                    Entered::Decisions,
                ),
                relation(
                    OUTLINE_RELATION,
                    self.say("Corrected outlines of the feature", "Contours corrigés de l'objet"),
                    Entered::Outlines,
                ),
            ],
            variables,
        };
        Ok(project.to_qgz(name)?)
    }

    /// Features by their status at export.
    pub(super) fn features_style(&self) -> String {
        let category = |(status, color)| {
            let (key, label) = status_label(status, self.language);
            Category { key: key.into(), label: label.to_owned(), color: Color(color) }
        };
        // Colors that can be distinguished without color vision: of Okabe and Ito (2008).
        let categories = [
            (Status::Open, [230, 159, 0]),
            (Status::Decided, [0, 114, 178]),
            (Status::Disputed, [213, 94, 0]),
            (Status::Contested, [204, 121, 167]),
        ]
        .map(category);
        let status = categories.iter().map(|category| (category.key.clone(), category.label.clone()));
        let verdicts = Meanings { column: "review_verdict".to_owned(), labels: self.verdicts() };
        let meanings = [Meanings { column: "review_status".to_owned(), labels: status.collect() }, verdicts];
        let first = [self.class, "score", "area_m2", "review_status", "review_verdict"];
        let mut decide: Vec<FormItem<'_>> = first.into_iter().map(FormItem::Field).collect();
        decide.push(FormItem::Rows { relation: RELATION, title: self.say("Decisions", "Décisions") });
        let is_more = |name: &&str| !first.contains(name) && *name != "review_heads";
        let names = self.columns.iter().map(|column| column.name.as_str());
        let more: Vec<FormItem<'_>> = names.filter(is_more).map(FormItem::Field).collect();
        let tabs = [
            FormTab { title: self.say("Decide", "Décider"), items: &decide },
            FormTab { title: self.say("All attributes", "Tous les attributs"), items: &more },
        ];
        let form = Form { fields: &[], tabs: &tabs, is_read_only: true };
        let drawn = Drawn::Categories {
            column: "review_status",
            categories: &categories,
            others: None,
            outline_mm: 0.6,
        };
        let tip = [self.class, "score", "area_m2", "review_status", "review_verdict", "id"];
        let style = LayerStyle {
            columns: self.columns,
            language: self.language,
            drawn,
            meanings: &meanings,
            tip: &tip,
        };
        style.to_qml_with(Some(&form))
    }

    fn verdicts(&self) -> Vec<(Key, String)> {
        let label = |verdict: Verdict| {
            let [en, fr] = verdict_titles(verdict);
            (verdict.name().into(), self.say(en, fr).to_owned())
        };
        // What is chosen most often comes first; to withdraw a verdict is rare.
        let order = [
            Verdict::Confirmed,
            Verdict::Invalidated,
            Verdict::Suspect,
            Verdict::Illegal,
            Verdict::Legitimate,
            Verdict::NotVerified,
        ];
        order.map(label).into()
    }

    /// The lists of values of a decision.
    fn lists(&self) -> Vec<Meanings> {
        let kinds = [
            (Kind::Verdict, self.say("verdict", "verdict")),
            (Kind::Contest, self.say("contest", "contestation")),
            (Kind::Answer, self.say("answer to a contest", "réponse à une contestation")),
        ];
        let none = |fr| (Key::from(""), self.say("(none)", fr).to_owned());
        let reason = |reason: &arpent_review::Reason| {
            (reason.code.as_str().into(), self.say(&reason.en, &reason.fr).to_owned())
        };
        let class = |class: &String| (class.as_str().into(), class.clone());
        let list = |column: &str, labels: Vec<(Key, String)>| Meanings { column: column.to_owned(), labels };
        let mut lists = vec![
            list("kind", kinds.map(|(kind, label)| (kind.name().into(), label.to_owned())).into()),
            list("verdict", self.verdicts()),
            list(
                "reason",
                std::iter::once(none("(aucun)")).chain(self.review.reasons.iter().map(reason)).collect(),
            ),
            list(
                "class",
                std::iter::once(none("(aucune)")).chain(self.review.classes.iter().map(class)).collect(),
            ),
        ];
        if !self.review.people.is_empty() {
            let mut names: Vec<&String> =
                self.review.people.iter().map(|reviewer| &reviewer.person.name).collect();
            names.dedup();
            let names = names.into_iter().map(|name| (name.as_str().into(), name.clone()));
            lists.push(list("person_name", names.collect()));
        }
        lists
    }

    /// Decisions, or those with an outline: the form.
    pub(super) fn entered_style(&self, entered: Entered) -> String {
        let mut columns = vec![Column::new("fid", ColumnKind::Integer).titled("Row", "Ligne")];
        columns.extend(entered.columns());
        let is_there = |name: &&str| columns.iter().any(|column| column.name == **name);
        let person = VARIABLES.map(|variable| format!("nullif(trim(coalesce(@{variable}, '')), '')"));
        let named = self.say(
            "Every decision is a named person's, without spaces at the ends.",
            "Toute décision est celle d'une personne nommée, sans espace au début ni à la fin.",
        );
        let trimmed = ["person_name", "person_function", "person_organization"]
            .map(|column| format!("trim(\"{column}\") <> '' AND trim(\"{column}\") = \"{column}\""));
        let mut fields = self.fields(&person, &trimmed, named);
        fields.retain(|field| is_there(&field.column));
        if entered == Entered::Outlines {
            let there = "\"verdict\" IN ('suspect', 'illegal', 'legitimate', 'confirmed')";
            for field in &mut fields {
                match field.column {
                    "feature" => field.widget = Some(Widget::Reference { relation: OUTLINE_RELATION }),
                    "verdict" => {
                        field.default = "'confirmed'";
                        let why = self.say(
                            "A corrected outline needs a verdict that the object is there.",
                            "Un contour corrigé demande un verdict selon lequel l'objet est bien là.",
                        );
                        field.constraint = Some((there, why));
                    }
                    "comment" => field.constraint = None,
                    _ => {}
                }
            }
        }
        let more: Vec<FormItem<'_>> = ["kind", "answers", "geometry", "time", "uuid"]
            .into_iter()
            .filter(is_there)
            .map(FormItem::Field)
            .collect();
        let tabs = [
            FormTab { title: self.say("Decision", "Décision"), items: &FILLED_IN.map(FormItem::Field) },
            FormTab { title: self.say("More", "Compléments"), items: &more },
        ];
        let form = Form { fields: &fields, tabs: &tabs, is_read_only: false };
        let mut lists = self.lists();
        lists.retain(|list| is_there(&&*list.column));
        let style = LayerStyle {
            columns: &columns,
            language: self.language,
            drawn: match entered {
                Entered::Decisions => Drawn::Table,
                Entered::Outlines => Drawn::Outlines { label: "verdict" },
            },
            meanings: &lists,
            // The first is what lists of rows show; a table has no map tip.
            tip: &["verdict"],
        };
        style.to_qml_with(Some(&form))
    }

    fn fields<'f>(
        &'f self,
        person: &'f [String; 3],
        trimmed: &'f [String; 3],
        named: &'f str,
    ) -> Vec<FormField<'f>> {
        let field = |column: &'f str| FormField { column, ..FormField::default() };
        let of_person = |at: usize, column: &'f str| FormField {
            widget: (column != "person_name" || self.review.people.is_empty()).then_some(Widget::Line),
            default: &person[at],
            is_required: true,
            constraint: Some((&trimmed[at], named)),
            ..field(column)
        };
        vec![
            FormField {
                widget: Some(Widget::Reference { relation: RELATION }),
                is_required: true,
                ..field("feature")
            },
            FormField {
                constraint: Some((
                    "(\"kind\" = 'contest') = (coalesce(\"verdict\", '') = '')",
                    self.say("A verdict, unless it is a contest.", "Un verdict, sauf pour une contestation."),
                )),
                ..field("verdict")
            },
            FormField {
                constraint: Some((
                    "coalesce(\"class\", '') = '' OR \"verdict\" IN ('suspect', 'illegal', 'legitimate', 'confirmed')",
                    self.say(
                        "A corrected class needs a verdict that the object is there.",
                        "Une classe corrigée demande un verdict selon lequel l'objet est bien là.",
                    ),
                )),
                ..field("class")
            },
            FormField {
                constraint: Some((
                    "(\"kind\" = 'verdict' OR trim(coalesce(\"comment\", '')) <> '') AND length(coalesce(\"comment\", '')) <= 4000",
                    self.say(
                        "Contests and answers need a comment; at most 4,000 characters.",
                        "Une contestation ou une réponse demande un commentaire ; 4 000 caractères au plus.",
                    ),
                )),
                ..field("comment")
            },
            of_person(0, "person_name"),
            of_person(1, "person_function"),
            of_person(2, "person_organization"),
            FormField { default: "'verdict'", is_required: true, ..field("kind") },
            FormField {
                widget: Some(Widget::Line),
                constraint: Some((
                    "(\"kind\" = 'answer') = (coalesce(\"answers\", '') <> '')",
                    self.say(
                        "An answer names the contest by its id.",
                        "Une réponse désigne la contestation par son identifiant.",
                    ),
                )),
                ..field("answers")
            },
            FormField {
                default: NOW,
                is_required: true,
                is_fixed: true,
                widget: Some(Widget::Line),
                ..field("time")
            },
            FormField {
                default: "uuid('WithoutBraces')",
                is_fixed: true,
                widget: Some(Widget::Line),
                ..field("uuid")
            },
        ]
    }
}

/// The relation between features and the rows about them.
fn relation(id: &str, title: &str, rows: Entered) -> Relation {
    Relation {
        id: id.to_owned(),
        title: title.to_owned(),
        rows: (rows.name().to_owned(), "feature".to_owned()),
        of: (FEATURES.to_owned(), "id".to_owned()),
    }
}

/// The value of `review_status` of a status, and its label.
pub(super) const fn status_label(status: Status, language: Language) -> (&'static str, &'static str) {
    match (status, language) {
        (Status::Open, Language::En) => ("open", "to be decided"),
        (Status::Open, Language::Fr) => ("open", "à décider"),
        (Status::Decided, Language::En) => ("decided", "decided"),
        (Status::Decided, Language::Fr) => ("decided", "décidé"),
        (Status::Disputed, Language::En) => ("disputed", "disputed"),
        (Status::Disputed, Language::Fr) => ("disputed", "verdicts divergents"),
        (Status::Contested, Language::En) => ("contested", "contested"),
        (Status::Contested, Language::Fr) => ("contested", "contesté"),
    }
}
