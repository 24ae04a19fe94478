//! Seats: the register port over DynamoDB, one plain table in each Region that has a seat.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::attributes::{from_sdk, to_sdk};
use super::call::{Call, Failed, within};
use super::connect::Clients;
use super::tables;
use crate::domain::seat::{Beat, Seat};
use crate::domain::{CallFailure, RegionId, StateName};
use crate::ports::items::{
    BEAT, Item, SEAT_ID, SEATS_KEY, document_from, seat_from, seat_item, state_id, state_item,
};
use crate::ports::{Answer, Registers, SwapRefused};

/// The seats' tables over AWS.
#[derive(Debug, Clone)]
pub struct Seats(pub(super) std::sync::Arc<Clients>);

/// How a conditional put ended that was not done.
enum Refusal {
    /// The condition failed; this is the item that stands there.
    Found(Option<Item>),
    /// Anything else.
    Failed(CallFailure),
}

impl From<Failed<PutItemError>> for Refusal {
    fn from(failed: Failed<PutItemError>) -> Self {
        match failed.error {
            Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                Self::Found(refusal.item().map(from_sdk))
            }
            _ => Self::Failed(failed.failure),
        }
    }
}

impl Seats {
    /// Reads one item at the home endpoint, strongly consistently.
    async fn get(&self, seat: &RegionId, id: String, limit: Duration) -> Answer<Option<Item>> {
        let call = Call::read("GetItem", seat.as_str(), limit);
        let answer = call
            .run(
                self.0
                    .dynamodb(seat)
                    .get_item()
                    .table_name(&self.0.tables.seats)
                    .key(SEATS_KEY, AttributeValue::S(id))
                    .consistent_read(true)
                    .customize()
                    .config_override(call.dynamodb())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        Ok(answer.item().map(from_sdk))
    }

    /// Puts one item if nothing of its key stands there. Sent once.
    async fn put_new(&self, seat: &RegionId, item: Item, limit: Duration) -> Result<(), Refusal> {
        let call = Call::write("PutItem", seat.as_str(), limit);
        call.run(
            self.0
                .dynamodb(seat)
                .put_item()
                .table_name(&self.0.tables.seats)
                .set_item(Some(to_sdk(item).collect()))
                .condition_expression("attribute_not_exists(#key)")
                .expression_attribute_names("#key", SEATS_KEY)
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                )
                .customize()
                .config_override(call.dynamodb())
                .interceptor(call.witness())
                .send(),
        )
        .await?;
        Ok(())
    }
}

#[async_trait]
impl Registers for Seats {
    async fn read_seat(&self, seat: &RegionId, limit: Duration) -> Answer<Option<Seat>> {
        let item = self.get(seat, SEAT_ID.to_owned(), limit).await?;
        item.as_ref().map(seat_from).transpose()
    }

    async fn swap_seat(
        &self,
        seat: &RegionId,
        expected: &Beat,
        new: &Seat,
        limit: Duration,
    ) -> Result<(), SwapRefused> {
        let call = Call::write("PutItem", seat.as_str(), limit);
        let answer = call
            .run(
                self.0
                    .dynamodb(seat)
                    .put_item()
                    .table_name(&self.0.tables.seats)
                    .set_item(Some(to_sdk(seat_item(new)).collect()))
                    .condition_expression("#beat = :expected")
                    .expression_attribute_names("#beat", BEAT)
                    .expression_attribute_values(
                        ":expected",
                        AttributeValue::S(expected.to_string()),
                    )
                    .return_values_on_condition_check_failure(
                        ReturnValuesOnConditionCheckFailure::AllOld,
                    )
                    .customize()
                    .config_override(call.dynamodb())
                    .interceptor(call.witness())
                    .send(),
            )
            .await;
        match answer.map_err(Refusal::from) {
            Ok(_) => Ok(()),
            Err(Refusal::Found(item)) => {
                let found = item.as_ref().map(seat_from).transpose();
                Err(found.map_or_else(SwapRefused::Failed, |seat| {
                    SwapRefused::Found(seat.map(Box::new))
                }))
            }
            Err(Refusal::Failed(failure)) => Err(SwapRefused::Failed(failure)),
        }
    }

    async fn put_state(
        &self,
        seat: &RegionId,
        name: StateName,
        document: &str,
        limit: Duration,
    ) -> Answer<()> {
        let id = state_id(name);
        match self.put_new(seat, state_item(name, document), limit).await {
            Ok(()) => Ok(()),
            Err(Refusal::Failed(failure)) => Err(failure),
            Err(Refusal::Found(Some(item))) if document_from(&item)? == document => Ok(()),
            Err(Refusal::Found(Some(_))) => Err(CallFailure::conflict(format!(
                "PutItem in {seat}: {id} exists with another content"
            ))),
            Err(Refusal::Found(None)) => Err(CallFailure::unknown(format!(
                "PutItem in {seat}: {id} exists, but the answer does not show with what content: \
                 read it"
            ))),
        }
    }

    async fn read_state(
        &self,
        seat: &RegionId,
        name: StateName,
        limit: Duration,
    ) -> Answer<Option<String>> {
        let item = self.get(seat, state_id(name), limit).await?;
        item.as_ref().map(document_from).transpose()
    }

    async fn create_table(&self, seat: &RegionId, limit: Duration) -> Answer<bool> {
        let client = self.0.dynamodb(seat);
        let table = &self.0.tables.seats;
        tables::bounded(seat, table, limit, async {
            let created = tables::create(&client, seat, table, tables::Shape::Seats, limit).await?;
            tables::wait_until_active(&client, seat, table, limit).await?;
            Ok(created)
        })
        .await
    }

    async fn has_table(&self, seat: &RegionId, limit: Duration) -> Answer<bool> {
        let client = self.0.dynamodb(seat);
        let looking = tables::look(&client, seat, &self.0.tables.seats, limit);
        Ok(within("DescribeTable", seat.as_str(), limit, looking)
            .await?
            .as_ref()
            .is_some_and(tables::active))
    }

    async fn create_seat(&self, seat: &RegionId, new: &Seat, limit: Duration) -> Answer<()> {
        match self.put_new(seat, seat_item(new), limit).await {
            Ok(()) => Ok(()),
            Err(Refusal::Failed(failure)) => Err(failure),
            Err(Refusal::Found(_)) => Err(CallFailure::conflict(format!(
                "PutItem in {seat}: there is a seat already; it is not created anew"
            ))),
        }
    }
}
