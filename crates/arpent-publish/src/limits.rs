//! Size limits of objects that are read into memory. The address and the size reported by a store are not trusted: an
//! object above the limit of its kind is refused before it fills the memory.

/// Objects of a list at most: more than the pieces of a map of a continent.
pub(crate) const MOST_LISTED: usize = 10_000_000;

/// Kinds of objects that are read as a whole, each with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// `manifest.json`: 128 MiB, enough for 300,000 scenes.
    Manifest,
    /// The plan of a job: 256 MiB.
    Plan,
    /// A piece of a map: 1 GiB, two bytes for each pixel of the largest window, and as much again.
    Piece,
    /// A file of a model package: 8 GiB.
    ModelFile,
    /// The record of an attempt at a shard: 16 MiB.
    Record,
    /// A STAC document, or a page: 16 MiB.
    Document,
}

impl ObjectKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Manifest, Self::Plan, Self::Piece, Self::ModelFile, Self::Record, Self::Document];

    /// The limit, bytes.
    pub const fn limit(self) -> u64 {
        match self {
            Self::Manifest => 128 << 20,
            Self::Plan => 256 << 20,
            Self::Piece => 1 << 30,
            Self::ModelFile => 8 << 30,
            Self::Record | Self::Document => 16 << 20,
        }
    }

    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifest => "a manifest",
            Self::Plan => "a plan",
            Self::Piece => "a piece of a map",
            Self::ModelFile => "a file of a model package",
            Self::Record => "the record of a shard",
            Self::Document => "a STAC document or a page",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::Diagnostic as _;

    use crate::{PublishError, Target};

    #[test]
    fn what_is_larger_than_its_kind_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let local = Target::parse(dir.path().to_str().unwrap()).unwrap();
        let memory = Target::parse("memory:///a").unwrap();
        let most = usize::try_from(ObjectKind::Record.limit()).unwrap();
        for target in [&local, &memory] {
            target.replace("fits", vec![b' '; most], "x").unwrap();
            target.replace("large", vec![b' '; most + 1], "x").unwrap();
            assert_eq!(target.read("fits", ObjectKind::Record).unwrap().unwrap().len(), most);
            let error = target.read("large", ObjectKind::Record).unwrap_err();
            assert!(matches!(error, PublishError::TooLarge { limit, .. } if limit == most as u64), "{error}");
            assert!(error.is_transient() == Some(false) && error.hint().is_some(), "{error}");
            assert!(target.read("large", ObjectKind::Plan).is_ok());
        }
    }

    #[test]
    fn a_manifest_of_gigabytes_is_refused_by_every_reader() {
        let dir = tempfile::tempdir().unwrap();
        // A hole: three gigabytes that take no room.
        let file = std::fs::File::create(dir.path().join("manifest.json")).unwrap();
        file.set_len(3 << 30).unwrap();
        let target = Target::parse(dir.path().to_str().unwrap()).unwrap();
        let too_large = |error: PublishError| {
            assert!(matches!(error, PublishError::TooLarge { .. }), "{error}");
            assert!(error.to_string().contains("manifest.json"), "{error}");
        };
        too_large(target.read_manifest().unwrap_err());
        too_large(target.verify().unwrap_err());
        too_large(target.gc(std::time::Duration::ZERO, true).unwrap_err());
        too_large(target.publish(&[], crate::publish::tests::manifest("r"), false).unwrap_err());
    }
}
