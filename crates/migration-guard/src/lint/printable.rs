use std::borrow::Cow;

/// `text` without what could control a terminal, begin a line of its own in a log, or show letters in
/// another order than they stand: each such character is U+FFFD.
///
/// Names of files, tables and clients are other people's.
pub fn printable(text: &str) -> Cow<'_, str> {
    replaced(text, |c| c != '\t' && is_unseen(c))
}

/// The same of a text that has lines.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |c| c != '\t' && c != '\n' && is_unseen(c))
}

fn replaced(text: &str, unwanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&unwanted) {
        return Cow::Borrowed(text);
    }
    let shown = text
        .chars()
        .map(|c| if unwanted(c) { '\u{fffd}' } else { c });
    Cow::Owned(shown.collect())
}

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_controls_anything() {
        assert_eq!(printable("a\tb ü 名"), "a\tb ü 名");
        assert_eq!(
            printable("a\u{1b}[31m\nb\r\u{9b}1m\u{202e}c\u{feff}"),
            "a\u{fffd}[31m\u{fffd}b\u{fffd}\u{fffd}1m\u{fffd}c\u{fffd}"
        );
        assert_eq!(printable_lines("a\nb\r"), "a\nb\u{fffd}");
    }
}
