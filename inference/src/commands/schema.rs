//! `arpent schema`.

use arpent_base::Result;
use arpent_job::{ChangeConfig, Config, ZonalConfig};
use arpent_model::ModelPackage;
use arpent_shell::print::print_text;

use arpent_cli::SchemaOf;

/// Prints a JSON schema.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn main(of: SchemaOf) -> Result<u8> {
    let schema = match of {
        SchemaOf::Run => schemars::schema_for!(Config),
        SchemaOf::Model => schemars::schema_for!(ModelPackage),
        SchemaOf::Zonal => schemars::schema_for!(ZonalConfig),
        SchemaOf::Change => schemars::schema_for!(ChangeConfig),
    };
    print_text(&(serde_json::to_string_pretty(&schema)? + "\n"))?;
    Ok(0)
}
