//! Is there room? Asked before memory is taken, because shared memory that the host does not
//! have ends in SIGBUS or in the OOM killer, and a refused build ends in nothing worse than an
//! old version.
//!
//! Three limits, the smallest counts: free space of `/dev/shm`, `MemAvailable`, and the memory
//! limits of every control group on the way to the root. The reserve is kept back from the
//! memory limits, where others would suffer; a small `/dev/shm` may be filled.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Component, Path};

/// Which limit is the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Free space of the shared-memory file system.
    Shm,
    /// What the kernel can give without swapping.
    Memory,
    /// The control group's limit.
    Cgroup,
}

impl Limit {
    /// The name in errors and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shm => "shm",
            Self::Memory => "memory",
            Self::Cgroup => "cgroup",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Shm => "enlarge /dev/shm (mount -o remount,size=…) or remove what fills it",
            Self::Memory => "free memory on this host",
            Self::Cgroup => "raise the memory limit of the service or container",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Bytes that each limit leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free space of `/dev/shm`; `u64::MAX` when it has no limit of its own.
    pub shm: u64,
    /// `MemAvailable`.
    pub memory: u64,
    /// The tightest control group; `None` when none has a limit.
    pub cgroup: Option<u64>,
}

impl Room {
    /// What can be taken when `reserve_bytes` of memory stay free, and which limit says so.
    #[must_use]
    pub fn usable(&self, reserve_bytes: u64) -> (u64, Limit) {
        let mut tightest = (self.shm, Limit::Shm);
        let memory = self.memory.saturating_sub(reserve_bytes);
        if memory < tightest.0 {
            tightest = (memory, Limit::Memory);
        }
        if let Some(cgroup) = self.cgroup.map(|bytes| bytes.saturating_sub(reserve_bytes))
            && cgroup < tightest.0
        {
            tightest = (cgroup, Limit::Cgroup);
        }
        tightest
    }
}

/// Why memory is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// A limit is too tight.
    #[error(
        "no room in {limit}: {needed} bytes needed, {available} available (a reserve of {reserve} kept back); {}",
        limit.advice()
    )]
    NoRoom {
        /// Bytes asked for.
        needed: u64,
        /// Bytes that could be had.
        available: u64,
        /// Bytes kept back from the memory limits.
        reserve: u64,
        /// The limit in the way.
        limit: Limit,
    },
    /// The limits could not be read.
    #[error("cannot find out how much room there is: {0}")]
    System(#[from] io::Error),
}

/// Reads the three limits. `shm` is the mount point of shared memory.
///
/// # Errors
/// When `statvfs` or `/proc/meminfo` fail. Control groups that cannot be read do not limit.
pub fn available(shm: &Path) -> io::Result<Room> {
    let stats = rustix::fs::statvfs(shm)?;
    // tmpfs without a size reports no blocks at all.
    let shm = if stats.f_blocks == 0 {
        u64::MAX
    } else {
        stats.f_bavail.saturating_mul(stats.f_frsize)
    };
    let meminfo = fs::read_to_string("/proc/meminfo")?;
    let memory = mem_available(&meminfo)
        .ok_or_else(|| io::Error::other("/proc/meminfo has no MemAvailable"))?;
    let cgroup = fs::read_to_string("/proc/self/cgroup")
        .ok()
        .and_then(|membership| cgroup_room(&membership, Path::new("/sys/fs/cgroup")));
    Ok(Room {
        shm,
        memory,
        cgroup,
    })
}

/// Refuses `needed_bytes` more if the limits, less the reserve, do not hold them.
///
/// # Errors
/// [`RoomError::NoRoom`] names the limit.
pub fn check(needed_bytes: u64, reserve_bytes: u64) -> Result<(), RoomError> {
    let room = available(Path::new(crate::mapping::SHM_DIRECTORY))?;
    let (available, limit) = room.usable(reserve_bytes);
    if needed_bytes > available {
        return Err(RoomError::NoRoom {
            needed: needed_bytes,
            available,
            reserve: reserve_bytes,
            limit,
        });
    }
    Ok(())
}

fn mem_available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The tightest control group among those this process is in and their ancestors.
/// `membership` is `/proc/self/cgroup`, `root` where the hierarchies are mounted.
fn cgroup_room(membership: &str, root: &Path) -> Option<u64> {
    let mut tightest: Option<u64> = None;
    for line in membership.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let found = if controllers.is_empty() {
            hierarchy_room(root, path, v2_room)
        } else if controllers
            .split(',')
            .any(|controller| controller == "memory")
        {
            hierarchy_room(&root.join("memory"), path, v1_room)
        } else {
            None
        };
        tightest = tightest.into_iter().chain(found).min();
    }
    tightest
}

/// The smallest room of a group and its ancestors. Inside a container the path may not exist
/// under the mount (it is the host's): then only what exists is asked, the mount itself last.
fn hierarchy_room(mount: &Path, path: &str, room: fn(&Path) -> Option<u64>) -> Option<u64> {
    let below: std::path::PathBuf = Path::new(path)
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    below
        .ancestors()
        .filter_map(|group| room(&mount.join(group)))
        .min()
}

