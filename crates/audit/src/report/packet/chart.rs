//! Charts as shapes: what HTML draws as inline SVG, and PDF as paths. Coordinates are whole, `y` grows downwards.

use serde::Serialize;

use crate::words::{lasting, thousands};

/// How wide a chart is.
pub const WIDTH: i32 = 720;
/// Room for the numbers on the left, for the names below, for what the colours mean above.
const LEFT: i32 = 62;
const RIGHT: i32 = 12;
const TOP: i32 = 34;
const PLOT: i32 = 170;
const BELOW: i32 = 30;
/// The width of a name below, about.
const NAME: i32 = 66;

/// A colour: enough contrast on white, and told apart by those who see few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hue {
    /// Rules; the first line.
    First,
    /// The planner; the second line.
    Second,
    /// People.
    Third,
    /// What is open or was not resolved.
    Fourth,
    /// What was promised.
    Band,
    /// Lines behind.
    Grid,
    /// Words.
    Ink,
}

impl Hue {
    /// Red, green, blue.
    pub fn rgb(self) -> (u8, u8, u8) {
        match self {
            Self::First => (0x1f, 0x4e, 0x79),
            Self::Second => (0xb8, 0x6e, 0x00),
            Self::Third => (0x8f, 0x1d, 0x4f),
            Self::Fourth => (0x69, 0x72, 0x7d),
            Self::Band => (0xcf, 0xe3, 0xd6),
            Self::Grid => (0xd9, 0xde, 0xe5),
            Self::Ink => (0x1b, 0x24, 0x30),
        }
    }

    /// As SVG has it.
    pub fn hex(self) -> String {
        let (r, g, b) = self.rgb();
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

/// Where words stand of their point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// They begin there.
    Start,
    /// Their middle is there.
    Middle,
    /// They end there.
    End,
}

impl Anchor {
    /// As SVG has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A part of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A filled rectangle.
    Box {
        /// From the left.
        x: i32,
        /// From above.
        y: i32,
        /// How wide.
        width: i32,
        /// How high.
        height: i32,
        /// Its colour.
        hue: Hue,
    },
    /// Straight lines through points.
    Path {
        /// The points.
        points: Vec<(i32, i32)>,
        /// How thick.
        width: i32,
        /// Its colour.
        hue: Hue,
        /// Whether it is broken into dashes.
        dashed: bool,
    },
    /// A filled circle.
    Dot {
        /// From the left.
        x: i32,
        /// From above.
        y: i32,
        /// Half as wide as it is.
        radius: i32,
        /// Its colour.
        hue: Hue,
    },
    /// Words.
    Text {
        /// From the left.
        x: i32,
        /// From above, of the line on which they stand.
        y: i32,
        /// Where they stand of it.
        anchor: Anchor,
        /// What they say.
        text: String,
    },
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chart {
    /// Its name.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// The same with the numbers, for those who do not see it.
    pub description: String,
    /// How high it is.
    #[serde(skip)]
    pub height: i32,
    /// What is drawn, the first behind.
    #[serde(skip)]
    pub shapes: Vec<Shape>,
}

/// What numbers of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Percent, always from 0 to 100.
    Percent,
    /// Seconds.
    Seconds,
}

impl Unit {
    fn say(self, n: u64) -> String {
        match self {
            Self::Count => thousands(n),
            Self::Percent => format!("{n} %"),
            Self::Seconds => lasting(n),
        }
    }
}

/// Numbers of one sort, one for each name; none where there is nothing to count.
pub struct Series<'s> {
    /// What they are.
    pub name: &'s str,
    /// Their colour.
    pub hue: Hue,
    /// The numbers.
    pub values: Vec<Option<u64>>,
}

/// What a chart is made of.
pub struct Data<'d> {
    /// Its name.
    pub id: &'static str,
    /// What it shows.
    pub title: &'d str,
    /// What the numbers are.
    pub unit: Unit,
    /// The names along the bottom.
    pub names: Vec<String>,
    /// The numbers.
    pub series: Vec<Series<'d>>,
}

/// Steps of time that people count in, in seconds: up to four weeks.
const TIMES: [u64; 20] = [
    1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    2_419_200,
];

/// The top of an axis that these numbers fit on, and the step between its lines.
fn scale(most: u64, unit: Unit) -> (u64, u64) {
    if unit == Unit::Percent {
        return (100, 25);
    }
    if unit == Unit::Seconds
        && let Some(step) = TIMES.into_iter().find(|step| step * 4 >= most)
    {
        return (step * 4, step);
    }
    let mut step: u64 = 1;
    // 1, 2, 5, 10, 20, 50 …
    while step.saturating_mul(4) < most {
        let first = step.to_string().starts_with('2');
        step = if first { step / 2 * 5 } else { step.saturating_mul(2) };
    }
    (step.saturating_mul(4), step)
}

