//! Logs as a whole: folds, merges, mutations, and a simulated review.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::SplitMix64;
use arpent_base::number::{exact, wide};
use proptest::prelude::*;

use super::agreement::{ReviewedStratum, map_precision};
use super::sample::{Allocation, Candidate, Design, SampleOptions, Split, Tally};
use super::*;

const CREATED: i64 = 1_790_000_000_000;

/// Objects by path.
type Objects = BTreeMap<String, Vec<u8>>;

fn review() -> Review {
    Review {
        format: REVIEW_FORMAT.to_owned(),
        name: "first".to_owned(),
        map: MapRef { run_id: "run-1".to_owned(), manifest_sha256: ObjectId::of(b"manifest") },
        created: Time::of_millis(CREATED).unwrap(),
        reasons: Review::default_reasons(),
        classes: vec!["pool".to_owned(), "shed".to_owned()],
        people: Vec::new(),
        max_area_m2: MOST_M2,
        history: None,
    }
}

fn person(name: &str) -> Person {
    Person { name: name.to_owned(), function: "instructrice".to_owned(), organization: "DDTM 13".to_owned() }
}

fn time(minute: u64) -> Time {
    Time::of_millis(CREATED + i64::try_from(minute).unwrap() * 60_000).unwrap()
}

fn now() -> Time {
    time(1_000_000)
}

fn log_of(review: &Review, objects: &Objects) -> Log {
    let mut log = Log::new(review.clone(), review.to_bytes().unwrap().1);
    for (path, bytes) in objects {
        log.add(path, bytes);
    }
    log
}

fn verify(log: &mut Log) -> Vec<Finding> {
    log.verify(now(), &|feature| feature.starts_with('f'))
}

/// A session of one process: it sees `objects`, and adds to them.
struct Session<'a> {
    review: &'a Review,
    id: ObjectId,
    log: Log,
    chain: Chain,
    objects: &'a mut Objects,
}

impl<'a> Session<'a> {
    fn new(review: &'a Review, writer: &str, objects: &'a mut Objects) -> Self {
        let mut log = log_of(review, objects);
        for object in log.adopted().unwrap() {
            log.add(&object.path, &object.bytes);
            objects.insert(object.path, object.bytes);
        }
        let chain = Chain::new(writer, log.frontier()).unwrap();
        Self { review, id: review.to_bytes().unwrap().1, log, chain, objects }
    }

    /// Writes a statement about what is known, without a seal.
    fn write(&mut self, mut statement: Statement) -> ObjectId {
        if let Some(state) = self.log.state(&statement.feature) {
            statement.previous = state.heads;
        }
        let (_, object) = self.chain.write(self.review, self.id, statement, None).unwrap();
        self.store(object)
    }

    fn store(&mut self, object: Object) -> ObjectId {
        self.log.add(&object.path, &object.bytes);
        assert!(self.objects.insert(object.path, object.bytes).is_none(), "an object is written once");
        object.id
    }

    fn seal(&mut self) {
        if let Some(object) = self.chain.seal(self.id).unwrap() {
            self.store(object);
        }
    }

    fn say(&mut self, feature: &str, verdict: Verdict, who: &str, minute: u64) -> ObjectId {
        let id = self.write(Statement::new(feature, verdict, person(who), time(minute)));
        self.seal();
        id
    }
}

fn state(review: &Review, objects: &Objects, feature: &str) -> FeatureState {
    log_of(review, objects).state(feature).unwrap()
}

#[test]
fn a_feature_is_decided_disputed_settled_contested_and_answered() {
    let (review, mut common) = (review(), Objects::new());
    Session::new(&review, "w1", &mut common).say("f1", Verdict::Suspect, "Ana", 1);
    assert_eq!(state(&review, &common, "f1").verdict(), Some(Verdict::Suspect));
    // Two offline copies decide apart.
    let (mut left, mut right) = (common.clone(), common.clone());
    Session::new(&review, "w2", &mut left).say("f1", Verdict::Illegal, "Ana", 2);
    Session::new(&review, "w3", &mut right).say("f1", Verdict::Legitimate, "Ben", 3);
    let mut merged: Objects = left.into_iter().chain(right).collect();
    let disputed = state(&review, &merged, "f1");
    assert_eq!(
        (disputed.status, disputed.verdict(), disputed.heads.len(), disputed.decisions),
        (Status::Disputed, None, 2, 3)
    );
    // A decision that has seen both settles it; its time has no part, even if it is before the others'.
    let mut session = Session::new(&review, "w4", &mut merged);
    session.say("f1", Verdict::Illegal, "Cyr", 0);
    assert_eq!(session.log.state("f1").unwrap().verdict(), Some(Verdict::Illegal));
    let contest = session.write(Statement::contest("f1", "The shed has a permit.", person("Dan"), time(5)));
    session.seal();
    let contested = session.log.state("f1").unwrap();
    assert_eq!(
        (contested.status, &contested.contests[..], contested.verdict()),
        (Status::Contested, &[contest][..], None)
    );
    assert_eq!(contested.opinions.iter().map(|o| o.verdict).collect::<Vec<_>>(), [Verdict::Illegal]);
    // Another verdict does not answer it, and a withdrawal neither.
    session.say("f1", Verdict::Illegal, "Ana", 6);
    assert_eq!(session.log.state("f1").unwrap().status, Status::Contested);
    let answer = Statement {
        kind: Kind::Answer,
        comment: Some("The permit is of 2019.".to_owned()),
        answers: vec![contest],
        ..Statement::new("f1", Verdict::Legitimate, person("Ben"), time(7))
    };
    session.write(answer);
    session.seal();
    let answered = session.log.state("f1").unwrap();
    assert_eq!((answered.verdict(), answered.decisions), (Some(Verdict::Legitimate), 7));
    // Undo is a new decision.
    session.say("f1", Verdict::NotVerified, "Ben", 8);
    assert_eq!(session.log.state("f1").unwrap().status, Status::Open);
    assert_eq!(verify(&mut log_of(&review, &merged)), []);
}

