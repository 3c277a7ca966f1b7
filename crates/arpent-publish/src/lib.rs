//! Encode and publish: formats, object store, manifest