/// A number of an axis as a height above its bottom.
fn high(value: u64, top: u64, room: i32) -> i32 {
    let scaled = u128::from(value) * u128::try_from(room).unwrap_or(0) / u128::from(top.max(1));
    i32::try_from(scaled).unwrap_or(room).min(room)
}

impl Data<'_> {
    fn most(&self, stacked: bool) -> u64 {
        let sums = (0..self.names.len()).map(|i| {
            let values = self.series.iter().filter_map(|s| s.values.get(i).copied().flatten());
            if stacked { values.sum::<u64>() } else { values.max().unwrap_or(0) }
        });
        sums.max().unwrap_or(0)
    }

    fn describe(&self) -> String {
        let told = self.series.iter().map(|series| {
            let values = self.names.iter().zip(&series.values);
            let one = |(name, value): (&String, &Option<u64>)| {
                format!("{name} {}", value.map_or_else(|| "none".to_owned(), |n| self.unit.say(n)))
            };
            format!("{}: {}", series.name, values.map(one).collect::<Vec<_>>().join(", "))
        });
        format!("{}. The table that follows says the same.", told.collect::<Vec<_>>().join(". "))
    }

    fn middle(&self, i: usize) -> i32 {
        let count = i32::try_from(self.names.len().max(1)).unwrap_or(i32::MAX);
        let i = i32::try_from(i).unwrap_or(0);
        LEFT + (WIDTH - LEFT - RIGHT) * (2 * i + 1) / (2 * count)
    }

    /// Axes, names and what the colours mean.
    fn frame(&self, top: u64, step: u64) -> Vec<Shape> {
        let mut shapes = Vec::new();
        for line in (0..=4).map(|lines| step.saturating_mul(lines)) {
            let y = TOP + PLOT - high(line, top, PLOT);
            let points = vec![(LEFT, y), (WIDTH - RIGHT, y)];
            shapes.push(Shape::Path { points, width: 1, hue: Hue::Grid, dashed: false });
            let text = self.unit.say(line);
            shapes.push(Shape::Text { x: LEFT - 6, y: y + 4, anchor: Anchor::End, text });
        }
        let count = i32::try_from(self.names.len()).unwrap_or(1);
        let every = (count * NAME + WIDTH - LEFT - RIGHT - 1) / (WIDTH - LEFT - RIGHT);
        for (i, name) in self.names.iter().enumerate().step_by(usize::try_from(every.max(1)).unwrap_or(1)) {
            let (x, y) = (self.middle(i), TOP + PLOT + 18);
            shapes.push(Shape::Text { x, y, anchor: Anchor::Middle, text: name.clone() });
        }
        let mut x = LEFT;
        for series in &self.series {
            shapes.push(Shape::Box { x, y: 6, width: 12, height: 12, hue: series.hue });
            shapes.push(Shape::Text { x: x + 17, y: 16, anchor: Anchor::Start, text: series.name.to_owned() });
            x += 30 + 7 * i32::try_from(series.name.chars().count()).unwrap_or(0);
        }
        shapes
    }

    fn chart(&self, shapes: Vec<Shape>) -> Chart {
        Chart {
            id: self.id,
            title: self.title.to_owned(),
            description: self.describe(),
            height: TOP + PLOT + BELOW,
            shapes,
        }
    }

    /// Lines, with a dot at each number, and a hole where there is none.
    pub fn lines(&self) -> Chart {
        let (top, step) = scale(self.most(false), self.unit);
        let mut shapes = self.frame(top, step);
        for (n, series) in self.series.iter().enumerate() {
            let mut points = Vec::new();
            let mut stretches = Vec::new();
            for (i, value) in series.values.iter().enumerate() {
                match value {
                    Some(value) => points.push((self.middle(i), TOP + PLOT - high(*value, top, PLOT))),
                    None => stretches.push(std::mem::take(&mut points)),
                }
            }
            stretches.push(points);
            for points in stretches.into_iter().filter(|points| !points.is_empty()) {
                let dots: Vec<Shape> =
                    points.iter().map(|(x, y)| Shape::Dot { x: *x, y: *y, radius: 3, hue: series.hue }).collect();
                shapes.push(Shape::Path { points, width: 2, hue: series.hue, dashed: n > 0 });
                shapes.extend(dots);
            }
        }
        self.chart(shapes)
    }

    /// Bars; those of several series stand on one another.
    pub fn bars(&self) -> Chart {
        let (top, step) = scale(self.most(true), self.unit);
        let mut shapes = self.frame(top, step);
        let count = i32::try_from(self.names.len().max(1)).unwrap_or(i32::MAX);
        let width = ((WIDTH - LEFT - RIGHT) / count * 3 / 5).clamp(2, 48);
        for i in 0..self.names.len() {
            let mut below: u64 = 0;
            for series in &self.series {
                let value = series.values.get(i).copied().flatten().unwrap_or(0);
                let from = high(below, top, PLOT);
                // What is there is seen, however little.
                let to = high(below + value, top, PLOT).max(from + i32::from(value > 0));
                if to > from {
                    let (x, y) = (self.middle(i) - width / 2, TOP + PLOT - to);
                    shapes.push(Shape::Box { x, y, width, height: to - from, hue: series.hue });
                }
                below += value;
            }
        }
        self.chart(shapes)
    }
}

