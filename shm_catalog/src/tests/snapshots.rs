//! A snapshot gives back exactly the segment it was made of, or says why not.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{ShmFile, build_many};
use crate::ids::{SegmentId, WireForm};
use crate::room::RoomError;
use crate::segment::Segment;
use crate::snapshot::{SnapshotError, SnapshotInfo, TRAILER_BYTES, probe, restore, write};

fn snapshot(directory: &Path, wire: WireForm) -> (ShmFile, PathBuf) {
    let file = ShmFile::new(0);
    build_many(&file, wire, 60);
    let path = directory.join("catalog.snapshot");
    write(&file.name, &path).unwrap();
    (file, path)
}

fn restored(path: &Path) -> Result<(ShmFile, SnapshotInfo), SnapshotError> {
    let file = ShmFile::new(3);
    let result = restore(path, &file.name, SegmentId(99), 0);
    if result.is_err() {
        assert!(file.bytes().len() <= 3, "memory is given back");
    }
    Ok((file, result?))
}

#[test]
fn a_snapshot_restores_to_the_same_content_under_a_new_id() {
    for wire in [WireForm::Standard, WireForm::Lite] {
        let directory = tempfile::tempdir().unwrap();
        let (original, path) = snapshot(directory.path(), wire);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "nothing else is left"
        );

        let (copy, info) = restored(&path).unwrap();
        let (before, after) = (
            Segment::open(&original.name).unwrap(),
            Segment::open(&copy.name).unwrap(),
        );
        after.verify().unwrap();
        assert_eq!((before.id(), after.id()), (SegmentId(7), SegmentId(99)));
        assert_eq!(before.sync_body(), after.sync_body());
        assert_eq!(
            (before.digest(), before.created_at_ms()),
            (after.digest(), after.created_at_ms())
        );
        assert_eq!(probe(&path).unwrap(), info);
        let expected = (after.len(), after.digest(), 60, wire, after.created_at_ms());
        assert_eq!(
            (
                info.bytes,
                info.digest,
                info.commands,
                info.wire,
                info.created_at_ms
            ),
            expected
        );
    }
}

#[test]
fn a_new_snapshot_replaces_the_old_one_and_what_a_crash_left() {
    let directory = tempfile::tempdir().unwrap();
    let (_first, path) = snapshot(directory.path(), WireForm::Standard);
    fs::write(
        directory.path().join("catalog.snapshot.new"),
        b"half a snapsh",
    )
    .unwrap();
    let second = ShmFile::new(0);
    let report = build_many(&second, WireForm::Standard, 3);
    write(&second.name, &path).unwrap();
    assert_eq!(probe(&path).unwrap().digest, report.digest);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn damage_anywhere_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let (_segment, path) = snapshot(directory.path(), WireForm::Lite);
    let good = fs::read(&path).unwrap();
    // Header, padding, records, index, names, trailer: every 13th byte and all of both ends.
    let ends = (0..200).chain(good.len() - 200..good.len());
    for at in ends.chain((200..good.len() - 200).step_by(13)) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&path, &bad).unwrap();
        let error = restored(&path)
            .err()
            .unwrap_or_else(|| panic!("byte {at} of {}", good.len()));
        assert!(
            matches!(error, SnapshotError::Damaged { .. }),
            "byte {at}: {error}"
        );
    }
}

#[test]
fn a_snapshot_cut_short_or_grown_is_noticed_by_a_mere_look() {
    let directory = tempfile::tempdir().unwrap();
    let (_segment, path) = snapshot(directory.path(), WireForm::Standard);
    let good = fs::read(&path).unwrap();
    let lengths = [
        0,
        1,
        TRAILER_BYTES - 1,
        TRAILER_BYTES,
        200,
        4096,
        5000,
        good.len() - TRAILER_BYTES,
        good.len() - 1,
    ];
    let cut = lengths.map(|bytes| good[..bytes].to_vec());
    for bad in cut.into_iter().chain([
        [&good[..], b"x"].concat(),
        b"not a snapshot at all".repeat(1000),
    ]) {
        fs::write(&path, &bad).unwrap();
        for error in [probe(&path).unwrap_err(), restored(&path).err().unwrap()] {
            assert!(
                matches!(error, SnapshotError::Damaged { .. }),
                "{} bytes: {error}",
                bad.len()
            );
        }
    }
}

#[test]
fn only_a_file_that_nobody_else_could_write_is_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let (_segment, path) = snapshot(directory.path(), WireForm::Standard);
    let untrusted = |path: &Path, reason: &str| {
        let error = probe(path).unwrap_err();
        assert!(matches!(&error, SnapshotError::Untrusted { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    };
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        untrusted(&path, "others may write it");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    probe(&path).unwrap();

    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    untrusted(&link, "symbolic link");
    untrusted(directory.path(), "not a regular file");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        untrusted(&path, "it belongs to user 65534");
    } else {
        // /etc/passwd belongs to root and nobody else writes it.
        untrusted(Path::new("/etc/passwd"), "it belongs to user 0");
    }
}

#[test]
fn a_missing_snapshot_is_not_a_damaged_one() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(
        probe(&directory.path().join("none")),
        Err(SnapshotError::Missing(_))
    ));
}

#[test]
fn a_full_disk_is_named_and_leaves_the_old_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let (segment, path) = snapshot(directory.path(), WireForm::Standard);
    let before = fs::read(&path).unwrap();
    // The file to be written is a directory that is not empty: it can be neither removed nor made.
    let new = directory.path().join("catalog.snapshot.new");
    fs::create_dir(&new).unwrap();
    fs::write(new.join("x"), b"").unwrap();
    assert!(matches!(
        write(&segment.name, &path),
        Err(SnapshotError::System { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), before);

    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let error = crate::snapshot::write_to(&full, &before).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert!(matches!(
        crate::snapshot::write_error(&path, 1, error),
        SnapshotError::DiskFull { .. }
    ));
}

#[test]
fn no_room_for_the_segment_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    let (_segment, path) = snapshot(directory.path(), WireForm::Standard);
    let file = ShmFile::new(0);
    let error = restore(&path, &file.name, SegmentId(1), 1 << 60).unwrap_err();
    assert!(
        matches!(error, SnapshotError::Room(RoomError::NoRoom { .. })),
        "{error}"
    );
    assert_eq!(file.bytes().len(), 0);
}
