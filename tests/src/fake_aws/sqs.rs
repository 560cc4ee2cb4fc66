//! SQS's operations, in its JSON.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::error::AwsError;
use super::handle::{arn, url};
use super::queue::{Contents, Message, Redrive};
use super::{Answer, Aws};
use crate::lambda_runtime::ACCOUNT;

/// SQS's limit for a message, and for a whole batch.
const LARGEST_MESSAGE: usize = 1024 * 1024;
const LARGEST_BATCH: usize = 10;

pub(super) async fn answer(aws: &Aws, operation: &str, input: &Value) -> Answer {
    match operation {
        "CreateQueue" => create_queue(aws, input),
        "GetQueueUrl" => {
            let name = text(&input["QueueName"]);
            let found = aws.queues.with(name, |_| json!({"QueueUrl": url(aws, name)}));
            found.ok_or_else(no_queue)
        }
        "GetQueueAttributes" => on(aws, input, |contents| Ok(attributes(input, contents))),
        "SendMessage" => on(aws, input, |contents| send(contents, input)),
        "SendMessageBatch" => batch(aws, input, send),
        "ReceiveMessage" => receive(aws, input).await,
        "DeleteMessage" => on(aws, input, |contents| delete(contents, input)),
        "DeleteMessageBatch" => batch(aws, input, delete),
        "ChangeMessageVisibility" => on(aws, input, |contents| change_visibility(contents, input)),
        "ChangeMessageVisibilityBatch" => batch(aws, input, change_visibility),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

fn create_queue(aws: &Aws, input: &Value) -> Answer {
    let name = text(&input["QueueName"]);
    let attributes = &input["Attributes"];
    let redrive = attributes["RedrivePolicy"].as_str().map(redrive).transpose()?;
    if aws.queues.create(name) {
        aws.queues.with(name, |contents| {
            let set = |setting: &mut Duration, name: &str| {
                *setting = seconds(&attributes[name]).unwrap_or(*setting);
            };
            set(&mut contents.visibility, "VisibilityTimeout");
            set(&mut contents.delay, "DelaySeconds");
            set(&mut contents.wait, "ReceiveMessageWaitTimeSeconds");
            contents.redrive = redrive;
        });
    }
    Ok(json!({"QueueUrl": url(aws, name)}))
}

/// `{"deadLetterTargetArn": "arn:…:dead", "maxReceiveCount": "5"}`, as text; the count may be a number.
fn redrive(policy: &str) -> Result<Redrive, AwsError> {
    let parse = |policy: &str| {
        let policy: Value = serde_json::from_str(policy).ok()?;
        let arn = policy["deadLetterTargetArn"].as_str()?;
        Some(Redrive {
            queue: arn.rsplit(':').next()?.to_owned(),
            max_receives: number(&policy["maxReceiveCount"])?.try_into().ok()?,
        })
    };
    parse(policy).ok_or_else(|| {
        let code = "InvalidAttributeValue";
        AwsError::sqs(code, code, "Invalid value for the parameter RedrivePolicy.")
    })
}

fn attributes(input: &Value, contents: &mut Contents) -> Value {
    let counts = contents.counts();
    let mut attributes = json!({
        "ApproximateNumberOfMessages": counts.visible.to_string(),
        "ApproximateNumberOfMessagesNotVisible": counts.in_flight.to_string(),
        "ApproximateNumberOfMessagesDelayed": counts.delayed.to_string(),
        "QueueArn": arn(queue_name(input)),
        "VisibilityTimeout": contents.visibility.as_secs().to_string(),
        "DelaySeconds": contents.delay.as_secs().to_string(),
        "ReceiveMessageWaitTimeSeconds": contents.wait.as_secs().to_string(),
    });
    if let Some(redrive) = &contents.redrive {
        let policy = json!({"deadLetterTargetArn": arn(&redrive.queue), "maxReceiveCount": redrive.max_receives});
        attributes["RedrivePolicy"] = policy.to_string().into();
    }
    let wanted = input["AttributeNames"].as_array().cloned().unwrap_or_default();
    if let Some(attributes) = attributes.as_object_mut() {
        attributes.retain(|name, _| wanted.iter().any(|wanted| wanted == "All" || wanted == name));
    }
    json!({"Attributes": attributes})
}

fn send(contents: &mut Contents, entry: &Value) -> Answer {
    let body = text(&entry["MessageBody"]);
    if body.len() > LARGEST_MESSAGE {
        let code = "InvalidParameterValue";
        let reason = format!("Message must be shorter than {LARGEST_MESSAGE} bytes.");
        let message = format!("One or more parameters are invalid. Reason: {reason}");
        return Err(AwsError::sqs("InvalidParameterValueException", code, message));
    }
    let attributes = entry["MessageAttributes"].as_object();
    let message = Message::new(body.to_owned(), attributes.cloned().unwrap_or_default());
    let sent = json!({"MessageId": message.id});
    contents.push(message, seconds(&entry["DelaySeconds"]));
    Ok(sent)
}

async fn receive(aws: &Aws, input: &Value) -> Answer {
    let limit = number(&input["MaxNumberOfMessages"]).unwrap_or(1);
    if !(1..=10).contains(&limit) {
        let code = "InvalidParameterValue";
        let message = "MaxNumberOfMessages must be between 1 and 10.";
        return Err(AwsError::sqs("InvalidParameterValueException", code, message));
    }
    let limit = usize::try_from(limit).unwrap_or(1);
    let visibility = seconds(&input["VisibilityTimeout"]);
    let wait = seconds(&input["WaitTimeSeconds"]);
    let received = aws.queues.receive(queue_name(input), limit, visibility, wait);
    let messages = received.await.ok_or_else(no_queue)?;
    if messages.is_empty() {
        return Ok(json!({}));
    }
    let messages: Vec<Value> = messages.iter().map(received_message).collect();
    Ok(json!({"Messages": messages}))
}

fn received_message(message: &Message) -> Value {
    let mut json = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt_handle,
        "Body": message.body,
        "Attributes": {
            "ApproximateReceiveCount": message.receive_count.to_string(),
            "ApproximateFirstReceiveTimestamp": message.first_received_ms.to_string(),
            "SentTimestamp": message.sent_ms.to_string(),
            "SenderId": ACCOUNT,
        },
    });
    if !message.attributes.is_empty() {
        json["MessageAttributes"] = Value::Object(message.attributes.clone());
    }
    json
}

