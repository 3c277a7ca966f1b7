//! The table of prices, carbon intensity and further assumptions of a site: `cost.toml`. There is no default price.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::config::Key;
use arpent_base::number::rounded;
use arpent_publish::{Carbon, Money, Quoted};
use arpent_shell::energy::WATTS_PER_CORE;
use arpent_shell::lines::duration;
use serde::{Deserialize, Deserializer};

use super::amounts::Amounts;
use crate::config::ConfigFile;
use crate::error::JobError;

/// Prices and further numbers of the place where jobs run. Each is a table with `value`, `source` and `year`, all three required.
///
/// ```
/// use arpent_job::CostTable;
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("cost.toml");
/// std::fs::write(&file, r#"
/// currency = "EUR"
/// machine_hour = { value = 0.40, source = "contract 2026-7", year = 2026 }
/// carbon_intensity = { value = 21.7, source = "RTE, Bilan électrique", year = 2024 }
/// "#)?;
/// let table = CostTable::load(&file)?;
/// assert_eq!(table.currency.as_deref(), Some("EUR"));
///
/// // A number without a source is refused.
/// std::fs::write(&file, "carbon_intensity = { value = 21.7, year = 2024 }")?;
/// assert!(CostTable::load(&file).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CostTable {
    /// Currency of all prices, three capital letters of ISO 4217; required with a price.
    pub currency: Option<String>,
    /// Price of an hour of the machine.
    #[serde(deserialize_with = "stated")]
    pub machine_hour: Option<Quoted>,
    /// Price of a kilowatt-hour, where it is paid apart.
    #[serde(deserialize_with = "stated")]
    pub energy_kwh: Option<Quoted>,
    /// Price of 1,000 requests to object stores.
    #[serde(deserialize_with = "stated")]
    pub requests_1000: Option<Quoted>,
    /// Price of a gigabyte (10^9 bytes) of scenes that is received over the network.
    #[serde(deserialize_with = "stated")]
    pub received_gb: Option<Quoted>,
    /// Carbon intensity of the electricity, gCO2e per kWh.
    #[serde(deserialize_with = "stated")]
    pub carbon_intensity: Option<Quoted>,
    /// The part of the machine's production in an hour of its use, gCO2e.
    #[serde(deserialize_with = "stated")]
    pub embodied_g_per_hour: Option<Quoted>,
    /// Power of a busy core, watts, where no meter can be read; 10 by default.
    #[serde(deserialize_with = "stated")]
    pub watts_per_core: Option<Quoted>,
    /// Power usage effectiveness: energy of the data center for each unit of the machine's; at least 1.
    #[serde(deserialize_with = "stated")]
    pub pue: Option<Quoted>,
}

/// Decimals of sums of money.
const DECIMALS: i32 = 5;

/// The least and the largest value of a number. Sums of money and of greenhouse gases stay finite; a core that takes nothing
/// would make budgets of energy endless.
fn bounds(name: &str) -> (f64, f64) {
    match name {
        "pue" => (1.0, 100.0),
        "watts_per_core" => (0.1, 10_000.0),
        _ => (0.0, 1e9),
    }
}

/// A number of the table, of which every key is known: manifests of other versions may have further ones.
fn stated<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Quoted>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Stated {
        value: f64,
        source: String,
        year: u16,
    }
    let stated = Option::<Stated>::deserialize(input)?;
    Ok(stated.map(|Stated { value, source, year }| Quoted { value, source, year }))
}

impl CostTable {
    /// Reads a table.
    ///
    /// # Errors
    /// [`JobError::ConfigRead`], [`JobError::ConfigParse`].
    pub fn load(path: &Path) -> Result<Self, JobError> {
        let file = ConfigFile::read(path)?;
        let table: Self = file.parse()?;
        table.check(&file)?;
        Ok(table)
    }

