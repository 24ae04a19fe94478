//! `TransactWriteItems`: all writes, or none, within one Region.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Dynamo;
use super::error::DynamoError;
use super::items::{self, Effect};
use super::operation::{Output, TransactWriteItems, Written};
use crate::domain::{Moment, RegionId};

/// Most writes of a transaction ("Amazon DynamoDB Transactions: How it works").
const WRITES_MAX: usize = 100;
/// For how long a token stands for its transaction (the same page, "Idempotency").
const TOKEN_LIFE: Duration = Duration::from_mins(10);

/// Transactions that took effect, by Region and token.
pub(super) type Tokens = BTreeMap<(RegionId, String), (Moment, TransactWriteItems)>;

impl Dynamo {
    pub(super) fn transact_write_items(
        &mut self,
        now: Moment,
        region: &RegionId,
        request: &TransactWriteItems,
    ) -> Result<Output, DynamoError> {
        self.tokens.retain(|_, (at, _)| now.since(*at) < TOKEN_LIFE);
        let token = request.token.clone().map(|token| (region.clone(), token));
        match token.as_ref().and_then(|token| self.tokens.get(token)) {
            Some((_, before)) if before == request => {
                return Ok(Output::Written(Written::default()));
            }
            Some(_) => return Err(DynamoError::IdempotentParameterMismatch),
            None => {}
        }
        let effects = self.judge_all(region, request)?;
        let mut puts = Vec::new();
        for (table, effect) in effects {
            puts.extend(self.commit(now, region, table, effect));
        }
        if let Some(token) = token {
            self.tokens.insert(token, (now, request.clone()));
        }
        Ok(Output::Written(Written { attributes: None, puts }))
    }

    fn judge_all<'r>(
        &self,
        region: &RegionId,
        request: &'r TransactWriteItems,
    ) -> Result<Vec<(&'r str, Effect)>, DynamoError> {
        if request.writes.is_empty() || request.writes.len() > WRITES_MAX {
            return Err(DynamoError::validation(
                "1 validation error detected: Value at 'transactItems' failed to satisfy \
                 constraint: Member must have length less than or equal to 100, and greater than \
                 or equal to 1",
            ));
        }
        let mut seen = BTreeSet::new();
        let mut effects = Vec::new();
        let mut reasons = Vec::new();
        for write in &request.writes {
            let table = self.usable(region, write.table())?;
            match items::transacted(table, write) {
                Ok(effect) => {
                    if !seen.insert((write.table(), effect.key.clone())) {
                        return Err(DynamoError::validation(
                            "Transaction request cannot include multiple operations on one item",
                        ));
                    }
                    effects.push((write.table(), effect));
                    reasons.push(None);
                }
                Err(failed @ DynamoError::ConditionalCheckFailed { .. }) => {
                    reasons.push(Some(Box::new(failed)));
                }
                // What makes no sense is refused for the whole request.
                Err(other) => return Err(other),
            }
        }
        if reasons.iter().any(Option::is_some) {
            return Err(DynamoError::TransactionCanceled { reasons });
        }
        Ok(effects)
    }
}
