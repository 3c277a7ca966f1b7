use std::collections::BTreeSet;
use std::path::PathBuf;

use arpent_raster::{Class, Color, Nomenclature};
use roxmltree::{Document, Node};

use super::example;
use super::*;
use crate::evaluate::figures::*;

const ALWAYS: [&str; 8] =
    ["overview", "training", "scores", "confusion", "calibration", "chips", "limits", "configuration"];

/// Names with markup, as untrusted input may contain.
const NASTY: &str = "<b>\"Forêt\"</b> & 'x'\"><img src=y onerror=alert(1)><script>alert(2)</script>";

fn sections(html: &str) -> Vec<&str> {
    let starts = html.split("<section id=\"").skip(1);
    starts.map(|rest| rest.split('"').next().unwrap()).collect()
}

/// The SVG elements of a page.
fn pictures(html: &str) -> Vec<&str> {
    let starts = html.match_indices("<svg").map(|(start, _)| start);
    starts.map(|start| &html[start..start + html[start..].find("</svg>").unwrap() + 6]).collect()
}

/// Values of an attribute all over the page.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    html.split(&format!(" {name}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// Checks of every page.
#[track_caller]
fn assert_sound(html: &str) {
    let lower = html.to_lowercase();
    for loads in ["http", "<script", "<link", "<iframe", "url(", "@import", "srcset", "//cdn"] {
        assert!(!lower.contains(loads), "the page has `{loads}`");
    }
    assert!(attributes(html, "src").iter().all(|src| src.starts_with("data:image/png;base64,")));
    assert!(attributes(html, "onerror").is_empty() && attributes(html, "onclick").is_empty());
    let ids = attributes(html, "id");
    let unique: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "ids that occur twice: {ids:?}");
    for target in attributes(html, "href") {
        assert!(unique.contains(&target.strip_prefix('#').unwrap()), "no target of {target}");
    }
    for label in attributes(html, "aria-labelledby").iter().chain(&attributes(html, "aria-describedby")) {
        assert!(unique.contains(label), "no label {label}");
    }
    let images = html.matches("<img ").count();
    assert_eq!(images, attributes(html, "alt").iter().filter(|alt| !alt.is_empty()).count());
    pictures(html).into_iter().for_each(assert_svg);
}

/// Well-formed, named, and all places are numbers.
#[track_caller]
fn assert_svg(svg: &str) {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
    let root = document.root_element();
    let has = |name: &str| root.children().any(|n| n.has_tag_name(name) && n.text().is_some());
    assert!(root.attribute("aria-hidden") == Some("true") || (has("title") && has("desc")), "{svg}");
    for node in document.descendants().filter(Node::is_element) {
        for name in ["x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "width", "height"] {
            let value = node.attribute(name).map_or(Ok(0.0), str::parse::<f64>);
            assert!(value.is_ok_and(f64::is_finite), "{name} in {svg}");
        }
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

/// Writes a page beside its log where `ARPENT_KEEP_REPORT` names a folder, to be looked at.
fn keep(name: &str, report: &TrainingReport) {
    let Some(folder) = std::env::var_os("ARPENT_KEEP_REPORT").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name).with_extension("html"), report.to_html()).unwrap();
    std::fs::write(folder.join(name).with_extension("json"), serde_json::to_string(report).unwrap()).unwrap();
}

#[test]
fn a_full_report_has_every_section() {
    let report = example::segmentation(12, 8);
    report.check().unwrap();
    keep("segmentation", &report);
    let html = report.to_html();
    assert_sound(&html);
    assert_eq!(sections(&html), ALWAYS);
    for told in
        ["1\u{202f}942\u{202f}659", "48.4 GFLOP per Mpx", "3 h 12 min", "212 Wh (estimated", "etalab-2.0"]
    {
        assert!(html.contains(told), "{told}");
    }
    assert!(!html.contains("class=\"absent\""), "a full report lacks nothing");
    assert!(html.contains("With a tolerance of 2 px") && html.contains("0.710 to 0.860"));
    // Three curves, two of calibration, a whisker per class, group, thin class and best candidates; four panels per chip.
    assert!(
        html.contains("At a prevalence of 1.0\u{202f}%")
            && html.contains("0.300")
            && html.contains(" *</td>")
    );
    assert_eq!(pictures(&html).len(), 3 + 2 + 12 + 8 + 1 + 3);
    assert_eq!(html.matches("<img ").count(), 10 * 4);
}

#[test]
fn twenty_classes_and_many_groups_are_shown() {
    let report = example::segmentation(19, 31);
    keep("many", &report);
    let html = report.to_html();
    assert_sound(&html);
    assert!(html.contains("The other 11 counties") && !html.contains("These are few"));
}

#[test]
fn detection_has_curves_and_boxes() {
    let report = example::detection();
    report.check().unwrap();
    keep("detection", &report);
    let html = report.to_html();
    assert_sound(&html);
    assert!(sections(&html).contains(&"detection") && pictures(&html).len() == 2);
    assert!(html.contains("There are no intervals. Only 3 sites: too few to resample."));
    assert!(html.contains("truth (9 boxes)") && html.contains("prediction (7 boxes)"));
}

#[test]
fn changes_have_two_pictures() {
    let report = example::change();
    report.check().unwrap();
    keep("change", &report);
    let html = report.to_html();
    assert_sound(&html);
    assert_eq!(html.matches("<img ").count(), 4);
    assert!(html.matches("<strong>wrong</strong>").count() == 1 && html.contains("confidence 81.0"));
}

