//! Several rounds of one measurement: the median counts, the spread is shown.

use super::super::percentile;

/// What each round came to.
#[derive(Debug, Default, Clone)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds a round.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        percentile(&self.0, 0.5)
    }

    /// Median, smallest and largest, in whole units.
    pub fn shown(&self, unit: &str) -> String {
        let (least, most) = (percentile(&self.0, 0.0), percentile(&self.0, 1.0));
        format!("{}{unit} ({} to {})", whole(self.median()), whole(least), whole(most))
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut rounds = Self::default();
        values.into_iter().for_each(|value| rounds.push(value));
        rounds
    }
}

/// A number without its fraction, in groups of three digits.
pub fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", &*digits), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count as a number to calculate with.
#[allow(clippy::cast_precision_loss)]
pub fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_groups() {
        let shown: Vec<String> = [0.4, 999.6, 12_345.0, -1_234_567.0].into_iter().map(whole).collect();
        assert_eq!(shown, ["0", "1,000", "12,345", "-1,234,567"]);
        let rounds: Rounds = [3.0, 1.0, 2.0].into_iter().collect();
        assert_eq!(rounds.shown("/s"), "2/s (1 to 3)");
    }
}
