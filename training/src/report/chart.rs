//! Line charts as inline SVG.
//!
//! Own code rather than `plotters`: its SVG has fixed pixel sizes and neither titles, descriptions nor dashes, which
//! a page that is printed, enlarged and read aloud needs; the rest is about a hundred lines.

use maud::{Markup, html};

use super::scale::Scale;

/// Size of a chart, in its own units; the page scales it.
const SIZE: (f64, f64) = (372.0, 268.0);
/// Left, top, right and bottom edge of the plot inside.
const PLOT: [f64; 4] = [66.0, 34.0, 360.0, 220.0];
/// Points that a line may have and still show each as a dot.
const DOTS: usize = 24;

/// A chart.
#[derive(Debug, Clone)]
pub(super) struct Chart<'a> {
    /// Unique in the page.
    pub(super) id: &'a str,
    /// What it is.
    pub(super) title: &'a str,
    /// Text alternative for screen readers.
    pub(super) description: String,
    /// Horizontal axis.
    pub(super) x: Axis<'a>,
    /// Vertical axis.
    pub(super) y: Axis<'a>,
    /// Lines, the first one below.
    pub(super) lines: Vec<Line<'a>>,
    /// Bars behind the lines: left and right end, height.
    pub(super) bars: Vec<[f64; 3]>,
    /// A vertical line with its label.
    pub(super) mark: Option<(f64, String)>,
}

/// An axis.
#[derive(Debug, Clone)]
pub(super) struct Axis<'a> {
    /// What it shows, with its unit.
    pub(super) label: &'a str,
    /// Its span.
    pub(super) scale: Scale,
}

/// A line.
#[derive(Debug, Clone)]
pub(super) struct Line<'a> {
    /// Its name in the legend; none for a single line.
    pub(super) name: Option<&'a str>,
    /// Its color and dashes.
    pub(super) look: Look,
    /// Points from left to right; those that are not finite are left out.
    pub(super) points: Vec<(f64, f64)>,
}

/// Colors that differ in lightness too and keep a contrast of 4.5 to white, with dashes for prints in gray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Solid blue.
    First,
    /// Dashed orange.
    Second,
    /// Thin gray, no dots.
    Guide,
}

impl Look {
    fn color(self) -> &'static str {
        match self {
            Self::First => "#1a5a96",
            Self::Second => "#b84a00",
            Self::Guide => "#767676",
        }
    }

    fn dashes(self) -> &'static str {
        match self {
            Self::First => "none",
            Self::Second => "7 3",
            Self::Guide => "2 3",
        }
    }

    fn width(self) -> &'static str {
        if self == Self::Guide { "1" } else { "2" }
    }
}

