//! The sheet: its data, and its page.

use arpent_base::{Language, Result, Title, Value};
use arpent_publish::TableRow;
use maud::{Markup, html};
use serde::Serialize;

use crate::report::{
    Article, CONTESTED, DISPUTED, Imprint, Material, NONE, Pictures, Section, Thumbnails, Words, facts, page,
    problems, proposal, state_title,
};

/// A text in both languages.
fn both(text: impl Fn(Words) -> String) -> Title {
    let [en, fr] = [Language::En, Language::Fr].map(|language| text(Words(language)));
    Title { en: en.into(), fr: fr.into() }
}

/// A sheet, and its page.
#[derive(Debug)]
pub struct Explained {
    /// The sheet.
    pub sheet: Explanation,
    /// The page: one HTML file in English and French.
    pub html: String,
}

/// What is said of one feature or event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Address of the output.
    pub output: String,
    /// Its run.
    pub run_id: String,
    /// Id of the feature or event.
    pub id: String,
    /// `feature` or `event`.
    pub kind: &'static str,
    /// State of its review.
    pub state: String,
    /// Its row, without the geometry.
    pub attributes: Vec<Attribute>,
    /// The five topics of the duty to explain.
    pub topics: Vec<Topic>,
    /// Whom to write to, if the configuration says so.
    pub contact: Option<String>,
}

/// A value of the row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attribute {
    /// Name of the column.
    pub name: String,
    /// Its title.
    pub title: Title,
    /// Its value; null where it has none.
    pub value: serde_json::Value,
}

/// A topic of the duty to explain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Topic {
    /// `contribution`, `data`, `parameters`, `operations` or `rights`.
    pub key: &'static str,
    /// Its heading.
    pub heading: Title,
    /// The article of the code that asks for it.
    pub article: &'static str,
    /// What is said of it, in this order.
    pub statements: Vec<Statement>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statement {
    /// What it is about: a column, a key of the configuration or of the model, or a word.
    pub about: String,
    /// The statement, in full sentences.
    pub text: Title,
    /// The value in it; null if there is none.
    pub value: serde_json::Value,
}

impl Statement {
    /// A statement without a value.
    pub(super) fn of(about: &str, text: impl Fn(Words) -> String) -> Self {
        Self { about: about.to_owned(), text: both(text), value: serde_json::Value::Null }
    }

    /// The same with the value in it.
    pub(super) fn with(self, value: impl Into<serde_json::Value>) -> Self {
        Self { value: value.into(), ..self }
    }
}

/// Whom the sources of the data ask to be named.
pub(super) fn attribution(imprint: &Imprint) -> Option<Statement> {
    let name = imprint.attribution.as_ref()?;
    let statement = Statement::of("attribution", |words| {
        words.say(&format!("Attribution: {name}."), &format!("Mention de source : {name}."))
    });
    Some(statement.with(name.as_str()))
}

/// The topics with their statements, in the order of the law.
pub(super) fn topics(statements: [Vec<Statement>; 5]) -> Vec<Topic> {
    type Named = (&'static str, [&'static str; 2], &'static str);
    const TOPICS: [Named; 5] = [
        (
            "contribution",
            [
                "Purpose, and degree and mode of contribution of the algorithm",
                "Finalité, degré et mode de contribution du traitement algorithmique",
            ],
            "R. 311-3-1-1, R. 311-3-1-2, 1°",
        ),
        (
            "data",
            ["Data that were processed, and their sources", "Données traitées et leurs sources"],
            "R. 311-3-1-2, 2°",
        ),
        (
            "parameters",
            [
                "Parameters and their weights, applied to this case",
                "Paramètres de traitement et leur pondération, appliqués à ce cas",
            ],
            "R. 311-3-1-2, 3°",
        ),
        (
            "operations",
            ["Operations that were carried out", "Opérations effectuées par le traitement"],
            "R. 311-3-1-2, 4°",
        ),
        (
            "rights",
            ["Right to know, and how to contest", "Droit d'obtenir ces règles, et comment contester"],
            "L. 311-3-1, R. 311-3-1-1",
        ),
    ];
    let topic = |((key, [en, fr], article), statements): (Named, Vec<Statement>)| Topic {
        key,
        heading: both(|words| words.say(en, fr)),
        article,
        statements,
    };
    TOPICS.into_iter().zip(statements).map(topic).collect()
}

