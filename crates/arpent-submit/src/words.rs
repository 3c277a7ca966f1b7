//! Texts that get into scripts and manifests. Each type holds only what cannot change the script around it.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// A size, in mebibytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mebibytes(pub u64);

impl FromStr for Mebibytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is not a size; write 8G or 800M");
        let text = text.strip_suffix('i').unwrap_or(text);
        let (number, factor) = match (text.strip_suffix('M'), text.strip_suffix('G')) {
            (Some(number), _) => (number, 1),
            (_, Some(number)) => (number, 1024),
            _ => return Err(expected()),
        };
        let size = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).filter(|n| *n > 0);
        size.map(Self).ok_or_else(expected)
    }
}

/// Defines a type of checked texts.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $is_fine:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let is_fine: fn(&str) -> bool = $is_fine;
                is_fine(text).then(|| Self(text.to_owned())).ok_or_else(|| $expected.to_owned())
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_text!(
    /// A name that needs no quoting in a shell, in YAML or in JSON.
    Word,
    "letters, digits and -_.:/@,+ are expected",
    |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@,+".contains(c);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(plain)
    }
);

checked_text!(
    /// A text of one line.
    Line,
    "one line of text is expected",
    is_line
);

checked_text!(
    /// An option for sbatch: one line that begins with a hyphen. A second line would be a line of the script.
    SbatchOption,
    "an option of sbatch is expected on one line, such as --qos=low",
    |text| is_line(text) && text.starts_with('-')
);

checked_text!(
    /// Names of environment variables, separated by commas. Values are refused: the script would contain them.
    VariableNames,
    "names of variables are expected, without values; those come from the environment",
    |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.split(',').all(|name| !name.is_empty() && name.chars().all(plain))
    }
);

fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary() {
        assert_eq!("8G".parse(), Ok(Mebibytes(8192)));
        assert_eq!("8Gi".parse(), Ok(Mebibytes(8192)));
        assert_eq!("800M".parse(), Ok(Mebibytes(800)));
        for bad in
            ["8", "0G", "G", "-1G", "8T", "1.5G", "99999999999999999999G", "18446744073709551615G", "i", ""]
        {
            assert!(bad.parse::<Mebibytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_gets_into_a_script_that_is_not_an_option() {
        assert!("--qos=low".parse::<SbatchOption>().is_ok());
        for bad in ["qos=low", "--qos=low\nrm -rf x", "", "--a\r--b"] {
            assert!(bad.parse::<SbatchOption>().is_err(), "{bad:?}");
        }
        for bad in ["a b", "a\nb", "", "--x", "a'b", "$(x)"] {
            assert!(bad.parse::<Word>().is_err(), "{bad:?}");
        }
        assert!("registry.example/arpent:0.1@sha256:00".parse::<Word>().is_ok());
        for good in ["PATH,AWS_REGION", "ALL"] {
            assert!(good.parse::<VariableNames>().is_ok(), "{good}");
        }
        for bad in ["AWS_SECRET_ACCESS_KEY=abc", "A,", "", "A B"] {
            assert!(bad.parse::<VariableNames>().is_err(), "{bad:?}");
        }
        assert!("/opt/my arpent".parse::<Line>().is_ok());
        for bad in ["", "a\nb", "a\u{7}"] {
            assert!(bad.parse::<Line>().is_err(), "{bad:?}");
        }
    }
}
