//! Text of what a job is expected to take, and of what one took.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arpent_base::number::{exact, round};
use arpent_publish::{Carbon, Ledger, Money, Quoted, StageCost};
use arpent_shell::lines::{Lines, count, duration};

use super::forecast::{Forecast, Quantity};

/// The lines of a forecast.
pub fn forecast_lines(cost: &Forecast) -> Lines {
    let mut lines = Lines::default();
    lines.add("cost of", format!("{:.3} km2 on {} threads, by {}", cost.km2, cost.threads, cost.basis_text));
    let hours = |h: f64| duration(h * 3600.0);
    for (name, title, shown) in [
        ("hours", "hours", &hours as &dyn Fn(f64) -> String),
        ("cpu_hours", "CPU hours", &hours),
        ("bytes_read_local", "read, files", &bytes),
        ("bytes_read_remote", "read, network", &bytes),
        ("bytes_of_pieces", "pieces", &bytes),
        ("bytes_written", "published", &bytes),
        ("requests", "requests", &|n| count(round(n))),
        ("kwh", "energy", &|kwh| watt_hours(kwh * 1000.0)),
    ] {
        if let Some(quantity) = cost.quantities.get(name) {
            lines.add(title, of_quantity(quantity, shown));
        }
    }
    if let Some(quantity) = cost.quantities.get("kwh") {
        lines.more(format!("energy is {}", quantity.from));
    }
    if let Some(quantity) = cost.quantities.get("gco2e") {
        lines.add("carbon", of_quantity(quantity, &|g| format!("{g:.1} gCO2e")));
    }
    if let Some(carbon) = &cost.carbon {
        lines.more(format!("{:.3} gCO2e per km2 (SCI); {}", carbon.sci_g_per_km2, of_carbon(carbon)));
    }
    if let (Some(money), Some(quantity)) = (&cost.money, cost.quantities.get("money")) {
        lines.add("money", of_quantity(quantity, &|sum| format!("{sum:.2} {}", money.currency)));
        lines.more(of_prices(&money.prices));
    }
    lines
}

/// `5 min 02 s (4 min 50 s to 5 min 20 s)`
fn of_quantity(quantity: &Quantity, shown: &dyn Fn(f64) -> String) -> String {
    match (quantity.expected, quantity.low, quantity.high) {
        (Some(expected), Some(low), Some(high)) => {
            format!("{} ({} to {})", shown(expected), shown(low), shown(high))
        }
        (Some(expected), ..) => shown(expected),
        (None, Some(low), _) => format!("at least {}", shown(low)),
        (None, None, Some(high)) => format!("at most {}", shown(high)),
        (None, None, None) => "not known without a probe or an earlier job".to_owned(),
    }
}

/// Adds in one line what the computation of a map took.
pub fn took_line(lines: &mut Lines, ledger: &Ledger) {
    let money = ledger.money.as_ref().map(|money| format!(", {:.2} {}", money.amount, money.currency));
    let carbon = ledger.carbon.as_ref().map(|carbon| format!(", {:.2} gCO2e", carbon.total_g));
    lines.add(
        "took",
        format!(
            "{}, {}{}{}; `arpent inspect` shows it by stage",
            duration(ledger.seconds),
            watt_hours(ledger.watt_hours),
            carbon.unwrap_or_default(),
            money.unwrap_or_default()
        ),
    );
}

/// Adds what the computation of a map took.
pub fn ledger_lines(lines: &mut Lines, ledger: &Ledger) {
    let others = match ledger.others {
        0 => String::new(),
        others => {
            format!(" of machines, {} of it in {others} other processes", duration(ledger.seconds_of_others))
        }
    };
    lines
        .add("took", format!("{}{others}; {} of CPU time", duration(ledger.seconds), duration(ledger.cpu_s)));
    for (stage, cost) in &ledger.stages {
        if cost.cpu_s > 0.0 || cost.bytes_read > 0 || cost.bytes_written > 0 {
            lines.more(format!("{stage}: {}", of_stage(cost)));
        }
    }
    let traffic = &ledger.traffic;
    if traffic.requests() > 0 {
        lines.add(
            "requests",
            format!(
                "{} to read scenes ({}), {} to the output ({} sent before the upload of the files)",
                count(traffic.scene_requests),
                bytes(exact(traffic.scene_bytes)),
                count(traffic.output_requests),
                bytes(exact(traffic.output_bytes))
            ),
        );
    }
    if let Some(unit) = &ledger.per_km2 {
        lines.add(
            "per km2",
            format!(
                "{}, {}, {} read, {} published",
                duration(unit.seconds),
                watt_hours(unit.watt_hours),
                bytes(unit.bytes_read),
                bytes(unit.bytes_published)
            ),
        );
    }
    if let Some(unit) = &ledger.per_feature {
        let milliseconds = unit.seconds * 1000.0;
        lines.add(
            "per feature",
            format!(
                "{milliseconds:.3} ms, {:.4} mWh, {} published",
                unit.watt_hours * 1000.0,
                bytes(unit.bytes_published)
            ),
        );
    }
    if let Some(carbon) = &ledger.carbon {
        lines
            .add("carbon", format!("{:.2} gCO2e, {:.3} per km2 (SCI)", carbon.total_g, carbon.sci_g_per_km2));
        lines.more(of_carbon(carbon));
    }
    if let Some(Money { amount, currency, prices, .. }) = &ledger.money {
        lines.add("money", format!("{amount:.2} {currency}"));
        lines.more(of_prices(prices));
    }
}

fn of_stage(cost: &StageCost) -> String {
    let mut text = format!("{} of CPU time, {}", duration(cost.cpu_s), watt_hours(cost.watt_hours));
    for (number, word) in [(cost.bytes_read, "read"), (cost.bytes_written, "written")] {
        if number > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, ", {} {word}", bytes(exact(number)));
        }
    }
    text
}

fn of_carbon(carbon: &Carbon) -> String {
    let intensity = format!("{} gCO2e per kWh ({})", carbon.intensity.value, stated(&carbon.intensity));
    match &carbon.embodied_per_hour {
        None => format!("{intensity}; production of the machine not counted"),
        Some(embodied) => {
            format!("{intensity}; production {} g an hour ({})", embodied.value, stated(embodied))
        }
    }
}

fn of_prices(prices: &BTreeMap<String, Quoted>) -> String {
    let of_price = |(name, price): (&String, &Quoted)| format!("{name} {} ({})", price.value, stated(price));
    prices.iter().map(of_price).collect::<Vec<_>>().join("; ")
}

fn stated(number: &Quoted) -> String {
    format!("{}, {}", number.source, number.year)
}

fn watt_hours(watt_hours: f64) -> String {
    if watt_hours >= 1000.0 {
        format!("{:.2} kWh", watt_hours / 1000.0)
    } else {
        format!("{watt_hours:.3} Wh")
    }
}

/// `12.3 MB`
fn bytes(bytes: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.iter().find(|(least, _)| bytes >= *least) {
        Some((least, unit)) => format!("{:.1} {unit}", bytes / least),
        None => format!("{bytes:.0} bytes"),
    }
}
