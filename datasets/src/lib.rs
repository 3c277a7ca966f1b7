//! One adapter per data set, with its card
