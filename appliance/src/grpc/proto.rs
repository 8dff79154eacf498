//! The little of proto3 that requests need (<https://protobuf.dev/programming-guides/encoding/>).
//!
//! Both messages that carry anything, `avap.CommandRequest` and
//! `grpc.health.v1.HealthCheckRequest`, are one string in field 1; the name is borrowed from the
//! request, nothing is allocated. Unknown fields are skipped, as every proto3 reader must.

use super::limits::GROUP_DEPTH_MAX;

/// The bytes are not the message that the method takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(&'static str);

impl Unreadable {
    /// What is wrong, for the status message.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.0
    }
}

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const GROUP_START: u64 = 3;
const GROUP_END: u64 = 4;
const FIXED_32: u64 = 5;

/// The string in field 1, empty when absent; the last one counts when there are several.
pub fn string_field_1(message: &[u8]) -> Result<&str, Unreadable> {
    let mut reader = Reader(message);
    let mut text = "";
    while let Some((field, wire_type)) = reader.tag()? {
        if field == 1 {
            if wire_type != LENGTH_DELIMITED {
                return Err(Unreadable("field 1 is not a string"));
            }
            text = std::str::from_utf8(reader.length_delimited()?)
                .map_err(|_| Unreadable("field 1 is not UTF-8"))?;
        } else {
            reader.skip(field, wire_type)?;
        }
    }
    Ok(text)
}

/// A message without fields; whatever it holds is skipped.
pub fn empty(message: &[u8]) -> Result<(), Unreadable> {
    let mut reader = Reader(message);
    while let Some((field, wire_type)) = reader.tag()? {
        reader.skip(field, wire_type)?;
    }
    Ok(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Field number and wire type, or `None` at the end.
    fn tag(&mut self) -> Result<Option<(u64, u64)>, Unreadable> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        // A tag is a 32-bit number; field 0 does not exist.
        if tag > u64::from(u32::MAX) || tag >> 3 == 0 {
            return Err(Unreadable("a field number is out of range"));
        }
        Ok(Some((tag >> 3, tag & 7)))
    }

    fn varint(&mut self) -> Result<u64, Unreadable> {
        let mut value = 0;
        for index in 0..10 {
            let Some((&byte, rest)) = self.0.split_first() else {
                return Err(Unreadable("a number is cut off"));
            };
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Unreadable("a number is longer than 10 bytes"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Unreadable> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(Unreadable("a field is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn length_delimited(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = self.varint()?;
        self.take(length)
    }

    fn skip(&mut self, field: u64, wire_type: u64) -> Result<(), Unreadable> {
        match wire_type {
            VARINT => self.varint().map(drop),
            FIXED_64 => self.take(8).map(drop),
            LENGTH_DELIMITED => self.length_delimited().map(drop),
            GROUP_START => self.skip_group(field),
            FIXED_32 => self.take(4).map(drop),
            _ => Err(Unreadable("a wire type is unknown")),
        }
    }

    /// Skips to the end of the group `field`, without recursion.
    fn skip_group(&mut self, field: u64) -> Result<(), Unreadable> {
        let mut open = vec![field];
        while let Some(&innermost) = open.last() {
            let (field, wire_type) = self.tag()?.ok_or(Unreadable("a group is cut off"))?;
            match wire_type {
                GROUP_START if open.len() == GROUP_DEPTH_MAX => {
                    return Err(Unreadable("groups are nested too deep"));
                }
                GROUP_START => open.push(field),
                GROUP_END if field == innermost => drop(open.pop()),
                GROUP_END => return Err(Unreadable("a group ends that is not open")),
                _ => self.skip(field, wire_type)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put_varint(out: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            out.push((value as u8) | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
        put_varint(out, field << 3 | LENGTH_DELIMITED);
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }

    #[test]
    fn the_name_is_found_and_what_is_unknown_is_skipped() {
        let check = |message: &[u8], expected: Result<&str, Unreadable>| {
            assert_eq!(string_field_1(message), expected, "{message:02x?}");
        };
        check(b"", Ok(""));
        check(b"\x0a\x02if", Ok("if"));
        check(b"\x0a\x01a\x0a\x01b", Ok("b"));
        check(
            b"\x10\x96\x01\x0a\x02if\x19........\x25....\x32\x01x",
            Ok("if"),
        );
        check(b"\x13\x1b\x08\x01\x1c\x14\x0a\x02if", Ok("if"));
    }

    #[test]
    fn what_is_not_the_message_is_refused_with_the_reason() {
        let check = |message: &[u8], reason: &str| {
            assert_eq!(
                string_field_1(message).map_err(Unreadable::reason),
                Err(reason),
                "{message:02x?}"
            );
        };
        check(b"\x08\x01", "field 1 is not a string");
        check(b"\x0d....", "field 1 is not a string");
        check(b"\x0a\x02\xff\xfe", "field 1 is not UTF-8");
        check(b"\x0a\x05if", "a field is cut off");
        check(
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01if",
            "a field is cut off",
        );
        check(b"\x0a", "a number is cut off");
        check(
            b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
            "a number is longer than 10 bytes",
        );
        check(b"\x02\x01x", "a field number is out of range");
        check(b"\x17", "a wire type is unknown");
        check(b"\x14", "a wire type is unknown");
        check(b"\x13\x08\x01", "a group is cut off");
        check(b"\x13\x1c", "a group ends that is not open");
        check(&[0x13; 200], "groups are nested too deep");
        check(b"just text", "a field is cut off");
    }

    #[test]
    fn an_empty_message_may_hold_unknown_fields_but_not_rubbish() {
        assert_eq!(empty(b""), Ok(()));
        assert_eq!(empty(b"\x0a\x02if\x10\x01"), Ok(()));
        assert!(empty(b"\x0a\x09if").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = string_field_1(&bytes);
            let _ = empty(&bytes);
        }

        #[test]
        fn a_name_survives_any_unknown_fields_around_it(
            name in ".{0,64}",
            fields in prop::collection::vec((2_u64..5000, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            at in any::<prop::sample::Index>(),
        ) {
            let at = at.index(fields.len() + 1);
            let mut message = Vec::new();
            for (index, (field, bytes)) in fields.iter().enumerate() {
                if index == at {
                    put_bytes(&mut message, 1, name.as_bytes());
                }
                put_bytes(&mut message, *field, bytes);
            }
            if at == fields.len() {
                put_bytes(&mut message, 1, name.as_bytes());
            }
            prop_assert_eq!(string_field_1(&message), Ok(name.as_str()));
        }
    }
}
