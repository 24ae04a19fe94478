//! Document paths, such as `a.b[0]`: reading, writing and projecting along them.

use std::collections::BTreeMap;
use std::fmt;

use crate::world::dynamo::value::{AttributeValue, Item};

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::world::dynamo) enum Element {
    /// Into a map.
    Field(String),
    /// Into a list.
    Index(usize),
}

/// A place in an item, placeholders resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world::dynamo) struct Path {
    /// The attribute.
    pub(in crate::world::dynamo) root: String,
    /// The way inside it.
    pub(in crate::world::dynamo) rest: Vec<Element>,
}

/// The place to be written does not exist and can't be made.
#[derive(Debug)]
pub(super) struct NoSuchPlace;

impl Path {
    /// The value at this place.
    pub(super) fn get<'i>(&self, item: &'i Item) -> Option<&'i AttributeValue> {
        self.rest.iter().try_fold(item.get(&self.root)?, |value, element| match (element, value) {
            (Element::Field(name), AttributeValue::M(fields)) => fields.get(name),
            (Element::Index(index), AttributeValue::L(values)) => values.get(*index),
            _ => None,
        })
    }

    /// Puts a value at this place. What it is in must exist; an index past a list's end appends.
    pub(super) fn set(&self, item: &mut Item, value: AttributeValue) -> Result<(), NoSuchPlace> {
        let Some((last, way)) = self.rest.split_last() else {
            item.insert(self.root.clone(), value);
            return Ok(());
        };
        match (last, self.enter(item, way).ok_or(NoSuchPlace)?) {
            (Element::Field(name), AttributeValue::M(fields)) => {
                fields.insert(name.clone(), value);
            }
            (Element::Index(index), AttributeValue::L(values)) => match values.get_mut(*index) {
                Some(place) => *place = value,
                None => values.push(value),
            },
            _ => return Err(NoSuchPlace),
        }
        Ok(())
    }

    /// Removes what is at this place, if anything is.
    pub(super) fn remove(&self, item: &mut Item) -> Result<(), NoSuchPlace> {
        let Some((last, way)) = self.rest.split_last() else {
            item.remove(&self.root);
            return Ok(());
        };
        match (last, self.enter(item, way).ok_or(NoSuchPlace)?) {
            (Element::Field(name), AttributeValue::M(fields)) => {
                fields.remove(name);
            }
            (Element::Index(index), AttributeValue::L(values)) => {
                if *index < values.len() {
                    values.remove(*index);
                }
            }
            _ => return Err(NoSuchPlace),
        }
        Ok(())
    }

    fn enter<'i>(&self, item: &'i mut Item, way: &[Element]) -> Option<&'i mut AttributeValue> {
        let root = item.get_mut(&self.root)?;
        way.iter().try_fold(root, |value, element| match (element, value) {
            (Element::Field(name), AttributeValue::M(fields)) => fields.get_mut(name),
            (Element::Index(index), AttributeValue::L(values)) => values.get_mut(*index),
            _ => None,
        })
    }

    /// Whether one of the two is the other or lies inside it.
    fn overlaps(&self, other: &Self) -> bool {
        self.root == other.root && self.rest.iter().zip(&other.rest).all(|(a, b)| a == b)
    }
}

/// As DynamoDB shows paths in its messages.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.root)?;
        for element in &self.rest {
            match element {
                Element::Field(name) => write!(f, ", {name}")?,
                Element::Index(index) => write!(f, ", [{index}]")?,
            }
        }
        f.write_str("]")
    }
}

/// The words for the first two paths of which one lies inside the other.
pub(super) fn overlap<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Option<String> {
    let paths: Vec<&Path> = paths.into_iter().collect();
    paths.iter().enumerate().find_map(|(position, one)| {
        let two = paths.iter().skip(position + 1).find(|two| one.overlaps(two))?;
        Some(format!(
            "Two document paths overlap with each other; must remove or rewrite one of these \
             paths; path one: {one}, path two: {two}"
        ))
    })
}

/// What of a value is wanted: all of it, or only some places inside.
#[derive(Debug, Default)]
struct Wanted(BTreeMap<Element, Wanted>);

/// The item with nothing but what is at these places. A list keeps only the elements that were
/// asked for, in their order.
pub(in crate::world::dynamo) fn project(item: &Item, paths: &[Path]) -> Item {
    let mut wanted: BTreeMap<&str, Wanted> = BTreeMap::new();
    for path in paths {
        let root = wanted.entry(&path.root).or_default();
        path.rest.iter().fold(root, |node, element| node.0.entry(element.clone()).or_default());
    }
    wanted
        .iter()
        .filter_map(|(root, inside)| Some(((*root).to_owned(), inside.of(item.get(*root)?)?)))
        .collect()
}

impl Wanted {
    fn of(&self, value: &AttributeValue) -> Option<AttributeValue> {
        if self.0.is_empty() {
            return Some(value.clone());
        }
        match value {
            AttributeValue::M(fields) => {
                let kept: BTreeMap<String, AttributeValue> = self
                    .0
                    .iter()
                    .filter_map(|(element, inside)| match element {
                        Element::Field(name) => Some((name.clone(), inside.of(fields.get(name)?)?)),
                        Element::Index(_) => None,
                    })
                    .collect();
                (!kept.is_empty()).then_some(AttributeValue::M(kept))
            }
            AttributeValue::L(values) => {
                let kept: Vec<AttributeValue> = self
                    .0
                    .iter()
                    .filter_map(|(element, inside)| match element {
                        Element::Index(index) => inside.of(values.get(*index)?),
                        Element::Field(_) => None,
                    })
                    .collect();
                (!kept.is_empty()).then_some(AttributeValue::L(kept))
            }
            _ => None,
        }
    }
}
