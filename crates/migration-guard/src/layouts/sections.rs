//! Files that hold both ways, each below a comment that says which.

use std::path::Path;

use crate::Error;
use crate::layouts::folder::{bad, text};

/// The file's text. Behind a byte order mark neither tool sees a comment that begins the file.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let text = text(path)?;
    if text.starts_with('\u{feff}') {
        return Err(bad(path)
            .at(1, 1)
            .because("it begins with a byte order mark, which hides its first line from the tool")
            .with_help("save the file as UTF-8 without a byte order mark"));
    }
    Ok(text)
}

/// The lines of one way; all others are empty, so that line numbers stay those of the file.
#[derive(Debug, Default)]
pub(super) struct Section {
    text: String,
    begun: bool,
}

impl Section {
    /// A line of the file, which belongs to this section or leaves an empty line in it.
    pub(super) fn line(&mut self, line: &str, ours: Belongs) {
        match ours {
            Belongs::Here => {
                self.begun = true;
                self.text.push_str(line);
            }
            Belongs::Elsewhere => {
                let ends = line.ends_with("\r\n");
                self.text.push_str(if ends { "\r\n" } else { "\n" });
            }
        }
    }

    /// Whether the file has this section at all.
    pub(super) fn is_there(&self) -> bool {
        self.begun
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belongs {
    Here,
    Elsewhere,
}

/// What a comment says that begins a line: the text after the dashes.
pub(super) fn remark(line: &str) -> Option<&str> {
    line.strip_prefix("--").map(str::trim)
}

/// The lines with their ends, numbered from 1.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1..).zip(text.split_inclusive('\n'))
}
