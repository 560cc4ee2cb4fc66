//! Counts the calls of the AWS SDK's clients.

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation as dynamodb;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use aws_sdk_s3::operation::get_object::GetObjectInput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Input;
use aws_sdk_s3::operation::put_object::PutObjectInput;

use super::{Usage, count};

/// Counts every call to S3, and for DynamoDB what it says that each call consumed.
///
/// A call that the SDK repeats by itself counts once; those that [`persist`](crate::stores) repeats are calls of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting;

/// Asks for the consumed capacity in the requests of these operations.
macro_rules! ask {
    ($input:expr, $($input_type:ty),+ $(,)?) => {
        $(if let Some(input) = $input.downcast_mut::<$input_type>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        })+
    };
}

/// The consumed capacity in the answer to one of these operations.
macro_rules! answered {
    ($output:expr, $($output_type:ty),+ $(,)?) => {{
        let mut units = 0;
        $(if let Some(output) = $output.downcast_ref::<$output_type>() {
            units = total(output.consumed_capacity());
        })+
        units
    }};
}

impl Intercept for Counting {
    fn name(&self) -> &'static str {
        "Counting"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        if let Some(put) = input.downcast_ref::<PutObjectInput>() {
            let bytes = put.body.size_hint().1.unwrap_or_default();
            count(Usage { s3_puts: 1, s3_bytes: bytes, ..Usage::default() });
        } else if input.downcast_ref::<GetObjectInput>().is_some() {
            count(Usage { s3_gets: 1, ..Usage::default() });
        } else if input.downcast_ref::<ListObjectsV2Input>().is_some() {
            count(Usage { s3_lists: 1, ..Usage::default() });
        }
        ask!(
            input,
            dynamodb::get_item::GetItemInput,
            dynamodb::batch_get_item::BatchGetItemInput,
            dynamodb::query::QueryInput,
            dynamodb::put_item::PutItemInput,
            dynamodb::update_item::UpdateItemInput,
            dynamodb::delete_item::DeleteItemInput,
            dynamodb::batch_write_item::BatchWriteItemInput,
            dynamodb::transact_write_items::TransactWriteItemsInput,
        );
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        count(consumed(context));
        Ok(())
    }
}

/// What DynamoDB says that an answered attempt consumed; nothing of other services' answers.
fn consumed(context: &AfterDeserializationInterceptorContextRef<'_>) -> Usage {
    match context.output_or_error() {
        Ok(output) => {
            let write_units = answered!(
                output,
                dynamodb::put_item::PutItemOutput,
                dynamodb::update_item::UpdateItemOutput,
                dynamodb::delete_item::DeleteItemOutput,
                dynamodb::batch_write_item::BatchWriteItemOutput,
                dynamodb::transact_write_items::TransactWriteItemsOutput,
            );
            let read_units = answered!(
                output,
                dynamodb::get_item::GetItemOutput,
                dynamodb::query::QueryOutput,
                dynamodb::batch_get_item::BatchGetItemOutput,
            );
            Usage { write_units, read_units, ..Usage::default() }
        }
        Err(error) => {
            let refused = error.as_operation_error().is_some_and(|error| {
                let put = error.downcast_ref::<PutItemError>();
                let update = error.downcast_ref::<UpdateItemError>();
                put.is_some_and(PutItemError::is_conditional_check_failed_exception)
                    || update.is_some_and(UpdateItemError::is_conditional_check_failed_exception)
            });
            // It is charged by the size of the item that was there, which DynamoDB does not say.
            Usage { write_units: u64::from(refused), ..Usage::default() }
        }
    }
}

/// Units in all, rounded up: half units are those of reads that may be out of date, which nothing here does.
fn total<'c>(consumed: impl IntoIterator<Item = &'c ConsumedCapacity>) -> u64 {
    let units: f64 = consumed.into_iter().filter_map(|consumed| consumed.capacity_units).sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    let whole = units.ceil() as u64;
    whole
}