#[test]
fn equal_opinions_agree_and_other_corrections_do_not() {
    let review = review();
    let corrected = |class: &str, x: f64| {
        let ring = vec![[x, 43.0], [x + 0.001, 43.0], [x + 0.001, 43.001], [x, 43.0]];
        Statement {
            class: Some(class.to_owned()),
            geometry: Some(Geometry::Polygon(vec![ring])),
            ..Statement::new("f1", Verdict::Confirmed, person("Ana"), time(1))
        }
    };
    for (second, status) in [
        (corrected("pool", 5.0), Status::Decided),
        (corrected("shed", 5.0), Status::Disputed),
        (corrected("pool", 5.1), Status::Disputed),
    ] {
        let (mut left, mut right) = (Objects::new(), Objects::new());
        Session::new(&review, "w1", &mut left).write(corrected("pool", 5.0));
        Session::new(&review, "w2", &mut right)
            .write(Statement { comment: Some("<b>'; --".to_owned()), ..second });
        left.extend(right);
        assert_eq!(state(&review, &left, "f1").status, status);
    }
}

#[test]
fn statements_that_the_review_does_not_allow_are_refused() {
    let mut review = review();
    review.people = vec![Reviewer { person: person("Ana"), key: None }];
    let ok = Statement::new("f1", Verdict::Suspect, person("Ana"), time(1));
    let contest = Statement::contest("f1", "why", person("Ana"), time(1));
    assert_eq!(ok.check(&review), Ok(()));
    assert_eq!(contest.check(&review), Ok(()));
    let blank = Person { function: "  ".to_owned(), ..person("Ana") };
    let ids = [ObjectId::of(b"a"), ObjectId::of(b"b")];
    let descending = vec![*ids.iter().max().unwrap(), *ids.iter().min().unwrap()];
    for (bad, field) in [
        (Statement { person: blank, ..ok.clone() }, "person.function"),
        (Statement { person: person("Ben"), ..ok.clone() }, "person"),
        (Statement { person: person("Ana\u{202e}"), ..ok.clone() }, "person.name"),
        (Statement { feature: String::new(), ..ok.clone() }, "feature"),
        (Statement { verdict: None, ..ok.clone() }, "verdict"),
        (Statement { reason: Some("because".into()), ..ok.clone() }, "reason"),
        (Statement { class: Some("house".into()), ..ok.clone() }, "class"),
        (
            Statement { class: Some("pool".into()), verdict: Some(Verdict::Invalidated), ..ok.clone() },
            "verdict",
        ),
        (Statement { comment: Some("a\u{0}b".into()), ..ok.clone() }, "comment"),
        (Statement { comment: Some("x".repeat(4001)), ..ok.clone() }, "comment"),
        (Statement { geometry: Some(Geometry::Point([200.0, 0.0])), ..ok.clone() }, "geometry"),
        (Statement { answers: vec![ids[0]], ..ok.clone() }, "answers"),
        (Statement { kind: Kind::Answer, comment: Some("x".into()), ..ok.clone() }, "answers"),
        (Statement { previous: descending, ..ok.clone() }, "previous"),
        (Statement { comment: None, ..contest.clone() }, "comment"),
        (Statement { verdict: Some(Verdict::Suspect), ..contest.clone() }, "verdict"),
    ] {
        let error = bad.check(&review).unwrap_err();
        assert!(error.to_string().contains(&format!("`{field}`")), "{field}: {error}");
        assert!(arpent_base::Diagnostic::hint(&error).is_some(), "{error}");
    }
}

