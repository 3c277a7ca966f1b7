//! Labels and detections to clean, attributed features