#[test]
fn a_minimal_report_names_missing_parts() {
    let report = example::minimal();
    report.check().unwrap();
    keep("minimal", &report);
    let html = report.to_html();
    assert_sound(&html);
    assert_eq!(sections(&html), ALWAYS);
    for said in [
        "Not recorded: ask the owners first",
        "No scores were computed",
        "No chips were kept",
        "The epochs were not recorded",
    ] {
        assert!(html.contains(said), "{said}");
    }
    let detection = TrainingReport {
        model: ModelFacts { task: "object-detection".into(), ..report.model.clone() },
        ..report
    };
    assert!(detection.to_html().contains("No precision-recall curves were computed"));
}

#[test]
fn names_are_text_and_never_markup() {
    let mut report = example::segmentation(3, 2);
    let class = |id, name: &str| Class {
        id,
        name: name.into(),
        name_fr: None,
        code: None,
        color: Color([9, 9, 9]),
        features: true,
    };
    report.classes = Nomenclature::new(vec![class(0, NASTY), class(1, "b"), class(2, "c")]).unwrap();
    report.model.title = NASTY.into();
    report.model.id = NASTY.into();
    report.model.task = NASTY.into();
    report.run.device = Some(NASTY.into());
    report.data.group_kind = Some(NASTY.into());
    report.data.sources[0].name = NASTY.into();
    report.limits = vec![NASTY.into()];
    report.config_toml = Some(format!("name = '''{NASTY}'''"));
    report.curves.as_mut().unwrap().score_name = Some(NASTY.into());
    report.confusion.as_mut().unwrap().labels[0] = NASTY.into();
    report.confusion.as_mut().unwrap().unit = NASTY.into();
    let scores = report.scores.as_mut().unwrap();
    scores.split = NASTY.into();
    scores.overall[0].name = NASTY.into();
    scores.groups.as_mut().unwrap().rows[0].group = NASTY.into();
    let gallery = report.gallery.as_mut().unwrap();
    (gallery.worst[0].item, gallery.worst[0].group) = (NASTY.into(), NASTY.into());
    gallery.worst[0].pictures[0].caption = NASTY.into();
    report.detection = Some(DetectionScores {
        iou_threshold: 0.5,
        classes: vec![PrecisionRecall {
            class: 0,
            curve: vec![[0.0, 1.0], [1.0, 0.5]],
            ..PrecisionRecall::default()
        }],
        risk: None,
    });
    let html = report.to_html();
    for markup in ["<b>\"", "<img src=y", "<script", "alert(2)</script>", "'x'\">"] {
        assert!(!html.contains(markup), "`{markup}` got through");
    }
    assert!(html.matches("&lt;b&gt;&quot;Forêt&quot;").count() > 15);
    assert_sound(&html);
}

#[test]
fn odd_numbers_do_not_break_the_page() {
    let mut report = example::segmentation(3, 2);
    let curves = report.curves.as_mut().unwrap();
    curves.epochs.truncate(3);
    curves.epochs[0].training_loss = Some(f64::INFINITY);
    curves.epochs[1].training_loss = Some(f64::NAN);
    curves.epochs[2].training_loss = Some(0.0);
    let scores = report.scores.as_mut().unwrap();
    scores.classes[0].iou = Estimate { value: Some(f64::NAN), interval: Some([f64::NAN; 2]) };
    scores.groups.as_mut().unwrap().rows[0].scores = vec![Some(f64::NAN)];
    report.calibration.as_mut().unwrap().before.bins.iter_mut().for_each(|bin| bin.accuracy = f64::NAN);
    report.confusion.as_mut().unwrap().counts[0] = vec![0; 3];
    report.gallery.as_mut().unwrap().worst[0].width = 5;
    let html = report.to_html();
    assert_sound(&html);
    assert!(html.contains("The picture does not fit its size.") && !html.contains("NaN"));
    report.confusion.as_mut().unwrap().counts[0] = vec![0; 2];
    assert!(report.to_html().contains("is not square"));
}

#[test]
fn a_log_comes_back() {
    for report in [example::segmentation(4, 2), example::detection(), example::change(), example::minimal()] {
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<TrainingReport>(&text).unwrap(), report);
    }
    let mut report = example::segmentation(4, 2);
    report.curves.as_mut().unwrap().epochs[0].training_loss = Some(f64::NAN);
    let back: TrainingReport = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(back.curves.unwrap().epochs[0].training_loss, None);
}

#[test]
fn what_does_not_fit_is_named() {
    let broken = |change: fn(&mut TrainingReport)| {
        let mut report = example::segmentation(3, 2);
        change(&mut report);
        format!("{:#}", report.check().unwrap_err())
    };
    let told = broken(|r| r.format = "arpent-training-report/9".into());
    assert_eq!(told, "format is `arpent-training-report/9`, want `arpent-training-report/1`");
    assert!(broken(|r| r.confusion.as_mut().unwrap().labels.truncate(2)).contains("not a square of 2 x 2"));
    let told = broken(|r| r.scores.as_mut().unwrap().groups.as_mut().unwrap().rows[1].scores.clear());
    assert_eq!(told, "scores.groups: `D013` has 0 scores, want 2");
    let told = broken(|r| r.gallery.as_mut().unwrap().worst[1].width = 95);
    assert!(told.contains("chip 1") && told.contains("image has 27648 bytes, want 27360"), "{told}");
}
