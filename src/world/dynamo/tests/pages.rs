//! `Query` and `Scan`.

use super::*;

fn entry(kind: &str, id: &str) -> Item {
    item([("kind", s(kind)), ("id", s(id))])
}

fn filled() -> Bench {
    let mut bench = Bench::global(3);
    for id in 0..9 {
        bench.put("a", "board", entry("history", &format!("{id:03}"))).expect("valid");
    }
    bench.put("a", "board", entry("report", "x")).expect("valid");
    bench
}

fn history() -> Query {
    Query {
        table: "board".to_owned(),
        key_condition: "kind = :kind".to_owned(),
        reading: Reading {
            placeholders: values([(":kind", s("history"))]),
            consistent: true,
            ..Reading::default()
        },
        ..Query::default()
    }
}

fn ids(page: &Page) -> Vec<String> {
    let id = |item: &Arc<Item>| match item.get("id") {
        Some(AttributeValue::S(id)) => id.clone(),
        other => panic!("not a key: {other:?}"),
    };
    page.items.iter().map(id).collect()
}

#[test]
fn a_query_reads_one_partition_in_order_page_by_page() {
    let mut bench = filled();
    for backward in [false, true] {
        let mut seen = Vec::new();
        let mut start = None;
        for pages in 1.. {
            let mut request = Query { backward, ..history() };
            request.reading.limit = Some(4);
            request.reading.start = start;
            let page = bench.page("a", Operation::Query(request));
            seen.extend(ids(&page));
            start = page.last_key;
            if start.is_none() {
                assert_eq!(pages, 3);
                break;
            }
        }
        let mut expected: Vec<String> = (0..9).map(|id| format!("{id:03}")).collect();
        if backward {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_query_takes_conditions_on_the_range_key_and_filters_after_reading() {
    let mut bench = filled();
    for (condition, expected) in [
        ("id > :id", vec!["006", "007", "008"]),
        ("id BETWEEN :id AND :id", vec!["005"]),
        ("begins_with(id, :id)", vec!["005"]),
    ] {
        let mut request = history();
        request.key_condition = format!("kind = :kind AND {condition}");
        request.reading.placeholders = values([(":kind", s("history")), (":id", s("005"))]);
        assert_eq!(ids(&bench.page("a", Operation::Query(request))), expected, "{condition}");
    }
    let mut request = history();
    request.reading.filter = Some("attribute_exists(document)".to_owned());
    let page = bench.page("a", Operation::Query(request.clone()));
    assert_eq!((page.count, page.scanned), (0, 9));
    request.reading.filter = Some("id = :kind".to_owned());
    let error = bench.call("a", Operation::Query(request)).expect_err("id is a key");
    assert!(error.to_string().contains("Primary key attribute: id"), "{error}");
}

#[test]
fn a_page_ends_at_a_megabyte() {
    let mut bench = Bench::global(3);
    for id in 0..5 {
        let mut large = entry("history", &id.to_string());
        large.insert("document".to_owned(), s(&"x".repeat(300 * 1024)));
        bench.put("a", "board", large).expect("under 400 KB");
    }
    let page = bench.page("a", Operation::Query(history()));
    assert_eq!(ids(&page), ["0", "1", "2"]);
    let mut rest = history();
    rest.reading.start = page.last_key;
    let page = bench.page("a", Operation::Query(rest));
    assert_eq!(ids(&page), ["3", "4"]);
    assert_eq!(page.last_key, None);
}

#[test]
fn a_scan_reads_every_partition_page_by_page() {
    let mut bench = filled();
    let mut request = Scan { table: "board".to_owned(), ..Scan::default() };
    request.reading.consistent = true;
    request.reading.limit = Some(7);
    let first = bench.page("a", Operation::Scan(request.clone()));
    request.reading.start = first.last_key.clone();
    let second = bench.page("a", Operation::Scan(request.clone()));
    assert_eq!((first.count, second.count), (7, 3));
    assert_eq!(second.last_key, None);

    request.reading.start = None;
    request.reading.limit = None;
    request.reading.count_only = true;
    let counted = bench.page("a", Operation::Scan(request));
    assert_eq!((counted.count, counted.items.len()), (10, 0));
}
