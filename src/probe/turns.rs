//! Several addresses behind one name: whose turn it is, and what the others say when it fails.
//!
//! A client takes one address. Trying them in the resolver's order until one answers would hide
//! that one of three is dead, which fails every third new client; probing all of them each time
//! would cost the multiple, on our side and on the endpoint's. So each probe takes the next address
//! in turn, and only when that one fails, or keeps silent for half of the time, all the others are
//! tried at once. Either way every address is looked at every few turns, and a probe fails as a
//! whole only when no address answers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use super::Broken;
use super::attempt::Attempt;
use crate::domain::ProbeFailure;

/// Most addresses that one probe tries. Route 53 answers with no more than eight healthy records
/// (Route 53 Developer Guide, "Multivalue answer routing"), and an Application Load Balancer's name
/// has about as many as it has zones.
const ADDRESSES_MAX: usize = 8;

/// Counts the probes of one endpoint, so that each takes the next address.
#[derive(Debug, Default)]
pub(super) struct Turns(AtomicUsize);

impl Turns {
    /// The addresses in the order in which this probe takes them. Resolvers shuffle what they
    /// answer with; so the order is made first, and then turned.
    pub(super) fn next(&self, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        addresses.sort_unstable();
        addresses.dedup();
        if !addresses.is_empty() {
            let turn = self.0.fetch_add(1, Ordering::Relaxed) % addresses.len();
            addresses.rotate_left(turn);
            addresses.truncate(ADDRESSES_MAX);
        }
        addresses
    }
}

/// What came of a probe at all the addresses that it tried.
#[derive(Debug)]
pub(super) struct Taken {
    /// Whose turn it was.
    pub(super) address: SocketAddr,
    /// The attempt that counts: one that succeeded, or else that at `address`.
    pub(super) attempt: Attempt,
    /// Why the attempt at `address` failed, when another succeeded.
    pub(super) passed_over: Option<Broken>,
}

/// Tries the first address, and the others when it fails or is silent for longer than `patience`.
/// Each attempt must end by itself.
///
/// An address that this machine can't even begin to reach (IPv6 without a route, say) is no fault of
/// the endpoint's: the next one takes its turn.
pub(super) async fn take<F>(
    order: &[SocketAddr],
    patience: Duration,
    attempt: impl Fn(SocketAddr) -> F,
) -> Taken
where
    F: Future<Output = Attempt>,
{
    let mut waiting: VecDeque<SocketAddr> = order.iter().copied().collect();
    let mut turn = waiting.pop_front().expect("a resolved name has addresses");
    let mut running = vec![(turn, Box::pin(attempt(turn)))];
    let mut failed: Vec<(SocketAddr, Attempt)> = Vec::new();
    let mut good: Option<Attempt> = None;
    let mut patience = pin!(tokio::time::sleep(patience));
    let mut patient = true;
    while !running.is_empty() {
        let ended = tokio::select! {
            biased;
            ended = first_to_end(&mut running) => Some(ended),
            () = &mut patience, if patient => None,
        };
        match ended {
            None => {}
            Some((address, attempt)) if attempt.outcome.is_ok() => {
                if address == turn {
                    return Taken { address, attempt, passed_over: None };
                }
                // One good answer is enough; what is left to know is how the turn's own ends.
                good = Some(attempt);
                running.retain(|(address, _)| *address == turn);
                continue;
            }
            Some((address, ended)) => {
                let next = waiting.front().copied().filter(|_| running.is_empty());
                if let Some(next) = next.filter(|_| ended.is_local()) {
                    waiting.pop_front();
                    turn = next;
                    running.push((turn, Box::pin(attempt(turn))));
                    failed.push((address, ended));
                    continue;
                }
                failed.push((address, ended));
                if address != turn {
                    continue;
                }
            }
        }
        patient = false;
        running.extend(waiting.drain(..).map(|address| (address, Box::pin(attempt(address)))));
    }
    settle(turn, failed, good)
}

/// Judges what has ended, when the turn's own attempt did not succeed.
fn settle(
    turn: SocketAddr,
    mut failed: Vec<(SocketAddr, Attempt)>,
    good: Option<Attempt>,
) -> Taken {
    let at = failed.iter().position(|(address, _)| *address == turn);
    let (address, mut own) = failed.remove(at.expect("every attempt ends"));
    let own_broken = own.outcome.clone().expect_err("a success returns at once");
    if let Some(attempt) = good {
        return Taken { address, attempt, passed_over: Some(own_broken) };
    }
    let mut detail = own_broken.detail;
    for (address, attempt) in &failed {
        if let Err(Broken { failure, detail: why }) = &attempt.outcome {
            detail.push_str(&format!("; {}: {failure}", address.ip()));
            // The kind says it all unless it is another one.
            if *failure != own_broken.failure {
                detail.push_str(&format!(" ({why})"));
            }
        }
    }
    own.outcome = Err(Broken::new(own_broken.failure, detail));
    Taken { address, attempt: own, passed_over: None }
}

/// Drives all, and takes the first that ends out of them.
async fn first_to_end<F: Future<Output = Attempt>>(
    running: &mut Vec<(SocketAddr, Pin<Box<F>>)>,
) -> (SocketAddr, Attempt) {
    std::future::poll_fn(|context| {
        for index in 0..running.len() {
            if let Poll::Ready(attempt) = running[index].1.as_mut().poll(context) {
                let (address, _) = running.remove(index);
                return Poll::Ready((address, attempt));
            }
        }
        Poll::Pending
    })
    .await
}

