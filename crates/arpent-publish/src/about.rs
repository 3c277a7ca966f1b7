//! What persons are told of an output: title, terms, and who answers for it.

use serde_json::{Map, Value, json};

/// What is said of an output, beside its data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Title; empty if it has none.
    pub title: String,
    /// Terms under which it is published: an SPDX name, a name, or a URL.
    pub license: Option<String>,
    /// Whom to name as the source.
    pub attribution: Option<String>,
    /// Who publishes it.
    pub organization: Option<String>,
    /// Whom to write to: a mail address, a URL, or a text.
    pub contact: Option<String>,
}

/// Terms under which an output is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct License {
    /// The text of the configuration.
    pub text: String,
    /// Its SPDX name, if it has one.
    pub spdx: Option<&'static str>,
    /// An address with the terms, if one is known.
    pub url: Option<String>,
}

/// What French publishers call the licenses of data.gouv.fr, in small letters and digits, and their SPDX names.
const FRENCH: [(&str, &str); 10] = [
    ("licenceouverte", "etalab-2.0"),
    ("licenceouverte2", "etalab-2.0"),
    ("licenceouverte20", "etalab-2.0"),
    ("licenceouvertev20", "etalab-2.0"),
    ("licenceouverteversion20", "etalab-2.0"),
    ("licenceouverteopenlicenceversion20", "etalab-2.0"),
    ("licenceouverteetalab20", "etalab-2.0"),
    ("etalab20", "etalab-2.0"),
    ("lov2", "etalab-2.0"),
    ("odbl", "ODbL-1.0"),
];

impl License {
    /// The license of this name or address.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        let letters: String =
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        let french = FRENCH.iter().find(|(name, _)| *name == letters).map(|(_, spdx)| *spdx);
        let spdx = french.or_else(|| {
            // A `+` at the end, which the look-up ignores, means another license.
            let id = spdx::license_id(text).filter(|_| !text.ends_with('+'));
            id.map(|id| id.name)
        });
        let url = match spdx {
            Some(name) => Some(format!("https://spdx.org/licenses/{name}.html")),
            None => is_web_address(text).then(|| text.to_owned()),
        };
        Self { text: text.to_owned(), spdx, url }
    }

    /// What STAC calls it: its SPDX name, or `other`.
    pub fn stac(&self) -> &str {
        self.spdx.unwrap_or("other")
    }
}

/// Whether a text is an address of the web.
pub fn is_web_address(text: &str) -> bool {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    is_web && !text.contains(char::is_whitespace)
}

impl About {
    /// The license, if it is known.
    pub fn terms(&self) -> Option<License> {
        self.license.as_deref().map(License::of)
    }

    /// Everything, for a field of text.
    pub fn in_one_line(&self) -> String {
        let labeled = |label: &str, text: &Option<String>| Some(format!("{label}: {}", text.as_ref()?));
        let said = [
            (!self.title.is_empty()).then(|| self.title.clone()),
            labeled("License", &self.license),
            labeled("Attribution", &self.attribution),
            labeled("Published by", &self.organization),
            labeled("Contact", &self.contact),
        ];
        said.into_iter().flatten().collect::<Vec<_>>().join(". ")
    }

    /// Common properties of STAC: title, license, providers.
    pub(crate) fn stac_properties(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if !self.title.is_empty() {
            fields.insert("title".to_owned(), json!(self.title));
        }
        if let Some(license) = self.terms() {
            fields.insert("license".to_owned(), json!(license.stac()));
        }
        if let Some(provider) = self.provider() {
            fields.insert("providers".to_owned(), json!([provider]));
        }
        if let Some(attribution) = &self.attribution {
            fields.insert("arpent:attribution".to_owned(), json!(attribution));
        }
        fields
    }

    /// Who made the output of its sources, and licenses it where terms are known.
    fn provider(&self) -> Option<Value> {
        let name = self.organization.as_ref()?;
        let mut roles = vec!["processor", "producer"];
        if self.license.is_some() {
            roles.push("licensor");
        }
        let mut provider = json!({ "name": name, "roles": roles });
        match self.contact.as_deref() {
            Some(address) if is_web_address(address) => provider["url"] = json!(address),
            Some(contact) => provider["description"] = json!(format!("Contact: {contact}")),
            None => {}
        }
        Some(provider)
    }

    /// Links of STAC: to the terms.
    pub(crate) fn stac_links(&self) -> Vec<Value> {
        let link = |license: License| {
            let href = license.url?;
            Some(json!({ "rel": "license", "href": href, "type": "text/html", "title": license.text }))
        };
        self.terms().and_then(link).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses_have_the_names_of_spdx() {
        for (text, spdx) in [
            ("Licence Ouverte 2.0", "etalab-2.0"),
            ("Licence Ouverte / Open Licence version 2.0", "etalab-2.0"),
            ("etalab-2.0", "etalab-2.0"),
            ("ODbL", "ODbL-1.0"),
            ("CC-BY-4.0", "CC-BY-4.0"),
            (" CC0-1.0 ", "CC0-1.0"),
        ] {
            let license = License::of(text);
            assert_eq!((license.spdx, license.stac()), (Some(spdx), spdx), "{text}");
            assert_eq!(license.url.unwrap(), format!("https://spdx.org/licenses/{spdx}.html"));
        }
        for text in ["Apache-2.0 OR MIT", "GPL-2.0+", "ask the mayor", ""] {
            let license = License::of(text);
            assert_eq!((license.stac(), license.url.as_deref()), ("other", None), "{text}");
        }
        let own = License::of("https://example.org/terms");
        assert_eq!((own.stac(), own.url.as_deref()), ("other", Some("https://example.org/terms")));
    }

    #[test]
    fn providers_say_how_they_are_reached() {
        let mut about = About { organization: Some("Commune".into()), ..About::default() };
        assert_eq!(
            about.stac_properties()["providers"],
            json!([{ "name": "Commune", "roles": ["processor", "producer"] }])
        );
        about.contact = Some("carto@example.org".into());
        about.license = Some("lov2".into());
        let provider = &about.stac_properties()["providers"][0];
        assert_eq!(provider["description"], "Contact: carto@example.org");
        assert_eq!(provider["roles"][2], "licensor");
        about.contact = Some("https://example.org/".into());
        assert_eq!(about.stac_properties()["providers"][0]["url"], "https://example.org/");
        assert_eq!(about.stac_links()[0]["rel"], "license");
        assert!(About { contact: Some("x".into()), ..About::default() }.stac_properties().is_empty());
    }
}
