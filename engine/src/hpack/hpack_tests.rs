//! The decoder against the RFC's examples, another implementation, and bytes without meaning.

use super::*;
use proptest::prelude::*;

type Field = (Vec<u8>, Vec<u8>);

fn decoded(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Field>, HpackError> {
    let mut fields = Vec::new();
    decoder.decode(block, &mut Strings::default(), |name, value| {
        fields.push((name.to_vec(), value.to_vec()));
    })?;
    Ok(fields)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn fields(expected: &[(&str, &str)]) -> Vec<Field> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    expected
        .iter()
        .map(|(name, value)| (bytes(name), bytes(value)))
        .collect()
}

const REQUESTS: [&[(&str, &str)]; 3] = [
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
];

#[test]
fn requests_without_huffman_are_decoded_rfc_7541_c_3() {
    let mut decoder = Decoder::default();
    for (block, expected) in [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ]
    .into_iter()
    .zip(REQUESTS)
    {
        assert_eq!(decoded(&mut decoder, &hex(block)), Ok(fields(expected)));
    }
}

#[test]
fn requests_with_huffman_are_decoded_rfc_7541_c_4() {
    let mut decoder = Decoder::default();
    for (block, expected) in [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ]
    .into_iter()
    .zip(REQUESTS)
    {
        assert_eq!(decoded(&mut decoder, &hex(block)), Ok(fields(expected)));
    }
}

#[test]
fn responses_with_evictions_are_decoded_rfc_7541_c_6() {
    let mut decoder = Decoder::default();
    decoder.table.resize(256);
    let location = ("location", "https://www.example.com");
    let cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    for (block, expected) in [
        (
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
            vec![
                (":status", "302"),
                ("cache-control", "private"),
                ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
                location,
            ],
        ),
        (
            "4883 640e ffc1 c0bf",
            vec![
                (":status", "307"),
                ("cache-control", "private"),
                ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
                location,
            ],
        ),
        (
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
            vec![
                (":status", "200"),
                ("cache-control", "private"),
                ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
                location,
                ("content-encoding", "gzip"),
                ("set-cookie", cookie),
            ],
        ),
    ] {
        assert_eq!(decoded(&mut decoder, &hex(block)), Ok(fields(&expected)));
    }
}

#[test]
fn what_is_no_block_is_told_by_its_kind() {
    let check = |block: &str, expected| {
        assert_eq!(
            decoded(&mut Decoder::default(), &hex(block)),
            Err(expected),
            "{block}"
        );
    };
    check("80", HpackError::Index);
    check("be", HpackError::Index);
    check("ff ff ff 7f", HpackError::Index);
    check("7f", HpackError::Truncated);
    check("40 05 61", HpackError::Truncated);
    check("00", HpackError::Truncated);
    check("00 81 ff 00", HpackError::Huffman);
    check("82 20", HpackError::SizeUpdate);
    check("3f e2 1f", HpackError::SizeUpdate);
    check("ff ff ff ff ff ff ff", HpackError::IntegerTooLarge);
    // 4096 itself, and two updates at the start, are legal.
    assert_eq!(
        decoded(&mut Decoder::default(), &hex("20 3f e1 1f 82")).map(|fields| fields.len()),
        Ok(1)
    );
}

#[test]
fn a_name_may_come_from_the_entry_that_its_insertion_evicts() {
    let mut decoder = Decoder::default();
    decoder.table.resize(50);
    let mut block = vec![WITH_INDEXING];
    put_string(&mut block, b"evicted-name");
    put_string(&mut block, b"1");
    block.push(WITH_INDEXING + 62);
    put_string(&mut block, b"22");
    let expected = fields(&[("evicted-name", "1"), ("evicted-name", "22")]);
    assert_eq!(decoded(&mut decoder, &block), Ok(expected.clone()));
    assert_eq!(
        decoded(&mut decoder, &[INDEXED + 62]),
        Ok(expected[1..].to_vec())
    );
}

#[test]
fn only_blocks_that_change_the_table_are_counted_as_changes() {
    let mut decoder = Decoder::default();
    let mut block = Vec::new();
    put_indexed(&mut block, static_table::STATUS_200);
    put_named(&mut block, static_table::CONTENT_TYPE, b"application/grpc");
    put_literal(&mut block, "grpc-status", b"0");
    let before = decoder.table_changes();
    let expected = fields(&[
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", "0"),
    ]);
    assert_eq!(decoded(&mut decoder, &block), Ok(expected));
    assert_eq!(decoder.table_changes(), before);
    decoded(&mut decoder, &hex("4001 6101 62")).unwrap();
    assert_ne!(decoder.table_changes(), before);
}

fn field() -> impl Strategy<Value = Field> {
    let name = prop_oneof![
        prop::sample::select(static_table::ENTRIES.to_vec())
            .prop_map(|entry| entry.0.as_bytes().to_vec()),
        prop::collection::vec(b'a'..=b'd', 1..3),
        prop::collection::vec(any::<u8>(), 0..60),
    ];
    (name, prop::collection::vec(any::<u8>(), 0..200))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    #[test]
    fn what_another_implementation_encodes_is_decoded(
        lists in prop::collection::vec(prop::collection::vec(field(), 0..12), 1..12),
    ) {
        let mut encoder = loona_hpack::Encoder::new();
        let mut decoder = Decoder::default();
        for list in lists {
            let block = encoder.encode(list.iter().map(|(name, value)| (&name[..], &value[..])));
            prop_assert_eq!(decoded(&mut decoder, &block), Ok(list));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..20)) {
        let mut decoder = Decoder::default();
        for block in blocks {
            let _ = decoded(&mut decoder, &block);
        }
    }
}
