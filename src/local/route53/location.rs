//! The path and the query of a request, decoded.

use std::fmt::Display;
use std::str::FromStr;

use crate::world::route53::Route53Error;

/// Where a request went.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// The path's parts; a slash at its end adds none.
    pub(super) segments: Vec<String>,
    query: Vec<(String, String)>,
}

impl Location {
    pub(super) fn of(path_and_query: &str) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let segments = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (decode(key), decode(value)))
            .collect();
        Self { segments, query }
    }

    /// The query's value under a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// The query's value under a key as something else than text.
    pub(super) fn parse<T: FromStr<Err: Display>>(
        &self,
        key: &str,
    ) -> Result<Option<T>, Route53Error> {
        let parsed = self.get(key).map(|text| (text, text.parse()));
        match parsed {
            None => Ok(None),
            Some((_, Ok(value))) => Ok(Some(value)),
            Some((text, Err(error))) => Err(Route53Error::InvalidInput {
                message: format!("The parameter {key}={text} is not valid: {error}"),
            }),
        }
    }
}

/// Undoes percent-encoding. What isn't any stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = match rest {
            [b'%', high, low, ..] => {
                char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16))
            }
            _ => None,
        };
        let code = code.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &rest[3..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_decoded() {
        let location =
            Location::of("/2013-04-01/hostedzone/Z1/rrset/?name=%5C052.a.com&maxitems=x");
        assert_eq!(location.segments, ["2013-04-01", "hostedzone", "Z1", "rrset"]);
        assert_eq!(location.get("name"), Some("\\052.a.com"));
        assert_eq!(location.get("type"), None);
        let error = location.parse::<usize>("maxitems").expect_err("no number");
        assert!(error.to_string().contains("maxitems=x"), "{error}");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%41"), "%zzA");
    }
}
