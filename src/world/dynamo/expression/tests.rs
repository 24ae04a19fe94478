//! Expressions against items.

use super::*;
use crate::world::dynamo::operation::{KeyAttribute, KeyKind};
use crate::world::dynamo::value::{AttributeValue, Item};

fn s(text: &str) -> AttributeValue {
    AttributeValue::text(text)
}

fn n(text: &str) -> AttributeValue {
    AttributeValue::N(text.parse().expect("a number"))
}

fn item() -> Item {
    let map = Item::from([
        ("b".to_owned(), AttributeValue::L(vec![n("1"), s("two"), n("3")])),
        ("c".to_owned(), n("9")),
    ]);
    Item::from([
        ("id".to_owned(), s("x1")),
        ("num".to_owned(), n("10")),
        ("tags".to_owned(), AttributeValue::Ss(["red".to_owned(), "blue".to_owned()].into())),
        ("a".to_owned(), AttributeValue::M(map)),
        ("status".to_owned(), s("up")),
    ])
}

fn placeholders(names: &[(&str, &str)], values: &[(&str, AttributeValue)]) -> Placeholders {
    Placeholders {
        names: names.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect(),
        values: values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
    }
}

fn holds(text: &str) -> Result<bool, DynamoError> {
    let all = placeholders(
        &[("#s", "status")],
        &[
            (":up", s("up")),
            (":nine", n("9")),
            (":ten", n("10.0")),
            (":x", s("x")),
            (":red", s("red")),
            (":type", s("SS")),
            (":true", AttributeValue::Bool(true)),
        ],
    );
    let mut expressions = Expressions::new(&all);
    let condition = expressions.condition("ConditionExpression", Some(text))?.expect("given");
    Ok(condition.holds(&item()))
}

