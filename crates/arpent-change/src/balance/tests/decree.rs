use super::super::*;
use arpent_raster::{Class, Color, Nomenclature};

const COVERS: [&str; 14] = [
    "CS1.1.1.1",
    "CS1.1.1.2",
    "CS1.1.2.1",
    "CS1.1.2.2",
    "CS1.2.1",
    "CS1.2.2",
    "CS1.2.3",
    "CS2.1.1.1",
    "CS2.1.1.2",
    "CS2.1.1.3",
    "CS2.1.2",
    "CS2.1.3",
    "CS2.2.1",
    "CS2.2.2",
];
const USES: [&str; 20] = [
    "US1.1", "US1.2", "US1.3", "US1.4", "US1.5", "US2", "US3", "US5", "US235", "US4.1.1", "US4.1.2",
    "US4.1.3", "US4.1.4", "US4.1.5", "US4.2", "US4.3", "US6.1", "US6.2", "US6.3", "US6.6",
];
/// Uses whose herbaceous covers are artificial.
const HERBS: [&str; 13] = [
    "US2", "US3", "US5", "US235", "US4.1.1", "US4.1.2", "US4.1.3", "US4.1.4", "US4.1.5", "US4.2", "US4.3",
    "US6.1", "US6.2",
];

fn known(cover: &str, usage: Option<&str>) -> (bool, Basis) {
    match decide_codes(cover, usage) {
        Outcome::Known { artificial, basis } => (artificial, basis),
        Outcome::Unknown(code) => panic!("{code}"),
    }
}

/// Every pair of the 14 covers and 20 uses: the artificial ones are the 4 covers with any use, one of them but for
/// extraction, and the 26 pairs of a herbaceous cover and a use.
#[test]
fn the_matrix_of_the_decree() {
    assert_eq!(Cover::ALL.iter().map(|c| c.code()).collect::<Vec<_>>(), COVERS);
    assert_eq!(Use::ALL.iter().map(|u| u.code()).collect::<Vec<_>>(), USES);
    let mut artificial = Vec::new();
    for cover in COVERS {
        for usage in USES {
            let (is_artificial, basis) = known(cover, Some(usage));
            assert_eq!(basis, Basis::CoverAndUse);
            if is_artificial {
                artificial.push((cover, usage));
            }
        }
    }
    let always = |cover, except: &'static [&str]| {
        USES.iter().filter(move |u| !except.contains(u)).map(move |u| (cover, *u))
    };
    let mut expected: Vec<_> = always("CS1.1.1.1", &[]).collect();
    expected.extend(always("CS1.1.1.2", &[]));
    expected.extend(always("CS1.1.2.1", &["US1.3"]));
    expected.extend(always("CS1.1.2.2", &[]));
    let herbs = |cover| HERBS.iter().map(move |u| (cover, *u));
    let pairs: Vec<_> = herbs("CS2.2.1").chain(herbs("CS2.2.2")).collect();
    assert_eq!(pairs.len(), 26);
    expected.extend(pairs);
    artificial.sort_unstable();
    expected.sort_unstable();
    assert_eq!(artificial, expected);
    let sealed: Vec<_> = Cover::ALL.iter().filter(|c| c.is_sealed()).map(|c| c.code()).collect();
    assert_eq!(sealed, ["CS1.1.1.1", "CS1.1.1.2"]);
    assert!(RULE.contains("2023-1096") && RULE.contains("R. 101-1"));
}

#[test]
fn without_a_use_the_cover_decides_and_says_so() {
    for cover in COVERS {
        let artificial = ["CS1.1.1.1", "CS1.1.1.2", "CS1.1.2.1", "CS1.1.2.2"].contains(&cover);
        let depends = ["CS1.1.2.1", "CS2.2.1", "CS2.2.2"].contains(&cover);
        let basis = if depends { Basis::CoverOnly } else { Basis::CoverAndUse };
        assert_eq!(known(cover, None), (artificial, basis), "{cover}");
        assert_eq!(known(cover, Some(" ")), (artificial, basis), "{cover}");
    }
}

