//! Tables of Markdown.

use std::fmt::Write as _;

/// A table; columns without any text are left out.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let filled: Vec<usize> =
        (0..head.len()).filter(|column| rows.iter().any(|row| !row[*column].is_empty())).collect();
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(filled.iter().map(|c| head[*c]).collect());
    let _ = writeln!(text, "|{}", "---|".repeat(filled.len()));
    for row in rows {
        text += &line(filled.iter().map(|c| row[*c].as_str()).collect());
    }
    text
}

/// Text of one line that a cell can hold: bars are escaped, and outside of code what would be read as HTML.
pub(crate) fn cell(text: &str) -> String {
    let mut in_code = false;
    let mut out = String::new();
    for c in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        match c {
            '`' => in_code = !in_code,
            '|' => out.push('\\'),
            '<' | '*' | '[' if !in_code => out.push('\\'),
            _ => {}
        }
        out.push(c);
    }
    out
}

#[test]
fn cells_are_of_one_line_and_no_html() {
    assert_eq!(cell("a\n b|c <d> `<e|f>`"), "a b\\|c \\<d> `<e\\|f>`");
    assert_eq!(
        table(&["a", "b", "c"], &[vec!["1".into(), String::new(), "3".into()]]),
        "| a | c |\n|---|---|\n| 1 | 3 |\n"
    );
}
