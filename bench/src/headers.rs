//! Blocks of headers: what of them counts, decoded once where that is sound.

use std::borrow::Cow;
use std::rc::Rc;

use loona_hpack::Decoder;

use crate::request::TABLE_BYTES_DEFAULT;

/// A block that leaves the dynamic table as it is means the same until the table changes. A steady
/// server sends two such blocks for ever.
const REMEMBERED_MAX: usize = 16;
const REMEMBERED_BYTES_MAX: usize = 256;
/// Generation, hyphen, 32 digits; longer is no version of ours.
const VERSION_BYTES_MAX: usize = 64;

/// What counts in a block of headers.
pub trait Meaning: Default {
    /// Takes a field.
    fn note(&mut self, name: &[u8], value: &[u8]);
}

/// What counts in a block of a reply's headers or trailers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// `:status`.
    pub http_status: Option<u16>,
    /// Whether `content-type` is that of gRPC.
    pub is_grpc: bool,
    pub grpc_status: Option<u16>,
    pub version: Option<CatalogVersion>,
}

/// `avap-catalog-version`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct CatalogVersion {
    pub generation: u64,
    /// `<generation>-<digest>`, as sent.
    pub text: String,
}

impl CatalogVersion {
    fn parse(text: &str) -> Option<Self> {
        let (generation, _) = text.split_once('-')?;
        (text.len() <= VERSION_BYTES_MAX).then_some(())?;
        Some(Self {
            generation: generation.parse().ok()?,
            text: text.to_owned(),
        })
    }

    /// The hexadecimal digits.
    pub fn digest(&self) -> &str {
        self.text.split_once('-').map_or("", |(_, digest)| digest)
    }
}

/// The decoder of one connection.
pub struct Blocks<M> {
    decoder: Decoder<'static>,
    remembered: Vec<(Box<[u8]>, Rc<M>)>,
}

impl<M: Meaning> Blocks<M> {
    pub fn new() -> Self {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(TABLE_BYTES_DEFAULT as usize);
        Self {
            decoder,
            remembered: Vec::new(),
        }
    }

    /// Decodes one whole block. An error ends the connection: its table is lost.
    pub fn decode(&mut self, block: &[u8]) -> Result<Rc<M>, &'static str> {
        let mut remembered = self.remembered.iter();
        if let Some((_, meaning)) = remembered.find(|(known, _)| **known == *block) {
            return Ok(Rc::clone(meaning));
        }
        self.decode_anew(block)
    }

    #[cold]
    fn decode_anew(&mut self, block: &[u8]) -> Result<Rc<M>, &'static str> {
        let mut meaning = M::default();
        self.decoder
            .decode_with_cb(block, |name: Cow<[u8]>, value: Cow<[u8]>| {
                meaning.note(&name, &value);
            })
            .map_err(|_| "a block of headers cannot be decoded")?;
        let meaning = Rc::new(meaning);
        if leaves_table(block).is_none() {
            self.remembered.clear();
        } else if self.remembered.len() < REMEMBERED_MAX && block.len() <= REMEMBERED_BYTES_MAX {
            self.remembered.push((block.into(), Rc::clone(&meaning)));
        }
        Ok(meaning)
    }
}

/// `Some`: nothing but indexes and literals that are not added to the table (RFC 7541, section 6).
fn leaves_table(mut block: &[u8]) -> Option<()> {
    while let Some(&first) = block.first() {
        match first {
            0x80.. => block = after_integer(block, 7)?.1,
            0x20..0x80 => return None, // added to the table, or the table resized
            _ => {
                let (index, rest) = after_integer(block, 4)?;
                block = if index == 0 {
                    after_string(rest)?
                } else {
                    rest
                };
                block = after_string(block)?;
            }
        }
    }
    Some(())
}