/// What is the same for features and events: the right to know, and how to contest.
pub(super) fn rights(material: &Material<'_>, id: &str) -> Vec<Statement> {
    let run = &material.manifest.run_id;
    let mut all = vec![
        Statement::of("right", |words| words.say(
            "Any person concerned by a decision that rests on this proposal may obtain the rules that define this processing, and the main features of how it was applied.",
            "Toute personne concernée par une décision qui s'appuie sur cette proposition peut obtenir la communication des règles qui définissent ce traitement et des \
             principales caractéristiques de sa mise en œuvre.",
        )),
        Statement::of("appeal", |words| words.say(
            "Without an answer within one month, or after a refusal, the commission d'accès aux documents administratifs (CADA) can be asked.",
            "En l'absence de réponse sous un mois, ou en cas de refus, la commission d'accès aux documents administratifs (CADA) peut être saisie.",
        )),
        Statement::of("contest", |words| words.say(
            &format!("To contest, give the identifier {id} and the run {run}, say what there is at the place, since when, and add what shows it."),
            &format!("Pour contester, donnez l'identifiant {id} et le traitement {run}, dites ce qui se trouve à cet endroit, depuis quand, et joignez ce qui le montre."),
        )).with(id),
    ];
    all.push(match &material.imprint.contact {
        Some(contact) => Statement::of("contact", |words| words.say(&format!("Write to: {contact}."), &format!("Écrire à : {contact}.")))
            .with(contact.as_str()),
        None => Statement::of("contact", |words| words.say(
            "This output does not say whom to write to: ask the administration that gave you this sheet.",
            "Cette sortie ne dit pas à qui écrire : adressez-vous à l'administration qui vous a remis cette fiche.",
        )),
    });
    all
}

/// The state of the review, and who decided, as statements: of a decided map from the row, as it was published.
pub(super) fn state(row: &TableRow) -> Vec<Statement> {
    let text = |column: &str| row.value(column).map(ToString::to_string);
    let state = text("state").unwrap_or_default();
    if state == arpent_publish::STATE_NOT_VERIFIED {
        let history = text("history").map(|history| {
            Statement::of("history", |words| {
                words.say(
                    &format!("Decided before, about an earlier map; it does not count here: {history}."),
                    &format!(
                        "Décidé auparavant, sur une carte antérieure ; cela ne compte pas ici : {history}."
                    ),
                )
            })
            .with(history.as_str())
        });
        return std::iter::once(not_verified()).chain(history).collect();
    }
    let [en, fr] = [Language::En, Language::Fr].map(|language| state_title(&state, language).to_owned());
    let mut all = vec![
        Statement::of("state", |words| match state.as_str() {
            DISPUTED => words.say(
                "Persons decided about it, and their decisions contradict each other: it is not settled, and keeps what was proposed.",
                "Des personnes se sont prononcées, et leurs décisions se contredisent : il n'est pas tranché, et garde ce qui était proposé.",
            ),
            CONTESTED => words.say(
                "It is contested, and the contest has no answer yet: it does not count as decided.",
                "Il est contesté, et la contestation n'a pas encore de réponse : il ne compte pas comme décidé.",
            ),
            _ => words.say(
                &format!("A person decided: {en}. The algorithm proposed; it decided nothing."),
                &format!("Une personne a décidé : {fr}. L'algorithme a proposé ; il n'a rien décidé."),
            ),
        })
        .with(state.as_str()),
    ];
    let add = |all: &mut Vec<Statement>, column: &str, [en, fr]: [&str; 2]| {
        if let Some(value) = text(column) {
            let said = Statement::of(column, |words| {
                words.say(&format!("{en}: {value}."), &format!("{fr} : {value}."))
            });
            all.push(said.with(value.as_str()));
        }
    };
    add(&mut all, "decided_by", ["Decided by", "Décidé par"]);
    add(&mut all, "decided_at", ["Time of the decision", "Date et heure de la décision"]);
    let proposed = if row.value("kind").is_some() {
        ["The class or kind that was proposed", "Classe ou nature qui était proposée"]
    } else {
        ["The class that was proposed", "Classe qui était proposée"]
    };
    add(&mut all, "proposed_class", proposed);
    if text("outline").as_deref() == Some("decided") {
        all.push(Statement::of("outline", |words| {
            words.say(
            "A person corrected its outline; the proposed one is in the file superseded.",
            "Une personne a corrigé son contour ; celui qui était proposé est dans le fichier superseded.",
        )
        }));
    }
    add(
        &mut all,
        "history",
        [
            "Decided before, about an earlier map; it does not count here",
            "Décidé auparavant, sur une carte antérieure ; cela ne compte pas ici",
        ],
    );
    add(
        &mut all,
        "decisions",
        ["Decisions that count, by their SHA-256", "Décisions qui comptent, par leur SHA-256"],
    );
    all
}

