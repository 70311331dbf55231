//! The few settings that lie in files beside migrations: a key, `=` and a value on one line.

/// The value of `key` with the line it stands in, without quotes and comments behind it.
///
/// # Errors
/// The line and why, when a line is none of a setting, a comment, a heading and empty.
pub(super) fn value<'a>(
    text: &'a str,
    key: &str,
) -> Result<Option<(u32, &'a str)>, (u32, &'static str)> {
    let mut found = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with(['#', ';', '[']) {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err((number, "the line is not a key, = and a value"));
        };
        if name.trim().trim_matches('"') != key {
            continue;
        }
        if found.is_some() {
            return Err((number, "the key stands there twice"));
        }
        let value = value.split('#').next().unwrap_or_default().trim();
        found = Some((number, value.trim_matches(['"', '\''])));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_with_their_line() {
        let text = "# note\n[a]\nother = 1\nkey = \"no\" # why\r\n";
        assert_eq!(value(text, "key"), Ok(Some((4, "no"))));
        assert_eq!(value("key=true\n", "key"), Ok(Some((1, "true"))));
        assert_eq!(value("", "key"), Ok(None));
        assert!(value("key = 1\nkey = 2", "key").is_err());
        assert!(value("what is this", "key").is_err());
    }
}
