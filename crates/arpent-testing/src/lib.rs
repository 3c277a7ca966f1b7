//! Synthetic scenes with known answers, for tests only
