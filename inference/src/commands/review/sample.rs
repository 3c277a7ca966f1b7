//! `arpent review sample`: which features are looked at, and by whom.

use arpent_cli::{ReviewSampleArgs, SplitArg};
use arpent_job::ReviewSampleOptions;
use arpent_review::sample::{Allocation, DOUBLED, Design, SampleOptions, Split};

/// The options of the arguments.
pub(super) fn options(args: &ReviewSampleArgs) -> ReviewSampleOptions {
    let by = args.by.iter().map(|by| match by {
        SplitArg::Class => Split::Class,
        SplitArg::Zone => Split::Zone,
        SplitArg::Score => Split::Score,
    });
    let design = match (args.top, args.random, args.least_certain) {
        (Some(per_zone), ..) => Design::Top { per_zone },
        (_, Some(size), _) => {
            let allocation = if args.neyman { Allocation::Neyman } else { Allocation::Proportional };
            Design::Random { size, minimum: args.minimum, by: by.collect(), allocation }
        }
        (.., Some(count)) => Design::LeastCertain { count, at: 0.5, balanced: !args.unbalanced },
        _ => Design::All,
    };
    let doubled = args.doubled.unwrap_or(if args.reviewers.len() > 1 { DOUBLED } else { 0.0 });
    let sample = SampleOptions {
        seed: args.seed,
        design,
        reviewers: args.reviewers.clone(),
        doubled,
        known: args.known.clone(),
    };
    ReviewSampleOptions {
        output: args.of.output.clone(),
        review: args.of.review.clone(),
        folder: args.folder.clone(),
        zones: args.zones.clone(),
        sample,
    }
}
