//! From a request of the brain to a call of a port, and back.

use std::sync::Arc;
use std::time::Duration;

use crate::core::{Outcome, Refusal, Request, Response};
use crate::domain::signal::RequestsPerTarget;
use crate::domain::{CallFailure, Moment};
use crate::ports::SwapRefused;
use crate::telemetry::clock::{self, Stopwatch};
use crate::telemetry::metrics::Metrics;

use super::Outside;

/// How much longer than its limit a port may take before the loop stops waiting: a port keeps its
/// own limit, this is for one that fails to.
const GRACE: Duration = Duration::from_millis(100);

/// Carries out a request; an answer comes by the deadline, whatever the port does.
pub(super) async fn carry_out(
    outside: &Outside,
    metrics: &Metrics,
    request: Request,
    deadline: Moment,
) -> Outcome {
    let (port, operation) = names(&request);
    let limit = deadline.since(clock::now());
    if limit.is_zero() {
        // The machine stood still between the command and now: a late call may outlive the lease.
        let what = format!("{port} {operation} was not sent: its deadline had passed");
        return Err(failed(CallFailure::transient(what)));
    }
    let watch = Stopwatch::start();
    let outcome = match tokio::time::timeout(limit + GRACE, send(outside, request, limit)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(failed(CallFailure::unknown(format!(
            "{port} {operation} did not end within {} ms",
            limit.as_millis()
        )))),
    };
    let class = outcome.as_ref().map(|_| ()).map_err(Refusal::class);
    metrics.observe_call(port, operation, class, watch.elapsed());
    match (&outcome, operation) {
        (Ok(Response::Reports(reports)), _) => metrics.count_gathered_reports(reports.len()),
        (Ok(_), "publish") => metrics.count_published_report(),
        _ => {}
    }
    if let Err(Refusal::Failed(failure)) = &outcome {
        tracing::debug!(port, operation, class = %failure.class, "{}", failure.what);
    }
    outcome
}

fn failed(failure: CallFailure) -> Refusal {
    Refusal::Failed(failure)
}

fn names(request: &Request) -> (&'static str, &'static str) {
    match request {
        Request::ReadSeat { .. } => ("registers", "read_seat"),
        Request::SwapSeat { .. } => ("registers", "swap_seat"),
        Request::PutState { .. } => ("registers", "put_state"),
        Request::ReadState { .. } => ("registers", "read_state"),
        Request::Publish { .. } => ("observations", "publish"),
        Request::Gather { .. } => ("observations", "gather"),
        Request::RecordHistory { .. } => ("observations", "record_history"),
        Request::ReadOrders { .. } => ("observations", "orders"),
        Request::RemoveOrder { .. } => ("observations", "remove_order"),
        Request::ReadZone { .. } => ("records", "read_zone"),
        Request::ChangeZone { .. } => ("records", "change_zone"),
        Request::ReadChange { .. } => ("records", "change_status"),
        Request::ReadTargetHealth { .. } => ("signals", "target_health"),
        Request::ReadRequests { .. } => ("signals", "metrics"),
        Request::ReadAlarms { .. } => ("signals", "alarms"),
        Request::AskNames { .. } => ("names", "ask"),
        Request::DescribeDatabase { .. } => ("databases", "describe"),
        Request::DescribeMember { .. } => ("databases", "describe_member"),
        Request::ReadLag { .. } => ("databases", "lag"),
        Request::ReadKeptVolumes { .. } => ("databases", "kept_volumes"),
        Request::SwitchOver { .. } => ("databases", "switchover"),
        Request::FailOver { .. } => ("databases", "failover"),
        Request::ReadGroup { .. } => ("capacity", "group"),
        Request::SetDesired { .. } => ("capacity", "set_desired"),
        Request::SendNotice { .. } => ("notices", "send"),
        Request::PostWebhook { .. } => ("webhooks", "post"),
    }
}