/// That no person has verified it, as a statement.
fn not_verified() -> Statement {
    Statement::of("state", |words| words.say(
        "No person has verified it: its state is not_verified. The algorithm proposes; it decides nothing, and a decision must be taken by a person.",
        "Aucune personne ne l'a vérifié : son état est not_verified. L'algorithme propose ; il ne décide de rien, et une décision doit être prise par une personne.",
    ))
    .with(arpent_publish::STATE_NOT_VERIFIED)
}

/// The row, with the titles of its columns.
pub(super) fn attributes(material: &Material<'_>, row: &TableRow) -> Vec<Attribute> {
    let fields = material.manifest.columns.as_ref().and_then(|schema| schema["fields"].as_array());
    let attribute = |(name, value): &(String, Option<Value>)| {
        let field = fields.and_then(|fields| fields.iter().find(|field| field["name"] == name.as_str()));
        let title = |key: &str| {
            let title = field.and_then(|field| field[key].as_str());
            title.unwrap_or(name).to_owned().into()
        };
        Attribute {
            name: name.clone(),
            title: Title { en: title("title"), fr: title("title:fr") },
            value: json(value.as_ref()),
        }
    };
    row.values.iter().map(attribute).collect()
}

/// A value of a row as JSON.
pub(super) fn json(value: Option<&Value>) -> serde_json::Value {
    match value {
        None => serde_json::Value::Null,
        Some(Value::Text(text)) => text.as_str().into(),
        Some(Value::Integer(number)) => (*number).into(),
        Some(Value::Real(number)) => (*number).into(),
    }
}

fn of(words: Words, title: &Title) -> &str {
    match words.0 {
        Language::En => &title.en,
        Language::Fr => &title.fr,
    }
}

/// The page of a sheet, with the picture of the feature if there is one.
pub(super) fn html(
    material: &Material<'_>,
    sheet: &Explanation,
    (row, thumbnails): (u64, &Thumbnails),
    pictures: &Pictures,
) -> Result<String> {
    let article = |words: Words| {
        let subject = match sheet.kind {
            "event" => words.say("Event", "Événement"),
            _ => words.say("Feature", "Objet"),
        };
        let label =
            words.say("Imagery with the outline of the feature", "Image source avec le contour de l'objet");
        let mut sections: Vec<Section> = sheet.topics.iter().map(|topic| section(topic, words)).collect();
        sections.push(row_section(sheet, words));
        Ok(Article {
            kind: words.say("Explanation of a proposal", "Explication d'une proposition"),
            title: format!("{subject} {}", sheet.id),
            subtitle: html! { (material.title) " · " code { (sheet.run_id) } },
            summary: html! {
                @if sheet.state == arpent_publish::STATE_NOT_VERIFIED {
                    (proposal(words, [
                        "This was proposed by an algorithm. No person has verified it.",
                        "Ceci a été proposé par un traitement algorithmique. Aucune personne ne l'a vérifié.",
                    ]))
                } @else {
                    p.notice { strong {
                        (words.say("Proposed by an algorithm. State of its review: ", "Proposé par un traitement algorithmique. État de sa validation : "))
                        (state_title(&sheet.state, words.0)) "."
                    } }
                }
                @if let Some((picture, _)) = thumbnails.drawn.get(&row) {
                    figure.event { (picture.shown(&label)) figcaption { (label) } }
                }
                (problems(thumbnails, words))
            },
            sections,
        })
    };
    page(material.language, pictures, &article)
}

fn section(topic: &Topic, words: Words) -> Section {
    let body = html! {
        p.note { (words.say("Code of relations between the public and the administration: ", "Code des relations entre le public et l'administration : ")) (topic.article) }
        ul.prose { @for statement in &topic.statements { li data-about=(statement.about) { (of(words, &statement.text)) } } }
    };
    Section { id: topic.key, heading: of(words, &topic.heading).to_owned(), body }
}

fn row_section(sheet: &Explanation, words: Words) -> Section {
    let shown = |value: &serde_json::Value| match value {
        serde_json::Value::Null => NONE.to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let all: Vec<(String, Markup)> = sheet
        .attributes
        .iter()
        .map(|attribute| {
            let value = html! { span data-column=(attribute.name) { (shown(&attribute.value)) } };
            (of(words, &attribute.title).to_owned(), value)
        })
        .collect();
    Section {
        id: "row",
        heading: words.say("All that is recorded of it", "Tout ce qui en est enregistré"),
        body: facts(&all),
    }
}
