//! `plan.json` of a job that is shared out: what is read is written and read again as the same, and every piece has one shard.
#![no_main]

use arpent_job::{AnyPlan, Divided as _, MOST_SHARDS, Plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Also what is refused for its id, which no mutation keeps.
    let _ = AnyPlan::from_json(bytes, "fuzz");
    let Ok(plan) = serde_json::from_slice::<Plan>(bytes) else { return };
    let written = plan.to_json().expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<Plan>(&written).expect("what was written can be read"), plan);
    if (1..=MOST_SHARDS).contains(&plan.shards) {
        let shares = plan.shares();
        let ends = shares.iter().fold(0, |begin, share| {
            assert_eq!(share.start, begin, "pieces without a shard, or with two");
            share.end
        });
        assert_eq!((shares.len(), ends), (plan.shards, plan.pieces().len()));
    }
});
