//! Benchmarks of every stage and of the whole job
