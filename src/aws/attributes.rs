//! DynamoDB's attribute values, to and from the layout's neutral ones.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::ports::items::{Attribute, Item};

/// An item in the SDK's words.
pub(super) fn to_sdk(item: Item) -> impl Iterator<Item = (String, AttributeValue)> {
    item.into_iter().map(|(name, value)| (name, value_to_sdk(value)))
}

fn value_to_sdk(value: Attribute) -> AttributeValue {
    match value {
        Attribute::S(text) => AttributeValue::S(text),
        Attribute::N(number) => AttributeValue::N(number.to_string()),
    }
}

/// An item in the layout's words. An attribute of a kind that the layout does not use (somebody
/// else's) is left out: whoever needs an attribute of that name then finds it missing, and says so.
pub(super) fn from_sdk<'a>(
    item: impl IntoIterator<Item = (&'a String, &'a AttributeValue)>,
) -> Item {
    item.into_iter()
        .filter_map(|(name, value)| {
            let value = match value {
                AttributeValue::S(text) => Attribute::S(text.clone()),
                AttributeValue::N(number) => Attribute::N(number.parse().ok()?),
                _ => return None,
            };
            Some((name.clone(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute() -> impl Strategy<Value = Attribute> {
        prop_oneof![".*".prop_map(Attribute::S), any::<u64>().prop_map(Attribute::N)]
    }

    proptest! {
        #[test]
        fn an_item_survives_the_sdk(
            item in proptest::collection::btree_map("[a-z]{1,8}", attribute(), 0..6)
        ) {
            let sdk: Vec<_> = to_sdk(item.clone()).collect();
            prop_assert_eq!(from_sdk(sdk.iter().map(|(name, value)| (name, value))), item);
        }
    }

    #[test]
    fn an_attribute_of_another_kind_is_missing_rather_than_guessed() {
        let odd = [
            ("a".to_owned(), AttributeValue::Bool(true)),
            ("b".to_owned(), AttributeValue::N("-1".to_owned())),
            ("c".to_owned(), AttributeValue::N("1.5".to_owned())),
        ];
        assert_eq!(from_sdk(odd.iter().map(|(name, value)| (name, value))), Item::new());
    }
}