fn v2_room(group: &Path) -> Option<u64> {
    // Above memory.high a group is throttled until it has given memory back, and shared memory
    // without swap cannot be given back: it is a limit for us like memory.max.
    let limits = ["memory.max", "memory.high"];
    let limit = limits
        .iter()
        .filter_map(|file| number_in(&group.join(file)))
        .min()?;
    Some(room_under(
        limit,
        number_in(&group.join("memory.current"))?,
        group,
        "inactive_file",
    ))
}

fn v1_room(group: &Path) -> Option<u64> {
    let limit = number_in(&group.join("memory.limit_in_bytes"))?;
    if limit > i64::MAX.cast_unsigned() / 2 {
        return None; // v1 writes "no limit" as a huge number
    }
    Some(room_under(
        limit,
        number_in(&group.join("memory.usage_in_bytes"))?,
        group,
        "total_inactive_file",
    ))
}

/// Page cache that nobody touched lately counts as used but is given back on demand.
fn room_under(limit: u64, used: u64, group: &Path, reclaimable_key: &str) -> u64 {
    let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let reclaimable = stat
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(key, _)| *key == reclaimable_key)
        .and_then(|(_, value)| value.parse::<u64>().ok())
        .unwrap_or(0);
    limit.saturating_sub(used.saturating_sub(reclaimable))
}

/// The number in a file; `None` for "max", and when there is no such file.
fn number_in(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(root: &Path, path: &str, files: &[(&str, &str)]) {
        let directory = root.join(path);
        fs::create_dir_all(&directory).unwrap();
        for (name, content) in files {
            fs::write(directory.join(name), content).unwrap();
        }
    }

    #[test]
    fn this_host_has_room_for_a_page() {
        let room = available(Path::new("/dev/shm")).unwrap();
        assert!(room.memory > 4096, "{room:?}");
        check(4096, 0).unwrap();
    }

    #[test]
    fn the_error_names_the_tightest_limit() {
        let room = Room {
            shm: 300,
            memory: 1000,
            cgroup: Some(500),
        };
        assert_eq!(room.usable(0), (300, Limit::Shm));
        assert_eq!(room.usable(250), (250, Limit::Cgroup));
        assert_eq!(
            Room {
                cgroup: None,
                ..room
            }
            .usable(900),
            (100, Limit::Memory)
        );
        assert_eq!(room.usable(5000), (0, Limit::Memory));

        let error = check(1 << 60, 0).unwrap_err().to_string();
        assert!(error.starts_with("no room in "), "{error}");
    }

    #[test]
    fn an_ancestor_group_limits_too() {
        let root = tempfile::tempdir().unwrap();
        group(root.path(), "", &[("memory.current", "1\n")]);
        group(
            root.path(),
            "a",
            &[("memory.max", "1000\n"), ("memory.current", "900\n")],
        );
        group(
            root.path(),
            "a/b",
            &[
                ("memory.max", "max\n"),
                ("memory.high", "max\n"),
                ("memory.current", "10\n"),
            ],
        );
        assert_eq!(cgroup_room("0::/a/b\n", root.path()), Some(100));
        assert_eq!(cgroup_room("0::/\n", root.path()), None);
    }

    #[test]
    fn the_page_cache_of_a_group_counts_as_room() {
        let root = tempfile::tempdir().unwrap();
        let stat = "anon 5\ninactive_file 850\n";
        group(
            root.path(),
            "a",
            &[
                ("memory.max", "1000"),
                ("memory.current", "900"),
                ("memory.stat", stat),
            ],
        );
        assert_eq!(cgroup_room("0::/a", root.path()), Some(950));
    }

    #[test]
    fn memory_high_limits_like_memory_max() {
        let root = tempfile::tempdir().unwrap();
        group(
            root.path(),
            "a",
            &[
                ("memory.max", "1000"),
                ("memory.high", "700"),
                ("memory.current", "100"),
            ],
        );
        assert_eq!(cgroup_room("0::/a", root.path()), Some(600));
    }

    #[test]
    fn version_one_groups_are_read_and_may_be_unlimited() {
        let root = tempfile::tempdir().unwrap();
        let unlimited = [
            ("memory.limit_in_bytes", "9223372036854771712"),
            ("memory.usage_in_bytes", "5"),
        ];
        group(root.path(), "memory", &unlimited);
        group(
            root.path(),
            "memory/s",
            &[
                ("memory.limit_in_bytes", "100"),
                ("memory.usage_in_bytes", "40"),
            ],
        );
        let membership = "5:cpu,cpuacct:/s\n3:memory:/s\n0::/s\n";
        assert_eq!(cgroup_room(membership, root.path()), Some(60));
        assert_eq!(cgroup_room("3:memory:/\n", root.path()), None);
    }

    #[test]
    fn a_container_that_sees_the_hosts_path_falls_back_to_its_mount() {
        let root = tempfile::tempdir().unwrap();
        group(
            root.path(),
            "",
            &[("memory.max", "500"), ("memory.current", "100")],
        );
        assert_eq!(cgroup_room("0::/docker/123\n", root.path()), Some(400));
        assert_eq!(cgroup_room("0::/../../other\n", root.path()), Some(400));
    }
}
