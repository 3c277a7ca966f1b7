//! A page that describes a configuration file, from its JSON schema.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::table::{cell, table};

/// The page of a file, from its schema in `configs/`.
pub(crate) fn page(file: &str, schema_file: &str, about: &str, schema: &Value) -> String {
    let mut page = Writer { root: schema, waiting: Vec::new(), named: BTreeMap::new() };
    let mut text = format!(
        "# {file}\n\n{about} This page is generated from [configs/{schema_file}](../../configs/{schema_file}).\n\n\
         {} A key without a default is optional, unless `required` stands there. Unknown keys are errors.\n\n",
        sentence(schema),
    );
    text += &page.keys(schema, "");
    while !page.waiting.is_empty() {
        let (header, schema) = page.waiting.remove(0);
        // The tables of a table come before the next of its siblings.
        let siblings = std::mem::take(&mut page.waiting);
        let _ = write!(text, "\n## `{header}`\n\n");
        let about = sentence(&schema);
        if !about.is_empty() {
            let _ = write!(text, "{about}\n\n");
        }
        let path = header.trim_matches(['[', ']']).to_owned();
        text += &page.keys(&schema, &path);
        page.waiting.extend(siblings);
    }
    text
}

struct Writer<'a> {
    /// The schema of the file.
    root: &'a Value,
    /// Headers of tables, and their schemas.
    waiting: Vec<(String, Value)>,
    /// The header under which a definition is described.
    named: BTreeMap<String, String>,
}

impl Writer<'_> {
    /// The keys of a table, with those of its variants.
    fn keys(&mut self, schema: &Value, path: &str) -> String {
        let mut text = self.rows(schema, path, None);
        for variant in list(schema, "oneOf") {
            let variant = self.resolved(variant);
            let Some((tag, value)) = tag(&variant) else { continue };
            let _ = write!(text, "\n`{tag} = \"{value}\"`: {}\n\n", sentence(&variant));
            let rows = self.rows(&variant, path, Some(&tag));
            text += if rows.is_empty() { "No further keys.\n" } else { &rows };
        }
        text
    }

    /// The table of an object's own keys.
    fn rows(&mut self, schema: &Value, path: &str, without: Option<&str>) -> String {
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        let required: Vec<&str> = list(schema, "required").iter().filter_map(Value::as_str).collect();
        let mut rows = Vec::new();
        // What is required comes first.
        let mut keys: Vec<&String> = properties.keys().filter(|key| Some(key.as_str()) != without).collect();
        keys.sort_by_key(|key| !required.contains(&key.as_str()));
        for key in keys {
            let value = &properties[key];
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let default = if required.contains(&key.as_str()) { "required".into() } else { default(value) };
            let meaning = cell(&sentence(value)) + &self.choices(value);
            rows.push(vec![format!("`{key}`"), self.kind(value, &below), default, unit(key).into(), meaning]);
        }
        if rows.is_empty() {
            String::new()
        } else {
            table(&["key", "type", "default", "unit", "meaning"], &rows)
        }
    }

    /// The definition that a schema refers to, with the schema's own words instead of the definition's.
    fn resolved(&self, schema: &Value) -> Value {
        let Some(name) = reference(schema) else { return schema.clone() };
        let mut found = self.root["$defs"][name].clone();
        assert!(found.is_object(), "the schema has no {name}");
        if let Some(about) = schema.get("description") {
            found["description"] = about.clone();
        }
        // Keys that stand beside the reference, such as the tag of a variant.
        for key in ["properties", "required"] {
            match (found.get_mut(key), schema.get(key)) {
                (Some(Value::Object(into)), Some(Value::Object(own))) => into.extend(own.clone()),
                (Some(Value::Array(into)), Some(Value::Array(own))) => into.extend(own.clone()),
                (None, Some(own)) => found[key] = own.clone(),
                _ => {}
            }
        }
        found
    }

    /// What a value may be; tables are described in a section of their own.
    fn kind(&mut self, schema: &Value, path: &str) -> String {
        if let Some(name) = reference(schema) {
            let found = self.resolved(schema);
            return if is_table(&found) {
                self.section(name, path, "[", "]")
            } else {
                self.kind(&found, path)
            };
        }
        for choice in ["anyOf", "oneOf"] {
            let all: Vec<&Value> = list(schema, choice).iter().filter(|v| v["type"] != "null").collect();
            if !all.is_empty() {
                let mut kinds: Vec<String> = all.iter().map(|v| self.kind(v, path)).collect();
                kinds.dedup();
                return kinds.join(" or ");
            }
        }
        if let Some(word) = schema["const"].as_str() {
            return format!("`\"{word}\"`");
        }
        if let Some(words) = schema["enum"].as_array() {
            return words
                .iter()
                .filter(|w| !w.is_null())
                .map(|w| format!("`{w}`"))
                .collect::<Vec<_>>()
                .join(" or ");
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).filter(|t| *t != "null").collect(),
            _ => return "any".into(),
        };
        types.iter().map(|kind| self.plain(kind, schema, path)).collect::<Vec<_>>().join(" or ")
    }

    fn plain(&mut self, kind: &str, schema: &Value, path: &str) -> String {
        match kind {
            "array" => {
                let size = |key: &str| schema[key].as_u64();
                let number =
                    size("minItems").filter(|n| Some(*n) == size("maxItems")).map(|n| format!("{n} "));
                let item =
                    schema.get("items").or_else(|| schema["prefixItems"].get(0)).unwrap_or(&Value::Null);
                if let Some(name) = reference(item).filter(|name| is_table(&self.root["$defs"][name])) {
                    return self.section(name, path, "[[", "]]");
                }
                let kind = self.kind(item, path);
                let plural = if ["string", "number", "integer"].contains(&kind.as_str()) { "s" } else { "" };
                let kind = if kind.contains(" or ") { format!("({kind})") } else { kind + plural };
                format!("list of {}{kind}", number.unwrap_or_default())
            }
            "object" => match schema.get("additionalProperties").filter(|v| v.is_object()) {
                Some(value) => format!("table of {}", self.kind(value, &format!("{path}.NAME"))),
                None => "table".into(),
            },
            "integer" | "number" => kind.to_owned() + &range(schema),
            other => other.to_owned(),
        }
    }

    /// A link to the section of a table.
    fn section(&mut self, name: &str, path: &str, open: &str, close: &str) -> String {
        let header = self.named.get(name).cloned().unwrap_or_else(|| {
            let header = format!("{open}{path}{close}");
            self.named.insert(name.to_owned(), header.clone());
            self.waiting.push((header.clone(), self.root["$defs"][name].clone()));
            header
        });
        format!("[`{header}`](#{})", crate::markdown::anchor(&header))
    }

    /// What each word of a choice means.
    fn choices(&self, schema: &Value) -> String {
        let mut found: Vec<String> = Vec::new();
        let mut waiting = vec![schema.clone()];
        while let Some(schema) = waiting.pop() {
            let schema = self.resolved(&schema);
            if is_table(&schema) {
                continue;
            }
            for word in list(&schema, "oneOf").iter().chain(list(&schema, "anyOf")) {
                match (word["const"].as_str(), word["description"].as_str()) {
                    (Some(word), Some(about)) => {
                        let line = format!("<br>`\"{word}\"`: {}", cell(about));
                        if !found.contains(&line) {
                            found.push(line);
                        }
                    }
                    _ => waiting.push(word.clone()),
                }
            }
            waiting.extend(schema.get("items").filter(|items| items.is_object()).cloned());
        }
        found.concat()
    }
}

