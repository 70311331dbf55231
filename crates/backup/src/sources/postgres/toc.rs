//! What `pg_restore` complains about, entry by entry.

/// Kinds of entries whose failure loses nothing: what every new database has already, and
/// comments that only an extension's owner may set.
const HARMLESS: &[&str] = &[
    "SCHEMA public ",
    "COMMENT SCHEMA public",
    "COMMENT EXTENSION ",
];

/// How many complaints are kept of each sort.
const KEPT: usize = 20;

/// Sorts the lines of `pg_restore`'s standard error as they come.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    entry: Option<String>,
    pub(super) harmless: Vec<String>,
    pub(super) harmful: Vec<String>,
    /// How many it says it went past; without that line it gave up.
    pub(super) counted: Option<usize>,
    seen: usize,
    last: String,
}

impl Complaints {
    pub(super) fn line(&mut self, line: &str) {
        if !line.trim().is_empty() {
            line.clone_into(&mut self.last);
        }
        if let Some((_, entry)) = line.split_once("from TOC entry ") {
            // "3; 2615 2200 SCHEMA public postgres"
            let entry = entry.split_once("; ").map_or(entry, |(_, entry)| entry);
            let entry: Vec<&str> = entry.splitn(3, ' ').collect();
            self.entry = entry.get(2).map(|entry| (*entry).to_owned());
        } else if let Some((_, message)) = line.split_once("error: ") {
            self.seen += 1;
            let entry = self.entry.as_deref();
            let harmless =
                entry.is_some_and(|entry| HARMLESS.iter().any(|known| entry.starts_with(known)));
            let text = match entry {
                Some(entry) => format!("{entry}: {message}"),
                None => message.to_owned(),
            };
            let list = if harmless {
                &mut self.harmless
            } else {
                &mut self.harmful
            };
            if list.len() < KEPT {
                list.push(text);
            }
        } else if let Some((_, count)) = line.split_once("errors ignored on restore: ") {
            self.counted = count.trim().parse().ok();
        }
    }

    /// Whether it ran to its end and every complaint was a harmless one.
    pub(super) fn only_harmless(&self) -> bool {
        self.harmful.is_empty() && self.counted == Some(self.seen) && self.seen > 0
    }

    /// Why it failed.
    pub(super) fn reason(&self) -> String {
        if self.harmful.is_empty() {
            return self.last.clone();
        }
        let more = self.seen - self.harmless.len() - self.harmful.len().min(self.seen);
        let mut reason = self.harmful.join("; ");
        if more > 0 {
            reason.push_str(&format!("; and {more} more"));
        }
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Complaints {
        let mut complaints = Complaints::default();
        text.lines().for_each(|line| complaints.line(line));
        complaints
    }

    #[test]
    fn a_schema_that_is_there_already_is_harmless() {
        let said = complaints(
            "pg_restore: while PROCESSING TOC:\n\
             pg_restore: from TOC entry 3; 2615 2200 SCHEMA public postgres\n\
             pg_restore: error: could not execute query: ERROR:  schema \"public\" already exists\n\
             Command was: CREATE SCHEMA public;\n\n\
             pg_restore: warning: errors ignored on restore: 1\n",
        );
        assert!(said.only_harmless(), "{said:?}");
        assert_eq!(said.harmless.len(), 1);
    }

    #[test]
    fn anything_else_is_not() {
        let said = complaints(
            "pg_restore: from TOC entry 3; 2615 2200 SCHEMA public postgres\n\
             pg_restore: error: could not execute query: ERROR:  exists\n\
             pg_restore: from TOC entry 215; 1259 16386 TABLE t postgres\n\
             pg_restore: error: could not execute query: ERROR:  no space left\n\
             pg_restore: warning: errors ignored on restore: 2\n",
        );
        assert!(!said.only_harmless());
        assert!(
            said.reason().contains("TABLE t postgres"),
            "{}",
            said.reason()
        );
    }

    #[test]
    fn giving_up_is_not_harmless() {
        let said = complaints("pg_restore: error: could not read from input file: end of file\n");
        assert!(!said.only_harmless());
        assert!(said.reason().contains("end of file"));
        assert!(!complaints("").only_harmless());
    }
}