#[test]
fn persons_with_a_key_must_sign() {
    use base64::Engine as _;
    let seed = |byte: u8| base64::engine::general_purpose::STANDARD.encode([byte; 32]);
    let (key, other) = (Key::of_seed(&seed(1)).unwrap(), Key::of_seed(&seed(2)).unwrap());
    let mut review = review();
    review.people = vec![
        Reviewer { person: person("Ana"), key: Some(key.public()) },
        Reviewer { person: person("Ben"), key: None },
    ];
    let id = review.to_bytes().unwrap().1;
    let mut chain = Chain::new("w1", Vec::new()).unwrap();
    let mut write = |who: &str, key: Option<&Key>| {
        chain
            .write(&review, id, Statement::new("f1", Verdict::Suspect, person(who), time(1)), key)
            .map(|(_, object)| object)
    };
    assert!(matches!(write("Ana", None), Err(ReviewError::Signature { .. })));
    assert!(matches!(write("Ana", Some(&other)), Err(ReviewError::Signature { .. })));
    assert!(
        matches!(write("Ben", Some(&key)), Err(ReviewError::Signature { .. })),
        "no key to check it with"
    );
    let signed = write("Ana", Some(&key)).unwrap();
    write("Ben", None).unwrap();
    let mut log = Log::new(review.clone(), id);
    log.add(&signed.path, &signed.bytes);
    assert_eq!(log.decisions(), 1);
    // A signature of other content, under the hash that fits the edit.
    let text = String::from_utf8(signed.bytes).unwrap().replace("suspect", "illegal");
    let mut log = Log::new(review.clone(), id);
    log.add(&format!("decisions/{}.json", ObjectId::of(text.as_bytes())), text.as_bytes());
    assert_eq!(verify(&mut log).iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::Signature]);
}

/// Blind reviewers of one feature dispute it; who is not blind settles it, and agreement is counted of the blind ones.
#[test]
fn tasks_are_decided_without_the_opinions_of_others() {
    let review = review();
    let id = review.to_bytes().unwrap().1;
    let mut log = Log::new(review.clone(), id);
    let mut chain = Chain::new("w1", Vec::new()).unwrap();
    let task = |who: &str, verdict: Verdict, order: u64| Statement {
        task: Some(TaskRef { sample: "s".into(), order }),
        duration_ms: Some(order * 1000),
        ..Statement::new("f1", verdict, person(who), time(order))
    };
    let settled = Statement::new("f1", Verdict::Illegal, person("Cyr"), time(9));
    let statements = [
        task("Ana", Verdict::Suspect, 1),
        task("Ben", Verdict::Illegal, 2),
        task("Ana", Verdict::Legitimate, 3),
        settled,
    ];
    let mut known = log.known(&BTreeSet::from(["f1"]));
    let mut seen = Vec::new();
    for mut statement in statements {
        statement.previous = known.previous(&statement);
        seen.push(statement.previous.len());
        let (decision, object) = chain.write(&review, id, statement.clone(), None).unwrap();
        log.add_checked(object.id, decision).unwrap();
        known.wrote(&statement, object.id);
        let afresh = log.known(&BTreeSet::from(["f1", "f2"]));
        assert_eq!(
            afresh.previous(&task("Ana", Verdict::Suspect, 1)),
            known.previous(&task("Ana", Verdict::Suspect, 1))
        );
        assert_eq!(
            log.state("f1").unwrap().status,
            [Status::Decided, Status::Disputed, Status::Disputed, Status::Decided][seen.len() - 1]
        );
    }
    assert_eq!(seen, [0, 0, 1, 2]);
    // Suspect and illegal: the first ones of Ana and Ben.
    assert_eq!(log.independent(), [vec![1, 2]]);
    assert_eq!(log.durations_ms().len(), 3);
}

/// A log of several writers: in turn, at once, in batches, with disputes, contests and answers.
fn long_log(review: &Review, seed: u64, writers: usize) -> Objects {
    let mut random = SplitMix64::new(seed);
    let mut objects = Objects::new();
    for round in 0..writers {
        let mut copies: Vec<Objects> = vec![objects.clone(); 1 + random.below(3)];
        for (copy, objects) in copies.iter_mut().enumerate() {
            let writer = format!("w{round}-{copy}");
            let mut session = Session::new(review, &writer, objects);
            for step in 0..=random.below(6) {
                let feature = format!("f{}", random.below(12));
                let who = ["Ana", "Ben", "Cyr"][random.below(3)];
                let minute = wide(round * 1000 + copy * 100 + step);
                let contests = session.log.state(&feature).map(|state| state.contests).unwrap_or_default();
                let statement = match random.below(8) {
                    0 => Statement::contest(
                        &feature,
                        "It is mine: \"étang\" <script>",
                        person(who),
                        time(minute),
                    ),
                    1 if !contests.is_empty() => Statement {
                        kind: Kind::Answer,
                        comment: Some("Seen in the field.".to_owned()),
                        answers: contests,
                        ..Statement::new(&feature, Verdict::Legitimate, person(who), time(minute))
                    },
                    other => Statement {
                        reason: (other > 4).then(|| "visible".to_owned()),
                        class: (other == 7).then(|| "pool".to_owned()),
                        ..Statement::new(
                            &feature,
                            [Verdict::Suspect, Verdict::Confirmed][other % 2],
                            person(who),
                            time(minute),
                        )
                    },
                };
                session.write(statement);
                if random.below(3) > 0 {
                    session.seal();
                }
            }
            session.seal();
        }
        objects = copies.into_iter().flatten().collect();
    }
    // One more has seen everything.
    Session::new(review, "last", &mut objects).say("f1", Verdict::Suspect, "Ana", 99_999);
    objects
}

