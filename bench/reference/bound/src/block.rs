//! Whether a block of headers leaves the dynamic table as it is (RFC 7541, section 6).

/// Nothing but indexed fields and literals that are not indexed: until another block comes, the same bytes mean the
/// same. A block that cannot be read, or changes the table's size, is none of those.
pub fn leaves_table(mut block: &[u8]) -> bool {
    while let Some(&first) = block.first() {
        let read = match first {
            0x80.. => integer(block, 0x7F).map(|(_, rest)| rest),
            0x00..0x20 => integer(block, 0x0F).and_then(|(name, rest)| {
                let rest = if name == 0 { string(rest)? } else { rest };
                string(rest)
            }),
            _ => None,
        };
        match read {
            Some(rest) => block = rest,
            None => return false,
        }
    }
    true
}

/// What follows a string (section 5.2).
fn string(block: &[u8]) -> Option<&[u8]> {
    let (length, rest) = integer(block, 0x7F)?;
    rest.get(length..)
}

/// An integer (section 5.1) of at most four bytes, and what follows it.
fn integer(block: &[u8], prefix: u8) -> Option<(usize, &[u8])> {
    let (&first, mut rest) = block.split_first()?;
    let mut value = usize::from(first & prefix);
    if value < usize::from(prefix) {
        return Some((value, rest));
    }
    for shift in [0, 7, 14] {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        value += usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}
