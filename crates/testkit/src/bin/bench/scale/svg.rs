//! The curves: a panel for each figure, over the number of objects, with a line for each number of clusters.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::Point;
use crate::figure::Figure;

/// The file's name.
pub const FILE: &str = "fleets.svg";
const SIZE: (u32, u32) = (1_080, 700);
const FONT: &str = "system-ui, sans-serif";
const TEXT: RGBColor = RGBColor(40, 44, 52);
/// Of 1, 10, 100, 1,000 clusters; told apart by the colour-blind too (Okabe and Ito).
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(0, 158, 115), RGBColor(230, 159, 0), RGBColor(213, 94, 0)];
const REFERENCE: RGBColor = RGBColor(130, 130, 130);

type Value = fn(&Point) -> f64;

struct Panel {
    title: &'static str,
    ours: Value,
    /// Drawn as one grey line.
    reference: Option<(&'static str, Value)>,
}

fn high(figure: &Figure) -> f64 {
    figure.times.quantile(0.99)
}

const PANELS: [Panel; 6] = [
    Panel {
        title: "resident memory, MB",
        ours: |point| point.most(),
        reference: Some(("the objects as JSON", |point| point.bytes as f64 / 1e6)),
    },
    Panel {
        title: "start until all is fresh, s",
        ours: |point| point.start.times.median() / 1e3,
        reference: Some(("listing it all as JSON", |point| point.start.reference_quantile(0.5) / 1e3)),
    },
    Panel {
        title: "point look-up, p99 ms",
        ours: |point| high(&point.look_up),
        reference: Some(("GET from one cluster, p99", |point| point.look_up.reference_quantile(0.99))),
    },
    Panel {
        title: "page of 100, p99 ms",
        ours: |point| high(&point.page),
        reference: Some(("a page of one cluster, p99", |point| point.page.reference_quantile(0.99))),
    },
    Panel {
        title: "PATCH to subscriber, p99 ms",
        ours: |point| high(&point.event),
        reference: Some(("PATCH to a watch, p99", |point| point.watched.reference_quantile(0.99))),
    },
    Panel {
        title: "PATCH to subscriber, median ms",
        ours: |point| point.event.times.median(),
        reference: Some(("PATCH to a watch, median", |point| point.watched.reference_quantile(0.5))),
    },
];

pub fn draw(points: &[Point], directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        // Plotters' errors borrow from its areas.
        plot(&root, points).map_err(|error| anyhow!("drawing the curves: {error}"))?;
    }
    let file = directory.join(FILE);
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn plot(root: &Area<'_>, points: &[Point]) -> Drawn {
    root.fill(&WHITE)?;
    let mut counts: Vec<usize> = points.iter().map(|point| point.size.clusters).collect();
    counts.sort_unstable();
    counts.dedup();
    let (panels, key) = root.split_vertically(SIZE.1 - 30);
    key.draw(&Text::new("over the number of objects:", (110, 6), (FONT, 13).into_font().color(&TEXT)))?;
    for (area, panel) in panels.split_evenly((2, 3)).iter().zip(&PANELS) {
        draw_panel(area, panel, points, &counts)?;
    }
    for (index, (count, colour)) in counts.iter().zip(COLOURS).enumerate() {
        let x = 300 + 140 * i32::try_from(index)?;
        key.draw(&Circle::new((x, 12), 4, colour.filled()))?;
        let name = match count {
            1 => "1 cluster".to_owned(),
            1_000.. => format!("{},{:03} clusters", count / 1_000, count % 1_000),
            _ => format!("{count} clusters"),
        };
        key.draw(&Text::new(name, (x + 10, 6), (FONT, 13).into_font().color(&TEXT)))?;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel, points: &[Point], counts: &[usize]) -> Drawn {
    let values = points.iter().flat_map(|point| {
        let reference = panel.reference.map(|(_, of)| of(point));
        [Some((panel.ours)(point)), reference]
    });
    let values: Vec<f64> = values.flatten().filter(|value| value.is_finite()).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    // Whole powers of ten.
    let decades = 10_f64.powf(least.log10().floor())..10_f64.powf(most.log10().ceil());
    area.draw(&Text::new(panel.title, (14, 10), (FONT, 15).into_font().color(&TEXT)))?;
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_top(52)
        .x_label_area_size(28)
        .y_label_area_size(48)
        .build_cartesian_2d((700_f64..1_500_000_f64).log_scale(), decades.log_scale())?;
    let style = (FONT, 11).into_font().color(&TEXT);
    chart
        .configure_mesh()
        .x_labels(5)
        .y_labels(8)
        .x_label_formatter(&|value| number(*value))
        .y_label_formatter(&|value| number(*value))
        .label_style(style.clone())
        .bold_line_style(RGBColor(205, 205, 205))
        .light_line_style(RGBColor(240, 240, 240))
        .axis_style(RGBColor(160, 160, 160))
        .draw()?;
    let line = |of: Value, of_these: &dyn Fn(&Point) -> bool| {
        let mut line: Vec<(f64, f64)> = points
            .iter()
            .filter(|point| of_these(point))
            .map(|point| (point.objects as f64, of(point)))
            .collect();
        line.sort_by(|one, other| one.0.total_cmp(&other.0));
        line
    };
    for (count, colour) in counts.iter().zip(COLOURS) {
        let of_these = |point: &Point| point.size.clusters == *count;
        if let Some((_, of)) = panel.reference {
            let line = line(of, &of_these);
            chart.draw_series(LineSeries::new(line.clone(), REFERENCE.stroke_width(1)))?;
            chart.draw_series(line.into_iter().map(|at| TriangleMarker::new(at, 4, REFERENCE.filled())))?;
        }
        let line = line(panel.ours, &of_these);
        chart.draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?;
        chart.draw_series(line.into_iter().map(|at| Circle::new(at, 4, colour.filled())))?;
    }
    if let Some((name, _)) = panel.reference {
        area.draw(&TriangleMarker::new((19, 37), 4, REFERENCE.filled()))?;
        area.draw(&Text::new(name, (28, 31), style))?;
    }
    Ok(())
}

/// Such as `1k` and `0.1`.
fn number(value: f64) -> String {
    match value {
        value if value >= 999_999.5 => format!("{}M", rounded(value / 1e6)),
        value if value >= 999.5 => format!("{}k", rounded(value / 1e3)),
        value => rounded(value),
    }
}

fn rounded(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
