//! What the ARNs of all regional resources have in common:
//! `arn:partition:service:region:account:resource` (AWS General Reference, "Amazon Resource Names").

use super::name::RegionId;

/// Whether a text is an account's ID: twelve digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| c.is_ascii_digit())
}

/// Whether a text is one or more of ASCII letters, digits and these.
pub(super) fn is_word(text: &str, more: &[char]) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
}

/// The Region and the resource of a service's ARN, whose other parts are in order.
pub(super) fn regional<'a>(text: &'a str, service: &str) -> Option<(RegionId, &'a str)> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, of, region, account, resource] = parts[..] else { return None };
    let ordered = of == service && is_word(partition, &['-']) && is_account(account);
    Some((region.parse().ok().filter(|_| ordered)?, resource))
}

/// What each type that keeps a regional ARN as `text`, with its `region`, does alike.
macro_rules! regional_arn {
    ($type:ident, $invalid:ident) => {
        impl $type {
            /// The ARN as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.text
            }

            /// The Region that it is in.
            #[must_use]
            pub fn region(&self) -> &RegionId {
                &self.region
            }
        }

        impl TryFrom<String> for $type {
            type Error = $invalid;
            fn try_from(text: String) -> Result<Self, $invalid> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(arn: $type) -> String {
                arn.text
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.text)
            }
        }
    };
}

pub(super) use regional_arn;
