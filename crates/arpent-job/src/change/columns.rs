//! The columns of events, beside those of every feature.

use arpent_base::number::rounded;
use arpent_base::{Column, ColumnKind, Value};
use arpent_change::events::{Event, ObjectIds};

use super::classes::Classes;

/// The columns, in the order of [`values`].
pub(crate) fn columns() -> Vec<Column> {
    let text = |name: &str| Column::new(name, ColumnKind::Text);
    let real = |name: &str| Column::new(name, ColumnKind::Real);
    let whole = |name: &str| Column::new(name, ColumnKind::Integer);
    vec![
        text("kind")
            .titled("Kind of event", "Nature de l'événement")
            .described(
                "What became of the objects: appeared, disappeared, grown, shrunk, moved, split, merged, reorganized or reclassified.",
            )
            .required(),
        text("from_class")
            .titled("Class before", "Classe avant")
            .described("Class at the earlier date: of the objects, or of most of the ground that was taken.")
            .required(),
        text("from_code").titled("Code before", "Code avant").described("Its code, where the nomenclature has codes."),
        text("to_class")
            .titled("Class after", "Classe après")
            .described("Class at the later date: of the objects, or of most of the ground that was left.")
            .required(),
        text("to_code").titled("Code after", "Code après").described("Its code, where the nomenclature has codes."),
        text("date_before").titled("Date before", "Date avant").described("Date of the earlier map or images."),
        text("date_after").titled("Date after", "Date après").described("Date of the later map or images."),
        real("changed_m2")
            .titled("Changed area (m²)", "Surface changée (m²)")
            .in_unit("m2")
            .described(
                "Ground whose change is counted in this event and in no other: the sum over all events is the changed area. 0 for an event \
                 whose ground is all counted in events of smaller objects.",
            )
            .required(),
        real("gained_m2")
            .titled("Gained (m²)", "Gagné (m²)")
            .in_unit("m2")
            .described("Ground that the objects gained, also where it is counted in another event.")
            .required(),
        real("lost_m2")
            .titled("Lost (m²)", "Perdu (m²)")
            .in_unit("m2")
            .described("Ground that the objects lost, also where it is counted in another event.")
            .required(),
        whole("width_px")
            .titled("Width (pixels)", "Largeur (pixels)")
            .in_unit("px")
            .described("Side of the largest square of pixels inside one changed area.")
            .required(),
        whole("vote_class")
            .titled("Vote of the classes", "Vote des classes")
            .described("1 if the classes of both dates differ.")
            .required(),
        whole("vote_image")
            .titled("Vote of the images", "Vote des images")
            .described("1 if the images of both dates differ. Empty where there are none."),
        whole("vote_width")
            .titled("Vote of the width", "Vote de la largeur")
            .described("1 if the change is wider than what the shift between the dates explains.")
            .required(),
        whole("vote_confidence")
            .titled("Vote of the confidences", "Vote des confiances")
            .described(
                "1 if the mean confidences of both maps at its changed pixels are at least `events.confidence` (0.5 without the key), else 0. \
                 Empty where one of the maps has none.",
            ),
        real("confidence_before")
            .titled("Confidence before", "Confiance avant")
            .described("Mean confidence of the earlier map at its changed pixels, 0 to 1. Empty where the map has none."),
        real("confidence_after")
            .titled("Confidence after", "Confiance après")
            .described("Mean confidence of the later map at its changed pixels, 0 to 1. Empty where the map has none."),
        text("objects_before")
            .titled("Objects before", "Objets avant")
            .described("Ids of its objects at the earlier date, separated by commas; they stay over vintages."),
        text("objects_after")
            .titled("Objects after", "Objets après")
            .described("Ids of its objects at the later date, separated by commas; they stay over vintages."),
        whole("flicker")
            .titled("Changes back", "Retour en arrière")
            .described(
                "1 if most of it had its later class already before the earlier date: an error of one of three dates is likely. Empty \
                 without a previous comparison.",
            ),
    ]
}

/// What is the same for all events of a comparison.
#[derive(Debug)]
pub(crate) struct Dates {
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    /// Mean confidence from which a map has a vote for the change.
    pub(crate) vote_from: f64,
}

/// Mean confidence from which a map has a vote for the change, if no other is configured: its class is likelier than all others.
pub(crate) const VOTE_FROM: f64 = 0.5;

/// A value for each of the [`columns`].
pub(crate) fn values(
    event: &Event,
    ids: &ObjectIds,
    flicker: Option<bool>,
    classes: &Classes,
    dates: &Dates,
) -> Vec<Option<Value>> {
    let text = |text: String| (!text.is_empty()).then_some(Value::Text(text));
    let area = |m2: f64| Some(Value::Real(rounded(m2, 6)));
    let flag = |yes: bool| Some(Value::Integer(i64::from(yes)));
    let mean = |share: Option<f64>| share.map(|share| Value::Real(rounded(share, 4)));
    let [before, after] = event.confidence.map(|mean| mean.map(|mean| mean >= dates.vote_from));
    vec![
        text(event.kind.name().to_owned()),
        text(classes.name(event.from)),
        classes.code(event.from).and_then(text),
        text(classes.name(event.to)),
        classes.code(event.to).and_then(text),
        dates.before.clone().and_then(text),
        dates.after.clone().and_then(text),
        area(event.area_m2()),
        area(event.gained_m2),
        area(event.lost_m2),
        Some(Value::Integer(i64::from(event.width_px))),
        flag(true),
        event.image_score.map(|_| Value::Integer(1)),
        flag(true),
        before.zip(after).and_then(|(before, after)| flag(before && after)),
        mean(event.confidence[0]),
        mean(event.confidence[1]),
        text(ids.before.join(",")),
        text(ids.after.join(",")),
        flicker.and_then(flag),
    ]
}
