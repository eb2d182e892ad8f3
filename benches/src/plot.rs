//! Results as pictures: throughput by clients, the distribution of latencies, growth by size, the
//! layers of a transition, and the peers.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use serde_json::Value;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Outcome = Result<(), Box<dyn Error>>;

const SIZE: (u32, u32) = (1000, 520);
/// Of which the lines' names take this much, on the right.
const NAMES: u32 = 300;
/// Told apart by people who do not see red and green as others do.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(213, 94, 0),
    RGBColor(0, 0, 0),
];

/// Named lines of points.
type Series = BTreeMap<String, Vec<(f64, f64)>>;

/// Draws what the file holds, beside it; the pictures' paths.
pub fn draw(results: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let text = std::fs::read_to_string(results)?;
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut drawn = Vec::new();
    let mut picture = |name: &str, chart: Chart<'_>| -> Outcome {
        if chart.series.values().all(Vec::is_empty) {
            return Ok(());
        }
        let path = results.with_extension(format!("{name}.svg"));
        chart.draw(&path)?;
        drawn.push(path);
        Ok(())
    };
    picture(
        "throughput",
        Chart {
            title: "Transitions per second by clients",
            across: "clients",
            up: "transitions/s",
            in_powers: true,
            series: throughput(&lines),
        },
    )?;
    picture(
        "latency",
        Chart {
            title: "Latency of a transition, 16 clients",
            across: "share of the transitions that took no longer, %",
            up: "ms",
            in_powers: false,
            series: latency(&lines),
        },
    )?;
    picture(
        "growth",
        Chart {
            title: "Time by the number of stored work orders",
            across: "stored work orders",
            up: "ms",
            in_powers: true,
            series: growth(&lines),
        },
    )?;
    let layers = layers(&lines);
    if !layers.is_empty() {
        let path = results.with_extension("layers.svg");
        stack(&path, "What a transition's processor time goes to", &layers)?;
        drawn.push(path);
    }
    let peers = peers(&lines);
    if !peers.is_empty() {
        let path = results.with_extension("peers.svg");
        bars(&path, "One transition and its equivalents by others, 16 clients", &peers)?;
        drawn.push(path);
    }
    Ok(drawn)
}

fn of_part<'v>(lines: &'v [Value], part: &'v str) -> impl Iterator<Item = &'v Value> {
    lines.iter().filter(move |line| line["part"] == part && line["median"].is_number())
}

fn throughput(lines: &[Value]) -> Series {
    let mut series = Series::new();
    for line in of_part(lines, "transition") {
        let details = &line["details"];
        if let (Some(way), Some(clients), Some(rate)) =
            (details["way"].as_str(), details["clients"].as_f64(), line["median"].as_f64())
        {
            series.entry(way.to_owned()).or_default().push((clients, rate));
        }
    }
    // One point is no line.
    series.retain(|_, points| points.len() > 1);
    series
}

fn latency(lines: &[Value]) -> Series {
    let distributions = of_part(lines, "transition").filter_map(|line| {
        let way = line["details"]["way"].as_str()?.to_owned();
        let times = line["details"]["distribution"].as_array()?;
        let points = times
            .iter()
            .zip(1..)
            .map(|(time, share)| (f64::from(share), time.as_f64().unwrap_or(f64::NAN)));
        Some((way, points.collect()))
    });
    distributions.collect()
}

fn growth(lines: &[Value]) -> Series {
    let mut series = Series::new();
    for line in of_part(lines, "stored") {
        let details = &line["details"];
        if let (Some(name), Some(rows), Some(time)) =
            (details["series"].as_str(), details["rows"].as_f64(), line["median"].as_f64())
        {
            series.entry(name.to_owned()).or_default().push((rows, time));
        }
    }
    series
}

/// The layers with their microseconds, from the bare rows up.
fn layers(lines: &[Value]) -> Vec<(String, f64)> {
    let is_layer = |name: &str| name.starts_with("bare rows") || name.starts_with('+');
    of_part(lines, "layers")
        .filter_map(|line| {
            let name = line["figure"].as_str().filter(|name| is_layer(name))?;
            Some((name.to_owned(), line["median"].as_f64()?.max(0.0)))
        })
        .collect()
}

fn peers(lines: &[Value]) -> Vec<(String, f64)> {
    let mut all: Vec<(String, f64)> = of_part(lines, "peers")
        .filter_map(|line| {
            let name = line["figure"].as_str()?.trim_end_matches(", 16 clients");
            Some((name.to_owned(), line["median"].as_f64()?))
        })
        .collect();
    all.sort_by(|one, other| other.1.total_cmp(&one.1));
    all
}

struct Chart<'a> {
    title: &'a str,
    across: &'a str,
    up: &'a str,
    /// Whether the horizontal axis counts in powers; the vertical one does where the points span more
    /// than twenty times.
    in_powers: bool,
    series: Series,
}

