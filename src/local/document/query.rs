//! The Query protocol ("AWS query protocol"): a form in, XML out.
//!
//! The form's keys spell the way to each value: `Targets.member.1.Id=i-1`. In the XML a list's
//! members are elements named `member`, and the result stands in `<ActionResult>` inside
//! `<ActionResponse>`, with the request's ID beside it.

use std::collections::BTreeMap;

use quick_xml::escape::escape;

use super::{Value, WireAnswer, request_id};
use crate::domain::Moment;

/// The word between a list and the number of its member.
const MEMBER: &str = "member";

/// What a form asks for.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::local) struct Form {
    /// The operation.
    pub(in crate::local) action: String,
    /// Its input.
    pub(in crate::local) input: Value,
}

/// A node on the way to a form's values.
#[derive(Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

/// Reads a body. None when it is not a form, or has no `Action`.
pub(in crate::local) fn read(body: &[u8]) -> Option<Form> {
    let text = std::str::from_utf8(body).ok()?;
    let mut root = Node::default();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decoded(key)?, decoded(value)?);
        let mut node = &mut root;
        for part in key.split('.') {
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.text = Some(value);
    }
    let action = root.children.remove("Action")?.text?;
    root.children.remove("Version");
    Some(Form { action, input: value_of(root) })
}

fn value_of(mut node: Node) -> Value {
    if let Some(text) = node.text {
        return Value::Text(text);
    }
    if let Some(list) = node.children.remove(MEMBER) {
        let mut items: Vec<(usize, Value)> = list
            .children
            .into_iter()
            .map(|(number, item)| (number.parse().unwrap_or(usize::MAX), value_of(item)))
            .collect();
        items.sort_by_key(|(number, _)| *number);
        return Value::List(items.into_iter().map(|(_, item)| item).collect());
    }
    Value::Map(node.children.into_iter().map(|(name, node)| (name, value_of(node))).collect())
}

/// A form's text: `+` is a space, `%` and two digits a byte.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                rest = tail;
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
            }
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A service that speaks the protocol.
pub(in crate::local) struct Service {
    /// The namespace of its answers: the version of its API.
    pub(in crate::local) namespace: &'static str,
    /// The actions that change something.
    pub(in crate::local) writes: &'static [&'static str],
}

/// How a service refuses.
pub(in crate::local) struct Refused {
    /// The HTTP status.
    pub(in crate::local) status: u16,
    /// The code that SDKs tell errors apart by.
    pub(in crate::local) code: &'static str,
    /// The reason.
    pub(in crate::local) message: String,
}

impl Service {
    /// Answers a request with what carrying it out gives: a result, nothing where the action has
    /// none, or a refusal. The form is missing where the body isn't one, or names no action.
    pub(in crate::local) fn answer(
        &self,
        now: Moment,
        body: &[u8],
        carry_out: impl FnOnce(Option<Form>) -> Result<Option<Value>, Refused>,
    ) -> WireAnswer {
        let form = read(body);
        let action = form.as_ref().map(|form| form.action.clone()).unwrap_or_default();
        let id = request_id(now, &action, body);
        let (status, body) = match carry_out(form) {
            Ok(Some(result)) => (200, write(&action, self.namespace, &id, &result)),
            Ok(None) => (200, write_done(&action, self.namespace, &id)),
            Err(Refused { status, code, message }) => {
                (status, write_error(self.namespace, &id, code, &message))
            }
        };
        let headers = vec![("content-type", "text/xml".to_owned()), ("x-amzn-requestid", id)];
        WireAnswer { status, headers, body, wrote: self.writes.contains(&action.as_str()) }
    }
}

/// Writes an answer.
pub(in crate::local) fn write(
    action: &str,
    namespace: &str,
    request_id: &str,
    result: &Value,
) -> Vec<u8> {
    let mut xml = format!("<{action}Response xmlns=\"{namespace}\"><{action}Result>");
    write_value(&mut xml, result);
    xml.push_str(&format!(
        "</{action}Result><ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{action}Response>"
    ));
    xml.into_bytes()
}

/// Writes the answer of an action that has no result.
fn write_done(action: &str, namespace: &str, request_id: &str) -> Vec<u8> {
    format!(
        "<{action}Response xmlns=\"{namespace}\"><ResponseMetadata><RequestId>{request_id}\
         </RequestId></ResponseMetadata></{action}Response>"
    )
    .into_bytes()
}

/// Writes a refusal.
pub(in crate::local) fn write_error(
    namespace: &str,
    request_id: &str,
    code: &str,
    message: &str,
) -> Vec<u8> {
    let message = escape(message);
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    .into_bytes()
}

fn write_value(xml: &mut String, value: &Value) {
    let mut element = |name: &str, value: &Value| {
        xml.push_str(&format!("<{name}>"));
        write_value(xml, value);
        xml.push_str(&format!("</{name}>"));
    };
    match value {
        Value::List(items) => items.iter().for_each(|item| element(MEMBER, item)),
        Value::Map(members) => members.iter().for_each(|(name, value)| element(name, value)),
        Value::Text(text) => xml.push_str(&escape(text)),
        Value::Whole(number) => xml.push_str(&number.to_string()),
        Value::Number(number) => xml.push_str(&number.to_string()),
        Value::Truth(truth) => xml.push_str(&truth.to_string()),
        Value::Time(unix_ms) => {
            let at = jiff::Timestamp::from_millisecond(*unix_ms);
            xml.push_str(&format!("{:.3}", at.unwrap_or(jiff::Timestamp::UNIX_EPOCH)));
        }
    }
}
