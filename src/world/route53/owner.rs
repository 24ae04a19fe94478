//! The name that a record set stands under.
//!
//! Wider than [`DnsName`]: Route 53 also hosts wildcards and odd characters, and its API writes
//! every character other than a to z, 0 to 9, hyphen and underscore as a backslash and three octal
//! digits (Route 53 Developer Guide, "DNS domain name format"): `*` is listed as `\052`. Names are
//! kept here without escapes; only the wire escapes them. A dot inside a label (`\056`) is the one
//! thing of the format that this model refuses.

use std::fmt;
use std::str::FromStr;

use crate::domain::name::InvalidName;
use crate::domain::record::DnsName;

/// A fully qualified name in lower case, unescaped, with its final dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnerName(String);

impl OwnerName {
    /// The name, unescaped.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as Route 53's API writes it.
    #[must_use]
    pub fn escaped(&self) -> String {
        self.0.chars().fold(String::with_capacity(self.0.len()), |mut text, c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                text.push(c);
            } else {
                text.push_str(&format!("\\{:03o}", u32::from(c)));
            }
            text
        })
    }

    /// The labels from right to left, as in `com.example.www.`: the order of listings is the
    /// bytewise order of these (Route 53 API Reference, `ListResourceRecordSets`). The reversed
    /// form of a name is a prefix of those below it.
    #[must_use]
    pub fn reversed(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        for label in self.0.trim_end_matches('.').rsplit('.') {
            text.push_str(label);
            text.push('.');
        }
        text
    }

    /// Whether this name is `zone` or stands below it.
    #[must_use]
    pub fn is_within(&self, zone: &Self) -> bool {
        self.0 == zone.0 || self.0.strip_suffix(&zone.0).is_some_and(|head| head.ends_with('.'))
    }

    /// The name without its first label; none for a single label.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_once('.')?;
        if rest.is_empty() { None } else { Some(Self(rest.to_owned())) }
    }

    /// The wildcard directly below this name.
    #[must_use]
    pub fn wildcard(&self) -> Self {
        Self(format!("*.{}", self.0))
    }

    /// The name in regent's own words; none when it holds a character that those don't allow.
    #[must_use]
    pub fn to_dns_name(&self) -> Option<DnsName> {
        self.0.parse().ok()
    }
}

impl From<&DnsName> for OwnerName {
    fn from(name: &DnsName) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl FromStr for OwnerName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |reason| Err(InvalidName { kind: "record name", text: text.to_owned(), reason });
        let mut bare = match unescape(text.strip_suffix('.').unwrap_or(text)) {
            Ok(bare) => bare,
            Err(reason) => return fail(reason),
        };
        if bare.is_empty() || bare.len() > 253 {
            return fail("it is empty or longer than 253 characters");
        }
        if bare.split('.').any(|label| label.is_empty() || label.len() > 63) {
            return fail("a label is empty or longer than 63 characters");
        }
        if !bare.chars().all(|c| c.is_ascii_graphic()) {
            return fail("a label holds something other than printable ASCII");
        }
        bare.make_ascii_lowercase();
        bare.push('.');
        Ok(Self(bare))
    }
}

/// Undoes `\ooo`; a literal dot or a broken escape is an error.
fn unescape(text: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok())
            .ok_or("a backslash must be followed by three octal digits")?;
        if code == b'.' {
            return Err("a dot inside a label is not modelled");
        }
        out.push(char::from(code));
        rest = &after[3..];
    }
    out.push_str(rest);
    Ok(out)
}

impl fmt::Display for OwnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.escaped())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(text: &str) -> OwnerName {
        text.parse().expect("valid")
    }

    #[test]
    fn a_wildcard_is_the_same_name_with_and_without_its_escape() {
        assert_eq!(owner("*.Example.com"), owner("\\052.example.com."));
        assert_eq!(owner("*.example.com").escaped(), "\\052.example.com.");
        assert_eq!(owner("*.example.com").to_dns_name(), None);
        for bad in ["", ".", "a..b", "a\\05", "a\\999b", "a\\056b", "a b", "é.com"] {
            assert!(bad.parse::<OwnerName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_below_a_name_have_its_reversed_form_as_prefix() {
        let zone = owner("example.com");
        assert_eq!(owner("www.example.com").reversed(), "com.example.www.");
        assert!(owner("a.b.example.com").reversed().starts_with(&zone.reversed()));
        assert!(!owner("example-a.com").reversed().starts_with(&zone.reversed()));
        assert!(owner("a.example.com").is_within(&zone));
        assert!(!owner("aexample.com").is_within(&zone));
        assert_eq!(owner("a.com").parent(), Some(owner("com")));
        assert_eq!(owner("com").parent(), None);
    }
}
