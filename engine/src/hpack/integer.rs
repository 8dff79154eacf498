//! Integers with a prefix (RFC 7541, section 5.1).

use super::HpackError;

/// Continuation bytes that are read. Four of them reach 2^28, far beyond any length that a header
/// block can have; the fifth allows for an encoder that pads.
const CONTINUATIONS_MAX: usize = 5;

/// Largest value that is accepted: longer than any block.
const VALUE_MAX: u64 = 1 << 28;

/// Reads an integer whose first byte has a prefix of `prefix_bits`; gives it and what follows.
pub fn read(block: &[u8], prefix_bits: u32) -> Result<(usize, &[u8]), HpackError> {
    let (&first, mut rest) = block.split_first().ok_or(HpackError::Truncated)?;
    let mask = (1_u8 << (prefix_bits - 1) << 1).wrapping_sub(1);
    let prefix = first & mask;
    if prefix < mask {
        return Ok((usize::from(prefix), rest));
    }
    let mut value = u64::from(prefix);
    for index in 0..CONTINUATIONS_MAX {
        let (&byte, after) = rest.split_first().ok_or(HpackError::Truncated)?;
        rest = after;
        value += u64::from(byte & 0x7F) << (7 * index);
        if value > VALUE_MAX {
            return Err(HpackError::IntegerTooLarge);
        }
        if byte < 0x80 {
            return Ok((value as usize, rest));
        }
    }
    Err(HpackError::IntegerTooLarge)
}

/// Appends `value` behind `pattern`, whose low `prefix_bits` are free.
pub fn put(block: &mut Vec<u8>, pattern: u8, prefix_bits: u32, value: usize) {
    let mask = (1_usize << prefix_bits) - 1;
    if value < mask {
        block.push(pattern | value as u8);
        return;
    }
    block.push(pattern | mask as u8);
    let mut rest = value - mask;
    while rest >= 0x80 {
        block.push((rest as u8) | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        assert_eq!(read(&[0b1110_1010], 5), Ok((10, &[][..])));
        assert_eq!(read(&[0xFF, 0x9A, 0x0A, 7], 5), Ok((1337, &[7][..])));
        assert_eq!(read(&[42], 8), Ok((42, &[][..])));
    }

    #[test]
    fn cut_off_and_over_long_integers_are_errors() {
        assert_eq!(read(&[], 7), Err(HpackError::Truncated));
        assert_eq!(read(&[0x7F, 0x80], 7), Err(HpackError::Truncated));
        assert_eq!(
            read(&[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], 7),
            Err(HpackError::IntegerTooLarge)
        );
        assert_eq!(
            read(&[0x7F, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0], 7),
            Err(HpackError::IntegerTooLarge)
        );
    }

    proptest! {
        #[test]
        fn what_is_put_is_read(value in 0_usize..1 << 24, prefix_bits in 1_u32..=8) {
            let mut block = Vec::new();
            put(&mut block, 0, prefix_bits, value);
            prop_assert_eq!(read(&block, prefix_bits), Ok((value, &[][..])));
        }
    }
}