#[test]
fn codes_are_read_in_any_case_and_unknown_ones_are_named() {
    assert_eq!(" cs 1.1.2.1 ".parse(), Ok(Cover::Cs1121));
    assert_eq!("us235".parse(), Ok(Use::Us235));
    assert_eq!(known("cs2.2.1", Some("Us5")), (true, Basis::CoverAndUse));
    let unknown = |code: UnknownCode| Outcome::Unknown(code);
    assert_eq!(decide_codes("CS9", Some("US5")), unknown(UnknownCode::Cover("CS9".into())));
    assert_eq!(decide_codes("CS1.1.1.1", Some("US7.1")), unknown(UnknownCode::Use("US7.1".into())));
    assert_eq!(decide_codes("", None), unknown(UnknownCode::Cover(String::new())));
    // Parts of codes, and codes of the other list.
    for code in ["CS1.1", "US5", "CS2.2.1.1", "CS1111"] {
        assert!(code.parse::<Cover>().is_err(), "{code}");
    }
    assert!(UnknownCode::Use("US7.1".into()).to_string().contains("`US7.1`"));
}

fn nomenclature(codes: &[(u8, Option<&str>)]) -> Nomenclature {
    let class = |(id, code): &(u8, Option<&str>)| Class {
        id: *id,
        name: format!("class {id}"),
        name_fr: None,
        code: code.map(str::to_owned),
        color: Color([0, 0, 0]),
        features: true,
    };
    Nomenclature::new(codes.iter().map(class).collect()).unwrap()
}

/// Covers: 1 building, 2 herbs, 3 asphalt, 4 without code, 5 with a code of another list; 9 in no list. Uses: 1
/// residential, 2 agriculture, 3 unknown.
#[test]
fn rows_of_class_ids_become_rows_of_answers() {
    let covers = nomenclature(&[
        (1, Some("cs1.1.1.1")),
        (2, Some("CS2.2.1")),
        (3, Some("CS1.1.1.2")),
        (4, None),
        (5, Some("11100")),
    ]);
    let uses = nomenclature(&[(1, Some("US5")), (2, Some("US1.1")), (3, Some("?"))]);
    let matrix = ArtificialMatrix::new(&covers, Some(&uses));
    let listed: Vec<_> = matrix.unknown_classes().iter().map(|u| (u.class_id, u.code.clone())).collect();
    let expected = [
        (4, UnknownCode::Cover(String::new())),
        (5, UnknownCode::Cover("11100".into())),
        (3, UnknownCode::Use("?".into())),
    ];
    assert_eq!(listed, expected);

    let (mut row, mut counts) = (AnswerRow::default(), RemarkCounts::default());
    let cover_row = [1, 2, 2, 2, 3, 4, 5, 9, 255, 1];
    let use_row = [2, 1, 2, 255, 255, 1, 1, 1, 1, 3];
    matrix.read_row(0, &cover_row, Some(&use_row), &mut row, &mut counts).unwrap();
    assert_eq!(row.artificial, [1, 1, 0, 0, 1, 255, 255, 255, 255, 255]);
    assert_eq!(row.sealed, [1, 0, 0, 0, 1, 255, 255, 255, 255, 255]);
    assert_eq!(row.built, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((counts.answered, counts.cover_only, counts.unknown_pixels()), (5, 1, 4));
    assert_eq!(counts.unknown[&1][&3], 1);
    let mut twice = counts.clone();
    twice.merge(&counts);
    assert_eq!((twice.answered, twice.unknown_pixels()), (10, 8));

    let matrix = ArtificialMatrix::new(&covers, None);
    assert!(!matrix.has_uses());
    let mut counts = RemarkCounts::default();
    matrix.read_row(0, &[1, 2, 3], None, &mut row, &mut counts).unwrap();
    assert_eq!((row.artificial.as_slice(), counts.cover_only), (&[1, 0, 1][..], 1));
    let short = matrix.read_row(0, &[1, 2], Some(&[1]), &mut row, &mut counts);
    assert!(matches!(short, Err(BalanceError::RowLength { .. })));
}
