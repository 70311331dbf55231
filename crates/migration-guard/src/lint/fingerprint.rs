use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::Finding;

/// Names findings so that the next run recognises them, also when lines were added above.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints {
    seen: HashMap<[u8; 16], u32>,
}

impl Fingerprints {
    /// 32 hexadecimal digits. Two findings of one run never have the same.
    pub(crate) fn of(&mut self, finding: &Finding) -> String {
        let place = finding.table.as_deref().unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [
            finding.rule.as_str(),
            &uri(&finding.file),
            place,
            &finding.statement,
        ] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let mut key = first_half(hash.finalize().as_slice());
        let count = self.seen.entry(key).or_default();
        *count += 1;
        if *count > 1 {
            let mut again = Sha256::new();
            again.update(key);
            again.update(count.to_le_bytes());
            key = first_half(again.finalize().as_slice());
        }
        key.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn first_half(hash: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

/// A path as these formats want it: with slashes, and without a leading `./`.
pub(crate) fn uri(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}
