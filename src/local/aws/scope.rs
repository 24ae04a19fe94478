//! Who asks what of which Region: what a signature says before it is checked.
//!
//! Signatures are not checked here. What counts is the credential scope (AWS General Reference,
//! "Create a signed AWS API request"): `Credential=AKID/date/region/service/aws4_request`.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// How an `Authorization` header of signature version 4 begins.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How every credential scope ends.
const TERMINATOR: &str = "aws4_request";

/// A credential and its scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// The access key ID.
    pub(super) key: String,
    /// The Region.
    pub(super) region: String,
    /// The service.
    pub(super) service: String,
}

impl Scope {
    /// The scope of a request; none when it carries no signature.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let fields = text.strip_prefix(ALGORITHM)?;
        let credential = fields.split(',').find_map(|f| f.trim().strip_prefix("Credential="))?;
        // The key may hold slashes, the scope can't: it is read from the end.
        let mut parts = credential.rsplitn(5, '/');
        let terminator = parts.next()?;
        let (service, region, _date, key) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (terminator == TERMINATOR).then(|| Self {
            key: key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(authorization: &str) -> Option<Scope> {
        let value = authorization.parse().expect("a header's value");
        Scope::of(&HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    #[test]
    fn the_scope_is_read_out_of_what_the_clients_send() {
        let expected = Scope {
            key: "agent-eu-west-1".to_owned(),
            region: "us-east-1".to_owned(),
            service: "dynamodb".to_owned(),
        };
        for text in [
            "AWS4-HMAC-SHA256 Credential=agent-eu-west-1/20261120/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00",
            "AWS4-HMAC-SHA256 SignedHeaders=host,\
             Credential=agent-eu-west-1/20261120/us-east-1/dynamodb/aws4_request,Signature=00",
        ] {
            assert_eq!(scope(text).as_ref(), Some(&expected));
        }
    }

    #[test]
    fn anything_else_is_no_signature() {
        assert_eq!(Scope::of(&HeaderMap::new()), None);
        for text in [
            "Basic YTpi",
            "AWS4-HMAC-SHA256 Signature=00",
            "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/dynamodb",
            "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/dynamodb/aws3_request",
        ] {
            assert_eq!(scope(text), None, "{text}");
        }
    }
}
