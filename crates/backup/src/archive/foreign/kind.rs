//! What bytes are, by how they begin.

use crate::Format;

/// What the beginning of something says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gzip,
    Zstd,
    Openssl,
    Age,
    Dump(Format),
    /// Something known that cannot be taken over, and what to do about it.
    Unusable(&'static str, &'static str),
    Unknown,
}

/// Magic numbers, and how SQL begins.
const BEGINNINGS: &[(&[u8], Kind)] = &[
    (b"\x1f\x8b", Kind::Gzip),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (super::openssl::MAGIC, Kind::Openssl),
    (b"age-encryption.org/v1", Kind::Age),
    (b"PGDMP", Kind::Dump(Format::PgCustom)),
    (
        b"-----BEGIN AGE ENCRYPTED FILE",
        Kind::Unusable(
            "it is encrypted with age, as text",
            "make it binary first: age -d, or sed and base64 -d",
        ),
    ),
    (
        b"-----BEGIN PGP MESSAGE",
        Kind::Unusable("it is encrypted with PGP", "decrypt it first: gpg -d"),
    ),
    (
        b"BZh",
        Kind::Unusable(
            "it is compressed with bzip2",
            "decompress it first: bzip2 -dc",
        ),
    ),
    (
        b"\xfd7zXZ\0",
        Kind::Unusable("it is compressed with xz", "decompress it first: xz -dc"),
    ),
    (
        b"\x04\x22\x4d\x18",
        Kind::Unusable("it is compressed with lz4", "decompress it first: lz4 -dc"),
    ),
    (
        b"PK\x03\x04",
        Kind::Unusable("it is a zip archive", "unpack it first: unzip -p"),
    ),
    (
        b"\xff\xfe",
        Kind::Unusable(
            "it is UTF-16, as the shell of Windows writes with >",
            "dump with --file instead, or convert it: iconv -f UTF-16 -t UTF-8",
        ),
    ),
];

const CLUSTER: Kind = Kind::Unusable(
    "it is a dump of a whole cluster",
    "dump the one database with pg_dump",
);

/// In the first lines of a dump that is text.
const TITLES: &[(&str, Kind)] = &[
    ("-- PostgreSQL database dump", Kind::Dump(Format::PgPlain)),
    ("-- PostgreSQL database cluster dump", CLUSTER),
    ("-- MySQL dump ", Kind::Dump(Format::Mysql)),
    ("-- MariaDB dump ", Kind::Dump(Format::Mysql)),
];

impl Kind {
    /// Of something that begins like this, as far as it is known.
    pub(super) fn of(head: &[u8]) -> Self {
        if let Some((_, kind)) = BEGINNINGS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return *kind;
        }
        if head.get(257..262) == Some(b"ustar") {
            return Self::Unusable("it is a tar", "of pg_dump's formats, use --format=custom");
        }
        let text = String::from_utf8_lossy(head);
        text.lines()
            .map(|line| line.trim_start_matches('\u{feff}').trim_end())
            .take_while(|line| line.is_empty() || line.starts_with("--") || line.starts_with("/*"))
            .find_map(|line| {
                let (title, kind) = TITLES.iter().find(|(title, _)| line.starts_with(title))?;
                // One title is the beginning of another's.
                let exact = title.ends_with(' ') || line == *title;
                exact.then_some(*kind)
            })
            .unwrap_or(Self::Unknown)
    }

    /// Whether these first bytes, 16 of them, are likely to be the beginning of a dump or of one
    /// that is compressed, and not noise.
    pub(super) fn is_likely(head: &[u8]) -> bool {
        const SQL: &[&[u8]] = &[
            b"--",
            b"/*",
            b"\\restrict",
            b"SET ",
            b"CREATE ",
            b"\xef\xbb\xbf--",
        ];
        BEGINNINGS.iter().any(|(magic, _)| {
            // Two bytes are not much: gzip's third is always the same.
            let short = *magic == b"\x1f\x8b" && head.get(2) != Some(&8);
            !short
                && *magic != b"\xff\xfe"
                && head.starts_with(&magic[..magic.len().min(head.len())])
        }) || (SQL.iter().any(|word| head.starts_with(word)) && head.is_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumps_are_known_by_their_title() {
        let of = |text: &str| Kind::of(text.as_bytes());
        assert_eq!(
            of("--\n-- PostgreSQL database dump\n--\n"),
            Kind::Dump(Format::PgPlain)
        );
        assert_eq!(
            of("--\r\n-- PostgreSQL database dump\r\n"),
            Kind::Dump(Format::PgPlain)
        );
        assert_eq!(of("--\n-- PostgreSQL database cluster dump\n"), CLUSTER);
        assert_eq!(
            of("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11\n"),
            Kind::Dump(Format::Mysql)
        );
        assert_eq!(
            of("-- MySQL dump 10.13  Distrib 8.0\n"),
            Kind::Dump(Format::Mysql)
        );
        assert_eq!(
            of("SELECT 1;\n-- PostgreSQL database dump\n"),
            Kind::Unknown
        );
        assert_eq!(of("PGDMP\x01"), Kind::Dump(Format::PgCustom));
        assert_eq!(of(""), Kind::Unknown);
    }

    #[test]
    fn noise_is_not_likely() {
        assert!(Kind::is_likely(b"--\n-- PostgreSQL"));
        assert!(Kind::is_likely(b"\x1f\x8b\x08\x00\0\0\0\0\0\x03abcdef"));
        assert!(!Kind::is_likely(b"\x1f\x8b\x09\x00\0\0\0\0\0\x03abcdef"));
        assert!(!Kind::is_likely(b"--\xc3\x28aaaaaaaaaaaa"));
        assert!(!Kind::is_likely(b"BZ\0\0aaaaaaaaaaaa"));
    }
}
