//! Parts of messages.

pub(super) use arpent_base::listed_numbers as numbers;

/// A message in parentheses, where there is one.
pub(super) fn detail(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({message})") }
}
