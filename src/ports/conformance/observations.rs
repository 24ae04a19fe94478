//! What the board must do: reports over their sender's earlier ones, and a history in order.

use std::collections::BTreeMap;

use super::{Ground, LIMIT, Verdict, cases, fails, same, well};
use crate::domain::observation::ProbingReport;
use crate::domain::order::Verb;
use crate::domain::seat::BootId;
use crate::domain::{Epoch, FailureClass, Order, OrderId, RegionId, Report, StateName};

cases! {
    "a board is made at home and in each replica, once" => made_once,
    "a board without reports is empty, and a missing one is an error" => empty,
    "a report takes the place of its sender's earlier one" => replaced,
    "reports of more than a page come whole" => pages,
    "history comes newest first, by number and not by letter" => history,
    "what is written in one Region is read in the other" => replicated,
    "orders come whole, beside the reports, and go when they are removed" => orders,
}

fn report(agent: &str, seq: u64, at: &str) -> Report {
    Report {
        fleet: "demo".parse().expect("valid"),
        agent: agent.parse().expect("valid"),
        region: "eu-west-1".parse().expect("valid"),
        boot: BootId(1),
        seq,
        at: at.to_owned(),
        cells: BTreeMap::new(),
        probing: ProbingReport::default(),
        heard: BTreeMap::new(),
        off: false,
        signals: std::collections::BTreeMap::new(),
        leading: None,
        gates: None,
        preflight: None,
    }
}

/// A board in both Regions.
async fn board(ground: &dyn Ground) -> Result<(RegionId, RegionId), String> {
    let (home, other) = ground.regions();
    let replicas = [home.clone(), other.clone()];
    let made = ground.observations().create_table(&home, &replicas, LIMIT).await;
    well("making a board", made)?;
    Ok((home, other))
}

async fn made_once(ground: &dyn Ground) -> Verdict {
    let (home, other) = ground.regions();
    let board = ground.observations();
    let replicas = [home.clone(), other.clone()];
    same("there at first", &well("looking", board.has_table(&home, LIMIT).await)?, &false)?;
    let made = well("making", board.create_table(&home, &replicas, LIMIT).await)?;
    same("made", &made, &replicas.to_vec())?;
    let again = well("making again", board.create_table(&home, &replicas, LIMIT).await)?;
    same("made again", &again, &Vec::new())?;
    for region in &replicas {
        same("there", &well("looking", board.has_table(region, LIMIT).await)?, &true)?;
    }
    Ok(())
}

async fn empty(ground: &dyn Ground) -> Verdict {
    let (home, _) = ground.regions();
    let gathered = ground.observations().gather(&home, LIMIT).await;
    fails("gathering without a board", gathered, FailureClass::Permanent)?;
    board(ground).await?;
    let gathered = well("gathering", ground.observations().gather(&home, LIMIT).await)?;
    same("reports", &gathered, &Vec::new())?;
    let history = well("history", ground.observations().history(&home, 5, LIMIT).await)?;
    same("documents", &history, &Vec::new())
}

async fn replaced(ground: &dyn Ground) -> Verdict {
    let (home, _) = board(ground).await?;
    let board = ground.observations();
    for (agent, seq) in [("a", 1), ("b", 1), ("a", 2)] {
        let report = report(agent, seq, "now");
        well("publishing", board.publish(&home, &report, LIMIT).await)?;
    }
    // A read is eventually consistent: the newest may take a moment.
    ground.let_pass().await;
    let gathered = well("gathering", board.gather(&home, LIMIT).await)?;
    same("reports", &gathered, &vec![report("a", 2, "now"), report("b", 1, "now")])
}

async fn pages(ground: &dyn Ground) -> Verdict {
    let (home, _) = board(ground).await?;
    let board = ground.observations();
    // Eleven of 100 KB are more than the 1 MB that a page holds.
    let agents: Vec<String> = (10..21).map(|n| format!("a{n}")).collect();
    let at = "x".repeat(100 * 1024);
    for agent in &agents {
        well("publishing", board.publish(&home, &report(agent, 1, &at), LIMIT).await)?;
    }
    ground.let_pass().await;
    let gathered = well("gathering", board.gather(&home, LIMIT).await)?;
    let found: Vec<String> = gathered.iter().map(|report| report.agent.to_string()).collect();
    same("senders", &found, &agents)
}

async fn history(ground: &dyn Ground) -> Verdict {
    let (home, _) = board(ground).await?;
    let board = ground.observations();
    let name = |epoch, seq| StateName { epoch: Epoch(epoch), seq };
    for name in [name(9, 10), name(10, 2), name(9, 9), name(10, 10)] {
        let document = format!("{{\"n\":\"{name}\"}}");
        well("recording", board.record_history(&home, name, &document, LIMIT).await)?;
    }
    ground.let_pass().await;
    let found = well("history", board.history(&home, 3, LIMIT).await)?;
    let names: Vec<StateName> = found.iter().map(|(name, _)| *name).collect();
    same("names", &names, &vec![name(10, 10), name(10, 2), name(9, 10)])?;
    let wanted = format!("{{\"n\":\"{}\"}}", name(10, 10));
    same("a document", &found.first().map(|(_, document)| document), &Some(&wanted))
}

async fn orders(ground: &dyn Ground) -> Verdict {
    let (home, _) = board(ground).await?;
    let board = ground.observations();
    let order = |number| Order {
        id: OrderId::drawn(number),
        by: "ada".to_owned(),
        at: "now".to_owned(),
        after: StateName { epoch: Epoch(1), seq: 2 },
        verb: Verb::Resume,
    };
    well("publishing", board.publish(&home, &report("a", 1, "now"), LIMIT).await)?;
    for number in [2, 1, 2] {
        well("ordering", board.submit_order(&home, &order(number), LIMIT).await)?;
    }
    ground.let_pass().await;
    let found = well("orders", board.orders(&home, LIMIT).await)?;
    same("orders", &found, &vec![order(1), order(2)])?;
    // Removed twice: the second finds nothing, and that is well too.
    for _ in 0..2 {
        well("removing", board.remove_order(&home, &order(1).id, LIMIT).await)?;
    }
    ground.let_pass().await;
    same("orders", &well("orders", board.orders(&home, LIMIT).await)?, &vec![order(2)])?;
    same("reports", &well("gathering", board.gather(&home, LIMIT).await)?.len(), &1)
}

async fn replicated(ground: &dyn Ground) -> Verdict {
    let (home, other) = board(ground).await?;
    let board = ground.observations();
    well("publishing", board.publish(&home, &report("a", 1, "now"), LIMIT).await)?;
    well("publishing", board.publish(&other, &report("b", 1, "now"), LIMIT).await)?;
    let both = vec![report("a", 1, "now"), report("b", 1, "now")];
    for _ in 0..20 {
        ground.let_pass().await;
        let here = well("gathering", board.gather(&home, LIMIT).await)?;
        let there = well("gathering", board.gather(&other, LIMIT).await)?;
        if here == both && there == both {
            return Ok(());
        }
    }
    Err("one Region's report is not seen in the other".to_owned())
}
