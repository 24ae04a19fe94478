//! What seats' tables must do: one linearizable register a Region.

use super::{Ground, LIMIT, Verdict, cases, fails, same, well};
use crate::domain::control::StateRef;
use crate::domain::digest::Digest;
use crate::domain::seat::{Beat, BootId, Incarnation};
use crate::domain::{Epoch, FailureClass, Seat, StateName};
use crate::ports::SwapRefused;

cases! {
    "a table is made once, and until then there is none" => made_once,
    "a seat that nobody made is none" => absent,
    "a seat is made where there is none, and never over another" => created,
    "a swap on the beat that stands takes effect" => swapped,
    "a swap on another beat shows what stands, and changes nothing" => refused,
    "a swap where there is no seat shows none, and makes none" => no_seat,
    "of many swaps on one beat one takes effect" => one_wins,
    "a state's name has one content" => states,
    "one Region's seat is not another's" => apart,
    "a table that is not there is no absent seat" => no_table,
    "a document of 300 KB is kept whole, and one of more than 400 KB is refused" => large,
}

fn seat(count: u64) -> Seat {
    Seat {
        incarnation: Incarnation("i1".to_owned()),
        epoch: Epoch(count),
        lease_ms: 5000,
        holder: (count % 2 == 0).then(|| "a".parse().expect("valid")),
        beat: Beat { agent: "a".parse().expect("valid"), boot: BootId(1), count },
        committed: StateRef { name: name(1), digest: Digest::of(b"x") },
    }
}

fn name(seq: u64) -> StateName {
    StateName { epoch: Epoch(1), seq }
}

fn swap(answer: Result<(), SwapRefused>) -> Verdict {
    answer.map_err(|refused| format!("a swap that should be done: {refused:?}"))
}

/// A table with a seat, or an empty one.
async fn with_seat(ground: &dyn Ground, new: Option<&Seat>) -> Verdict {
    let (home, _) = ground.regions();
    well("making a table", ground.registers().create_table(&home, LIMIT).await)?;
    if let Some(new) = new {
        well("making a seat", ground.registers().create_seat(&home, new, LIMIT).await)?;
    }
    Ok(())
}

async fn made_once(ground: &dyn Ground) -> Verdict {
    let (home, other) = ground.regions();
    let seats = ground.registers();
    same("there at first", &well("looking", seats.has_table(&home, LIMIT).await)?, &false)?;
    same("made", &well("making", seats.create_table(&home, LIMIT).await)?, &true)?;
    same("made again", &well("making", seats.create_table(&home, LIMIT).await)?, &false)?;
    same("there", &well("looking", seats.has_table(&home, LIMIT).await)?, &true)?;
    same("elsewhere", &well("looking", seats.has_table(&other, LIMIT).await)?, &false)
}

async fn absent(ground: &dyn Ground) -> Verdict {
    with_seat(ground, None).await?;
    let (home, _) = ground.regions();
    same("a seat", &well("reading", ground.registers().read_seat(&home, LIMIT).await)?, &None)
}

async fn created(ground: &dyn Ground) -> Verdict {
    with_seat(ground, Some(&seat(1))).await?;
    let (home, _) = ground.regions();
    let seats = ground.registers();
    let again = seats.create_seat(&home, &seat(2), LIMIT).await;
    fails("making a second seat", again, FailureClass::Conflict)?;
    let read = well("reading", seats.read_seat(&home, LIMIT).await)?;
    same("the seat", &read, &Some(seat(1)))
}

async fn swapped(ground: &dyn Ground) -> Verdict {
    with_seat(ground, Some(&seat(1))).await?;
    let (home, _) = ground.regions();
    let seats = ground.registers();
    for count in 1..4 {
        swap(seats.swap_seat(&home, &seat(count).beat, &seat(count + 1), LIMIT).await)?;
        let read = well("reading", seats.read_seat(&home, LIMIT).await)?;
        same("the seat", &read, &Some(seat(count + 1)))?;
    }
    Ok(())
}

async fn refused(ground: &dyn Ground) -> Verdict {
    with_seat(ground, Some(&seat(1))).await?;
    let (home, _) = ground.regions();
    let seats = ground.registers();
    let answer = seats.swap_seat(&home, &seat(7).beat, &seat(8), LIMIT).await;
    let found = Err(SwapRefused::Found(Some(Box::new(seat(1)))));
    same("the swap", &answer, &found)?;
    let read = well("reading", seats.read_seat(&home, LIMIT).await)?;
    same("the seat", &read, &Some(seat(1)))
}

