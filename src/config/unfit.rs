//! Text that doesn't fit a fleet's raw types is refused where it stands.

use super::testing::each_is_refused;

#[test]
fn an_unknown_key_is_named_with_those_allowed() {
    each_is_refused(&[
        (
            &[(
                "fleet.toml",
                r#"type = "A""#,
                r#"type = "A"
tpye = "A""#,
            )],
            "fleet.toml:9:1: unknown field `tpye`, expected one of `zone`, `name`, `type`, `writes_to`, `writes_from`, `order`, `routing`, `primary`, `drift`, `probe`; correct its spelling, or remove it",
        ),
        (
            &[("r1.toml", r#"["203.0.113.1"]"#, r#"["203.0.113.1"], tll_s = 5"#)],
            "r1.toml:5:38: unknown field `tll_s`, expected one of `values`, `ttl_s`, `alias`; correct its spelling, or remove it",
        ),
    ]);
}

#[test]
fn text_that_does_not_fit_is_placed() {
    each_is_refused(&[
        (
            &[("fleet.toml", r#""demo""#, r#""demo"#)],
            r#"fleet.toml:1:13: not TOML: invalid basic string, expected `"`; correct the syntax"#,
        ),
        (
            &[("r1.toml", "100", r#""100""#)],
            r#"r1.toml:3:10: invalid type: string "100", expected a whole number; correct the value"#,
        ),
        (
            &[("fleet.toml", r#""r1""#, "1")],
            "fleet.toml:2:10: invalid type: integer `1`, expected a string; correct the value",
        ),
        (&[("r1.toml", "weight = 100\n", "")], "r1.toml:2:1: missing field `weight`; add it"),
        (&[("r1.toml", r#"region = "r1""#, "")], "r1.toml:1:1: missing field `region`; add it"),
        (
            &[("fleet.toml", "[timing]", "[timing]\nrenew_ms = -1")],
            "fleet.toml:12:12: invalid value: integer `-1`, expected a whole number from 0 to 4294967295; correct the value",
        ),
        (
            &[("fleet.toml", "[timing]", "[timing]\nup_after = 70000")],
            "fleet.toml:12:12: invalid value: integer `70000`, expected a whole number from 0 to 65535; correct the value",
        ),
        (
            &[(
                "fleet.toml",
                r#"path = "/up""#,
                r#"path = "/up"
status = true"#,
            )],
            r#"fleet.toml:11:10: expected a status such as 200, or ranges such as "200-299" or "200-299,304"; correct the value"#,
        ),
        (
            &[("r1.toml", "weight = 100", "weight = 100\nweight = 1")],
            "r1.toml:4:1: not TOML: duplicate key; correct the syntax",
        ),
    ]);
}
