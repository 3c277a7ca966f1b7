//! Who decides.

use arpent_base::{DoingWhat as _, Result};
use arpent_cli::PersonArgs;
use arpent_job::ReviewPerson;
use arpent_review::{Key, Person};

/// The person of the arguments and the environment.
///
/// # Errors
/// When the file of the key cannot be read or holds none.
pub(super) fn of_args(args: &PersonArgs) -> Result<ReviewPerson> {
    let given = |argument: &Option<String>, name: &str| argument.clone().or_else(|| std::env::var(name).ok());
    let parts = [
        given(&args.person, "ARPENT_PERSON"),
        given(&args.function, "ARPENT_FUNCTION"),
        given(&args.organization, "ARPENT_ORGANIZATION"),
    ];
    let person = parts.iter().any(Option::is_some).then(|| {
        let [name, function, organization] = parts.map(Option::unwrap_or_default);
        Person { name, function, organization }
    });
    let key = match &args.key {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            Some(Key::of_pem(&text).with_context(|| file.display().to_string())?)
        }
    };
    Ok(ReviewPerson { person, key })
}