/// A number that starts with the low bits of the first byte, and what follows it (section 5.1).
fn after_integer(bytes: &[u8], prefix_bits: u8) -> Option<(usize, &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    let most = (1_usize << prefix_bits) - 1;
    let mut value = usize::from(first) & most;
    if value < most {
        return Some((value, rest));
    }
    for shift in [0, 7, 14, 21] {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        value += usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

fn after_string(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = after_integer(bytes, 7)?;
    rest.get(length..)
}

impl Meaning for Fields {
    fn note(&mut self, name: &[u8], value: &[u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default();
        match name {
            b":status" => self.http_status = text.parse().ok(),
            b"content-type" => self.is_grpc = text.starts_with("application/grpc"),
            b"grpc-status" => self.grpc_status = text.parse().ok(),
            b"avap-catalog-version" => self.version = CatalogVersion::parse(text),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(pattern: u8, name: &str, value: &str) -> Vec<u8> {
        let mut block = vec![pattern, name.len() as u8];
        block.extend_from_slice(name.as_bytes());
        block.push(value.len() as u8);
        block.extend_from_slice(value.as_bytes());
        block
    }

    #[test]
    fn an_index_means_what_the_table_says_now() {
        let mut blocks = Blocks::<Fields>::new();
        let generation =
            |fields: &Fields| fields.version.as_ref().map(|version| version.generation);
        let first = blocks
            .decode(&literal(0x40, "avap-catalog-version", "7-abc"))
            .unwrap();
        assert_eq!(generation(&first), Some(7));
        assert_eq!(first.version.as_ref().unwrap().digest(), "abc");
        for _ in 0..3 {
            assert_eq!(generation(&blocks.decode(&[0x88, 0xBE]).unwrap()), Some(7));
        }
        blocks
            .decode(&literal(0x40, "avap-catalog-version", "8-abc"))
            .unwrap();
        let after = blocks.decode(&[0x88, 0xBE]).unwrap();
        assert_eq!(
            (after.http_status, generation(&after)),
            (Some(200), Some(8))
        );
    }

    #[test]
    fn only_a_block_that_leaves_the_table_alone_is_remembered() {
        let long = "x".repeat(REMEMBERED_BYTES_MAX);
        let remembered = |block: &[u8]| {
            let mut blocks = Blocks::<Fields>::new();
            blocks.decode(block).unwrap();
            blocks.remembered.len()
        };
        assert_eq!(remembered(&literal(0x00, "grpc-status", "0")), 1);
        assert_eq!(remembered(&literal(0x10, "grpc-status", "0")), 1);
        assert_eq!(remembered(&[0x88, 0x0F, 0x10, 0x01, b'x']), 1); // content-type, a name beyond the prefix
        assert_eq!(remembered(&literal(0x40, "grpc-status", "0")), 0);
        assert_eq!(
            remembered(&[&[0x88][..], &literal(0x40, "a", "b")].concat()),
            0
        );
        assert_eq!(remembered(&[0x3F, 0xE1, 0x1F, 0x88]), 0); // the table's size: 4096
        assert_eq!(
            remembered(&[&[0x08, 0x7F, 0x81, 0x01][..], long.as_bytes()].concat()),
            0
        );
    }

    #[test]
    fn no_more_is_remembered_than_the_limit() {
        let mut blocks = Blocks::<Fields>::new();
        for number in 0..2 * REMEMBERED_MAX {
            let fields = blocks.decode(&literal(0x00, "grpc-status", &number.to_string()));
            assert_eq!(fields.unwrap().grpc_status, Some(number as u16));
        }
        assert_eq!(blocks.remembered.len(), REMEMBERED_MAX);
    }

    #[test]
    fn a_table_over_our_setting_is_refused() {
        blocks_refuse(&[0x3F, 0xE2, 0x1F]); // 4097
        blocks_refuse(&[0xE4]); // no such entry
    }

    fn blocks_refuse(block: &[u8]) {
        Blocks::<Fields>::new()
            .decode(&[block, &[0x88]].concat())
            .unwrap_err();
    }
}
