//! Examples that `--help` prints for each command. A test parses all of them.

/// Of `arpent plan`.
pub(crate) const PLAN: &str = "EXAMPLES
  arpent plan configs/tree-health/run.toml --scene scenes/ --output out
  arpent plan --model models/land-cover-50cm --scene ortho.tif --format json
  arpent plan run.toml --output s3://bucket/map --shards auto
  arpent plan run.toml --output out --probe --cost cost.toml";

/// Of `arpent run`.
pub(crate) const RUN: &str = "EXAMPLES
  arpent run --model models/land-cover-50cm --scene ortho.tif --output out
  arpent run configs/road-damage/run.toml --scene https://example.org/road.tif --aoi commune.gpkg --output out
  arpent run configs/change/run.toml --before 2019.tif --scene 2022.tif --output change --overwrite
  arpent run run.toml --output out --budget 2h --budget 10EUR --cost cost.toml";

/// Of `arpent worker`.
pub(crate) const WORKER: &str = "EXAMPLES
  arpent worker --plan s3://bucket/map/jobs/0123456789abcdef/plan.json --index 0
  arpent worker --plan out/jobs/0123456789abcdef/plan.json --index 3 --threads 4 --memory-limit-mb 8000
  arpent worker --plan out/jobs/0123456789abcdef/plan.json --index 3 --budget 500Wh";

/// Of `arpent merge`.
pub(crate) const MERGE: &str = "EXAMPLES
  arpent merge --plan s3://bucket/map/jobs/0123456789abcdef/plan.json";

/// Of `arpent status`.
pub(crate) const STATUS: &str = "EXAMPLES
  arpent status s3://bucket/map
  arpent status out/jobs/0123456789abcdef/plan.json --format json";

/// Of `arpent submit`.
pub(crate) const SUBMIT: &str = "EXAMPLES
  arpent submit --plan out/jobs/0123456789abcdef/plan.json --executor local --parallel 4
  arpent submit --plan /shared/map/jobs/0123456789abcdef/plan.json --executor slurm --dry-run";

/// Of `arpent model probe`.
pub(crate) const MODEL_PROBE: &str = "EXAMPLES
  arpent model probe models/land-cover-50cm --scene ortho.tif
  arpent model probe imported --scene s2.tif --disagreement 0.005 --write --format json";

/// Of `arpent gc`.
pub(crate) const GC: &str = "EXAMPLES
  arpent gc out --older-than 7d --dry-run
  arpent gc s3://bucket/map --older-than 12h";

/// Of `arpent catalog`.
pub(crate) const CATALOG: &str = "EXAMPLES
  arpent catalog maps
  arpent catalog s3://bucket/maps --title Cartes";

/// Of `arpent zonal`.
pub(crate) const ZONAL: &str = "EXAMPLES
  arpent zonal configs/land-cover/zonal.toml --map out --zones parcels.gpkg --output per-parcel
  arpent zonal configs/road-damage/zonal.toml --map s3://bucket/map --zones roads.gpkg --output per-section --overwrite";

/// Of `arpent change`.
pub(crate) const CHANGE: &str = "EXAMPLES
  arpent change configs/change/images.toml --before 2018.tif --after 2021.tif --output change-2018-2021
  arpent change configs/change/maps.toml --before map-2018 --after map-2021 --output change-2018-2021
  arpent change configs/change/maps.toml --before change-2018-2021 --after map-2024 --previous change-2018-2021 --output change-2021-2024
  arpent change configs/change/maps.toml --before map-2018 --after map-2021 --output s3://bucket/change --shards 20
  arpent change sample change-2018-2021 --output sample";

/// Of `arpent change sample`.
pub(crate) const CHANGE_SAMPLE: &str = "EXAMPLES
  arpent change sample change-2018-2021 --output sample
  arpent change sample change-2018-2021 --output sample --size 800 --seed 7 --zones communes.gpkg --zone-id insee";

/// Of `arpent change estimate`.
pub(crate) const CHANGE_ESTIMATE: &str = "EXAMPLES
  arpent change estimate sample --output areas
  arpent change estimate sample/ alice.csv bob.gpkg --change change-2018-2021 --format json";

/// Of `arpent review`.
pub(crate) const REVIEW: &str = "EXAMPLES
  arpent review new out --name first
  arpent review add out --feature ID --verdict confirmed --person NAME --function FUNCTION --organization ORGANIZATION
  arpent review state out --status disputed
  arpent review verify out";

/// Of `arpent review new`.
pub(crate) const REVIEW_NEW: &str = "EXAMPLES
  arpent review new out --name first
  arpent review new s3://bucket/map --name 2026-spring --rules review.toml
  arpent review new out-2026 --name second --after out-2023";

/// Of `arpent review add`.
pub(crate) const REVIEW_ADD: &str = "EXAMPLES
  arpent review add out --feature ID --verdict confirmed --class pool --person NAME --function FUNCTION --organization ORGANIZATION
  arpent review add out --feature ID --contest --comment GROUNDS --person NAME --function FUNCTION --organization ORGANIZATION
  arpent review add out --stdin --key key.pem";

/// Of `arpent review state`.
pub(crate) const REVIEW_STATE: &str = "EXAMPLES
  arpent review state out
  arpent review state out FEATURE
  arpent review state out --status disputed --format json";

