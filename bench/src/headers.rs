//! Blocks of reply headers: what of them counts, decoded once where that is sound.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use loona_hpack::Decoder;

use crate::request::TABLE_BYTES_DEFAULT;

/// A block made of nothing but one-byte indexes leaves the dynamic table as it is, so until the
/// table changes the same bytes mean the same. A steady server sends two such blocks for ever.
const REMEMBERED_MAX: usize = 64;

/// What counts in a block of headers or trailers.
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
pub struct Blocks {
    decoder: Decoder<'static>,
    remembered: HashMap<Vec<u8>, Rc<Fields>>,
}

impl Blocks {
    pub fn new() -> Self {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(TABLE_BYTES_DEFAULT as usize);
        Self {
            decoder,
            remembered: HashMap::new(),
        }
    }

    /// Decodes one whole block. An error ends the connection: its table is lost.
    pub fn decode(&mut self, block: &[u8]) -> Result<Rc<Fields>, &'static str> {
        if let Some(fields) = self.remembered.get(block) {
            return Ok(Rc::clone(fields));
        }
        let mut fields = Fields::default();
        self.decoder
            .decode_with_cb(block, |name: Cow<[u8]>, value: Cow<[u8]>| {
                fields.note(&name, &value);
            })
            .map_err(|_| "a block of headers cannot be decoded")?;
        let fields = Rc::new(fields);
        if !block.iter().all(|byte| (0x81..0xFF).contains(byte)) {
            self.remembered.clear();
        } else if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.insert(block.to_vec(), Rc::clone(&fields));
        }
        Ok(fields)
    }
}

impl Fields {
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
        let mut blocks = Blocks::new();
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
    fn a_table_over_our_setting_is_refused() {
        blocks_refuse(&[0x3F, 0xE2, 0x1F]); // 4097
        blocks_refuse(&[0xE4]); // no such entry
    }

    fn blocks_refuse(block: &[u8]) {
        Blocks::new()
            .decode(&[block, &[0x88]].concat())
            .unwrap_err();
    }
}