fn delete(contents: &mut Contents, entry: &Value) -> Answer {
    contents.delete(receipt(entry)?);
    Ok(json!({}))
}

fn change_visibility(contents: &mut Contents, entry: &Value) -> Answer {
    let time = seconds(&entry["VisibilityTimeout"]).unwrap_or_default();
    if contents.hide(receipt(entry)?, time) {
        return Ok(json!({}));
    }
    let code = "AWS.SimpleQueueService.MessageNotInflight";
    let message = "The message referred to isn't in flight.";
    Err(AwsError::sqs("MessageNotInflight", code, message))
}

fn receipt(entry: &Value) -> Result<&str, AwsError> {
    let receipt = text(&entry["ReceiptHandle"]);
    if uuid::Uuid::try_parse(receipt).is_ok() {
        return Ok(receipt);
    }
    let code = "ReceiptHandleIsInvalid";
    let message = "The specified receipt handle isn't valid.";
    Err(AwsError::sqs(code, code, message))
}

/// Does one operation for each entry; an entry that fails does not stop the others.
fn batch(aws: &Aws, input: &Value, each: fn(&mut Contents, &Value) -> Answer) -> Answer {
    let entries = input["Entries"].as_array().map_or(&[][..], Vec::as_slice);
    check_batch(entries)?;
    on(aws, input, |contents| {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let id = text(&entry["Id"]);
            match each(contents, entry) {
                Ok(mut done) => {
                    done["Id"] = id.into();
                    successful.push(done);
                }
                Err(error) => failed.push(error.as_entry(id)),
            }
        }
        Ok(json!({"Successful": successful, "Failed": failed}))
    })
}

fn check_batch(entries: &[Value]) -> Result<(), AwsError> {
    let ids: HashSet<&str> = entries.iter().map(|entry| text(&entry["Id"])).collect();
    let size: usize = entries.iter().map(|entry| text(&entry["MessageBody"]).len()).sum();
    let (kind, code, message) = if entries.is_empty() {
        (
            "EmptyBatchRequest",
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "The batch request doesn't contain any entries.",
        )
    } else if entries.len() > LARGEST_BATCH {
        (
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        )
    } else if ids.len() < entries.len() {
        (
            "BatchEntryIdsNotDistinct",
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        )
    } else if size > LARGEST_MESSAGE {
        (
            "BatchRequestTooLong",
            "AWS.SimpleQueueService.BatchRequestTooLong",
            "The length of all the messages put together is more than the limit.",
        )
    } else {
        return Ok(());
    };
    Err(AwsError::sqs(kind, code, message))
}

fn on(aws: &Aws, input: &Value, work: impl FnOnce(&mut Contents) -> Answer) -> Answer {
    let worked = aws.queues.with(queue_name(input), work);
    worked.unwrap_or_else(|| Err(no_queue()))
}

fn no_queue() -> AwsError {
    let code = "AWS.SimpleQueueService.NonExistentQueue";
    AwsError::sqs(
        "com.amazonaws.sqs#QueueDoesNotExist",
        code,
        "The specified queue does not exist.",
    )
}

fn queue_name(input: &Value) -> &str {
    text(&input["QueueUrl"]).rsplit('/').next().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Attributes write their numbers as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn seconds(value: &Value) -> Option<Duration> {
    number(value).map(Duration::from_secs)
}
