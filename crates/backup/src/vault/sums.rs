//! `SHA256SUMS`, in the format that `sha256sum -c` reads.

use sha2::{Digest as _, Sha256};

use super::keep::MANIFEST;
use crate::fingerprint::hex;
use crate::manifest::Manifest;

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The file's only valid content for this manifest, whose bytes are `bytes`.
pub(super) fn render(manifest: &Manifest, bytes: &[u8]) -> String {
    let mut lines = format!("{}  {}\n", manifest.archive.sha256, manifest.archive.file);
    for file in &manifest.companions {
        lines.push_str(&format!("{}  {}\n", file.sha256, file.file));
    }
    lines.push_str(&format!("{}  {MANIFEST}\n", sha256(bytes)));
    lines
}
