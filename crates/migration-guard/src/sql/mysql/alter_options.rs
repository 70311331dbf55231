//! Table options, which CREATE TABLE, ALTER TABLE and ALTER DATABASE share.

use sqlparser::tokenizer::Token;

use crate::sql::mysql::reader::{Reader, commas};

/// `ENGINE=InnoDB DEFAULT CHARSET utf8mb4 COMMENT 'x'` from here on, commas between them or
/// not, until something else comes: name in lower case and value.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<(String, String)> {
    let mut out = Vec::new();
    loop {
        let before = reader.clone();
        if !out.is_empty() {
            reader.symbol(&Token::Comma);
        }
        match one(reader) {
            Some(option) => out.push(option),
            None => {
                *reader = before;
                return out;
            }
        }
    }
}

pub(super) fn one(reader: &mut Reader<'_>) -> Option<(String, String)> {
    let default = reader.eat("default");
    if reader.eat_all(&["character", "set"])
        || reader.eat_all(&["char", "set"])
        || reader.eat("charset")
    {
        return Some(("charset".to_owned(), reader.setting()?.to_ascii_lowercase()));
    }
    if reader.eat("collate") {
        return Some(("collate".to_owned(), reader.setting()?.to_ascii_lowercase()));
    }
    if reader.eat("encryption") {
        return Some(("encryption".to_owned(), reader.setting()?));
    }
    if default {
        return None;
    }
    if reader.eat_any(&["engine", "type"]) {
        return Some(("engine".to_owned(), reader.setting()?.to_ascii_lowercase()));
    }
    if reader.eat_all(&["data", "directory"]) || reader.eat_all(&["index", "directory"]) {
        return Some(("directory".to_owned(), reader.setting()?));
    }
    if reader.eat("union") {
        reader.symbol(&Token::Eq);
        return Some((
            "union".to_owned(),
            commas(reader.parens()?).len().to_string(),
        ));
    }
    if reader.eat_all(&["read", "only"]) {
        return Some(("read_only".to_owned(), reader.setting()?));
    }
    if reader.eat_all(&["with", "system", "versioning"]) {
        return Some(("system_versioning".to_owned(), String::new()));
    }
    let known = KNOWN.iter().find(|name| reader.eat(name))?;
    Some(((*known).to_owned(), reader.setting()?))
}

const KNOWN: &[&str] = &[
    "auto_increment",
    "autoextend_size",
    "avg_row_length",
    "checksum",
    "comment",
    "compression",
    "connection",
    "delay_key_write",
    "encrypted",
    "encryption_key_id",
    "engine_attribute",
    "ietf_quotes",
    "insert_method",
    "key_block_size",
    "max_rows",
    "min_rows",
    "pack_keys",
    "page_checksum",
    "page_compressed",
    "page_compression_level",
    "password",
    "row_format",
    "secondary_engine",
    "secondary_engine_attribute",
    "sequence",
    "stats_auto_recalc",
    "stats_persistent",
    "stats_sample_pages",
    "storage",
    "tablespace",
    "transactional",
];

/// One option of the text that [`joined`] makes.
pub(crate) fn get<'a>(options: &'a str, name: &str) -> Option<&'a str> {
    options
        .split('\n')
        .find_map(|line| line.split_once('=').filter(|(n, _)| *n == name))
        .map(|(_, value)| value)
}

/// As text for the model: one option a line.
pub(super) fn joined(options: &[(String, String)]) -> String {
    let lines: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace('\n', " ")))
        .collect();
    lines.join("\n")
}
