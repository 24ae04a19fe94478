//! The world as the parts of a running fleet share it: behind a lock, on the real clock.
//!
//! Whoever visits it gets it advanced to the moment of the visit, which is read under the lock:
//! time never goes back in it. Nobody waits while holding it; delays are slept outside.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;

use super::dns::Answers;
use crate::domain::Moment;
use crate::telemetry::clock;
use crate::world::World;
use crate::world::route53::{Answer, ModelRecordType, OwnerName};

/// Shortest sleep of [`Shared::keep_moving`]: the clock's own grain.
const STEP_MIN: Duration = Duration::from_millis(1);

/// A world in real time.
#[derive(Debug)]
pub(super) struct Shared {
    /// The clock's reading at the world's zero.
    started: Moment,
    world: Mutex<World>,
    /// Counts changes that others may wait for.
    changes: watch::Sender<u64>,
}

impl Shared {
    /// Starts the clock of a world.
    #[must_use]
    pub(super) fn new(world: World) -> Self {
        Self { started: clock::now(), world: Mutex::new(world), changes: watch::Sender::new(0) }
    }

    /// The world's time.
    #[must_use]
    pub(super) fn now(&self) -> Moment {
        Moment::ZERO + clock::now().since(self.started)
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("a world in which an operation broke off half way is none")
    }

    /// Looks at the world, or does something in it that nobody waits for.
    pub(super) fn visit<T>(&self, visit: impl FnOnce(&mut World, Moment) -> T) -> T {
        let mut world = self.lock();
        let now = self.now();
        world.advance(now);
        visit(&mut world, now)
    }

    /// Changes the world, and wakes those who wait for a change.
    pub(super) fn alter<T>(&self, alter: impl FnOnce(&mut World, Moment) -> T) -> T {
        let result = self.visit(alter);
        self.touch();
        result
    }

    /// Wakes those who wait for a change.
    pub(super) fn touch(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// What changes at every change: writes, batches, faults, agents' coming and going, and what
    /// time brings (a batch reaches the name servers). Clients' requests are not among them.
    #[must_use]
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Lets happen what time brings, at its time, so that those who wait for it are woken.
    pub(super) async fn keep_moving(&self) {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            let (due, now) = self.visit(|world, now| {
                let due = [world.dynamo.next_due(), world.route53.next_due(), world.rds.next_due()];
                (due.into_iter().flatten().min(), now)
            });
            let waits = due.map(|due| due.since(now).max(STEP_MIN));
            tokio::select! {
                () = sleep_or_forever(waits) => self.touch(),
                changed = changes.changed() => changed.expect("its sender is here"),
            }
        }
    }
}

async fn sleep_or_forever(span: Option<Duration>) {
    match span {
        Some(span) => tokio::time::sleep(span).await,
        None => std::future::pending().await,
    }
}

impl Answers for Shared {
    fn answer(&self, name: &OwnerName, rtype: ModelRecordType) -> Answer {
        self.visit(|world, now| world.route53.answer(now, name, rtype))
    }
}
