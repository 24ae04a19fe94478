//! Text with references in it: `{region}` stands for what the runbook was bound to.
//!
//! Only a brace, lower-case letters, digits and underscores, and a brace make a reference, and only
//! where no `$` or `%` stands before it. Any other brace is text, so that JSON, shell and curl's
//! formats can stand in a runbook as they are.

use std::collections::BTreeSet;

/// Text with references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
}

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    Reference(&'t str),
}

impl Template {
    /// A text as written.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names that it refers to.
    #[must_use]
    pub fn references(&self) -> BTreeSet<&str> {
        parts(&self.text)
            .into_iter()
            .filter_map(|part| match part {
                Part::Reference(name) => Some(name),
                Part::Text(_) => None,
            })
            .collect()
    }

    /// The one name that it is, if it is nothing but a reference.
    #[must_use]
    pub fn is_reference(&self) -> Option<&str> {
        match parts(&self.text).as_slice() {
            [Part::Reference(name)] => Some(name),
            _ => None,
        }
    }

    /// The text with every reference filled. A reference that `value` does not know stays as it is
    /// written.
    pub fn fill<'v>(&self, mut value: impl FnMut(&str) -> Option<&'v str>) -> String {
        let mut filled = String::with_capacity(self.text.len());
        for part in parts(&self.text) {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Reference(name) => match value(name) {
                    Some(text) => filled.push_str(text),
                    None => filled.extend(["{", name, "}"]),
                },
            }
        }
        filled
    }
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    // The text that was passed over without finding a reference in it.
    let mut passed = 0;
    while let Some(found) = rest[passed..].find('{') {
        let open = passed + found;
        let inner = &rest[open + 1..];
        let length = inner.find(|c: char| !is_of_a_name(c)).unwrap_or(inner.len());
        let foreign = rest[..open].ends_with(['$', '%']);
        if length > 0 && inner[length..].starts_with('}') && !foreign {
            if open > 0 {
                parts.push(Part::Text(&rest[..open]));
            }
            parts.push(Part::Reference(&inner[..length]));
            rest = &inner[length + 1..];
            passed = 0;
        } else {
            passed = open + 1;
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

const fn is_of_a_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// Whether a text may be the name of a parameter.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_of_a_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        Template::new(text).fill(|name| (name == "region").then_some("eu-west-1"))
    }

    #[test]
    fn references_are_filled_and_all_other_braces_are_text() {
        assert_eq!(filled("in {region}, {region}!"), "in eu-west-1, eu-west-1!");
        assert_eq!(filled("{Changes: [{}], a: {b}} ${X} {"), "{Changes: [{}], a: {b}} ${X} {");
        assert_eq!(filled("{{region}}"), "{eu-west-1}");
        assert_eq!(filled("${region} %{region} {region}"), "${region} %{region} eu-west-1");
        assert_eq!(filled("é{region}é"), "éeu-west-1é");
    }

    #[test]
    fn a_template_knows_what_it_refers_to() {
        let template = Template::new("{a}-{b_2} {C} {a}");
        assert_eq!(template.references().into_iter().collect::<Vec<_>>(), ["a", "b_2"]);
        assert_eq!(template.is_reference(), None);
        assert_eq!(Template::new("{region}").is_reference(), Some("region"));
        assert_eq!(Template::new("").references().len(), 0);
    }

    proptest::proptest! {
        #[test]
        fn filling_nothing_changes_nothing(text in ".*") {
            proptest::prop_assert_eq!(Template::new(text.clone()).fill(|_| None), text);
        }
    }
}
