use std::io;

use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};

use super::through::{OUT, Transform};

/// Decompresses zstd, also of several frames one after the other.
pub(super) struct Unzstd {
    decoder: Decoder<'static>,
    between_frames: bool,
}

impl Unzstd {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            decoder: Decoder::new()?,
            between_frames: true,
        })
    }
}

impl Transform for Unzstd {
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<usize> {
        if self.between_frames {
            if input.is_empty() {
                return Ok(0);
            }
            self.decoder.reinit()?;
            self.between_frames = false;
        }
        out.resize(OUT, 0);
        let mut input = InBuffer::around(input);
        let mut output = OutBuffer::around(out.as_mut_slice());
        let result = self.decoder.run(&mut input, &mut output);
        let (taken, made) = (input.pos(), output.pos());
        out.truncate(made);
        let hint = result.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.between_frames = hint == 0;
        Ok(taken)
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> io::Result<()> {
        if self.between_frames {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the compressed data ends too early",
        ))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::super::through::Through;
    use super::*;

    async fn read(compressed: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        let mut through = Through::new(Box::new(compressed), Unzstd::new()?);
        through.read_to_end(&mut all).await.map(|_| all)
    }

    #[tokio::test]
    async fn frames_are_joined_and_have_to_be_whole() {
        let zeros = vec![0; 5_000_000];
        let mut compressed = zstd::encode_all(&zeros[..], 3).unwrap();
        let first = compressed.len();
        compressed.extend(zstd::encode_all(&b"more"[..], 3).unwrap());
        assert_eq!(
            read(&compressed).await.unwrap(),
            [&zeros, &b"more"[..]].concat()
        );
        for cut in (1..compressed.len()).filter(|cut| *cut != first) {
            let error = read(&compressed[..cut]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{cut}");
        }
    }
}
