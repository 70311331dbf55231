//! Which kinds of objects a dump names.

/// What is in one database. Roles, tablespaces, databases, the server's settings are not.
pub(super) const OBJECTS: &[&str] = &[
    "ACCESS METHOD",
    "AGGREGATE",
    "CAST",
    "COLLATION",
    "CONVERSION",
    "DOMAIN",
    "EVENT TRIGGER",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "FUNCTION",
    "INDEX",
    "LANGUAGE",
    "LARGE OBJECT",
    "MATERIALIZED VIEW",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "OPERATOR",
    "POLICY",
    "PROCEDURAL LANGUAGE",
    "PROCEDURE",
    "PUBLICATION",
    "RULE",
    "SCHEMA",
    "SEQUENCE",
    "SERVER",
    "STATISTICS",
    "SUBSCRIPTION",
    "TABLE",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "TRANSFORM",
    "TRIGGER",
    "TYPE",
    "USER MAPPING",
    "VIEW",
];

/// What is made and dropped, but never altered: an update would run a script of the server's.
pub(super) const EXTENSION: &str = "EXTENSION";

/// What only comments and labels are on.
pub(super) const PARTS: &[&str] = &["COLUMN", "CONSTRAINT", EXTENSION];

/// What stands between `CREATE` and the kind of the object.
pub(super) const ADJECTIVES: &[&str] = &["CONSTRAINT", "DEFAULT", "TRUSTED", "UNIQUE", "UNLOGGED"];

/// What rights are on. Those on a database are not in a dump of it.
pub(super) const WITH_RIGHTS: &[&str] = &[
    "DOMAIN",
    "FOREIGN DATA WRAPPER",
    "FOREIGN SERVER",
    "FUNCTION",
    "LANGUAGE",
    "LARGE OBJECT",
    "PROCEDURE",
    "ROUTINE",
    "SCHEMA",
    "SEQUENCE",
    "TABLE",
    "TYPE",
];

/// Settings that dumps change. None of them outlives the session.
pub(super) const SETTINGS: &[&str] = &[
    "check_function_bodies",
    "client_encoding",
    "client_min_messages",
    "default_table_access_method",
    "default_tablespace",
    "default_with_oids",
    "escape_string_warning",
    "idle_in_transaction_session_timeout",
    "lock_timeout",
    "row_security",
    "search_path",
    "standard_conforming_strings",
    "statement_timeout",
    "transaction_timeout",
    "xmloption",
];

/// Encodings in which an ASCII byte is always that letter. In the others one may be the second
/// half of another letter, and text would end where `psql` alone knows.
pub(super) fn is_plain_encoding(name: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "UTF8",
        "UNICODE",
        "SQLASCII",
        "LATIN",
        "ISO8859",
        "WIN",
        "KOI8",
        "EUC",
        "MULEINTERNAL",
    ];
    let known = |letter: char| letter.is_ascii_alphanumeric() || "_- ".contains(letter);
    if !name.chars().all(known) {
        return false;
    }
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    // The names of Shift JIS and its like that begin in the same way.
    const NOT: &[&str] = &["WIN932", "WIN936", "WIN949", "WIN950", "WINDOWS9"];
    BEGINNINGS.iter().any(|begin| name.starts_with(begin))
        && !NOT.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_with_ascii_in_the_middle_of_letters() {
        for plain in [
            "UTF8",
            "utf-8",
            "SQL_ASCII",
            "LATIN1",
            "WIN1252",
            "EUC_JP",
            "KOI8R",
        ] {
            assert!(is_plain_encoding(plain), "{plain}");
        }
        for other in [
            "SJIS",
            "SHIFT_JIS_2004",
            "BIG5",
            "GBK",
            "UHC",
            "GB18030",
            "JOHAB",
            "WIN932",
            "Win950",
            "Windows949",
            "UTF8'",
            "",
        ] {
            assert!(!is_plain_encoding(other), "{other}");
        }
    }
}