impl Chart<'_> {
    /// The SVG element.
    pub(super) fn draw(&self) -> Markup {
        let (title, description) = (format!("{}-title", self.id), format!("{}-description", self.id));
        html! {
            svg viewBox=(format!("0 0 {} {}", SIZE.0, SIZE.1)) role="img" aria-labelledby=(title) aria-describedby=(description) {
                title id=(title) { (self.title) }
                desc id=(description) { (self.description) }
                (self.axes())
                (self.columns())
                @if let Some((x, label)) = &self.mark { (self.draw_mark(*x, label)) }
                @for line in &self.lines { (self.draw_line(line)) }
                (self.legend())
            }
        }
    }

    fn x(&self, value: f64) -> f64 {
        PLOT[0] + self.x.scale.place(value) * (PLOT[2] - PLOT[0])
    }

    fn y(&self, value: f64) -> f64 {
        PLOT[3] - self.y.scale.place(value) * (PLOT[3] - PLOT[1])
    }

    fn axes(&self) -> Markup {
        let [left, top, right, bottom] = PLOT;
        let suffix = if self.y.scale.is_log() { " (logarithmic)" } else { "" };
        let middle = f64::midpoint(top, bottom);
        html! {
            @for tick in &self.y.scale.ticks {
                (rule([left, self.y(*tick), right, self.y(*tick)], "#e0e0e0"))
                (text((left - 6.0, self.y(*tick) + 4.0), "end", &self.y.scale.label(*tick)))
            }
            @for tick in &self.x.scale.ticks {
                (rule([self.x(*tick), bottom, self.x(*tick), bottom + 4.0], "#333"))
                (text((self.x(*tick), bottom + 17.0), "middle", &self.x.scale.label(*tick)))
            }
            (rule([left, bottom, right, bottom], "#333"))
            (text((f64::midpoint(left, right), SIZE.1 - 10.0), "middle", self.x.label))
            g transform=(format!("rotate(-90 12 {middle})")) {
                (text((12.0, middle), "middle", &format!("{}{suffix}", self.y.label)))
            }
        }
    }

    fn columns(&self) -> Markup {
        html! {
            @for [from, to, height] in &self.bars {
                @let (x, y) = (self.x(*from), self.y(*height));
                rect x=(round(x + 0.5)) y=(round(y)) width=(round((self.x(*to) - x - 1.0).max(0.5)))
                    height=(round((PLOT[3] - y).max(0.0))) fill="#cfdff0" {}
            }
        }
    }

    fn draw_mark(&self, at: f64, label: &str) -> Markup {
        let x = self.x(at);
        // To the side where there is room.
        let (anchor, shift) =
            if x > f64::midpoint(PLOT[0], PLOT[2]) { ("end", -5.0) } else { ("start", 5.0) };
        html! {
            line x1=(round(x)) y1=(PLOT[1]) x2=(round(x)) y2=(PLOT[3]) stroke="#333" stroke-width="1" stroke-dasharray="4 3" {}
            (text((x + shift, PLOT[1] + 11.0), anchor, label))
        }
    }

    fn draw_line(&self, line: &Line) -> Markup {
        let finite = line
            .points
            .iter()
            .filter(|(x, y)| self.x.scale.place(*x).is_finite() && self.y.scale.place(*y).is_finite());
        let places: Vec<(f64, f64)> = finite.map(|(x, y)| (round(self.x(*x)), round(self.y(*y)))).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let look = line.look;
        html! {
            polyline points=(path.join(" ")) fill="none" stroke=(look.color()) stroke-width=(look.width())
                stroke-dasharray=(look.dashes()) stroke-linejoin="round" {}
            @if look != Look::Guide && places.len() <= DOTS {
                @for (x, y) in &places {
                    circle cx=(x) cy=(y) r="2.6" fill="#fff" stroke=(look.color()) stroke-width="1.4" {}
                }
            }
        }
    }

    fn legend(&self) -> Markup {
        let named = self.lines.iter().filter_map(|line| Some((line.name?, line.look)));
        let placed = named.scan(PLOT[0], |next, (name, look)| {
            let x = *next;
            *next += 48.0 + 6.6 * width(name);
            Some((x, name, look))
        });
        html! {
            @for (x, name, look) in placed {
                line x1=(round(x)) y1="16" x2=(round(x + 24.0)) y2="16" stroke=(look.color()) stroke-width=(look.width())
                    stroke-dasharray=(look.dashes()) {}
                (text((x + 30.0, 20.0), "start", name))
            }
        }
    }
}

/// Number of letters.
fn width(text: &str) -> f64 {
    text.chars().fold(0.0, |sum, _| sum + 1.0)
}

fn rule([x1, y1, x2, y2]: [f64; 4], color: &str) -> Markup {
    html! { line x1=(round(x1)) y1=(round(y1)) x2=(round(x2)) y2=(round(y2)) stroke=(color) stroke-width="1" {} }
}

fn text((x, y): (f64, f64), anchor: &str, text: &str) -> Markup {
    html! { text x=(round(x)) y=(round(y)) text-anchor=(anchor) font-size="12" fill="#222" { (text) } }
}

/// Tenths of a unit are enough.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A value with its interval on a line from 0 to 1, to stand in a table's cell. The numbers stand beside it, so it is
/// hidden from screen readers.
pub(super) fn whisker(value: f64, interval: Option<[f64; 2]>) -> Markup {
    const WIDTH: f64 = 120.0;
    let place = |v: f64| round(4.0 + v.clamp(0.0, 1.0) * (WIDTH - 8.0));
    let interval = interval.filter(|ends| ends.iter().all(|end| end.is_finite()));
    html! {
        svg.whisker viewBox="0 0 120 16" aria-hidden="true" {
            line x1="4" y1="8" x2="116" y2="8" stroke="#d8d8d8" stroke-width="1" {}
            @for quarter in [0.0, 0.25, 0.5, 0.75, 1.0] {
                line x1=(place(quarter)) y1="5" x2=(place(quarter)) y2="11" stroke="#d8d8d8" stroke-width="1" {}
            }
            @if let Some([low, high]) = interval {
                line x1=(place(low)) y1="8" x2=(place(high)) y2="8" stroke="#1a5a96" stroke-width="3" {}
            }
            @if value.is_finite() { circle cx=(place(value)) cy="8" r="4" fill="#1a5a96" {} }
        }
    }
}
