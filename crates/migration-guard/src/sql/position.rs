/// Finds line and column of a byte offset without walking the text each time.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| at + 1),
        );
        Self { text, starts }
    }

    /// Line and column, both from 1; the column counts characters, not bytes.
    pub(crate) fn at(&self, offset: usize) -> (u32, u32) {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let column = self
            .text
            .get(start..offset)
            .map_or(0, |before| before.chars().count());
        (line as u32, column as u32 + 1)
    }

    /// The text of a line (from 1) without its line end.
    pub(crate) fn line(&self, line: u32) -> &'a str {
        let index = (line as usize).saturating_sub(1);
        let Some(start) = self.starts.get(index) else {
            return "";
        };
        let end = self
            .starts
            .get(index + 1)
            .copied()
            .unwrap_or(self.text.len());
        self.text[*start..end].trim_end_matches(['\n', '\r'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_one_and_in_characters() {
        let lines = Lines::new("ä b\nc\n");
        assert_eq!(lines.at(0), (1, 1));
        assert_eq!(lines.at(3), (1, 3));
        assert_eq!(lines.at(5), (2, 1));
        assert_eq!(lines.at(99), (3, 1));
        assert_eq!(lines.line(2), "c");
        assert_eq!(lines.line(9), "");
    }
}
