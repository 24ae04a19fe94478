//! What goes through each protocol and comes back.

use super::*;

fn tree() -> Value {
    Value::map([
        ("Names", Value::List(vec![Value::text("a & <b>"), Value::text("c")])),
        ("At", Value::Time(1_800_000_000_123)),
        ("Count", Value::Whole(-3)),
        ("Share", Value::Number(0.5)),
        ("On", Value::Truth(true)),
    ])
}

#[test]
fn cbor_keeps_every_kind() {
    assert_eq!(cbor::read(&cbor::write(&tree())), Some(tree()));
    assert_eq!(cbor::read(b""), Some(Value::Map(Vec::new())));
    assert_eq!(cbor::read(b"\xff"), None);
}

#[test]
fn json_keeps_what_it_has_and_a_time_is_read_from_seconds() {
    let read = json::read(&json::write(&tree())).expect("JSON");
    assert_eq!(read.texts_at("Names"), ["a & <b>", "c"]);
    assert_eq!(read.time_at("At"), Some(1_800_000_000_123));
    assert_eq!(read.whole_at("Count"), Some(-3));
    assert_eq!(read.get("Share").and_then(Value::number), Some(0.5));
    assert_eq!(read.get("On"), Some(&Value::Truth(true)));
    assert_eq!(json::read(b"{"), None);
}

#[test]
fn a_form_spells_the_way_to_each_value() {
    let body = b"Action=Do&Version=2015-12-01&Names.member.2=c&Names.member.10=z&\
                 Names.member.1=a+%26+b&Metric.Name=m&At=2027-01-15T08%3A00%3A00Z&Count=7";
    let Form { action, input } = query::read(body).expect("a form");
    assert_eq!(action, "Do");
    assert_eq!(input.texts_at("Names"), ["a & b", "c", "z"]);
    assert_eq!(input.get("Metric").and_then(|metric| metric.text_at("Name")), Some("m"));
    assert_eq!(input.time_at("At"), Some(1_800_000_000_000));
    assert_eq!(input.whole_at("Count"), Some(7));
    assert_eq!(query::read(b"Version=1"), None, "it asks for nothing");
    assert_eq!(query::read(b"Action=Do&Name=%2"), None);
}

#[test]
fn xml_wraps_the_result_and_escapes_texts() {
    let xml = query::write("Do", "urn:x", "id", &tree());
    assert_eq!(
        String::from_utf8(xml).expect("text"),
        "<DoResponse xmlns=\"urn:x\"><DoResult><Names><member>a &amp; &lt;b&gt;</member>\
         <member>c</member></Names><At>2027-01-15T08:00:00.123Z</At><Count>-3</Count>\
         <Share>0.5</Share><On>true</On></DoResult><ResponseMetadata><RequestId>id</RequestId>\
         </ResponseMetadata></DoResponse>"
    );
}

use super::query::Form;