impl Attempt {
    fn is_local(&self) -> bool {
        matches!(&self.outcome, Err(broken) if broken.failure == ProbeFailure::Local)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::domain::Phases;

    fn address(n: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, n], 80))
    }

    /// How an address behaves, and after how long.
    type Behaviour = (u64, Option<ProbeFailure>);

    /// Takes turns over addresses that behave like this, with a patience of 400 ms, on a clock that
    /// stands still but for waiting. Also tells which were tried.
    async fn taken(order: &[u8], behaviours: &[Behaviour]) -> (Taken, Vec<u8>) {
        let tried = Mutex::new(Vec::new());
        let order: Vec<SocketAddr> = order.iter().map(|n| address(*n)).collect();
        let taken = take(&order, Duration::from_millis(400), |at| {
            let n = match at.ip() {
                std::net::IpAddr::V4(ip) => ip.octets()[3],
                std::net::IpAddr::V6(_) => panic!("not in this test"),
            };
            tried.lock().expect("whole").push(n);
            let (after_ms, failure) = behaviours[usize::from(n)];
            async move {
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
                let outcome = match failure {
                    None => Ok(()),
                    Some(failure) => Err(Broken::new(failure, format!("why {n}"))),
                };
                let phases = Phases { total_ms: u32::from(n), ..Phases::default() };
                Attempt { outcome, phases, certificate_expiry_unix_s: None }
            }
        })
        .await;
        (taken, tried.into_inner().expect("whole"))
    }

    const REFUSED: Option<ProbeFailure> = Some(ProbeFailure::Refused);

    #[test]
    fn each_address_has_its_turn_however_the_resolver_shuffles() {
        let turns = Turns::default();
        let shuffled = [[1, 2, 3], [3, 1, 2], [2, 2, 1], [3, 2, 1]];
        let firsts = shuffled.map(|order| turns.next(order.map(address).to_vec())[0]);
        assert_eq!(firsts, [address(1), address(2), address(1), address(1)]);
        assert!(turns.next(Vec::new()).is_empty());
    }

    #[test]
    fn of_very_many_addresses_each_has_its_turn_and_few_are_tried_at_once() {
        let turns = Turns::default();
        let many: Vec<SocketAddr> = (0..100).map(address).collect();
        let mut firsts = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let order = turns.next(many.clone());
            assert_eq!(order.len(), ADDRESSES_MAX);
            firsts.insert(order[0]);
        }
        assert_eq!(firsts.len(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_one_leaves_the_others_alone() {
        let (taken, tried) = taken(&[0, 1, 2], &[(399, None), (0, None), (0, None)]).await;
        assert_eq!((taken.address, tried), (address(0), vec![0]));
        assert!(taken.attempt.outcome.is_ok() && taken.passed_over.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_is_passed_over_and_named() {
        let (taken, tried) = taken(&[1, 2, 0], &[(5, None), (1, REFUSED), (9, None)]).await;
        assert_eq!(tried, [1, 2, 0]);
        assert_eq!(taken.address, address(1));
        assert_eq!(taken.passed_over.expect("passed over").detail, "why 1");
        assert!(taken.attempt.outcome.is_ok());
        assert_eq!(taken.attempt.phases.total_ms, 0, "the first good answer counts");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_silent_for_long_loses_no_time_for_the_others() {
        let dead = (800, Some(ProbeFailure::ConnectTimeout));
        let (taken, tried) = taken(&[0, 1], &[dead, (300, None)]).await;
        assert_eq!(tried, [0, 1]);
        assert_eq!(taken.passed_over.expect("waited for").failure, ProbeFailure::ConnectTimeout);
        assert!(taken.attempt.outcome.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_slow_and_good_is_not_passed_over() {
        let (taken, tried) = taken(&[0, 1], &[(700, None), (10, None)]).await;
        assert_eq!(tried, [0, 1]);
        assert!(taken.attempt.outcome.is_ok() && taken.passed_over.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn when_none_answers_the_turn_s_own_failure_counts_and_all_are_named() {
        let behaviours =
            [(1, Some(ProbeFailure::Status)), (2, REFUSED), (3, Some(ProbeFailure::Status))];
        let (taken, _) = taken(&[0, 1, 2], &behaviours).await;
        let broken = taken.attempt.outcome.expect_err("none answered");
        assert_eq!(broken.failure, ProbeFailure::Status);
        assert_eq!(
            broken.detail,
            "why 0; 192.0.2.1: connection refused (why 1); 192.0.2.2: wrong status"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_without_a_route_from_here_gives_its_turn_to_the_next() {
        let local = (0, Some(ProbeFailure::Local));
        let behaviours = [local, (1, None), (1, None)];
        let (taken, tried) = taken(&[0, 1, 2], &behaviours).await;
        assert_eq!((taken.address, tried), (address(1), vec![0, 1]));
        assert!(taken.passed_over.is_none(), "no fault of the endpoint's");
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_route_it_is_this_machine_s_fault() {
        let local = (0, Some(ProbeFailure::Local));
        let (taken, _) = taken(&[0, 1], &[local, local]).await;
        assert_eq!(taken.attempt.outcome.expect_err("none").failure, ProbeFailure::Local);
    }
}