/// The name of the definition that a schema refers to.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema[key].as_array().map_or(&[], Vec::as_slice)
}

/// Whether it has keys of its own.
fn is_table(schema: &Value) -> bool {
    schema["properties"].is_object() || list(schema, "oneOf").iter().any(|v| tag(v).is_some())
}

/// The key whose word chooses a variant, and that word.
fn tag(variant: &Value) -> Option<(String, String)> {
    variant["properties"]
        .as_object()?
        .iter()
        .find_map(|(key, v)| Some((key.clone(), v["const"].as_str()?.to_owned())))
}

fn sentence(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A default as TOML; that of a table follows from its keys.
fn default(schema: &Value) -> String {
    match schema.get("default") {
        None | Some(Value::Null | Value::Object(_)) => String::new(),
        Some(value) => format!("`{value}`"),
    }
}

fn range(schema: &Value) -> String {
    match (schema.get("minimum").filter(|v| v.as_f64() != Some(0.0)), schema.get("maximum")) {
        _ if schema["maximum"].is_number() => {
            format!(", {} to {}", schema.get("minimum").unwrap_or(&Value::from(0)), schema["maximum"])
        }
        (Some(least), None) => format!(", {least} or more"),
        _ => String::new(),
    }
}

/// The unit that the end of a key names.
fn unit(key: &str) -> &'static str {
    let ends = [
        ("_m2", "m2"),
        ("_m", "m"),
        ("_px", "pixels"),
        ("_mb", "MB"),
        ("_w", "W"),
        ("_hours", "h"),
        ("_deg", "degrees"),
    ];
    ends.iter().find(|(end, _)| key.ends_with(end)).map_or("", |(_, unit)| unit)
}

#[test]
fn tables_variants_and_choices_are_described() {
    let schema = serde_json::json!({
        "description": "A file.",
        "properties": {
            "width_m": { "type": "number", "description": "Its width.", "default": 2.5, "minimum": 0.0 },
            "one": { "description": "One.", "anyOf": [{ "$ref": "#/$defs/One" }, { "type": "null" }], "default": null },
            "many": { "type": "array", "items": { "$ref": "#/$defs/Kind" }, "default": [] },
            "name": { "type": ["string", "null"] },
        },
        "required": ["name"],
        "$defs": {
            "One": { "description": "Of one.", "properties": { "how": { "$ref": "#/$defs/How", "default": "a" } } },
            "How": { "oneOf": [{ "const": "a", "description": "This | that." }, { "const": "b" }] },
            "Kind": { "oneOf": [{
                "description": "A first.",
                "properties": { "kind": { "const": "first" }, "n": { "type": "integer", "minimum": 0, "maximum": 64 } }
            }] }
        }
    });
    let page = page("f.toml", "f.json", "About.", &schema);
    for line in [
        "| `name` | string | required |  |  |",
        "| `width_m` | number | `2.5` | m | Its width. |",
        "| `one` | [`[one]`](#one) |  |  | One. |",
        "| `many` | [`[[many]]`](#many) | `[]` |  |  |",
        "| `how` | `\"a\"` or `\"b\"` | `\"a\"` | <br>`\"a\"`: This \\| that. |",
        "## `[one]`\n\nOf one.",
        "`kind = \"first\"`: A first.",
        "| `n` | integer, 0 to 64 |",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}
