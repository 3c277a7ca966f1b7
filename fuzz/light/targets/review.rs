//! Objects of a review: whatever their bytes, they are findings or count, and what counts is written again as it was.
#![no_main]

use arpent_review::{Decision, Log, MapRef, ObjectId, REVIEW_FORMAT, Review, Seal, Time};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let review = Review {
        format: REVIEW_FORMAT.to_owned(),
        name: "r".to_owned(),
        map: MapRef { run_id: "r".to_owned(), manifest_sha256: ObjectId::of(b"") },
        created: Time::of_millis(0).expect("1970"),
        reasons: Review::default_reasons(),
        classes: vec!["a".to_owned()],
        people: Vec::new(),
        max_area_m2: 1e6,
        history: None,
    };
    let (_, id) = review.to_bytes().expect("it is valid");
    let mut log = Log::new(review.clone(), id);
    let object = ObjectId::of(bytes);
    log.add(&format!("decisions/{object}.json"), bytes);
    log.add("seals/w/1.json", bytes);
    let _ = Review::from_bytes(bytes);
    let _ = Seal::from_bytes(bytes).map(|seal| assert_eq!(seal.to_object().expect("read").bytes, bytes));
    if let Ok(decision) = Decision::from_bytes(bytes) {
        assert_eq!(decision.to_bytes().expect("read"), (bytes.to_vec(), object));
        let _ = decision.check(&review, id);
        let _ = decision.statement.check(&review);
    }
    let now = Time::of_millis(1).expect("1970");
    assert!(log.decisions() > 0 || !log.verify(now, &|_| true).is_empty());
    let _ = log.all_states();
});