    fn numbers(&self) -> [(&'static str, Option<&Quoted>); 8] {
        [
            ("machine_hour", self.machine_hour.as_ref()),
            ("energy_kwh", self.energy_kwh.as_ref()),
            ("requests_1000", self.requests_1000.as_ref()),
            ("received_gb", self.received_gb.as_ref()),
            ("carbon_intensity", self.carbon_intensity.as_ref()),
            ("embodied_g_per_hour", self.embodied_g_per_hour.as_ref()),
            ("watts_per_core", self.watts_per_core.as_ref()),
            ("pue", self.pue.as_ref()),
        ]
    }

    /// The prices that are given, by name.
    fn prices(&self) -> impl Iterator<Item = (&'static str, &Quoted)> {
        self.numbers().into_iter().take(4).filter_map(|(name, price)| Some((name, price?)))
    }

    fn check(&self, file: &ConfigFile) -> Result<(), JobError> {
        let bad = |key: Key, message: &str| Err(file.value_error(&key, message));
        for (name, number) in self.numbers() {
            let Some(Quoted { value, source, .. }) = number else { continue };
            let (least, most) = bounds(name);
            if !(least..=most).contains(value) {
                return bad(
                    Key::from(name).then("value"),
                    &format!("is {value}, expected a number from {least} to {most}"),
                );
            }
            if source.trim().is_empty() {
                return bad(Key::from(name).then("source"), "is empty: name where the number is from");
            }
        }
        let is_code = |code: &String| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
        match &self.currency {
            Some(code) if !is_code(code) => {
                bad("currency".into(), "must be three capital letters of ISO 4217, such as EUR")
            }
            None => match self.prices().next() {
                Some((name, _)) => {
                    bad(name.into(), "is a price: set `currency` too, such as currency = \"EUR\"")
                }
                None => Ok(()),
            },
            Some(_) => Ok(()),
        }
    }

    /// Power of a busy core where no meter can be read, watts.
    pub fn watts_per_core(&self) -> f64 {
        self.watts_per_core.as_ref().map_or(WATTS_PER_CORE, |watts| watts.value)
    }

    /// What is assumed for the energy of the network alone, in words: nothing where a GPU computes it.
    pub(crate) fn assumed_energy(&self, network: &Amounts, on_gpu: bool) -> String {
        if on_gpu {
            return "not known: no power of the GPU is assumed".to_owned();
        }
        let source = self.watts_per_core.as_ref().map_or("the default", |watts| &watts.source);
        let watts = self.watts_per_core();
        let watt_hours = network.cpu_s * watts / 3600.0;
        format!("assumed, {watts} W per busy core ({source}): {watt_hours:.3} Wh of the network alone")
    }

    /// Whether something has a price.
    pub(crate) fn has_prices(&self) -> bool {
        self.prices().next().is_some()
    }

    /// Whether an hour of the machine or energy has a price above 0: those are watched.
    pub(crate) fn has_watched_price(&self) -> bool {
        self.prices().any(|(name, price)| matches!(name, "machine_hour" | "energy_kwh") && price.value > 0.0)
    }

    /// `1 h 02 min, 12.30 Wh, 0.41 EUR`
    pub(crate) fn described(&self, of: &Amounts) -> String {
        let money = self.money(of).map(|money| format!(", {:.2} {}", money.amount, money.currency));
        format!("{}, {:.2} Wh{}", duration(of.seconds), of.watt_hours, money.unwrap_or_default())
    }

    /// Energy with that of the data center, watt-hours.
    fn with_center(&self, watt_hours: f64) -> f64 {
        watt_hours * self.pue.as_ref().map_or(1.0, |pue| pue.value)
    }

    /// What amounts cost; none without a price.
    pub(crate) fn money(&self, of: &Amounts) -> Option<Money> {
        let amount = |name: &str| match name {
            "machine_hour" => of.seconds / 3600.0,
            "energy_kwh" => self.with_center(of.watt_hours) / 1000.0,
            "requests_1000" => of.requests() / 1000.0,
            _ => of.bytes_received / 1e9,
        };
        let parts: BTreeMap<String, f64> = self
            .prices()
            .map(|(name, price)| (name.to_owned(), rounded(amount(name) * price.value, DECIMALS)))
            .collect();
        let currency = self.currency.clone()?;
        let prices: BTreeMap<_, _> =
            self.prices().map(|(name, price)| (name.to_owned(), price.clone())).collect();
        (!prices.is_empty()).then(|| Money {
            amount: rounded(parts.values().sum(), DECIMALS),
            currency,
            parts,
            prices,
        })
    }

    /// Greenhouse gases of amounts, and those of a square kilometer of so many; none without a carbon intensity.
    pub(crate) fn carbon(&self, of: &Amounts, km2: f64) -> Option<Carbon> {
        let intensity = self.carbon_intensity.clone()?;
        let energy_kwh = self.with_center(of.watt_hours) / 1000.0;
        let embodied_g =
            self.embodied_g_per_hour.as_ref().map_or(0.0, |per_hour| per_hour.value * of.seconds / 3600.0);
        let total_g = energy_kwh * intensity.value + embodied_g;
        Some(Carbon {
            energy_kwh,
            intensity,
            embodied_g,
            embodied_per_hour: self.embodied_g_per_hour.clone(),
            total_g,
            sci_g_per_km2: if km2 > 0.0 { total_g / km2 } else { 0.0 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<CostTable, JobError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cost.toml");
        std::fs::write(&file, text).unwrap();
        CostTable::load(&file)
    }

    const TABLE: &str = r#"
currency = "EUR"
machine_hour = { value = 0.5, source = "contract", year = 2026 }
energy_kwh = { value = 0.2, source = "bill", year = 2025 }
requests_1000 = { value = 0.01, source = "list", year = 2026 }
received_gb = { value = 0.1, source = "list", year = 2026 }
carbon_intensity = { value = 50.0, source = "RTE", year = 2024 }
embodied_g_per_hour = { value = 10.0, source = "Boavizta", year = 2025 }
pue = { value = 1.5, source = "host", year = 2025 }
"#;

    #[test]
    fn money_and_carbon_follow_from_amounts() {
        let table = load(TABLE).unwrap();
        let of = Amounts {
            seconds: 7200.0,
            watt_hours: 400.0,
            scene_requests: 4000.0,
            output_requests: 1000.0,
            bytes_received: 2e9,
            ..Amounts::default()
        };
        let money = table.money(&of).unwrap();
        // 2 h, 0.6 kWh with the data center, 5 thousand requests, 2 GB.
        assert!((money.amount - (1.0 + 0.12 + 0.05 + 0.2)).abs() < 1e-9, "{money:?}");
        assert_eq!((money.currency.as_str(), money.prices["machine_hour"].year), ("EUR", 2026));
        let carbon = table.carbon(&of, 4.0).unwrap();
        assert!((carbon.total_g - (0.6 * 50.0 + 20.0)).abs() < 1e-9, "{carbon:?}");
        assert!((carbon.sci_g_per_km2 - 12.5).abs() < 1e-9);
        let nothing = load("watts_per_core = { value = 6.0, source = \"meter\", year = 2026 }").unwrap();
        assert!(nothing.money(&of).is_none() && nothing.carbon(&of, 1.0).is_none() && !nothing.has_prices());
        assert!((nothing.watts_per_core() - 6.0).abs() < 1e-9);
    }

    #[test]
    fn every_number_has_a_source_and_a_year() {
        let number = "{ value = 21.7, source = \"RTE\", year = 2024 }";
        assert!(load(&format!("carbon_intensity = {number}")).is_ok());
        for (text, part) in [
            ("carbon_intensity = 21.7", "carbon_intensity = 21.7"),
            ("carbon_intensity = { value = 21.7, year = 2024 }", "source"),
            ("carbon_intensity = { value = 21.7, source = \"RTE\" }", "year"),
            ("carbon_intensity = { value = 21.7, source = \" \", year = 2024 }", "is empty"),
            ("carbon_intensity = { value = -1.0, source = \"RTE\", year = 2024 }", "from 0 to 1000000000"),
            ("pue = { value = 0.9, source = \"host\", year = 2024 }", "from 1 to 100"),
            ("energy_kwh = { value = 1e305, source = \"RTE\", year = 2024 }", "from 0 to 1000000000"),
            ("energy_kwh = { value = inf, source = \"RTE\", year = 2024 }", "from 0 to 1000000000"),
            ("watts_per_core = { value = 0, source = \"RTE\", year = 2024 }", "from 0.1 to 10000"),
            ("pue = { value = 1.2, source = \"host\", year = 2024, unit = \"1\" }", "unit"),
            ("currency = \"euro\"", "ISO 4217"),
            ("carbon_intensty = 3", "carbon_intensty"),
        ] {
            let message = load(text).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains("line 1"), "{text}: {message}");
        }
        let message = load(&format!("energy_kwh = {number}")).unwrap_err().to_string();
        assert!(message.contains("set `currency`"), "{message}");
    }
}