async fn no_seat(ground: &dyn Ground) -> Verdict {
    with_seat(ground, None).await?;
    let (home, _) = ground.regions();
    let seats = ground.registers();
    let answer = seats.swap_seat(&home, &seat(1).beat, &seat(2), LIMIT).await;
    same("the swap", &answer, &Err(SwapRefused::Found(None)))?;
    same("a seat", &well("reading", seats.read_seat(&home, LIMIT).await)?, &None)
}

async fn one_wins(ground: &dyn Ground) -> Verdict {
    with_seat(ground, Some(&seat(1))).await?;
    let (home, _) = ground.regions();
    let seats = ground.registers();
    let (first, old) = (seat(1).beat, seat(1).beat);
    let news: Vec<Seat> = (10..14).map(seat).collect();
    let (a, b, c, d) = tokio::join!(
        seats.swap_seat(&home, &first, &news[0], LIMIT),
        seats.swap_seat(&home, &first, &news[1], LIMIT),
        seats.swap_seat(&home, &first, &news[2], LIMIT),
        seats.swap_seat(&home, &old, &news[3], LIMIT),
    );
    let answers = [a, b, c, d];
    same("swaps that took effect", &answers.iter().filter(|a| a.is_ok()).count(), &1)?;
    let winner = answers.iter().zip(&news).find_map(|(answer, new)| answer.is_ok().then_some(new));
    let read = well("reading", seats.read_seat(&home, LIMIT).await)?;
    same("the seat", &read.as_ref(), &winner)
}

async fn states(ground: &dyn Ground) -> Verdict {
    with_seat(ground, None).await?;
    let (home, _) = ground.regions();
    let seats = ground.registers();
    let read = well("reading", seats.read_state(&home, name(1), LIMIT).await)?;
    same("a state that nobody put", &read, &None)?;
    well("putting", seats.put_state(&home, name(1), "{\"a\":\"ü\"}", LIMIT).await)?;
    well("putting it again", seats.put_state(&home, name(1), "{\"a\":\"ü\"}", LIMIT).await)?;
    let other = seats.put_state(&home, name(1), "{}", LIMIT).await;
    fails("putting another of that name", other, FailureClass::Conflict)?;
    let read = well("reading", seats.read_state(&home, name(1), LIMIT).await)?;
    same("the state", &read.as_deref(), &Some("{\"a\":\"ü\"}"))
}

async fn apart(ground: &dyn Ground) -> Verdict {
    with_seat(ground, Some(&seat(1))).await?;
    let (home, other) = ground.regions();
    let seats = ground.registers();
    well("making a table", seats.create_table(&other, LIMIT).await)?;
    let read = well("reading", seats.read_seat(&other, LIMIT).await)?;
    same("the other Region's seat", &read, &None)?;
    well("making a seat", seats.create_seat(&other, &seat(9), LIMIT).await)?;
    let read = well("reading", seats.read_seat(&home, LIMIT).await)?;
    same("the first Region's seat", &read, &Some(seat(1)))
}

async fn no_table(ground: &dyn Ground) -> Verdict {
    let (home, _) = ground.regions();
    let seats = ground.registers();
    fails("reading", seats.read_seat(&home, LIMIT).await, FailureClass::Permanent)?;
    let put = seats.put_state(&home, name(1), "{}", LIMIT).await;
    fails("putting", put, FailureClass::Permanent)
}

async fn large(ground: &dyn Ground) -> Verdict {
    with_seat(ground, None).await?;
    let (home, _) = ground.regions();
    let seats = ground.registers();
    let document = "x".repeat(300 * 1024);
    well("putting 300 KB", seats.put_state(&home, name(1), &document, LIMIT).await)?;
    let read = well("reading", seats.read_state(&home, name(1), LIMIT).await)?;
    same("its length", &read.map(|read| read.len()), &Some(document.len()))?;
    let most = "x".repeat(400 * 1024);
    let put = seats.put_state(&home, name(2), &most, LIMIT).await;
    fails("putting more than 400 KB", put, FailureClass::Permanent)
}
