//! What a record's values must look like.
//!
//! Addresses, names and TXT strings are checked, with Route 53's words for what is wrong; the
//! values of types that regent never touches are taken as they come.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::owner::OwnerName;
use super::record::ModelRecordType;

/// Longest quoted string of a TXT value, in bytes without the quotes: its length is one byte in a
/// DNS message (Route 53 Developer Guide, "TXT record type").
const TXT_STRING_BYTES_MAX: usize = 255;

/// What is wrong with a value, if anything is, as Route 53 words it.
pub(super) fn problem(rtype: ModelRecordType, value: &str) -> Option<String> {
    let problem = match rtype {
        ModelRecordType::A if value.parse::<Ipv4Addr>().is_err() => {
            "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
        }
        ModelRecordType::Aaaa if value.parse::<Ipv6Addr>().is_err() => {
            "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
        }
        ModelRecordType::Cname | ModelRecordType::Ns | ModelRecordType::Ptr
            if value.parse::<OwnerName>().is_err() =>
        {
            "InvalidDomainName (Value is not a valid domain name)"
        }
        ModelRecordType::Txt | ModelRecordType::Spf => match strings(value) {
            None => "InvalidCharacterString (Value should be enclosed in quotation marks)",
            Some(strings) if strings.iter().any(|s| s.len() > TXT_STRING_BYTES_MAX) => {
                "CharacterStringTooLong (Value is too long)"
            }
            Some(_) => return None,
        },
        _ => return None,
    };
    Some(format!("Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''"))
}

/// The strings of a TXT value: one or more in quotation marks, with blanks between; none when it is
/// not of that form. A backslash takes the next character as it is, or begins three octal digits.
#[must_use]
pub fn strings(value: &str) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    let mut rest = value;
    while let Some(inner) = rest.strip_prefix('"') {
        let (string, after) = one_string(inner.as_bytes())?;
        all.push(string);
        rest = inner.get(inner.len() - after..)?.trim_start_matches([' ', '\t']);
    }
    (rest.is_empty() && !all.is_empty()).then_some(all)
}

/// The bytes up to the closing quotation mark, and how many bytes are left after it.
fn one_string(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut string = Vec::new();
    let mut rest = text;
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some((string, after.len())),
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                string.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                after
            }
            [b'\\', c, after @ ..] | [c, after @ ..] => {
                string.push(*c);
                after
            }
            [] => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_txt_value_is_one_or_more_quoted_strings_of_at_most_255_bytes() {
        assert_eq!(strings("\"a b\""), Some(vec![b"a b".to_vec()]));
        assert_eq!(strings("\"a\" \"b\\\"c\""), Some(vec![b"a".to_vec(), b"b\"c".to_vec()]));
        assert_eq!(strings("\"\\052\""), Some(vec![b"*".to_vec()]));
        for bad in ["", "a", "\"a", "a\"", "\"a\" b", "\"a\\\""] {
            assert_eq!(strings(bad), None, "{bad}");
        }
        let quoted = |length: usize| format!("\"{}\"", "x".repeat(length));
        assert_eq!(problem(ModelRecordType::Txt, &quoted(255)), None);
        let why = problem(ModelRecordType::Txt, &quoted(256)).expect("too long");
        assert!(why.contains("CharacterStringTooLong"), "{why}");
    }

    #[test]
    fn address_records_hold_addresses_of_their_own_family() {
        assert_eq!(problem(ModelRecordType::A, "192.0.2.1"), None);
        assert_eq!(problem(ModelRecordType::Aaaa, "2001:db8::1"), None);
        for (rtype, value) in [
            (ModelRecordType::A, "2001:db8::1"),
            (ModelRecordType::A, "192.0.2.256"),
            (ModelRecordType::Aaaa, "192.0.2.1"),
            (ModelRecordType::Cname, "a..b"),
        ] {
            assert!(problem(rtype, value).is_some_and(|why| why.contains(value)), "{value}");
        }
    }
}
