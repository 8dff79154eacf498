//! The Huffman code of strings (RFC 7541, section 5.2 and appendix B).
//!
//! The code is canonical: within a length, codes ascend with their symbols, and longer codes follow
//! shorter ones. So the lengths alone make it, and a code is found by its length and its distance
//! from the first code of that length. Codes of up to 8 bits, all of what headers usually hold, are
//! found in one step.

use super::HpackError;

/// Bits of the code of each byte.
const CODE_BITS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
];

const BITS_MAX: usize = 30;

/// All codes of one length.
#[derive(Clone, Copy)]
struct Length {
    /// The first code.
    first: u32,
    /// How many there are.
    count: u32,
    /// Where the symbol of the first lies in `SYMBOLS`.
    symbols_at: u32,
}

const LENGTHS: [Length; BITS_MAX + 1] = lengths();

/// Bytes in the order of their codes.
const SYMBOLS: [u8; 256] = symbols();

/// By the next 8 bits: symbol and bits of its code, 0 bits when the code is longer.
const SHORT: [(u8, u8); 256] = short();

const fn lengths() -> [Length; BITS_MAX + 1] {
    let mut lengths = [Length {
        first: 0,
        count: 0,
        symbols_at: 0,
    }; BITS_MAX + 1];
    let mut symbol = 0;
    while symbol < 256 {
        lengths[CODE_BITS[symbol] as usize].count += 1;
        symbol += 1;
    }
    let (mut bits, mut code, mut symbols_at) = (1, 0, 0);
    while bits <= BITS_MAX {
        code <<= 1;
        lengths[bits].first = code;
        lengths[bits].symbols_at = symbols_at;
        code += lengths[bits].count;
        symbols_at += lengths[bits].count;
        bits += 1;
    }
    lengths
}

const fn symbols() -> [u8; 256] {
    let mut symbols = [0; 256];
    let (mut at, mut bits) = (0, 1);
    while bits <= BITS_MAX {
        let mut symbol = 0;
        while symbol < 256 {
            if CODE_BITS[symbol] as usize == bits {
                symbols[at] = symbol as u8;
                at += 1;
            }
            symbol += 1;
        }
        bits += 1;
    }
    symbols
}

const fn short() -> [(u8, u8); 256] {
    let mut short = [(0, 0); 256];
    let mut bits = 1;
    while bits <= 8 {
        let length = LENGTHS[bits];
        let mut index = 0;
        while index < length.count {
            let code = (length.first + index) << (8 - bits);
            let mut filler = 0;
            while filler < 1 << (8 - bits) {
                short[code as usize + filler] =
                    (SYMBOLS[(length.symbols_at + index) as usize], bits as u8);
                filler += 1;
            }
            index += 1;
        }
        bits += 1;
    }
    short
}

/// Appends what `coded` stands for.
///
/// # Errors
/// EOS inside, padding of more than 7 bits or of anything but ones.
pub fn decode(coded: &[u8], text: &mut Vec<u8>) -> Result<(), HpackError> {
    // The next bits stand at the top of `window`; the rest of it is zeros.
    let (mut window, mut bits) = (0_u64, 0_usize);
    let mut bytes = coded.iter();
    loop {
        while bits <= 56 {
            let Some(byte) = bytes.next() else { break };
            window |= u64::from(*byte) << (56 - bits);
            bits += 8;
        }
        let (symbol, code_bits) = next(window);
        if code_bits == 0 || code_bits > bits {
            return padding(window, bits);
        }
        text.push(symbol);
        window <<= code_bits;
        bits -= code_bits;
    }
}

/// The symbol whose code stands at the top; 0 bits: none.
fn next(window: u64) -> (u8, usize) {
    let (symbol, code_bits) = SHORT[(window >> 56) as usize];
    if code_bits > 0 {
        return (symbol, usize::from(code_bits));
    }
    for (code_bits, length) in LENGTHS.iter().enumerate().skip(9) {
        let index = ((window >> (64 - code_bits)) as u32).wrapping_sub(length.first);
        if index < length.count {
            return (SYMBOLS[(length.symbols_at + index) as usize], code_bits);
        }
    }
    (0, 0)
}

/// What is left after the last symbol: up to 7 bits, all ones (a prefix of EOS).
fn padding(window: u64, bits: usize) -> Result<(), HpackError> {
    let ones = match bits {
        0 => true,
        1..=7 => window >> (64 - bits) == (1 << bits) - 1,
        _ => false,
    };
    if ones {
        Ok(())
    } else {
        Err(HpackError::Huffman)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(text: &[u8]) -> Vec<u8> {
        let (mut coded, mut window, mut bits) = (Vec::new(), 0_u64, 0_u32);
        for byte in text {
            let code_bits = u32::from(CODE_BITS[usize::from(*byte)]);
            let length = LENGTHS[code_bits as usize];
            let rank = SYMBOLS[length.symbols_at as usize..]
                .iter()
                .position(|symbol| symbol == byte)
                .unwrap();
            window = window << code_bits | u64::from(length.first + rank as u32);
            bits += code_bits;
            while bits >= 8 {
                bits -= 8;
                coded.push((window >> bits) as u8);
            }
        }
        if bits > 0 {
            coded.push((window << (8 - bits)) as u8 | (0xFF >> bits));
        }
        coded
    }

    fn decoded(coded: &[u8]) -> Result<Vec<u8>, HpackError> {
        let mut text = Vec::new();
        decode(coded, &mut text).map(|()| text)
    }

    #[test]
    fn the_examples_of_the_rfc_are_decoded() {
        let check = |coded: &[u8], text: &str| {
            assert_eq!(decoded(coded).as_deref(), Ok(text.as_bytes()));
        };
        check(
            &[
                0xF1, 0xE3, 0xC2, 0xE5, 0xF2, 0x3A, 0x6B, 0xA0, 0xAB, 0x90, 0xF4, 0xFF,
            ],
            "www.example.com",
        );
        check(&[0xA8, 0xEB, 0x10, 0x64, 0x9C, 0xBF], "no-cache");
        check(
            &[
                0xD0, 0x7A, 0xBE, 0x94, 0x10, 0x54, 0xD4, 0x44, 0xA8, 0x20, 0x05, 0x95, 0x04, 0x0B,
                0x81, 0x66, 0xE0, 0x82, 0xA6, 0x2D, 0x1B, 0xFF,
            ],
            "Mon, 21 Oct 2013 20:13:21 GMT",
        );
        check(&[], "");
    }

    #[test]
    fn wrong_padding_and_eos_are_errors() {
        for coded in [
            // "a" is 00011: padded with zeros, with eight ones, and EOS itself.
            &[0b0001_1000][..],
            &[0b0001_1111, 0xFF],
            &[0xFF],
            &[0xFF, 0xFF, 0xFF, 0xFF],
            &[0xFF, 0xFF, 0xFF, 0xFC],
        ] {
            assert_eq!(decoded(coded), Err(HpackError::Huffman), "{coded:02x?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_decoded(text in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decoded(&encode(&text)), Ok(text));
        }

        #[test]
        fn no_bytes_make_it_panic(coded in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(text) = decoded(&coded) {
                // There is one way to write a text: padding included.
                prop_assert_eq!(encode(&text), coded);
            }
        }
    }
}
