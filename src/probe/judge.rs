//! Whether an answer is a healthy one. Pure: bytes in, verdict out.

use serde_json::Value;

use super::Broken;
use crate::domain::ProbeFailure;
use crate::domain::fleet::{JsonPart, JsonScalar, ProbeSpec};

/// Longest value of a document that is quoted, in characters.
const QUOTED_CHARS_MAX: usize = 40;

/// Whether the body is looked at; otherwise only its length and its end matter.
pub(super) fn wants_body(spec: &ProbeSpec) -> bool {
    spec.body_contains.is_some() || !spec.json.is_empty()
}

/// Judges a whole body: the text first, then the parts of the document.
pub(super) fn body(spec: &ProbeSpec, body: &[u8]) -> Result<(), Broken> {
    if let Some(text) = &spec.body_contains
        && !contains(body, text.as_bytes())
    {
        let detail = format!("{text:?} is not in the {} bytes that came", body.len());
        return Err(Broken::new(ProbeFailure::Body, detail));
    }
    if spec.json.is_empty() {
        return Ok(());
    }
    let document: Value = serde_json::from_slice(body).map_err(|error| {
        Broken::new(ProbeFailure::Json, format!("the body is not a JSON document: {error}"))
    })?;
    let failing: Vec<String> =
        spec.json.iter().filter_map(|part| unhealthy(part, &document)).collect();
    if failing.is_empty() {
        Ok(())
    } else {
        Err(Broken::new(ProbeFailure::Json, failing.join(", ")))
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text)
}

/// What to say of a part that is not healthy.
fn unhealthy(part: &JsonPart, document: &Value) -> Option<String> {
    let Some(value) = document.pointer(&part.pointer) else {
        return Some(format!("{}: nothing at {}", part.name, part.pointer));
    };
    if part.equals.iter().any(|wanted| equal(wanted, value)) {
        return None;
    }
    let quoted: String = value.to_string().chars().take(QUOTED_CHARS_MAX).collect();
    Some(format!("{} is {quoted}", part.name))
}

fn equal(wanted: &JsonScalar, value: &Value) -> bool {
    match wanted {
        JsonScalar::Truth(wanted) => value.as_bool() == Some(*wanted),
        JsonScalar::Whole(wanted) => value.as_i64() == Some(*wanted),
        JsonScalar::Text(wanted) => value.as_str() == Some(wanted),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::tests::spec;

    fn part(name: &str, pointer: &str, equals: Vec<JsonScalar>) -> JsonPart {
        JsonPart { name: name.to_owned(), pointer: pointer.to_owned(), equals }
    }

    fn text(text: &str) -> JsonScalar {
        JsonScalar::Text(text.to_owned())
    }

    fn documented() -> ProbeSpec {
        let json = vec![
            part("whole", "/status", vec![text("pass"), text("warn")]),
            part("database", "/checks/database", vec![text("up")]),
            part("replicas", "/checks/replicas", vec![JsonScalar::Whole(3)]),
            part("writable", "/checks/writable", vec![JsonScalar::Truth(true)]),
        ];
        ProbeSpec { json, ..spec() }
    }

    #[track_caller]
    fn says(document: &str, detail: &str) {
        let broken = body(&documented(), document.as_bytes()).expect_err("unhealthy");
        assert_eq!(broken.failure, ProbeFailure::Json);
        assert_eq!(broken.detail, detail);
    }

    #[test]
    fn a_document_is_healthy_when_each_of_its_named_parts_is() {
        let healthy = r#"{"status": "warn",
            "checks": {"database": "up", "replicas": 3, "writable": true, "other": "down"}}"#;
        assert_eq!(body(&documented(), healthy.as_bytes()), Ok(()));
    }

    #[test]
    fn every_part_that_fails_is_named_with_what_it_says() {
        says(
            r#"{"status": "pass", "checks": {"database": "down", "replicas": "3", "writable": true}}"#,
            r#"database is "down", replicas is "3""#,
        );
        says(
            r#"{"status": "pass", "checks": {"database": "up", "replicas": 3}}"#,
            "writable: nothing at /checks/writable",
        );
    }

    #[test]
    fn what_is_not_a_document_is_an_unhealthy_part_and_not_a_wrong_text() {
        for not_json in ["", "OK", "{\"status\": ", "\u{feff}{}"] {
            let broken = body(&documented(), not_json.as_bytes()).expect_err("unreadable");
            assert_eq!(broken.failure, ProbeFailure::Json, "{not_json:?}");
            assert!(broken.detail.starts_with("the body is not a JSON document"), "{broken:?}");
        }
        // So deep that reading it by recursion would overflow a stack.
        let deep = "[".repeat(60_000);
        assert!(body(&documented(), deep.as_bytes()).is_err());
    }

    #[test]
    fn a_text_is_looked_for_in_the_bytes_as_they_are() {
        let wants = |text: &str| ProbeSpec { body_contains: Some(text.to_owned()), ..spec() };
        assert_eq!(body(&wants("é"), "\u{fffd}é".as_bytes()), Ok(()));
        assert_eq!(body(&wants("up"), b"\xff\xfeup"), Ok(()));
        assert!(body(&wants("\u{fffd}"), b"\xff").is_err());
        assert!(body(&wants("longer than the body"), b"body").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_judge_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let spec = ProbeSpec { body_contains: Some("a".to_owned()), ..documented() };
            let _ = body(&spec, &bytes);
            let _ = body(&documented(), &bytes);
        }

        #[test]
        fn no_document_makes_the_judge_panic(
            document in "\\{\"(status|checks)\": ?([0-9]{1,30}|\"[a-zé\\\\]{0,9}\"|\\[\\]|\\{\\}|null)\\}",
            pointer in "(/[a-z~0-9]{0,9}){0,4}",
        ) {
            let spec = ProbeSpec { json: vec![part("a", &pointer, vec![text("b")])], ..spec() };
            let _ = body(&spec, document.as_bytes());
        }

        #[test]
        fn a_detail_is_bounded_whatever_the_document_says(value in ".{0,900}") {
            let document = serde_json::json!({ "status": value }).to_string();
            let broken = body(&documented(), document.as_bytes()).expect_err("parts are missing");
            prop_assert!(broken.detail.chars().count() <= super::super::DETAIL_CHARS_MAX);
        }
    }
}
