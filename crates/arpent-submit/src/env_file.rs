//! Files of variables for workers: `NAME=VALUE` lines that are read as text and never executed, so that values with
//! `&`, `;` or `$` are not changed.
//!
//! A value is all that follows the first `=`, without a pair of equal quotes around it. Blank lines, and those that
//! begin with `#`, are skipped; `export` may precede a name. Nothing is expanded, and no value continues on the next
//! line.

use std::path::Path;

use crate::error::SubmitError;

/// A function for bash that sets the variables of a file. It reads bytes, in any encoding.
pub(crate) const READER: &str = r#"# Sets the variables of a file of NAME=VALUE lines, which is read as text and never run.
read_variables() {
  local LC_ALL=C line value number=0
  [[ -r "$1" ]] || { echo "$1: cannot be read" >&2; return 1; }
  while IFS= read -r line || [[ -n "$line" ]]; do
    number=$((number + 1))
    line="${line%$'\r'}"
    [[ ! "$line" =~ ^[[:blank:]]*(#|$) ]] || continue
    if [[ ! "$line" =~ ^[[:blank:]]*(export[[:blank:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]]; then
      echo "$1, line $number: NAME=VALUE is expected" >&2
      return 1
    fi
    value="${BASH_REMATCH[3]}"
    case "$value" in \"*\" | \'*\') value="${value:1:${#value}-2}" ;; esac
    declare -gx "${BASH_REMATCH[2]}=$value" || return 1
  done < "$1"
}
"#;

/// Refuses a file with a line that is not a variable, if it can be read here: it may exist on the nodes only.
pub(crate) fn check(path: &Path) -> Result<(), SubmitError> {
    let Ok(bytes) = std::fs::read(path) else { return Ok(()) };
    let wrong = bytes.split(|byte| *byte == b'\n').position(|line| !is_line(line));
    wrong.map_or(Ok(()), |at| Err(SubmitError::EnvLine { path: path.to_owned(), line: at + 1 }))
}

/// Whether a line is a variable, a comment or empty.
fn is_line(line: &[u8]) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = &line[line.iter().take_while(|b| is_blank(b)).count()..];
    if line.is_empty() || line.starts_with(b"#") {
        return true;
    }
    let rest = line.strip_prefix(b"export").filter(|rest| rest.first().is_some_and(&is_blank));
    let line = rest.map_or(line, |rest| &rest[rest.iter().take_while(|b| is_blank(b)).count()..]);
    let name = &line[..line.iter().position(|byte| *byte == b'=').unwrap_or(0)];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    !line.contains(&0) && name.first().is_some_and(|b| !b.is_ascii_digit()) && name.iter().all(is_name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    /// The variables as a process sees them that bash starts after it has read the file; `None` where it refuses the file.
    fn read_by_bash(content: &[u8]) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("it's secret.env");
        std::fs::write(&path, content).unwrap();
        let script = format!("{READER}read_variables \"$1\" || exit 2\nexec env -0");
        let output = Command::new("bash")
            .args(["-c", &script, "bash"])
            .arg(&path)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let accepted = output.status.success();
        assert_eq!(accepted, check(&path).is_ok(), "{:?}", String::from_utf8_lossy(content));
        let pairs = output.stdout.split(|byte| *byte == 0).filter_map(|entry| {
            let at = entry.iter().position(|byte| *byte == b'=')?;
            Some((entry[..at].to_vec(), entry[at + 1..].to_vec()))
        });
        accepted.then(|| pairs.collect())
    }

    #[test]
    fn values_arrive_as_they_are() {
        let content = b"# comment; touch /tmp/never\n\n  AZURE_STORAGE_KEY=ab&c;d$HOME`id`(x)|y>z==\r\nexport A=it's\n\
            B=\"with blanks  \"\nC='$(touch never)'\nD=\nE==#\nF=a # b\nG=\"\nline=1\nvalue=2\nnumber=3\nLC_ALL=C.UTF-8\n\
            H=\xff\xc3\xa9\nLAST=\\n\\";
        let found = read_by_bash(content).unwrap();
        let of = |name: &str| found.get(name.as_bytes()).map(Vec::as_slice);
        assert_eq!(of("AZURE_STORAGE_KEY"), Some(&b"ab&c;d$HOME`id`(x)|y>z=="[..]));
        assert_eq!(of("A"), Some(&b"it's"[..]));
        assert_eq!(of("B"), Some(&b"with blanks  "[..]));
        assert_eq!(of("C"), Some(&b"$(touch never)"[..]));
        assert_eq!((of("D"), of("E"), of("F")), (Some(&b""[..]), Some(&b"=#"[..]), Some(&b"a # b"[..])));
        assert_eq!((of("G"), of("H")), (Some(&b"\""[..]), Some(&b"\xff\xc3\xa9"[..])));
        assert_eq!(
            (of("line"), of("value"), of("number")),
            (Some(&b"1"[..]), Some(&b"2"[..]), Some(&b"3"[..]))
        );
        assert_eq!((of("LC_ALL"), of("LAST")), (Some(&b"C.UTF-8"[..]), Some(&b"\\n\\"[..])));
    }

    #[test]
    fn what_is_no_variable_is_refused_and_not_run() {
        let lines = [
            "touch never",
            "export $(cat x)",
            "A B=1",
            "1A=2",
            "=1",
            "A",
            "export A",
            "exportA",
            ". x",
            "A-B=1",
        ];
        for line in lines {
            assert!(read_by_bash(format!("OK=1\n{line}\n").as_bytes()).is_none(), "{line}");
        }
        assert!(read_by_bash(b"exportA=1\n").is_some());
        assert!(!Path::new("never").exists());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_value_of_one_line_arrives(value in "[ -~é]{0,24}") {
            let quoted = value.len() > 1
                && ["'", "\""].iter().any(|q| value.starts_with(q) && value.ends_with(q));
            let written = if quoted { format!("\"{value}\"") } else { value.clone() };
            let found = read_by_bash(format!("KEY={written}\n").as_bytes()).unwrap();
            prop_assert_eq!(found.get(&b"KEY"[..]).map(Vec::as_slice), Some(value.as_bytes()));
        }
    }
}
