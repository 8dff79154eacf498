//! Records read back into their fields.

use super::{ShmFile, build, build_many, row};
use crate::builder::Row;
use crate::command::Command;
use crate::ids::WireForm;
use crate::segment::Segment;

#[test]
fn a_command_is_read_as_it_was_pushed_in_both_forms() {
    for wire in [WireForm::Standard, WireForm::Lite] {
        let file = ShmFile::new(0);
        let full = Row {
            kind: Some(b"function"),
            interface: Some(br#"[{"item":"a","type":"var"}]"#),
            ..row(1, "añadir", "x = 1\n")
        };
        build(&file, wire, &[full, row(2, "bare", "")]);
        let segment = Segment::open(&file.name).unwrap();
        let command = segment.command("añadir".as_bytes()).unwrap();
        assert_eq!(
            (command.name, command.code, command.kind, command.interface),
            (
                "añadir",
                "x = 1\n",
                "function",
                r#"[{"item":"a","type":"var"}]"#
            )
        );
        assert_eq!(command.hash.len(), 64);
        assert_eq!(segment.command(b"bare").unwrap().code, "");
        assert_eq!(segment.command(b"none"), None);
    }
}

#[test]
fn commands_follow_a_name_whether_it_is_there_or_not() {
    let file = ShmFile::new(0);
    build_many(&file, WireForm::Standard, 100);
    let segment = Segment::open(&file.name).unwrap();
    let names: Vec<&str> = segment.names().collect();
    let after = |name: &str| -> Vec<&str> {
        segment
            .commands_after(name.as_bytes())
            .map(|command| command.name)
            .collect()
    };
    assert_eq!(after(""), names);
    for (rank, name) in names.iter().enumerate() {
        assert_eq!(after(name), names[rank + 1..]);
        assert_eq!(after(&format!("{name}\u{0}")), names[rank + 1..]);
    }
    assert!(after("\u{10ffff}").is_empty());
}

#[test]
fn bytes_that_are_no_record_give_no_command() {
    for wire in [WireForm::Standard, WireForm::Lite] {
        for bytes in [
            &b""[..],
            b"\x0a",
            b"\x0a\xff",
            b"\x0a\x02\xff\xff",
            b"\x0a\x05ab",
        ] {
            assert_eq!(Command::read(bytes, wire), None);
        }
    }
    // Lite code is a package: shorter than its head.
    assert_eq!(Command::read(b"\x0a\x01n\x22\x03abc", WireForm::Lite), None);
}
