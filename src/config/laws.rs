//! What holds for every text and every fleet, not only for examples.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::testing::files;
use super::{load_files, raw, render};
use crate::domain::fleet::JsonScalar;

/// The small fleet with lines dropped and one character replaced, anywhere.
fn damaged() -> impl Strategy<Value = BTreeMap<String, String>> {
    let lines: usize = files().values().map(|text| text.lines().count()).sum();
    let replacement = prop::sample::select(vec!['"', '[', ']', '=', '\n', 'é', '9', '.', '{']);
    (
        prop::collection::vec(prop::bool::weighted(0.9), lines),
        prop::option::of((any::<prop::sample::Index>(), replacement)),
    )
        .prop_map(|(kept, replaced)| {
            let mut kept = kept.into_iter();
            let mut files = files();
            for text in files.values_mut() {
                *text = text
                    .lines()
                    .filter(|_| kept.next().unwrap_or(true))
                    .map(|line| format!("{line}\n"))
                    .collect();
            }
            if let Some((index, replacement)) = replaced {
                let mut texts: Vec<&mut String> = files.values_mut().collect();
                let text = &mut texts[index.index(4)];
                let mut chars: Vec<char> = text.chars().collect();
                if !chars.is_empty() {
                    let at = index.index(chars.len());
                    chars[at] = replacement;
                    **text = chars.into_iter().collect();
                }
            }
            files
        })
}

proptest! {
    #[test]
    fn damage_is_either_harmless_or_named_within_the_text(files in damaged()) {
        match load_files(files.clone()) {
            Ok(loaded) => prop_assert_eq!(load_files(render(&loaded.raw)), Ok(loaded)),
            Err(problems) => {
                prop_assert!(!problems.0.is_empty());
                prop_assert!(problems.0.is_sorted());
                for problem in &problems.0 {
                    let Some(position) = problem.place.position else { continue };
                    let text = &files[&problem.place.file];
                    let line = text.split('\n').nth(position.line - 1);
                    let columns = line.map(|line| line.chars().count() + 1);
                    prop_assert!(
                        columns.is_some_and(|columns| (1..=columns).contains(&position.column)),
                        "{} is not in {:?}", problem, text
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_written_out_is_read_back(
        body in ".{1,40}",
        weight in 1_i64..=255,
        ttl_s in 0_u32..=86_400,
        part in (prop::option::of("[a-z]{1,9}"), "(/[a-z~01]{0,5}){0,3}", "[ -~]{0,9}"),
        status in prop_oneof![
            (100_u16..600).prop_map(raw::Status::Code),
            (100_u16..300, 300_u16..600).prop_map(|(a, b)| raw::Status::Range(format!("{a}-{b}"))),
            (100_u16..300, 300_u16..600).prop_map(|(a, b)| raw::Status::Range(format!("{a},{b}"))),
        ],
    ) {
        let mut files = load_files(files()).expect("the small fleet is accepted").raw;
        let probe = &mut files.fleet.services.get_mut("web").expect("there").probe;
        probe.body_contains = Some(body);
        probe.status = status;
        let (name, pointer, value) = part;
        let equals = raw::Equals::One(JsonScalar::Text(value));
        probe.json = vec![raw::JsonPart { name, pointer, equals }];
        for region in ["r1", "r2"] {
            let region = files.regions.get_mut(region).expect("there");
            let web = region.services.get_mut("web").expect("there");
            web.weight = weight;
            web.record.ttl_s = Some(ttl_s);
        }
        let loaded = load_files(render(&files)).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(loaded.raw, files);
    }
}
