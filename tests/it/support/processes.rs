use std::collections::BTreeMap;
use std::path::PathBuf;

/// A living process.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) pid: i32,
    pub(crate) argv: String,
    pub(crate) cwd: Option<PathBuf>,
    /// Its variables that begin with `RIPCORD_`.
    pub(crate) vars: BTreeMap<String, String>,
}

/// Every living process that may be read.
pub(crate) fn processes() -> Vec<Seen> {
    pids().into_iter().filter_map(look).collect()
}

/// The arguments of every living process.
pub(crate) fn argv_of() -> Vec<(i32, String)> {
    pids()
        .into_iter()
        .filter_map(|pid| Some((pid, argv(pid)?)))
        .collect()
}

fn pids() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn argv(pid: i32) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    (!text.is_empty()).then_some(text)
}

fn look(pid: i32) -> Option<Seen> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    if matches!(stat.rsplit_once(") ")?.1.chars().next(), Some('Z' | 'X')) {
        return None;
    }
    let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let vars = environ
        .split(|b| *b == 0)
        .filter(|v| v.starts_with(b"RIPCORD_"))
        .filter_map(|v| {
            let text = String::from_utf8_lossy(v).into_owned();
            text.split_once('=')
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
        })
        .collect();
    Some(Seen {
        pid,
        argv: argv(pid).unwrap_or_default(),
        cwd: std::fs::read_link(format!("/proc/{pid}/cwd")).ok(),
        vars,
    })
}
