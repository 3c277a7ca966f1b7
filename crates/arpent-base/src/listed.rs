//! Lists of names that fit a line of a message.

/// Names of a list that is shown whole, however long they are: the bands of most sensors.
const FEW: usize = 12;
/// Characters of a list of more names that is shown whole.
const MOST_CHARS: usize = 160;
/// Names before the gap of a list that is summed up.
const SHOWN: usize = 2;

/// Names in a line: all of them if they are few or fit, else the first two and the last.
///
/// ```
/// use arpent_base::listed;
///
/// let bands: Vec<String> = (0..64).map(|i| format!("A{i:02}")).collect();
/// assert_eq!(listed(&bands[..3]), "A00, A01, A02");
/// assert_eq!(listed(&bands), "A00, A01, ... A63");
/// ```
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let [first @ .., last] = names else { return String::new() };
    let joined =
        |names: &[T], end: &str| names.iter().flat_map(|name| [name.as_ref(), end]).collect::<String>();
    let whole = joined(first, ", ") + last.as_ref();
    if names.len() <= FEW || whole.chars().count() <= MOST_CHARS {
        return whole;
    }
    format!("{}... {}", joined(&first[..SHOWN], ", "), last.as_ref())
}

/// The same with the number of names where the list is summed up: `A00, A01, ... A63 (64 bands)`.
pub fn listed_of<T: AsRef<str>>(names: &[T], what: &str) -> String {
    let list = listed(names);
    let whole: usize = names.iter().map(|name| name.as_ref().len() + 2).sum();
    if list.len() + 2 >= whole { list } else { format!("{list} ({} {what})", names.len()) }
}

/// The same for numbers: `1, 2, ... 64`.
pub fn listed_numbers(numbers: &[usize]) -> String {
    listed(&numbers.iter().map(usize::to_string).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_longer_than_a_line_are_summed_up() {
        let names = |count: usize| (0..count).map(|i| format!("B{i:03}")).collect::<Vec<_>>();
        assert_eq!((listed::<&str>(&[]), listed(&["red"])), (String::new(), "red".to_owned()));
        // 27 names of 4 characters are 27 x 4 + 26 x 2 = 160 characters.
        let line = listed(&names(27));
        assert!(line.len() == 160 && line.ends_with("B025, B026") && !line.contains("..."), "{line}");
        assert_eq!(listed_of(&names(27), "bands"), line);
        assert_eq!(listed(&names(28)), "B000, B001, ... B027");
        assert_eq!(listed_of(&names(28), "bands"), "B000, B001, ... B027 (28 bands)");
        let long = vec!["x".repeat(90); 12];
        assert_eq!(listed_of(&long, "bands"), long.join(", "));
        assert!(listed_of(&vec!["x".repeat(90); 13], "bands").ends_with("x (13 bands)"));
        assert_eq!(listed_numbers(&(1..=64).collect::<Vec<_>>()), "1, 2, ... 64");
    }
}
