//! `CloudFormation`'s `DescribeStacks`, in its XML.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use super::error::AwsError;

/// Every stack by its name: parameters and outputs.
#[derive(Default)]
pub(super) struct Stacks(Mutex<HashMap<String, Stack>>);

#[derive(Clone)]
struct Stack {
    parameters: Vec<(String, String)>,
    outputs: Vec<(String, String)>,
}

impl Stacks {
    pub(super) fn set(&self, name: &str, parameters: &[(&str, &str)], outputs: &[(&str, &str)]) {
        let own = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let stack = Stack { parameters: own(parameters), outputs: own(outputs) };
        self.0.lock().expect("the lock is never poisoned").insert(name.to_owned(), stack);
    }

    /// Answers a form.
    pub(super) fn answer(&self, form: &HashMap<String, String>) -> Result<String, AwsError> {
        if form.get("Action").map(String::as_str) != Some("DescribeStacks") {
            return Err(AwsError::new("InvalidAction", "it is not faked"));
        }
        let name = form.get("StackName").cloned().unwrap_or_default();
        let stacks = self.0.lock().expect("the lock is never poisoned");
        let stack = stacks.get(&name).ok_or_else(|| {
            AwsError::new("ValidationError", format!("Stack with id {name} does not exist"))
        })?;
        let mut xml = format!(
            "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
             <DescribeStacksResult><Stacks><member><StackName>{name}</StackName>\
             <StackStatus>CREATE_COMPLETE</StackStatus>"
        );
        members(&mut xml, "Parameter", &stack.parameters);
        members(&mut xml, "Output", &stack.outputs);
        xml += "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
        Ok(xml)
    }
}

fn members(xml: &mut String, kind: &str, pairs: &[(String, String)]) {
    let _ = write!(xml, "<{kind}s>");
    for (key, value) in pairs {
        let _ = write!(
            xml,
            "<member><{kind}Key>{key}</{kind}Key><{kind}Value>{value}</{kind}Value></member>"
        );
    }
    let _ = write!(xml, "</{kind}s>");
}