/// A random change of a log that has a meaning; returns what was done.
fn mutate(objects: &mut Objects, random: &mut SplitMix64) -> String {
    let paths: Vec<String> = objects.keys().cloned().collect();
    let pick = |random: &mut SplitMix64| paths[random.below(paths.len())].clone();
    let path = pick(random);
    match random.below(6) {
        // One byte.
        0 | 1 => {
            let bytes = objects.get_mut(&path).unwrap();
            let at = random.below(bytes.len());
            let flip = u8::try_from(1 + random.below(255)).unwrap();
            bytes[at] ^= flip;
            format!("byte {at} of {path}")
        }
        2 => {
            objects.remove(&path);
            format!("removal of {path}")
        }
        3 => {
            let other = pick(random);
            let (one, two) = (objects[&path].clone(), objects[&other].clone());
            if one == two {
                objects.remove(&path);
                return format!("removal of {path}");
            }
            objects.insert(path.clone(), two);
            objects.insert(other.clone(), one);
            format!("exchange of {path} and {other}")
        }
        4 => {
            let bytes = objects.remove(&path).unwrap();
            let digit = char::from(b'0' + u8::try_from(random.below(10)).unwrap());
            let renamed = path.replacen(".json", &format!("{digit}.json"), 1);
            objects.insert(renamed.clone(), bytes);
            format!("{path} renamed {renamed}")
        }
        // An edit under the name that fits it, of whoever knows how names are made.
        _ => {
            let decisions: Vec<&String> =
                paths.iter().filter(|path| path.starts_with("decisions/")).collect();
            let path = decisions[random.below(decisions.len())].clone();
            let mut decision = Decision::from_bytes(&objects.remove(&path).unwrap()).unwrap();
            match random.below(3) {
                0 => decision.statement.person.name.push_str(" B."),
                1 => decision.statement.time = time(500_000),
                _ => decision.writer.number += 1,
            }
            if decision.writer.number == 2 && decision.writer.before.is_none() {
                decision.writer.before = Some(ObjectId::of(b"x"));
            }
            let (bytes, id) = decision.to_bytes().unwrap();
            objects.insert(format!("decisions/{id}.json"), bytes);
            format!("{path} edited and named anew")
        }
    }
}

#[test]
fn one_thousand_of_one_thousand_mutations_are_found_and_nothing_else() {
    let review = review();
    let mut random = SplitMix64::new(11);
    let mut kinds = BTreeSet::new();
    for log in 0..20 {
        let whole = long_log(&review, log, 8);
        assert_eq!(verify(&mut log_of(&review, &whole)), [], "log {log}");
        for _ in 0..50 {
            let mut objects = whole.clone();
            let done = mutate(&mut objects, &mut random);
            let found = verify(&mut log_of(&review, &objects));
            assert!(!found.is_empty(), "log {log}: {done} was not found");
            kinds.extend(found.iter().map(|finding| finding.kind));
        }
    }
    assert!(kinds.len() >= 8, "{kinds:?}");
}

/// Removals of several objects: the tail of a writer with its seals is found once another writer has seen it.
#[test]
fn a_cut_tail_is_found_if_somebody_has_seen_it() {
    let review = review();
    let mut objects = Objects::new();
    Session::new(&review, "w1", &mut objects).say("f1", Verdict::Suspect, "Ana", 1);
    let before = objects.clone();
    Session::new(&review, "w2", &mut objects).say("f2", Verdict::Suspect, "Ben", 2);
    // Nobody has seen w2: its removal as a whole cannot be found in the log, but against a seal that was noted elsewhere.
    assert_eq!(verify(&mut log_of(&review, &before)), []);
    let noted = log_of(&review, &objects).frontier();
    assert_eq!(noted.len(), 1);
    assert!(!log_of(&review, &before).has_seal(&noted[0]) && log_of(&review, &objects).has_seal(&noted[0]));
    assert_ne!(log_of(&review, &before).root(), log_of(&review, &objects).root());
    Session::new(&review, "w3", &mut objects).say("f3", Verdict::Suspect, "Cyr", 3);
    for path in objects.keys().filter(|path| !before.contains_key(*path)).cloned().collect::<Vec<_>>() {
        let by_w2 = path.starts_with("seals/w2")
            || String::from_utf8_lossy(&objects[&path]).contains("\"id\":\"w2\"");
        if by_w2 {
            objects.remove(&path);
        }
    }
    let kinds: Vec<FindingKind> = verify(&mut log_of(&review, &objects)).iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [FindingKind::MissingSeal]);
}