#[test]
fn conditions_say_what_dynamodb_says() {
    for (text, expected) in [
        ("num = :ten", true),
        ("num > :nine", true),
        (":nine>num", false),
        ("num <> :x", true),
        ("num < :x", false),
        ("absent = :x", false),
        ("absent <> :x", true),
        ("absent < :x", false),
        ("NOT absent = :x", true),
        ("num BETWEEN :nine AND :ten AND #s = :up", true),
        ("num in (:nine, :x)", false),
        ("num IN (:nine , :ten)", true),
        ("attribute_exists(a.b[1])", true),
        ("attribute_exists(a.b[7])", false),
        ("attribute_not_exists ( absent )", true),
        ("attribute_type(tags, :type)", true),
        ("begins_with(id, :x)", true),
        ("contains(tags, :red)", true),
        ("contains(id, :red)", false),
        ("size(id) < :nine", true),
        ("size(num) < :nine", false),
        ("a.c = :nine", true),
        ("a.b[2] < :nine", true),
        ("num = :nine OR num = :ten AND #s = :up", true),
        ("(num = :ten OR num = :nine) AND #s = :x", false),
        ("NOT (num = :nine OR #s = :x)", true),
        ("not not num = :ten", true),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_of_the_grammar_is_refused_with_the_place() {
    for (text, words) in [
        ("num =", "Syntax error; token: \"<EOF>\""),
        ("num = :ten num", "Syntax error; token: \"num\""),
        ("num == :ten", "Syntax error"),
        ("(num = :ten", "Syntax error; token: \"<EOF>\""),
        ("", "The expression can not be empty;"),
        ("num", "Syntax error"),
        ("num = :gone", "attribute value: :gone"),
        ("#gone = :ten", "attribute name: #gone"),
        ("status = :up", "reserved keyword: status"),
        ("exists(num)", "Invalid function name; function: exists"),
        ("num < :true", "operand type: BOOL"),
        ("attribute_type(num, :up)", "Invalid attribute type name"),
    ] {
        let error = holds(text).expect_err(text);
        assert_eq!(error.code(), "ValidationException");
        assert!(error.to_string().contains(words), "{text}: {error}");
        assert!(error.to_string().starts_with("Invalid ConditionExpression: "), "{error}");
    }
    let deep = format!("{}num = :ten{}", "(".repeat(1000), ")".repeat(1000));
    assert!(holds(&deep).expect_err("too deep").to_string().contains("nested"));
    let long = format!("num = :ten{}", " ".repeat(4096));
    assert!(holds(&long).expect_err("too long").to_string().contains("size"));
}

#[test]
fn placeholders_must_all_be_used_and_be_spelt_right() {
    let all = placeholders(&[("#s", "status"), ("#t", "tags")], &[]);
    let mut expressions = Expressions::new(&all);
    expressions.condition("ConditionExpression", Some("attribute_exists(#s)")).expect("valid");
    let error = expressions.finish().expect_err("#t is unused");
    assert!(error.to_string().contains("unused in expressions: keys: {#t}"), "{error}");

    let error = Expressions::new(&all).finish().expect_err("no expression at all");
    assert!(error.to_string().contains("can only be specified when using expressions"), "{error}");

    let odd = placeholders(&[("s", "status")], &[]);
    let mut expressions = Expressions::new(&odd);
    expressions.condition("ConditionExpression", Some("attribute_exists(id)")).expect("valid");
    let error = expressions.finish().expect_err("no '#'");
    assert!(error.to_string().contains("invalid key"), "{error}");
}

fn updated(text: &str) -> Result<Item, DynamoError> {
    let all = placeholders(
        &[],
        &[
            (":one", n("1")),
            (":x", s("x")),
            (":list", AttributeValue::L(vec![s("new")])),
            (":set", AttributeValue::Ss(["red".to_owned(), "green".to_owned()].into())),
            (":both", AttributeValue::Ss(["red".to_owned(), "blue".to_owned()].into())),
        ],
    );
    let update = Expressions::new(&all).update(Some(text))?.expect("given");
    update.apply(&item())
}

fn at(item: &Item, text: &str) -> Option<AttributeValue> {
    let none = Placeholders::default();
    let paths = Expressions::new(&none).projection(Some(text)).expect("valid").expect("given");
    paths.first().and_then(|path| path.get(item)).cloned()
}

#[test]
fn updates_do_what_dynamodb_does() {
    for (text, place, expected) in [
        ("SET num = num + :one", "num", Some(n("11"))),
        ("set num=num-:one", "num", Some(n("9"))),
        ("SET fresh = if_not_exists(fresh, :one) + :one", "fresh", Some(n("2"))),
        ("SET num = if_not_exists(num, :x)", "num", Some(n("10"))),
        ("SET a.b = list_append(a.b, :list)", "a.b[3]", Some(s("new"))),
        ("SET a.b[99] = :x", "a.b[3]", Some(s("x"))),
        ("SET a.d = :x REMOVE a.c", "a.d", Some(s("x"))),
        ("SET a.d = :x REMOVE a.c", "a.c", None),
        ("REMOVE a.b[0], a.b[1]", "a.b[0]", Some(n("3"))),
        ("SET id = num, num = id", "num", Some(s("x1"))),
        ("ADD num :one", "num", Some(n("11"))),
        ("ADD hits :one", "hits", Some(n("1"))),
        ("DELETE tags :set", "tags", Some(AttributeValue::Ss(["blue".to_owned()].into()))),
        ("DELETE tags :both", "tags", None),
    ] {
        let item = updated(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(at(&item, place), expected, "{text}");
    }
    let item = updated("ADD tags :set").expect("valid");
    assert_eq!(item["tags"].size_bytes(), "red".len() + "blue".len() + "green".len());
}

#[test]
fn updates_that_make_no_sense_are_refused() {
    for (text, words) in [
        ("SET absent.b = :x", "document path provided in the update expression is invalid"),
        ("SET num = absent", "refers to an attribute that does not exist"),
        ("SET num = num + :x", "incorrect data type"),
        ("SET a = :x, a.b = :x", "Two document paths overlap"),
        ("SET num = :one SET id = :x", "\"SET\" section can only be used once"),
        ("ADD num :x", "operator: ADD, operand type: S"),
        ("ADD id :one", "incorrect data type"),
        ("num = :one", "Syntax error"),
    ] {
        let error = updated(text).expect_err(text);
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
}

#[test]
fn a_projection_keeps_the_shape() {
    let none = Placeholders::default();
    let mut expressions = Expressions::new(&none);
    let paths = expressions.projection(Some("a.b[2], a.b[0], num, gone")).expect("valid");
    let kept = project(&item(), &paths.expect("given"));
    let inner = Item::from([("b".to_owned(), AttributeValue::L(vec![n("1"), n("3")]))]);
    let expected =
        Item::from([("a".to_owned(), AttributeValue::M(inner)), ("num".to_owned(), n("10"))]);
    assert_eq!(kept, expected);
    assert!(expressions.projection(Some("a, a.b")).is_err(), "they overlap");
}

#[test]
fn a_key_condition_is_an_equality_and_at_most_one_more() {
    let key = |name: &str, kind| KeyAttribute { name: name.to_owned(), kind };
    let schema = KeySchema { hash: key("h", KeyKind::S), range: Some(key("r", KeyKind::N)) };
    let all = placeholders(&[], &[(":h", s("x")), (":one", n("1")), (":two", n("2"))]);
    let parse = |text: &str| Expressions::new(&all).key_condition(text, &schema);

    let condition = parse("r BETWEEN :one AND :two AND h = :h").expect("valid");
    assert_eq!(condition.hash, s("x"));
    let range = condition.range.expect("given");
    assert!(range.accepts(&n("1")) && range.accepts(&n("2")) && !range.accepts(&n("2.1")));
    let mirrored = parse("h = :h AND :one < r").expect("valid").range.expect("given");
    assert!(mirrored.accepts(&n("2")) && !mirrored.accepts(&n("1")));

    for (text, words) in [
        ("r = :one", "missed key schema element: h"),
        ("h > :h", "not supported"),
        ("h = :h AND another = :one", "missed key schema element: r"),
        ("h = :h OR r = :one", "OR"),
        ("h = :h AND r <> :one", "<>"),
        ("h = :one", "type does not match"),
        ("h = :h AND r > :one AND r < :two", "one condition per key"),
        ("h = :h AND r BETWEEN :two AND :one", "upper bound"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
}