/// A share beside what was promised.
pub struct Share<'s> {
    /// Whose.
    pub name: &'s str,
    /// In percent; none where there is nothing to count.
    pub percent: Option<u64>,
    /// From and to, in percent.
    pub promised: (u64, u64),
    /// Its colour.
    pub hue: Hue,
}

/// Shares as bars that lie on bands of what was promised.
pub fn shares(id: &'static str, title: &str, shares: &[Share<'_>]) -> Chart {
    const ROW: i32 = 44;
    const NAMES: i32 = 150;
    let (mut shapes, mut told) = (Vec::new(), Vec::new());
    let at = |percent: u64| NAMES + high(percent, 100, WIDTH - NAMES - 70);
    let rows = i32::try_from(shares.len()).unwrap_or(0);
    for percent in [0, 25, 50, 75, 100] {
        let points = vec![(at(percent), 8), (at(percent), 8 + rows * ROW)];
        shapes.push(Shape::Path { points, width: 1, hue: Hue::Grid, dashed: false });
        let (x, y) = (at(percent), 26 + rows * ROW);
        shapes.push(Shape::Text { x, y, anchor: Anchor::Middle, text: format!("{percent} %") });
    }
    for (share, row) in shares.iter().zip(0..) {
        let y = 8 + row * ROW;
        let (low, high) = share.promised;
        shapes.push(Shape::Box { x: at(low), y: y + 2, width: at(high) - at(low), height: ROW - 6, hue: Hue::Band });
        let percent = share.percent.unwrap_or(0);
        let (x, width) = (at(0), at(percent) - at(0));
        shapes.push(Shape::Box { x, y: y + 12, width: width.max(1), height: ROW - 26, hue: share.hue });
        let said = share.percent.map_or_else(|| "none".to_owned(), |n| format!("{n} %"));
        shapes.push(Shape::Text { x: NAMES - 8, y: y + 26, anchor: Anchor::End, text: share.name.to_owned() });
        let x = at(percent) + 6;
        shapes.push(Shape::Text { x, y: y + 26, anchor: Anchor::Start, text: said.clone() });
        told.push(format!("{}: {said}, promised {low} to {high} %", share.name));
    }
    let description = format!("{}. The table that follows says the same.", told.join(". "));
    Chart { id, title: title.to_owned(), description, height: 34 + rows * ROW, shapes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_fit_what_is_on_them() {
        for (most, unit, expected) in [
            (0, Unit::Count, (4, 1)),
            (4, Unit::Count, (4, 1)),
            (5, Unit::Count, (8, 2)),
            (9, Unit::Count, (20, 5)),
            (41, Unit::Count, (80, 20)),
            (7, Unit::Percent, (100, 25)),
            (1200, Unit::Seconds, (1200, 300)),
            (1201, Unit::Seconds, (2400, 600)),
        ] {
            assert_eq!(scale(most, unit), expected, "{most}");
        }
        assert!(scale(u64::MAX, Unit::Seconds).0 >= u64::MAX / 4);
        assert_eq!((high(50, 100, 170), high(200, 100, 170), high(1, 0, 10)), (85, 170, 10));
    }

    #[test]
    fn a_line_has_a_hole_where_nothing_is_known() {
        let series = Series { name: "a", hue: Hue::First, values: vec![Some(1), None, Some(3), Some(100)] };
        let names = ["w", "x", "y", "z"].map(str::to_owned).to_vec();
        let data = Data { id: "c", title: "t", unit: Unit::Percent, names, series: vec![series] };
        let chart = data.lines();
        let paths = chart.shapes.iter().filter(|s| matches!(s, Shape::Path { hue: Hue::First, .. })).count();
        let dots = chart.shapes.iter().filter(|s| matches!(s, Shape::Dot { .. })).count();
        assert_eq!((paths, dots), (2, 3));
        assert!(chart.description.starts_with("a: w 1 %, x none, y 3 %, z 100 %"), "{}", chart.description);
        let bars = Data { unit: Unit::Count, ..data }.bars();
        assert_eq!(bars.shapes.iter().filter(|s| matches!(s, Shape::Box { .. })).count(), 1 + 3);
    }
}
