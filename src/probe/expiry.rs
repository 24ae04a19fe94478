//! When a certificate expires, read out of its DER.
//!
//! The TLS library checks the dates and keeps them to itself. This walks the five elements that
//! stand before them (RFC 5280, section 4.1), on a certificate that the library has found valid;
//! whatever doesn't look like one has no date here, and nothing is concluded from that.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate's validity, in seconds since 1970.
pub(super) fn expiry_unix_s(certificate: &[u8]) -> Option<i64> {
    let mut outer = Der(certificate);
    let mut signed = Der(Der(outer.take(SEQUENCE)?).take(SEQUENCE)?);
    // Version 1 certificates leave it out.
    let _ = signed.take(VERSION);
    signed.take(INTEGER)?; // the serial number
    signed.take(SEQUENCE)?; // the signature's algorithm
    signed.take(SEQUENCE)?; // the issuer
    let mut validity = Der(signed.take(SEQUENCE)?);
    validity.time()?;
    validity.time()
}

/// What is left of some DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The contents of the next element, if it has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&first, rest) = self.0.split_first()?;
        if first != tag {
            return None;
        }
        let (&length, mut rest) = rest.split_first()?;
        let length = match length {
            0..=0x7f => usize::from(length),
            // So many bytes of length follow. Three hold 16 MB, more than any certificate has.
            0x81..=0x83 => {
                let (bytes, after) = rest.split_at_checked(usize::from(length & 0x7f))?;
                rest = after;
                bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte))
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(contents)
    }

    fn time(&mut self) -> Option<i64> {
        let (century, text) = match self.take(UTC_TIME) {
            // RFC 5280, section 4.1.2.5.1: two digits from 50 are of the last century.
            Some(text) if *text.first()? >= b'5' => ("19", text),
            Some(text) => ("20", text),
            None => ("", self.take(GENERALIZED_TIME)?),
        };
        let text = format!("{century}{}", std::str::from_utf8(text).ok()?);
        let at = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
        Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).expect("valid");
        params.not_before = date_time_ymd(1995, 1, 1);
        params.not_after = date_time_ymd(year, 2, 3);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("signed").der().to_vec()
    }

    #[test]
    fn the_date_is_read_in_both_of_its_forms() {
        for (year, at) in [
            (1999, "1999-02-03T00:00:00Z"),
            (2030, "2030-02-03T00:00:00Z"),
            // From 2050 on, certificates have the longer form.
            (2060, "2060-02-03T00:00:00Z"),
        ] {
            let at: jiff::Timestamp = at.parse().expect("valid");
            assert_eq!(expiry_unix_s(&certificate(year)), Some(at.as_second()), "{year}");
        }
    }

    #[test]
    fn what_breaks_off_has_no_date() {
        let whole = certificate(2030);
        let first_without =
            (0..whole.len()).find(|length| expiry_unix_s(&whole[..*length]).is_some());
        assert_eq!(first_without, None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = expiry_unix_s(&bytes);
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0..200_usize, byte in any::<u8>()) {
            let mut bytes = certificate(2030);
            bytes[at] = byte;
            let _ = expiry_unix_s(&bytes);
        }
    }
}
