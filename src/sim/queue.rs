//! What is due when, in order; what is due at one moment, in the order in which it was put there.
//!
//! What is due is large and moves about in a heap; so the heap orders small keys, and what they
//! stand for stays where it is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::domain::Moment;

/// A queue of things that are due.
#[derive(Debug)]
pub(super) struct Queue<T> {
    order: BinaryHeap<Reverse<(Moment, u64, usize)>>,
    slots: Vec<Option<T>>,
    free: Vec<usize>,
    put: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { order: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), put: 0 }
    }
}

impl<T> Queue<T> {
    pub(super) fn put(&mut self, at: Moment, due: T) {
        self.put += 1;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = Some(due);
                slot
            }
            None => {
                self.slots.push(Some(due));
                self.slots.len() - 1
            }
        };
        self.order.push(Reverse((at, self.put, slot)));
    }

    /// When the next is due.
    pub(super) fn next_at(&self) -> Option<Moment> {
        self.order.peek().map(|Reverse((at, ..))| *at)
    }

    pub(super) fn take(&mut self) -> Option<(Moment, T)> {
        let Reverse((at, _, slot)) = self.order.pop()?;
        self.free.push(slot);
        let due = self.slots[slot].take().expect("a key in the order stands for something");
        Some((at, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_at_one_moment_comes_in_the_order_it_was_put() {
        let mut queue = Queue::default();
        for (at, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
            queue.put(Moment::from_ms(at), what);
        }
        let mut taken = String::new();
        while let Some((_, what)) = queue.take() {
            taken.push(what);
            if what == 'a' {
                queue.put(Moment::from_ms(1), 'B');
            }
        }
        assert_eq!(taken, "abBcd");
    }
}
