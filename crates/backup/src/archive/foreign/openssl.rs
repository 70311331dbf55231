//! What `openssl enc -aes-256-cbc` writes: `Salted__`, eight bytes of salt, and blocks. Nothing in
//! it says how the key was made, or whether the bytes are those that were written.

use std::io;

use aes::Aes256;
use aes::cipher::{Array, Block, BlockModeDecrypt as _, KeyIvInit as _};
use md5::Md5;
use pbkdf2::pbkdf2_hmac;
use sha2::{Digest, Sha256};

use super::through::{OUT, Transform};

pub(super) const MAGIC: &[u8; 8] = b"Salted__";
/// The magic and the salt.
pub(super) const HEADER: usize = 16;
const BLOCK: usize = 16;
const KEY: usize = 32;

/// `-pbkdf2` without `-iter`.
const ITERATIONS: u32 = 10_000;

type Decryptor = cbc::Decryptor<Aes256>;

/// Ways to make a key of a passphrase, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Derivation {
    /// `-pbkdf2`
    Pbkdf2,
    /// Without it, since OpenSSL 1.1.0.
    Sha256,
    /// Before.
    Md5,
}

const DERIVATIONS: [Derivation; 3] = [Derivation::Pbkdf2, Derivation::Sha256, Derivation::Md5];

/// Decrypts a stream.
pub(super) struct Decrypting {
    decryptor: Decryptor,
    /// What is not decrypted yet; the last block waits for the end, because it says how long it
    /// is.
    waiting: Vec<u8>,
}

impl Decrypting {
    /// With the first way whose result `fits`, seeing the file's first three blocks. Takes a
    /// moment, on purpose.
    pub(super) fn new(
        head: &[u8],
        passphrase: &[u8],
        iterations: Option<u32>,
        fits: impl Fn(&[u8]) -> bool,
    ) -> Option<Self> {
        let salt = head.get(MAGIC.len()..HEADER)?;
        let first = head.get(HEADER..HEADER + BLOCK)?;
        DERIVATIONS.iter().find_map(|derivation| {
            let key = derivation.key(passphrase, salt, iterations.unwrap_or(ITERATIONS));
            let begin = || Decryptor::new_from_slices(&key[..KEY], &key[KEY..]).ok();
            let mut block = [0; BLOCK];
            block.copy_from_slice(first);
            begin()?.decrypt_block((&mut block).into());
            if !fits(&block) {
                return None;
            }
            Some(Self {
                decryptor: begin()?,
                waiting: Vec::with_capacity(OUT),
            })
        })
    }

    fn decrypt(&mut self, count: usize, out: &mut Vec<u8>) {
        let from = out.len();
        out.extend(self.waiting.drain(..count));
        let (blocks, _) = Array::slice_as_chunks_mut(&mut out[from..]);
        let blocks: &mut [Block<Decryptor>] = blocks;
        self.decryptor.decrypt_blocks(blocks);
    }
}

impl Derivation {
    /// Key and initialisation vector.
    fn key(self, passphrase: &[u8], salt: &[u8], iterations: u32) -> [u8; KEY + BLOCK] {
        let mut key = [0; KEY + BLOCK];
        match self {
            Self::Pbkdf2 => pbkdf2_hmac::<Sha256>(passphrase, salt, iterations, &mut key),
            Self::Sha256 => stretch::<Sha256>(passphrase, salt, &mut key),
            Self::Md5 => stretch::<Md5>(passphrase, salt, &mut key),
        }
        key
    }
}

/// OpenSSL's `EVP_BytesToKey` with one iteration.
fn stretch<D: Digest>(passphrase: &[u8], salt: &[u8], key: &mut [u8]) {
    let mut last: Vec<u8> = Vec::new();
    for chunk in key.chunks_mut(<D as Digest>::output_size()) {
        let mut hash = D::new();
        hash.update(&last);
        hash.update(passphrase);
        hash.update(salt);
        last = hash.finalize().to_vec();
        chunk.copy_from_slice(&last[..chunk.len()]);
    }
}

impl Transform for Decrypting {
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<usize> {
        let count = input.len().min(OUT - self.waiting.len());
        self.waiting.extend_from_slice(&input[..count]);
        let whole = self.waiting.len().saturating_sub(1) / BLOCK * BLOCK;
        self.decrypt(whole, out);
        Ok(count)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let broken = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        if self.waiting.len() != BLOCK {
            return broken("the encrypted data ends in the middle of a block");
        }
        self.decrypt(BLOCK, out);
        let padding = usize::from(out[BLOCK - 1]);
        let valid = (1..=BLOCK).contains(&padding)
            && out[BLOCK - padding..]
                .iter()
                .all(|byte| usize::from(*byte) == padding);
        if !valid {
            return broken("the encrypted data is cut off or was changed");
        }
        out.truncate(BLOCK - padding);
        Ok(())
    }
}
