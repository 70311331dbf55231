//! What a dump says of where it comes from.

/// As far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The program that made it, and its version.
    pub(crate) tool: Option<String>,
    /// The server's version.
    pub(crate) server: Option<String>,
    pub(crate) database: Option<String>,
}

impl About {
    pub(super) fn of(head: &[u8]) -> Self {
        if head.starts_with(b"PGDMP") {
            return of_custom(head).unwrap_or_default();
        }
        let mut about = Self::default();
        let text = String::from_utf8_lossy(head);
        for line in text.lines().map(str::trim_end) {
            if let Some(version) = line.strip_prefix("-- Dumped from database version ") {
                about.server = first_word(version);
            } else if let Some(version) = line.strip_prefix("-- Dumped by pg_dump version ") {
                about.tool = first_word(version).map(|version| format!("pg_dump {version}"));
            } else if let Some(version) = line.strip_prefix("-- Server version") {
                about.server = first_word(version);
            } else if let Some((_, database)) = line.split_once("    Database: ")
                && line.starts_with("-- Host: ")
            {
                about.database = Some(database.trim().to_owned()).filter(|name| !name.is_empty());
            } else if line.starts_with("-- MySQL dump ") || line.starts_with("-- MariaDB dump ") {
                let version = line
                    .split_once("Distrib ")
                    .and_then(|(_, v)| v.split(',').next());
                let program = match line.starts_with("-- MySQL") {
                    true => "mysqldump",
                    false => "mariadb-dump",
                };
                about.tool = version.map(|version| format!("{program} {version}"));
            }
        }
        about
    }
}

fn first_word(text: &str) -> Option<String> {
    text.split_whitespace().next().map(str::to_owned)
}

/// The header of `pg_dump --format=custom`: versions, sizes, a date, and three texts.
fn of_custom(head: &[u8]) -> Option<About> {
    let mut at = 5;
    let mut byte = || {
        let byte = head.get(at).copied();
        at += 1;
        byte
    };
    let version = (byte()?, byte()?, byte()?);
    let int_size = byte()?;
    let _offset_size = byte()?;
    let _format = byte()?;
    let int = |byte: &mut dyn FnMut() -> Option<u8>| {
        let negative = byte()? != 0;
        let mut value = 0_i64;
        for shift in 0..u32::from(int_size).min(7) {
            value |= i64::from(byte()?) << (8 * shift);
        }
        Some(if negative { -value } else { value })
    };
    // Since 1.15 the compression is one byte.
    if version >= (1, 15, 0) {
        byte()?;
    } else {
        int(&mut byte)?;
    }
    for _ in 0..7 {
        int(&mut byte)?;
    }
    let mut text = || {
        let length = usize::try_from(int(&mut byte)?).ok()?;
        (0..length.min(1024))
            .map(|_| byte())
            .collect::<Option<Vec<u8>>>()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let database = text()?;
    let (server, tool) = (text()?, text()?);
    Some(About {
        tool: first_word(&tool).map(|version| format!("pg_dump {version}")),
        server: first_word(&server),
        database: Some(database),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dump_says_of_itself() {
        let about = About::of(
            b"-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n--\n\
              -- Host: localhost    Database: shop\n-- Server version\t10.11.19-MariaDB-0+deb12u1\n",
        );
        assert_eq!(about.tool.as_deref(), Some("mariadb-dump 10.11.19-MariaDB"));
        assert_eq!(about.server.as_deref(), Some("10.11.19-MariaDB-0+deb12u1"));
        assert_eq!(about.database.as_deref(), Some("shop"));
        assert_eq!(About::of(b"PGDMP\x01\x0e"), About::default(), "cut off");
    }
}
