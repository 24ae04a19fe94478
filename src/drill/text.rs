//! A score as text, for a terminal at night: the verdict first, then the story, then the figures.

use std::fmt::{self, Write as _};

use super::score::Score;
use super::words::{client, seconds};

impl Score {
    /// The report as text, without colour, ending in a newline.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("writing to a String can't fail");
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let short = self.verdicts.iter().filter(|verdict| !verdict.held).count();
        let all = self.verdicts.len();
        match short {
            0 => writeln!(out, "HELD: {} (all of {all})", self.title)?,
            _ => writeln!(out, "FELL SHORT: {} ({short} of {all})", self.title)?,
        }
        let seed = self.seed.map_or(String::new(), |seed| format!(" with seed {seed}"));
        let (leader, follower) = (&self.cast.leader.region, &self.cast.follower.region);
        writeln!(out, "on {}{seed}; @leader was {leader}, @follower {follower}", self.stage)?;
        self.write_verdicts(out)?;
        self.write_timeline(out)?;
        self.write_figures(out)?;
        self.write_clients(out)
    }

    fn write_verdicts(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\nExpected")?;
        for verdict in &self.verdicts {
            let word = if verdict.held { "held" } else { "FELL SHORT" };
            write!(out, "  {word:<10}  {}", verdict.name)?;
            if verdict.name != verdict.demand {
                write!(out, " ({})", verdict.demand)?;
            }
            writeln!(out, "\n              {}", verdict.reason)?;
        }
        Ok(())
    }

    fn write_timeline(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\nTimeline (seconds since the first fault)")?;
        for line in &self.timeline {
            let at = format!("+{}.{:03}", line.at_ms / 1000, line.at_ms % 1000);
            writeln!(out, "  {at:>9}  {:<8}  {}", line.kind.label(), line.text)?;
        }
        Ok(())
    }

    fn write_figures(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\nFigures (since the first fault)")?;
        let figures = &self.figures;
        for (name, at_ms, what) in [
            ("detect", figures.detect_ms, "first report of a failure"),
            ("elect", figures.elect_ms, "a majority of seats has a new leader"),
            ("decide", figures.decide_ms, "new weights committed"),
            ("act", figures.act_ms, "first weight changed in a zone"),
        ] {
            let at = at_ms.map_or("-".to_owned(), seconds);
            writeln!(out, "  {name:<8}{at:>10}  {what}")?;
        }
        for (kind, recovery) in &figures.recover {
            let at = match recovery.last_failure_ms {
                Some(_) if recovery.served_since == 0 => "never".to_owned(),
                at_ms => at_ms.map_or("-".to_owned(), seconds),
            };
            let (kind, failed, since) = (client(*kind), recovery.failed, recovery.served_since);
            writeln!(
                out,
                "  {:<8}{at:>10}  last failure of {kind} clients ({failed} failed, {since} served \
                 since)",
                "recover"
            )?;
        }
        Ok(())
    }

    fn write_clients(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\nRequests (since the first fault)")?;
        writeln!(out, "  {:<14}{:<20}{:>8}{:>8}", "client", "Region", "served", "failed")?;
        for tally in &self.figures.clients {
            let region = tally.region.as_ref().map_or("no address", |region| region.as_str());
            let (kind, served, failed) = (client(tally.client), tally.served, tally.failed);
            writeln!(out, "  {kind:<14}{region:<20}{served:>8}{failed:>8}")?;
        }
        if self.figures.failed_before > 0 {
            let before = self.figures.failed_before;
            writeln!(out, "  {before} had failed before the first fault")?;
        }
        Ok(())
    }
}
