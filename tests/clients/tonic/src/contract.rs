//! The wire contract as the .proto files state it, and calls whose replies are kept as they came.

use bytes::{Buf, BufMut, Bytes};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// The form `standard`.
#[allow(clippy::all, clippy::pedantic, dead_code)] // generated
pub mod standard {
    include!(concat!(env!("OUT_DIR"), "/standard/avap.rs"));
}

/// The form `lite`.
#[allow(clippy::all, clippy::pedantic, dead_code)] // generated
pub mod lite {
    include!(concat!(env!("OUT_DIR"), "/lite/avap.rs"));
}

/// Messages as bytes, in both directions.
#[derive(Default)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