/// Of `arpent review verify`.
pub(crate) const REVIEW_VERIFY: &str = "EXAMPLES
  arpent review verify out
  arpent review verify out --seal ID";

/// Of `arpent review sample`.
pub(crate) const REVIEW_SAMPLE: &str = "EXAMPLES
  arpent review sample out --folder sample --reviewers Ana,Ben --top 200 --zones insee
  arpent review sample out --folder sample --reviewers Ana --random 500 --by class,score --neyman --seed 7";

/// Of `arpent review publish`.
pub(crate) const REVIEW_PUBLISH: &str = "EXAMPLES
  arpent review publish out --to decided
  arpent review publish s3://bucket/map --to s3://bucket/map-2026-decided --review first --names none";

/// Of `arpent review learn`.
pub(crate) const REVIEW_LEARN: &str = "EXAMPLES
  arpent review learn out --to learned
  arpent review learn out --to learned --zones insee --precision 0.9
  arpent review learn out --to learned --budget 200 --format json";

/// Of `arpent review import`.
pub(crate) const REVIEW_IMPORT: &str = "EXAMPLES
  arpent review import out review.gpkg copy/review.gpkg
  arpent review import out statuses.csv --from aigle --delivery aigle --people users.csv
  arpent review import out decisions.csv --person NAME --function FUNCTION --organization ORGANIZATION";

/// Of `arpent review export`.
pub(crate) const REVIEW_EXPORT: &str = "EXAMPLES
  arpent review export out --to decisions.csv
  arpent review export out --to review.gpkg --language fr
  arpent review export out --to aigle --check --known-types types.txt
  arpent review export out --to aigle aigle --batch-tiles-url 'https://tiles.example.org/2024/{z}/{x}/{y}.webp'
  arpent review export out --to gpkg --folder ana --tasks sample/tasks.csv --reviewer Ana";

/// Of `arpent review serve`.
pub(crate) const REVIEW_SERVE: &str = "EXAMPLES
  arpent review serve out --person NAME --function FUNCTION --organization ORGANIZATION
  arpent review serve out --tasks sample/tasks.csv --reviewer Ana
  arpent review serve s3://bucket/map --port 8080 --trust-proxy-headers https://review.example.org";

/// Of `arpent inspect`.
pub(crate) const INSPECT: &str = "EXAMPLES
  arpent inspect ortho.tif
  arpent inspect models/land-cover-50cm --format json
  arpent inspect out
  arpent inspect features.gpkg";

/// Of `arpent report`.
pub(crate) const REPORT: &str = "EXAMPLES
  arpent report out --output report.html
  arpent report s3://bucket/change --output report.html";

/// Of `arpent explain`.
pub(crate) const EXPLAIN: &str = "EXAMPLES
  arpent explain out 0123456789abcdef0123456789abcdef --output sheet.html
  arpent explain s3://bucket/change 0123456789abcdef0123456789abcdef --format json";

/// Of `arpent check`.
pub(crate) const CHECK: &str = "EXAMPLES
  arpent check out
  arpent check s3://bucket/map --format json";

/// Of `arpent doctor`.
pub(crate) const DOCTOR: &str = "EXAMPLES
  arpent doctor
  arpent doctor s3://bucket/map --scratch /data/tmp --format json";

/// Of `arpent view`.
pub(crate) const VIEW: &str = "EXAMPLES
  arpent view out
  arpent view s3://bucket/map --port 8080";

/// Of `arpent schema`.
pub(crate) const SCHEMA: &str = "EXAMPLES
  arpent schema
  arpent schema zonal
  arpent schema change";

/// Of `arpent model`.
pub(crate) const MODEL: &str = "EXAMPLES
  arpent model list
  arpent model import flair.safetensors --like flair-inc --output models/flair
  arpent model import own.pt --architecture unet-efficientnet-b4 --window 512 --margin 64 --output models/own
  arpent model import roads.onnx --output models/roads
  arpent model item models/roads";

/// Of `arpent train`.
pub(crate) const TRAIN: &str = "EXAMPLES
  arpent train fit configs/tree-health/train.toml
  arpent train fit --labels polygons.gpkg --scene ortho.tif --class-field class --output models/own";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::Cli;

    /// The commands of a help text; words may be quoted.
    fn examples(help: &str) -> Vec<Vec<String>> {
        let commands = help.lines().map(str::trim).filter(|line| line.starts_with("arpent "));
        commands
            .map(|line| line.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect())
            .collect()
    }

    #[test]
    fn every_verb_shows_commands_that_it_understands() {
        let mut cli = Cli::command();
        cli.build();
        let all: Vec<&clap::Command> =
            cli.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set()).collect();
        assert!(all.len() > 10);
        for verb in all {
            let name = verb.get_name();
            let help =
                verb.get_after_help().unwrap_or_else(|| panic!("{name} shows no examples")).to_string();
            assert!(help.starts_with("EXAMPLES\n"), "{name}");
            let examples = examples(&help);
            assert!(!examples.is_empty(), "{name}");
            for words in examples {
                assert_eq!(words[1], name);
                Cli::try_parse_from(&words).unwrap_or_else(|e| panic!("{}: {e}", words.join(" ")));
            }
        }
    }
}
