//! What processes use, from `/proc`: a process with all its descendants (Postgres has one a connection).

use std::collections::BTreeMap;

/// Processor time and memory of the store's processes.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Processor time so far, in seconds, by name.
    pub cpu_s: BTreeMap<&'static str, f64>,
    /// Memory in MB, by name: resident, for Postgres proportional shares (its processes share most of it).
    pub rss_mb: BTreeMap<&'static str, f64>,
}

/// Jiffies a second; Linux has told user space 100 on every platform since 2.6.
const TICKS_PER_S: f64 = 100.0;

/// Looks at all of them now.
pub fn usage(pids: &[(&'static str, u32)]) -> Usage {
    let parents = parents();
    let mut usage = Usage::default();
    for &(name, pid) in pids {
        let family = family(pid, &parents);
        usage.cpu_s.insert(name, family.iter().map(|&pid| cpu_s(pid)).sum());
        let memory = if family.len() > 1 { proportional_mb } else { resident_mb };
        usage.rss_mb.insert(name, family.iter().map(|&pid| memory(pid)).sum());
    }
    usage
}

fn family(root: u32, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut family = vec![root];
    let mut next = 0;
    while next < family.len() {
        let parent = family[next];
        family.extend(parents.iter().filter(|&(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    family
}

fn parents() -> BTreeMap<u32, u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?))).collect()
}

/// The fields of `/proc/<pid>/stat` behind the name, which may contain spaces: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split_whitespace().map(ToOwned::to_owned).collect())
}

fn cpu_s(pid: u32) -> f64 {
    let Some(stat) = stat(pid) else { return 0.0 };
    let ticks = |field: usize| stat.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    // utime, stime, and those of children that have ended.
    (ticks(11) + ticks(12) + ticks(13) + ticks(14)) / TICKS_PER_S
}

fn resident_mb(pid: u32) -> f64 {
    kilobytes(&format!("/proc/{pid}/status"), "VmRSS:") / 1024.0
}

/// The most it ever held; 0 when it has ended.
pub fn peak_mb(pid: u32) -> f64 {
    kilobytes(&format!("/proc/{pid}/status"), "VmHWM:") / 1024.0
}

fn proportional_mb(pid: u32) -> f64 {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:") / 1024.0
}

fn kilobytes(file: &str, field: &str) -> f64 {
    let Ok(text) = std::fs::read_to_string(file) else { return 0.0 };
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}
