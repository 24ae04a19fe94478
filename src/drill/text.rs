//! A score as text, for a terminal at night: the verdict first, then the story, then the figures.

use std::fmt::{self, Write as _};

use super::databases::Writes;
use super::score::Score;
use super::words::client;

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
        write!(out, "on {}{seed}; @leader was {leader}, @follower {follower}", self.stage)?;
        match &self.cast.writer {
            Some(writer) => writeln!(out, ", @writer {writer}")?,
            None => writeln!(out)?,
        }
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
            let at = format!("+{}", stopwatch(line.at_ms));
            writeln!(out, "  {at:>9}  {:<8}  {}", line.kind.label(), line.text)?;
        }
        Ok(())
    }

    fn write_figures(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\nFigures (seconds since the first fault)")?;
        let figures = &self.figures;
        for (name, at_ms, what) in [
            ("detect", figures.detect_ms, "first report of a failure"),
            ("elect", figures.elect_ms, "a majority of seats has a new leader"),
            ("decide", figures.decide_ms, "new weights committed"),
            ("act", figures.act_ms, "first weight changed in a zone"),
        ] {
            let at = at_ms.map_or("-".to_owned(), stopwatch);
            writeln!(out, "  {name:<8}{at:>10}  {what}")?;
        }
        for (kind, recovery) in &figures.recover {
            let at = match recovery.last_failure_ms {
                Some(_) if recovery.served_since == 0 => "never".to_owned(),
                at_ms => at_ms.map_or("-".to_owned(), stopwatch),
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
        if let Some(Writes { acknowledged, failed, lost }) = self.figures.writes {
            writeln!(
                out,
                "  writes  {acknowledged:>10} acknowledged, {failed} not; {lost} of all that were \
                 acknowledged are lost"
            )?;
        }
        if self.figures.failed_before > 0 {
            let before = self.figures.failed_before;
            writeln!(out, "  {before} had failed before the first fault")?;
        }
        Ok(())
    }
}

/// Seconds with all their digits, so that columns of them line up.
fn stopwatch(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use crate::domain::CellState;
    use crate::drill::fixture::{REGIONS, Tale, scenario};
    use crate::drill::score;
    use crate::world::fault::Fault;
    use crate::world::log::ClientKind;

    #[test]
    fn the_report_reads_from_the_verdict_to_the_figures() {
        let mut tale = Tale::steady();
        tale.lose(0, "us-east-1");
        tale.failed(250, ClientKind::Orderly, "us-east-1");
        tale.report(1210, "us-west-2", "us-east-1", CellState::Suspect);
        tale.report(1900, "us-west-2", "us-east-1", CellState::Down);
        tale.state(2500, (3, 2), &[("us-east-1", 0)]);
        tale.take(2600, 3, "eu-west-1", &["eu-west-1", "us-west-2"], (3, 2));
        tale.batch(2900, 3, &[("us-east-1", 100, 0)]);
        tale.failed(7700, ClientKind::Orderly, "us-east-1");
        tale.failed(9000, ClientKind::IgnoresTtl, "us-east-1");
        tale.served(10_000, ClientKind::Orderly, "us-west-2");
        tale.take(12_000, 4, "us-west-2", &REGIONS[1..], (3, 2));
        tale.state(12_100, (4, 1), &[("us-east-1", 0)]);
        tale.batch(12_500, 4, &[]).batch(13_000, 4, &[]);
        tale.fault(20_000, Fault::Restore { region: "us-east-1".parse().expect("valid") });
        let scenario = scenario(
            "name = \"out of DNS\"\ndrained = { region = \"@follower\", within_s = 8 }\n\
             [[expect]]\nno-new-leader = true",
        );
        insta::assert_snapshot!(score(&scenario, &tale.run()).text(), @r"
        FELL SHORT: A test (1 of 2)
        on sim with seed 7; @leader was eu-west-1, @follower us-east-1

        Expected
          held        out of DNS (us-east-1 drained within 8 s)
                      web in us-east-1 out of service at +2.9 s
          FELL SHORT  no new leader
                      us-west-2 took over in epoch 4 at +12 s

        Timeline (seconds since the first fault)
             +0.000  FAULT     Region us-east-1 is lost: nothing gets in or out
             +0.250  clients   orderly clients begin to fail at us-east-1: connect timed out
             +1.210  seen      us-west-2: web/us-east-1 suspect (connect timed out)
             +1.900  seen      us-west-2: web/us-east-1 down (connect timed out)
             +2.500  decision  eu-west-1 proposes state 3.2: web us-east-1 100 -> 0
             +2.600  decision  state 3.2 is committed: a majority of seats points to it
             +2.900  action    zone Z1 (eu-west-1, epoch 3): web us-east-1 100 -> 0
             +7.700  clients   the last orderly client fails: from here on 1 served, none failed
             +9.000  clients   TTL-ignoring clients begin to fail at us-east-1: connect timed out
             +9.000  clients   the last TTL-ignoring client fails: from here on nobody asked with success
            +12.000  leader    us-west-2 holds a majority of seats in epoch 4
            +12.100  decision  eu-west-1 proposes state 4.1: weights as before
            +12.500  action    zone Z1 (eu-west-1, epoch 4): claimed
            +20.000  FAULT     Region us-east-1 is back

        Figures (seconds since the first fault)
          detect       1.210  first report of a failure
          elect       12.000  a majority of seats has a new leader
          decide       2.600  new weights committed
          act          2.900  first weight changed in a zone
          recover      7.700  last failure of orderly clients (2 failed, 1 served since)
          recover      never  last failure of TTL-ignoring clients (1 failed, 0 served since)

        Requests (since the first fault)
          client        Region                served  failed
          orderly       us-east-1                  0       2
          orderly       us-west-2                  1       0
          TTL-ignoring  us-east-1                  0       1
        ");
    }
}