async fn send(outside: &Outside, request: Request, limit: Duration) -> Outcome {
    let (registers, observations, records, databases) =
        (&outside.registers, &outside.observations, &outside.records, &outside.databases);
    match request {
        Request::ReadSeat { seat } => {
            registers.read_seat(&seat, limit).await.map(Response::Seat).map_err(failed)
        }
        Request::SwapSeat { seat, expected, new } => {
            match registers.swap_seat(&seat, &expected, &new, limit).await {
                Ok(()) => Ok(Response::Done),
                Err(SwapRefused::Found(found)) => Err(Refusal::Found(found)),
                Err(SwapRefused::Failed(failure)) => Err(failed(failure)),
            }
        }
        Request::PutState { seat, name, document } => {
            done(registers.put_state(&seat, name, &document, limit).await)
        }
        Request::ReadState { seat, name } => {
            registers.read_state(&seat, name, limit).await.map(Response::State).map_err(failed)
        }
        Request::Publish { replica, report } => {
            done(observations.publish(&replica, &report, limit).await)
        }
        Request::Gather { replica } => {
            let reports = observations.gather(&replica, limit).await.map_err(failed)?;
            Ok(Response::Reports(reports.into_iter().map(Arc::new).collect()))
        }
        Request::RecordHistory { replica, name, document } => {
            done(observations.record_history(&replica, name, &document, limit).await)
        }
        Request::ReadOrders { replica } => {
            observations.orders(&replica, limit).await.map(Response::Orders).map_err(failed)
        }
        Request::RemoveOrder { replica, order } => {
            done(observations.remove_order(&replica, &order, limit).await)
        }
        Request::ReadZone { zone, fence, keys } => {
            let read = records.read_zone(&zone, &fence, &keys, limit).await;
            read.map(Response::Zone).map_err(failed)
        }
        Request::ChangeZone { batch } => {
            records.change_zone(&batch, limit).await.map(Response::Changed).map_err(failed)
        }
        Request::ReadChange { zone, change } => {
            let status = records.change_status(&zone, &change, limit).await;
            status.map(Response::Change).map_err(failed)
        }
        Request::ReadTargetHealth { group } => {
            let health = outside.signals.target_health(&group, limit).await;
            health.map(Response::TargetHealth).map_err(failed)
        }
        Request::ReadRequests { group } => {
            let queries = [RequestsPerTarget::query(&group)];
            let points = outside.signals.metrics(group.region(), &queries, limit).await;
            let points = points.map_err(failed)?.into_iter().next().unwrap_or_default();
            let now_unix_s = clock::wall_unix_ms().div_euclid(1000);
            Ok(Response::Requests(RequestsPerTarget::newest(&points, now_unix_s)))
        }
        Request::ReadAlarms { region, names } => {
            let states = outside.signals.alarms(&region, &names, limit).await;
            states.map(Response::Alarms).map_err(failed)
        }
        Request::AskNames { question } => {
            let heard = outside.names.ask(&question, limit).await;
            heard.map(Response::Names).map_err(failed)
        }
        Request::DescribeDatabase { cluster, via } => {
            let shown = databases.describe(&via, &cluster, limit).await;
            shown.map(Response::Database).map_err(failed)
        }
        Request::DescribeMember { member } => {
            let shown = databases.describe_member(&member, limit).await;
            shown.map(Response::Member).map_err(failed)
        }
        Request::ReadLag { secondary } => {
            databases.lag(&secondary, limit).await.map(Response::Lag).map_err(failed)
        }
        Request::ReadKeptVolumes { cluster } => {
            let kept = databases.kept_volumes(&cluster, limit).await;
            kept.map(Response::KeptVolumes).map_err(failed)
        }
        Request::SwitchOver { cluster, primary, target } => {
            done(databases.switchover(&primary, &cluster, &target, limit).await)
        }
        Request::FailOver { cluster, target } => {
            done(databases.failover_allowing_data_loss(&cluster, &target, limit).await)
        }
        Request::ReadGroup { group } => {
            outside.capacity.group(&group, limit).await.map(Response::Group).map_err(failed)
        }
        Request::SetDesired { group, desired } => {
            done(outside.capacity.set_desired(&group, desired, limit).await)
        }
        Request::SendNotice { topic, fleet, notice } => {
            done(outside.notices.send(&topic, &fleet, &notice, limit).await)
        }
        Request::PostWebhook { url, key, body } => {
            let reply = outside.webhooks.post(&url, &key, &body, limit).await;
            reply.map(Response::Posted).map_err(failed)
        }
    }
}

fn done(answer: Result<(), CallFailure>) -> Outcome {
    answer.map(|()| Response::Done).map_err(failed)
}
