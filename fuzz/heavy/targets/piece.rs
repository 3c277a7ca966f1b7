//! Answers of a piece: what is read is written as the same bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|answers: &[u8]| {
    arpent_job::reads_answers(answers);
});
