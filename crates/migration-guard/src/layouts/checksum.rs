//! The checksums that tools record, computed as they do.

use std::fmt::Write;
use std::hash::Hasher;

use sha2::{Digest, Sha256, Sha384};
use siphasher::sip::SipHasher13;

#[cfg(any(feature = "postgres", feature = "test-util"))]
use crate::{Layout, Migration};

/// SHA-384 as sqlx computes it, over the bytes of the file.
pub(crate) fn sha384(text: &str) -> String {
    hexadecimal(&Sha384::digest(text.as_bytes()))
}

/// SHA-256 as Prisma computes it, over the bytes of the file.
pub(super) fn sha256(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

fn hexadecimal(digest: &[u8]) -> String {
    let out = String::with_capacity(2 * digest.len());
    digest.iter().fold(out, |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// How wide refinery was built to count: its checksum covers the bytes of the number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Width {
    Int4,
    Int8,
}

/// SipHash-1-3 with zero keys, as refinery feeds it: name, version, text. `None` when the version
/// does not fit.
pub(super) fn refinery(name: &str, version: i64, text: &str, width: Width) -> Option<String> {
    let mut hasher = SipHasher13::new();
    let string = |hasher: &mut SipHasher13, text: &str| {
        // What `Hash` of a string feeds: its bytes and a byte that ends it.
        hasher.write(text.as_bytes());
        hasher.write_u8(0xff);
    };
    string(&mut hasher, name);
    match width {
        Width::Int4 => hasher.write_i32(i32::try_from(version).ok()?),
        Width::Int8 => hasher.write_i64(version),
    }
    string(&mut hasher, text);
    Some(hasher.finish().to_string())
}

/// CRC-32 of the lines without their ends, as the signed number that Flyway records.
pub(super) fn flyway(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let bytes: Vec<u8> = lines.bytes().filter(|b| *b != b'\n').collect();
    crc32(&bytes).cast_signed().to_string()
}

/// CRC-32 (IEEE 802.3); some tools make the keys of their locks from it, too.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            (crc >> 1) ^ carry
        })
    })
}

/// How a file stands to the checksum that was recorded when it was applied.
#[cfg(any(feature = "postgres", feature = "test-util"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fits {
    Yes,
    /// The text is the same, and this about its bytes is not.
    But(&'static str),
    No,
}

#[cfg(any(feature = "postgres", feature = "test-util"))]
pub(crate) fn fits(layout: Layout, migration: &Migration, recorded: &str) -> Fits {
    let native = &migration.native;
    if recorded == migration.checksum || native.wide_checksum.as_deref() == Some(recorded) {
        return Fits::Yes;
    }
    let text = &migration.up_sql;
    let (bom, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("", body),
        None => ("\u{feff}", text.as_str()),
    };
    let lf = |text: &str| text.replace("\r\n", "\n");
    let crlf = |text: &str| lf(text).replace('\n', "\r\n");
    // Prisma compares with either kind of line end itself.
    if layout == Layout::Prisma
        && [lf(text), crlf(text)]
            .iter()
            .any(|t| of(layout, migration, t) == recorded)
    {
        return Fits::Yes;
    }
    let other_mark = format!("{bom}{body}");
    let explained = [
        (lf(text), "its line ends were LF and are CRLF now"),
        (crlf(text), "its line ends were CRLF and are LF now"),
        (other_mark.clone(), "a byte order mark came or went"),
        (
            lf(&other_mark),
            "its line ends and its byte order mark changed",
        ),
        (
            crlf(&other_mark),
            "its line ends and its byte order mark changed",
        ),
    ];
    explained
        .iter()
        .find(|(text, _)| of(layout, migration, text) == recorded)
        .map_or(Fits::No, |(_, why)| Fits::But(why))
}

/// What the layout's tool would record for `migration` if its file held `text`.
#[cfg(any(feature = "postgres", feature = "test-util"))]
fn of(layout: Layout, migration: &Migration, text: &str) -> String {
    match layout {
        Layout::Prisma => sha256(text),
        Layout::Flyway => flyway(text),
        Layout::Refinery => {
            let width = if migration.native.wide_checksum.is_some() {
                Width::Int4
            } else {
                Width::Int8
            };
            refinery(&migration.native.script, migration.number(), text, width).unwrap_or_default()
        }
        _ => sha384(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_match_the_published_vectors() {
        assert_eq!(
            sha384("abc"),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7"
        );
        assert_eq!(
            sha256("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn flyway_sees_neither_line_ends_nor_a_byte_order_mark() {
        // CRC-32 of "123456789" as a signed number.
        for text in ["1234\n56789", "\u{feff}1234\r\n56789\r\n", "12\r34\n56789"] {
            assert_eq!(flyway(text), "-873187034", "{text:?}");
        }
    }

    #[test]
    fn a_change_of_line_ends_is_told_from_a_change() {
        let migration = |text: &str| Migration::new("1", "m", "1_m.sql", text);
        let recorded = sha384("SELECT 1;\nSELECT 2;\n");
        let have = |text: &str| fits(Layout::Sqlx, &migration(text), &recorded);
        assert_eq!(have("SELECT 1;\nSELECT 2;\n"), Fits::Yes);
        assert!(
            matches!(have("SELECT 1;\r\nSELECT 2;\r\n"), Fits::But(w) if w.contains("CRLF now"))
        );
        assert!(
            matches!(have("\u{feff}SELECT 1;\nSELECT 2;\n"), Fits::But(w) if w.contains("mark"))
        );
        assert_eq!(have("SELECT 1;\nSELECT 3;\n"), Fits::No);
    }
}