#[test]
fn each_wrong_thing_has_its_kind() {
    use FindingKind::{
        Clock, Duplicate, Edited, Foreign, Fork, MissingDecision, MissingPrevious, MissingSeal, TooLarge,
        Unknown, UnknownFeature, Unreadable, Unsealed, WrongSeal,
    };
    let review = review();
    let mut whole = Objects::new();
    let mut session = Session::new(&review, "w1", &mut whole);
    let first = session.say("f1", Verdict::Suspect, "Ana", 1);
    let second = session.say("f1", Verdict::Illegal, "Ana", 2);
    let third = session.say("f2", Verdict::Illegal, "Ana", 3);
    let path = |id: &ObjectId| format!("decisions/{id}.json");
    let kinds = |objects: &Objects| {
        let found = verify(&mut log_of(&review, objects));
        found.into_iter().map(|finding| finding.kind).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let changed = |change: &dyn Fn(&mut Objects)| {
        let mut objects = whole.clone();
        change(&mut objects);
        kinds(&objects)
    };
    assert_eq!(changed(&|_| {}), []);
    assert_eq!(changed(&|o| drop(o.remove("seals/w1/3.json"))), [Unsealed]);
    assert_eq!(changed(&|o| drop(o.remove("seals/w1/2.json"))), [MissingSeal]);
    assert_eq!(changed(&|o| drop(o.remove(&path(&first)))), [MissingPrevious, MissingDecision]);
    assert_eq!(changed(&|o| drop(o.remove(&path(&second)))), [MissingDecision]);
    assert_eq!(changed(&|o| drop(o.remove(&path(&third)))), [MissingDecision]);
    assert_eq!(changed(&|o| drop(o.insert("notes.txt".into(), b"x".to_vec()))), [Unknown]);
    let added = |bytes: Vec<u8>| changed(&|o| drop(o.insert(path(&ObjectId::of(&bytes)), bytes.clone())));
    assert_eq!(added(vec![b' '; OBJECT_BYTES + 1]), [TooLarge]);
    assert_eq!(added(vec![0xff, 0xfe]), [Unreadable]);
    assert_eq!(added("[".repeat(100_000).into_bytes()), [Unreadable], "deep JSON");
    assert_eq!(added([&whole[&path(&first)][..], b"\n"].concat()), [Unreadable], "not canonical");
    assert_eq!(
        changed(&|o| drop(o.insert(path(&first), b"{}".to_vec()))),
        [Edited, MissingPrevious, MissingDecision]
    );
    // An edited review.json makes all of it foreign.
    let mut edited = review.clone();
    edited.reasons.pop();
    assert_eq!(verify(&mut log_of(&edited, &whole)).len(), 6);
    assert!(verify(&mut log_of(&edited, &whole)).iter().all(|finding| finding.kind == Foreign));
    // Two processes with one id.
    let mut forked = whole.clone();
    let mut chain = Chain::new("w1", Vec::new()).unwrap();
    let id = review.to_bytes().unwrap().1;
    let (_, object) = chain
        .write(&review, id, Statement::new("f9", Verdict::Suspect, person("Ben"), time(9)), None)
        .unwrap();
    forked.insert(object.path, object.bytes);
    assert_eq!(kinds(&forked), [Fork]);
    // A feature of no map, a clock that is wrong, a statement twice.
    let with = |statements: &[Statement]| {
        let mut objects = whole.clone();
        let mut session = Session::new(&review, "w2", &mut objects);
        for statement in statements {
            session.write(statement.clone());
        }
        session.seal();
        kinds(&objects)
    };
    let plain = Statement::new("f5", Verdict::Suspect, person("Ana"), time(4));
    assert_eq!(with(&[Statement { feature: "g1".into(), ..plain.clone() }]), [UnknownFeature]);
    assert_eq!(
        with(&[Statement { time: Time::of_millis(CREATED - 600_000).unwrap(), ..plain.clone() }]),
        [Clock]
    );
    assert_eq!(with(&[Statement { time: time(1_000_010), ..plain.clone() }]), [Clock]);
    assert_eq!(with(&[plain.clone(), plain]), [Duplicate]);
    // A seal with another count.
    let mut seal = Seal::from_bytes(&whole["seals/w1/3.json"]).unwrap();
    seal.count = 2;
    let bytes = seal.to_object().unwrap().bytes;
    assert_eq!(changed(&|o| drop(o.insert("seals/w1/3.json".into(), bytes.clone()))), [WrongSeal, Unsealed]);
}

/// A process is stopped at every possible point; the next one seals what is there, and nothing is lost.
#[test]
fn a_tail_without_seal_is_sealed_by_the_next_writer() {
    let review = review();
    let mut objects = Objects::new();
    let mut session = Session::new(&review, "w1", &mut objects);
    session.say("f1", Verdict::Suspect, "Ana", 1);
    session.write(Statement::new("f2", Verdict::Suspect, person("Ana"), time(2)));
    session.write(Statement::new("f3", Verdict::Suspect, person("Ana"), time(3)));
    let mut slow = session.chain.clone();
    let found = verify(&mut log_of(&review, &objects));
    assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::Unsealed]);
    assert!(found[0].kind.is_warning());
    Session::new(&review, "w2", &mut objects).say("f4", Verdict::Suspect, "Ben", 4);
    assert!(objects.contains_key("seals/w1/2.json"));
    assert_eq!(verify(&mut log_of(&review, &objects)), []);
    // It was not dead, only slow: it finds its seal there, and goes on.
    let id = review.to_bytes().unwrap().1;
    let (_, late) = slow
        .write(&review, id, Statement::new("f5", Verdict::Suspect, person("Ana"), time(5)), None)
        .unwrap();
    objects.insert(late.path, late.bytes);
    let seal = slow.seal(id).unwrap().unwrap();
    assert!(objects.contains_key(&seal.path));
    slow.overtaken(&objects[&seal.path].clone()).unwrap();
    let seal = slow.seal(id).unwrap().unwrap();
    assert_eq!(seal.path, "seals/w1/3.json");
    objects.insert(seal.path, seal.bytes);
    assert_eq!(slow.seal(id).unwrap(), None);
    assert_eq!(verify(&mut log_of(&review, &objects)), []);
    let mut other = Chain::new("w9", Vec::new()).unwrap();
    assert!(other.overtaken(&objects["seals/w1/3.json"].clone()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Merging is a union of sets: commutative, associative and idempotent, and states do not depend on any order.
    #[test]
    fn merges_are_unions_of_sets(seed in 0u64..1000, parts in proptest::collection::vec(0usize..7, 200), shuffle in any::<u64>()) {
        let review = review();
        let whole: Vec<(String, Vec<u8>)> = long_log(&review, seed, 4).into_iter().collect();
        let expected = log_of(&review, &whole.iter().cloned().collect()).all_states();
        let root = log_of(&review, &whole.iter().cloned().collect()).root();
        // Every object is in one or more of three copies, which are added in a random order.
        let mut random = SplitMix64::new(shuffle);
        let mut copies: Vec<usize> = vec![];
        for (at, part) in (0..whole.len()).zip(parts.iter().cycle()) {
            copies.extend(std::iter::repeat_n(at, 1 + usize::from(*part == 0)));
        }
        for i in (1..copies.len()).rev() {
            copies.swap(i, random.below(i + 1));
        }
        let mut log = Log::new(review.clone(), review.to_bytes().unwrap().1);
        for at in copies {
            log.add(&whole[at].0, &whole[at].1);
        }
        prop_assert_eq!(log.all_states(), expected);
        prop_assert_eq!(log.root(), root);
        prop_assert_eq!(verify(&mut log), []);
    }

    /// Objects of any bytes are findings, never a panic.
    #[test]
    fn hostile_objects_are_findings(bytes in proptest::collection::vec(any::<u8>(), 0..300), path in "(decisions|seals/w1)/[0-9a-f]{0,64}\\.json") {
        let review = review();
        let mut log = Log::new(review.clone(), review.to_bytes().unwrap().1);
        log.add(&path, &bytes);
        log.add(&format!("decisions/{}.json", ObjectId::of(&bytes)), &bytes);
        prop_assert!(!verify(&mut log).is_empty());
        prop_assert!(log.all_states().is_empty());
    }
}

#[test]
fn rows_come_back_as_they_were() {
    let review = review();
    let ring = vec![[5.0, 43.0], [5.001, 43.0], [5.001, 43.001], [5.0, 43.0]];
    let full = Statement {
        reason: Some("outline".into()),
        comment: Some("=HYPERLINK(\"x\")\nline, \"two\"".into()),
        class: Some("pool".into()),
        geometry: Some(Geometry::Polygon(vec![ring])),
        duration_ms: Some(5300),
        scenes: vec!["s3://b/a.tif".into(), "b.tif".into()],
        task: Some(TaskRef { sample: "s1".into(), order: 12 }),
        previous: vec![ObjectId::of(b"a")],
        ..Statement::new("f1", Verdict::Confirmed, person("Ana"), time(1))
    };
    let contest = Statement::contest("f1", "why", person("Ana"), time(1));
    for statement in [full, contest] {
        let id = review.to_bytes().unwrap().1;
        let (decision, object) =
            Chain::new("w", Vec::new()).unwrap().write(&review, id, statement.clone(), None).unwrap();
        let names: Vec<String> = table::columns().into_iter().map(|column| column.name).collect();
        let row = table::row(&object.id, &decision);
        let cell = |name: &str| names.iter().position(|n| n == name).and_then(|at| row[at].clone());
        assert_eq!(table::statement(&cell, None, time(9)).unwrap(), statement);
    }
    let minimal = |name: &str| match name {
        "feature" => Some("f1".to_owned()),
        "verdict" => Some("ILLEGAL".to_owned()),
        _ => None,
    };
    let read = table::statement(&minimal, Some(&person("Ana")), time(9)).unwrap();
    assert_eq!(read, Statement::new("f1", Verdict::Illegal, person("Ana"), time(9)));
    assert!(table::statement(&minimal, None, time(9)).is_err(), "no person");
    for (column, value) in [
        ("verdict", "yes"),
        ("kind", "opinion"),
        ("order", "1"),
        ("time", "today"),
        ("geometry", "POINT(1 2)"),
    ] {
        let cell = |name: &str| if name == column { Some(value.to_owned()) } else { minimal(name) };
        assert!(table::statement(&cell, Some(&person("Ana")), time(9)).is_err(), "{column}");
    }
}

/// 5,000 candidates at 1 % prevalence, reviewed by a stratified sample: precision and area are inside of the 95 % interval
/// for 95 % of 500 seeds. 500 draws at exactly 95 % give 465 or more with a probability of 98.3 %; the bar is 475.
#[test]
fn a_simulated_review_recovers_precision_and_area() {
    const CANDIDATES: usize = 5_000;
    const SEEDS: u64 = 500;
    let mut random = SplitMix64::new(2026);
    // Scores of true objects are high more often than those of false ones, and overlap with them.
    let population: Vec<(String, f64, f64, bool)> = (0..CANDIDATES)
        .map(|i| {
            let there = i % 100 == 0;
            let (a, b) = (random.unit(), random.unit());
            let score = if there { a.max(b).sqrt() } else { a * a * b };
            (format!("f{i}"), score, 20.0 + 400.0 * random.unit().powi(3), there)
        })
        .collect();
    let truth = exact(population.iter().filter(|c| c.3).count()) / exact(CANDIDATES);
    let mapped_m2: f64 = population.iter().map(|c| c.2).sum();
    let true_m2: f64 = population.iter().filter(|c| c.3).map(|c| c.2).sum();
    assert!((truth - 0.01).abs() < 1e-12);
    let by_id: BTreeMap<&str, usize> = population.iter().zip(0..).map(|(c, at)| (c.0.as_str(), at)).collect();
    let (mut precision, mut area, mut width) = (0u64, 0u64, 0.0);
    for seed in 0..SEEDS {
        let options = SampleOptions {
            seed,
            design: Design::Random {
                size: 1_000,
                minimum: 50,
                by: vec![Split::Score],
                allocation: Allocation::Neyman,
            },
            reviewers: vec!["ana".into()],
            doubled: 0.0,
            known: Vec::new(),
        };
        let candidates = || {
            population.iter().map(|(id, score, ..)| Candidate {
                id,
                class: "",
                zone: "",
                score: Some(*score),
            })
        };
        let mut tally = Tally::new(options).unwrap();
        candidates().for_each(|candidate| tally.count(&candidate).unwrap());
        let mut drawing = tally.draw().unwrap();
        candidates().for_each(|candidate| drawing.offer(&candidate).unwrap());
        let sample = drawing.finish();
        let mut strata: Vec<ReviewedStratum> = sample
            .strata
            .iter()
            .map(|s| ReviewedStratum {
                name: s.name.clone(),
                features: s.features,
                area_m2: 0.0,
                reviewed: Vec::new(),
            })
            .collect();
        let band = |score: f64| match score {
            s if s < 0.5 => "score below 0.5",
            s if s < 0.7 => "score 0.5 to 0.7",
            s if s < 0.9 => "score 0.7 to 0.9",
            _ => "score above 0.9",
        };
        for (_, score, m2, _) in &population {
            strata.iter_mut().find(|s| s.name == band(*score)).unwrap().area_m2 += m2;
        }
        for drawn in &sample.drawn {
            let candidate = &population[by_id[drawn.feature.as_str()]];
            strata
                .iter_mut()
                .find(|s| s.name == drawn.stratum)
                .unwrap()
                .reviewed
                .push((candidate.2, candidate.3));
        }
        let found = map_precision(&strata).unwrap();
        precision += u64::from((found.precision.low..=found.precision.high).contains(&truth));
        let [_, low, high] = found.area.times(found.mapped_m2);
        area += u64::from((low..=high).contains(&true_m2));
        assert!((found.mapped_m2 / mapped_m2 - 1.0).abs() < 1e-9);
        width += (found.precision.high - found.precision.low) / exact(SEEDS);
    }
    println!(
        "covered of {SEEDS}: precision {precision}, area {area}; mean width of the precision's interval {width:.5}"
    );
    assert!(precision >= 475 && area >= 475, "precision {precision}, area {area} of {SEEDS}");
    assert!(width < 0.02, "the intervals say something: {width}");
}

/// The memory of a log does not grow with its texts; run with `--ignored` for the figures of a million decisions.
#[test]
#[ignore = "takes a minute; prints the memory of a million decisions"]
fn a_million_decisions_are_folded() {
    let review = review();
    let id = review.to_bytes().unwrap().1;
    let mut log = Log::new(review.clone(), id);
    let mut chain = Chain::new("w1", Vec::new()).unwrap();
    for i in 0..1_000_000u64 {
        let comment = Some("A comment of some length, as persons write them. ".repeat(10));
        let statement = Statement {
            comment,
            ..Statement::new(format!("f{}", i % 600_000), Verdict::Suspect, person("Ana"), time(i / 100))
        };
        let (_, object) = chain.write(&review, id, statement, None).unwrap();
        log.add(&object.path, &object.bytes);
        if i % 100 == 99 {
            let seal = chain.seal(id).unwrap().unwrap();
            log.add(&seal.path, &seal.bytes);
        }
    }
    let started = std::time::Instant::now();
    let (mut states, mut decided) = (0u64, 0u64);
    let done: Result<(), std::convert::Infallible> = log.each_state(&mut |state| {
        states += 1;
        decided += u64::from(state.verdict().is_some());
        Ok(())
    });
    assert!(done.is_ok() && states == 600_000 && decided == 600_000);
    let folded = started.elapsed();
    let started = std::time::Instant::now();
    assert_eq!(verify(&mut log).len(), 0);
    let verified = started.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned();
    println!("folded in {folded:?}, verified in {:?}; {peak}; {} decisions", verified, log.decisions());
}

/// A log that is read object by object, in any order and with repetitions, says of each feature what the fold of the whole
/// log says.
#[test]
fn a_live_log_says_what_the_fold_of_all_says() {
    let (review, mut objects) = (review(), Objects::new());
    let mut random = SplitMix64::new(5);
    for round in 0..12 {
        let mut copy = objects.clone();
        for (side, name) in [(&mut objects, "Ana"), (&mut copy, "Ben")] {
            let mut session = Session::new(&review, &format!("w{round}{name}"), side);
            for at in 0..3 {
                let verdict = Verdict::ALL[random.below(6)];
                session.say(&format!("f{}", random.below(5)), verdict, name, 10 * round + at);
            }
        }
        objects.append(&mut copy);
    }
    let whole = log_of(&review, &objects).all_states();
    let decisions: Vec<(&String, &Vec<u8>)> =
        objects.iter().filter(|(path, _)| path.starts_with("decisions/")).collect();
    for turn in [0, 7, 30] {
        // A part is there at the start, the others come later, some of them again.
        let (first, later) = decisions.split_at(turn);
        let start: Objects = first.iter().map(|(path, bytes)| ((*path).clone(), (*bytes).clone())).collect();
        let mut live = Live::new(log_of(&review, &start));
        let mut new = 0;
        for (path, bytes) in later.iter().rev().chain(first) {
            new += usize::from(live.add(path, bytes).is_some());
        }
        assert_eq!(new, later.len());
        for expected in &whole {
            assert_eq!(live.state(&expected.feature).as_ref(), Some(expected));
            let mentions = live.mentions(&expected.feature);
            assert_eq!(wide(mentions.len()), expected.decisions);
            let heads: Vec<ObjectId> = mentions.iter().filter(|one| one.is_head).map(|one| one.id).collect();
            assert_eq!(heads, expected.heads);
            // What one person has said alone.
            let ana = person("Ana");
            let own = mentions.iter().filter(|one| *one.person == ana).count();
            assert_eq!(live.state_by(&expected.feature, &ana).map_or(0, |state| state.decisions), wide(own));
        }
        assert_eq!((live.state("f9"), live.features().count()), (None, whole.len()));
    }
    // What is no decision of the review changes nothing.
    let mut live = Live::new(log_of(&review, &objects));
    assert_eq!(live.add("decisions/x.json", b"{}"), None);
}

#[test]
fn a_row_is_known_by_its_id_and_an_altered_one_is_found() {
    let (review, mut objects) = (review(), Objects::new());
    let mut session = Session::new(&review, "w1", &mut objects);
    let row = |uuid: &str, verdict| Statement {
        uuid: Some(uuid.repeat(32)),
        ..Statement::new("f1", verdict, person("Ana"), time(1))
    };
    let id = session.write(row("a", Verdict::Illegal));
    session.seal();
    let same = Statement { previous: vec![id], ..row("a", Verdict::Illegal) };
    let (altered, other) = (row("a", Verdict::Legitimate), row("b", Verdict::Illegal));
    let bare = Statement { uuid: None, ..row("a", Verdict::Illegal) };
    let found = session.log.entered(&[&same, &altered, &other, &bare]).unwrap();
    assert_eq!(found, [Some((id, true)), Some((id, false)), None, None]);
    // What persons have seen of each other.
    let known = session.log.known(&BTreeSet::from(["f1"]));
    assert_eq!(known.previous_of("f1", &[&person("Ana"), &person("Ben")]), [id]);
    assert!(known.previous_of("f1", &[&person("Ben")]).is_empty() && known.previous_of("f2", &[]).is_empty());
    // A table gives it back, however it is written.
    let dashed = "AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA";
    let cells = BTreeMap::from([("feature", "f1"), ("verdict", "illegal"), ("uuid", dashed)]);
    let cell = |name: &str| cells.get(name).map(|text| (*text).to_owned());
    let read = table::statement(&cell, Some(&person("Ana")), time(1)).unwrap();
    assert_eq!((read.uuid.clone(), read.check(&review)), (Some("a".repeat(32)), Ok(())));
    let bad = Statement { uuid: Some("A".repeat(32)), ..read };
    assert!(bad.check(&review).unwrap_err().to_string().contains("uuid"));
}
