//! `writ export alerts`: rules for Prometheus, with the thresholds of the chosen baselines.

mod appliance;
mod audit;
mod depot;
mod figures;
mod ship;
mod table;
mod yaml;

use std::path::PathBuf;

use self::figures::{Chosen, Figures};
use self::table::{Alert, Exported, alerts};
use crate::check::tree::Tree;
use crate::failure::{Answer, Outcome};
use crate::library::Library;
use crate::screen;

/// The file that --out makes.
const FILE: &str = "writ.rules.yml";

/// Rules for Prometheus, with the thresholds of the chosen baselines
///
/// The rules stand on the metrics that `writ doctor` and `writ-depot` export. Each threshold is a figure of a baseline
/// and is named beside the rule; of two baselines that have one, the stricter counts, and a rule whose figure no
/// baseline has is left out with a warning. For every metric there is one more rule, WritNotMeasured: a metric that
/// nobody exports is no silence. Rules on metrics that no version exports yet are left out, because theirs would fire
/// for ever; --all writes them too.
///
/// The same tree gives the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export alerts > /etc/prometheus/rules/writ.rules.yml
  writ export alerts hosts/riverside-clinic
  writ export alerts --baseline hipaa --out /etc/prometheus/rules
  writ export alerts | promtool check rules /dev/stdin

The metrics and the rules: https://github.com/writ-project/writ/blob/main/docs/metrics.md

Exit codes: 0 done; 1 the tree has mistakes, or no such baseline; 2 could not run.")]
pub struct Arguments {
    /// The folder with baselines/, rules/, hosts/ and modules/, or one below it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The baselines whose figures count [default: all of the tree]
    #[arg(long, value_name = "NAME")]
    baseline: Vec<String>,
    /// Also the rules on metrics that no version exports yet
    #[arg(long)]
    all: bool,
    /// Write the file writ.rules.yml into this folder, instead of to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let library = Library::declared(Tree::find(&self.path)?)?;
        let figures = Figures::choose(&library.catalogue.baselines, &self.baseline)?;
        let wanted = |alert: &&Alert| self.all || alert.metric.exported != Exported::NotYet;
        let mut told = Vec::new();
        let mut left_out = Vec::new();
        let (wanted, unexported): (Vec<&Alert>, Vec<&Alert>) = alerts().partition(wanted);
        for alert in wanted {
            match alert.figure.map(|figure| (figure, figures.of(figure))) {
                None => told.push((alert, None)),
                Some((_, Some(chosen))) => told.push((alert, Some(chosen))),
                Some((figure, None)) => left_out.push((alert.name, figure.id)),
            }
        }
        for (alert, figure) in &left_out {
            screen::warning(&format!("{alert} is left out: none of these baselines has the figure `{figure}`"));
        }
        let text = yaml::rules(figures.names(), &told, &left_out, &unexported);
        super::write(self.out.as_deref(), FILE, &text, "the rules")?;
        Ok(Answer::Yes)
    }
}

/// A rule and the figure that it stands on.
type Told<'a> = (&'a Alert, Option<Chosen<'a>>);
