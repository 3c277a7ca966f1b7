//! Decodes the text of layers.

use crate::ffi;

/// Decoder of the text of a layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decoder {
    /// Encoding by its iconv name, `None` for UTF-8.
    encoding: Option<String>,
    /// Whether all text is in it, or only text that is not UTF-8.
    always: bool,
}

impl Decoder {
    /// `given` is the encoding set by the user, `declared` that of the file; `raw` is whether GDAL returns undecoded
    /// bytes. The error is the name of an unknown encoding.
    pub(crate) fn new(given: Option<&str>, declared: Option<&str>, raw: bool) -> Result<Self, String> {
        let Some(name) = given.or(declared).map(iconv_name) else { return Ok(Self::default()) };
        if name == "UTF-8" {
            return Ok(Self::default());
        }
        if given.is_some() && ffi::recode("é".as_bytes(), "UTF-8", &name).is_none() && !is_supported(&name) {
            return Err(given.unwrap_or_default().to_owned());
        }
        Ok(Self { encoding: Some(name), always: raw })
    }

    /// The text, or `None` if the bytes are not valid in the encoding.
    pub(crate) fn text(&self, bytes: Vec<u8>) -> Option<String> {
        if bytes.is_ascii() {
            return String::from_utf8(bytes).ok();
        }
        let Some(encoding) = &self.encoding else { return String::from_utf8(bytes).ok() };
        let bytes = if self.always {
            bytes
        } else {
            match String::from_utf8(bytes) {
                Ok(text) => return Some(text),
                Err(error) => error.into_bytes(),
            }
        };
        let text = String::from_utf8(ffi::recode(&bytes, encoding, "UTF-8")?).ok()?;
        // iconv drops invalid bytes: encoding the result again must give the same bytes.
        (ffi::recode(text.as_bytes(), "UTF-8", encoding)? == bytes).then_some(text)
    }

    /// Name of the encoding, for messages.
    pub(crate) fn name(&self) -> &str {
        self.encoding.as_deref().unwrap_or("UTF-8")
    }
}

/// Whether iconv supports an encoding that lacks accented Latin letters, such as Cyrillic or Greek ones.
fn is_supported(name: &str) -> bool {
    ["д", "δ", "あ", "ש", "ب", "ก"].iter().any(|c| ffi::recode(c.as_bytes(), "UTF-8", name).is_some())
}

/// The iconv name of an encoding. Latin-1 is read as Windows-1252, a superset except for control characters, as in the
/// WHATWG's Encoding Standard: most files that declare Latin-1 are Windows-1252.
fn iconv_name(name: &str) -> String {
    let plain: String =
        name.trim().to_ascii_uppercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.strip_prefix("ANSI").unwrap_or(&plain);
    match plain {
        "UTF8" | "65001" => "UTF-8".to_owned(),
        "LATIN1" | "ISO88591" | "88591" | "1252" | "CP1252" | "WINDOWS1252" => "CP1252".to_owned(),
        digits if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) => {
            match digits.strip_prefix("8859") {
                Some(part) if !part.is_empty() => format!("ISO-8859-{part}"),
                _ => format!("CP{digits}"),
            }
        }
        _ => name.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_or_refused() {
        let of = |given: &str| Decoder::new(Some(given), None, true).unwrap();
        for name in ["CP1252", "latin1", "ISO-8859-1", "windows-1252", "1252", "ANSI 1252"] {
            assert_eq!(of(name).text(b"For\xeat \x80".to_vec()).as_deref(), Some("Forêt €"), "{name}");
        }
        // Not a character of Windows-1252.
        assert_eq!(of("CP1252").text(b"a\x81".to_vec()), None);
        assert_eq!(of("850").text(b"\x82".to_vec()).as_deref(), Some("é"));
        assert_eq!(of("1251").text(b"\xeb\xe5\xf1".to_vec()).as_deref(), Some("лес"));
        assert_eq!(Decoder::default().text(b"pr\xe8".to_vec()), None);
        assert_eq!(Decoder::default().text("prè".as_bytes().to_vec()).as_deref(), Some("prè"));
        assert!(Decoder::new(Some("KLINGON"), None, true).is_err());
        // Where GDAL has decoded already, it is not done twice.
        let late = Decoder::new(Some("CP1252"), None, false).unwrap();
        assert_eq!(late.text("Forêt".as_bytes().to_vec()).as_deref(), Some("Forêt"));
        assert_eq!(late.text(b"For\xeat".to_vec()).as_deref(), Some("Forêt"));
    }
}