impl Chart<'_> {
    fn draw(&self, path: &Path) -> Outcome {
        let points = || self.series.values().flatten();
        let range = |value: fn(&(f64, f64)) -> f64| {
            points().map(value).fold((f64::MAX, f64::MIN), |(least, most), value| {
                (least.min(value), most.max(value))
            })
        };
        let (across, up) = (range(|point| point.0), range(|point| point.1));
        let whole = SVGBackend::new(path, SIZE).into_drawing_area();
        whole.fill(&WHITE)?;
        let (area, names) = whole.split_horizontally(SIZE.0 - NAMES);
        let spans = |(least, most): (f64, f64)| least > 0.0 && most / least > 20.0;
        let (left, right) = across;
        let (bottom, top) = (0.0, up.1 * 1.1);
        match (self.in_powers && left < right, spans(up)) {
            (true, true) => self.plot(
                &area,
                (left..right * 1.05).log_scale(),
                (up.0 * 0.8..up.1 * 1.5).log_scale(),
            ),
            (true, false) => self.plot(&area, (left..right * 1.05).log_scale(), bottom..top),
            (false, true) => self.plot(&area, left..right, (up.0 * 0.8..up.1 * 1.5).log_scale()),
            (false, false) => self.plot(&area, left..right, bottom..top),
        }?;
        self.name(&names)?;
        whole.present()?;
        Ok(())
    }

    fn colours(&self) -> impl Iterator<Item = (&String, &Vec<(f64, f64)>, RGBColor)> {
        let colours = COLOURS.iter().copied().cycle();
        self.series.iter().zip(colours).map(|((name, points), colour)| (name, points, colour))
    }

    /// The lines' names, beside the lines rather than upon them.
    fn name(&self, area: &Area<'_>) -> Outcome {
        for ((name, _, colour), at) in self.colours().zip(0..) {
            let y = 64 + at * 26;
            area.draw(&PathElement::new([(4, y), (26, y)], colour.stroke_width(3)))?;
            area.draw(&Text::new(name.as_str(), (34, y - 7), ("sans-serif", 13)))?;
        }
        Ok(())
    }

    fn plot<X, Y>(&self, area: &Area<'_>, across: X, up: Y) -> Outcome
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .x_desc(self.across)
            .y_desc(self.up)
            .label_style(("sans-serif", 13))
            .x_label_formatter(&|value| short(*value))
            .y_label_formatter(&|value| short(*value))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (_, points, colour) in self.colours() {
            let mut points = points.clone();
            points.sort_by(|one, other| one.0.total_cmp(&other.0));
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            chart.draw_series(line)?;
            // Where each was measured, unless they make a line by themselves.
            if points.len() <= 12 {
                chart.draw_series(points.iter().map(|at| Circle::new(*at, 4, colour.filled())))?;
            }
        }
        Ok(())
    }
}

/// A label that stays short: 100k, 10M.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e4 => format!("{}k", value / 1e3),
        value if value >= 10.0 => format!("{value:.0}"),
        value => format!("{}", (value * 100.0).round() / 100.0),
    }
}

fn bars(path: &Path, title: &str, rows: &[(String, f64)]) -> Outcome {
    let row = 34;
    let (top, left) = (56, 230);
    let height = top + row * i32::try_from(rows.len())? + 24;
    let area = SVGBackend::new(path, (SIZE.0, u32::try_from(height)?)).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(title, (16, 16), ("sans-serif", 20)))?;
    let most = rows.iter().map(|(_, rate)| *rate).fold(1.0, f64::max);
    let width = f64::from(SIZE.0) - f64::from(left) - 90.0;
    for ((name, rate), at) in rows.iter().zip(0..) {
        let y = top + at * row;
        let end = left + (rate / most * width) as i32;
        let ours = name.starts_with("wo_core");
        let colour = if ours { COLOURS[0] } else { RGBColor(160, 160, 160) };
        area.draw(&Text::new(name.as_str(), (16, y + 5), ("sans-serif", 14)))?;
        area.draw(&Rectangle::new([(left, y), (end, y + row - 10)], colour.filled()))?;
        let label = format!("{rate:.0}/s");
        area.draw(&Text::new(label, (end + 8, y + 5), ("sans-serif", 14)))?;
    }
    area.present()?;
    Ok(())
}

/// One bar of pieces side by side, and below it what each piece is and its share of a transition, of
/// which a signature is no part.
fn stack(path: &Path, title: &str, pieces: &[(String, f64)]) -> Outcome {
    let (left, top, bar, row) = (16, 60, 64, 28);
    let height = top + bar + 24 + row * i32::try_from(pieces.len())? + 16;
    let area = SVGBackend::new(path, (SIZE.0, u32::try_from(height)?)).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(title, (left, 16), ("sans-serif", 20)))?;
    let all: f64 = pieces.iter().map(|(_, size)| size).sum();
    let is_part = |name: &str| !name.starts_with("+ signature");
    let parts = pieces.iter().filter(|(name, _)| is_part(name));
    let transition: f64 = parts.map(|(_, size)| size).sum();
    let width = f64::from(SIZE.0) - 2.0 * f64::from(left);
    let mut from = 0.0;
    for (((name, size), colour), at) in pieces.iter().zip(COLOURS.iter().cycle()).zip(0..) {
        let place = |size: f64| left + (size / all * width) as i32;
        let corners = [(place(from), top), (place(from + size), top + bar)];
        area.draw(&Rectangle::new(corners, colour.filled()))?;
        from += size;
        let y = top + bar + 24 + at * row;
        area.draw(&Rectangle::new([(left, y), (left + 18, y + 18)], colour.filled()))?;
        let short = |value: f64| {
            let decimals = usize::from(value < 10.0);
            format!("{value:.decimals$}")
        };
        let share = short(100.0 * size / transition);
        let label = format!("{name}: {} µs, {share} % of a transition", short(*size));
        area.draw(&Text::new(label, (left + 28, y + 3), ("sans-serif", 14)))?;
    }
    area.present()?;
    Ok(())
}
