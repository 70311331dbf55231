use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::GzipDecoder;
use tokio::io::{AsyncRead, AsyncReadExt as _, BufReader, ReadBuf};

use super::about::About;
use super::kind::Kind;
use super::openssl::{Decrypting, HEADER};
use super::through::Through;
use super::unzstd::Unzstd;
use crate::archive::{Opener, Stream};
use crate::{Error, ErrorKind, Format};

/// How much is looked at to tell what something is.
const HEAD: usize = 4096;

/// Layers beyond this are somebody's joke.
const LAYERS: usize = 8;

/// What opens the layers that are encrypted.
#[derive(Clone, Default)]
pub(crate) struct Key {
    pub(crate) passphrase: Option<Vec<u8>>,
    pub(crate) iterations: Option<u32>,
    /// For files of age to public keys.
    pub(crate) kept: Option<Arc<dyn Opener>>,
    /// For files of age with a passphrase.
    pub(crate) with_passphrase: Option<Arc<dyn Opener>>,
}

/// A dump without its layers.
pub(crate) struct Dump<'a> {
    pub(crate) stream: Stream<'a>,
    pub(crate) format: Format,
    pub(crate) about: About,
}

/// Takes off one layer after the other, until a dump is left.
pub(crate) async fn peel<'a>(from: Stream<'a>, key: &Key) -> Result<Dump<'a>, Error> {
    let mut stream = from;
    for _ in 0..LAYERS {
        let head = read_head(&mut stream).await?;
        let kind = Kind::of(&head);
        let whole: Stream<'a> = Box::new(Cursor::new(head.clone()).chain(stream));
        stream = match kind {
            Kind::Dump(format) => {
                return Ok(Dump {
                    stream: whole,
                    format,
                    about: About::of(&head),
                });
            }
            Kind::Unusable(detail, help) => {
                return Err(refused(ErrorKind::InvalidInput, detail).with_help(help));
            }
            Kind::Unknown if head.is_empty() => {
                return Err(refused(ErrorKind::Corrupt, "it is empty"));
            }
            Kind::Unknown => {
                let detail = "it is neither a dump of pg_dump, mysqldump or mariadb-dump, nor one \
                              that was compressed or encrypted in a way that is known";
                return Err(refused(ErrorKind::InvalidInput, detail));
            }
            Kind::Gzip => {
                let mut decoder = GzipDecoder::new(BufReader::with_capacity(HEAD * 16, whole));
                decoder.multiple_members(true);
                Box::new(Gunzip(decoder))
            }
            Kind::Zstd => Box::new(Through::new(whole, Unzstd::new().map_err(unreadable)?)),
            Kind::Openssl => openssl(whole, &head, key).await?,
            Kind::Age => age(whole, &head, key).await?,
        };
    }
    Err(refused(ErrorKind::InvalidInput, "it has too many layers"))
}

async fn openssl<'a>(mut whole: Stream<'a>, head: &[u8], key: &Key) -> Result<Stream<'a>, Error> {
    let Some(passphrase) = key.passphrase.clone() else {
        let detail = "it is encrypted by openssl enc, and no passphrase was given";
        return Err(refused(ErrorKind::KeyMissing, detail));
    };
    let (begin, iterations) = (head.to_vec(), key.iterations);
    let tried = tokio::task::spawn_blocking(move || {
        Decrypting::new(&begin, &passphrase, iterations, Kind::is_likely)
    });
    let decrypting = tried.await.map_err(|error| unreadable(error.into()))?;
    let decrypting = decrypting.ok_or_else(|| {
        refused(ErrorKind::KeyMissing, "the passphrase does not open it").with_help(
            "if it is the right one: only aes-256-cbc can be read, with the digests sha256 and \
             md5, and a number of iterations other than openssl's own has to be given",
        )
    })?;
    let mut header = [0; HEADER];
    whole.read_exact(&mut header).await.map_err(unreadable)?;
    Ok(Box::new(Through::new(whole, decrypting)))
}

async fn age<'a>(whole: Stream<'a>, head: &[u8], key: &Key) -> Result<Stream<'a>, Error> {
    let by_passphrase = memchr::memmem::find(head, b"\n-> scrypt ").is_some();
    let opener = match by_passphrase {
        true => &key.with_passphrase,
        false => &key.kept,
    };
    let Some(opener) = opener else {
        let detail = match by_passphrase {
            true => "it is encrypted by age with a passphrase, and none was given",
            false => "it is encrypted by age, and no identity was given",
        };
        return Err(refused(ErrorKind::KeyMissing, detail));
    };
    opener
        .open(whole)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => refused(
                ErrorKind::KeyMissing,
                "the key that was given does not open it",
            ),
            _ => unreadable(error),
        })
}

/// As much of the beginning as there is.
async fn read_head(stream: &mut Stream<'_>) -> Result<Vec<u8>, Error> {
    let mut head = Vec::with_capacity(HEAD);
    let mut limited = stream.take(HEAD as u64);
    match limited.read_to_end(&mut head).await {
        Ok(_) => Ok(head),
        Err(error) => Err(unreadable(error)),
    }
}

/// The decoder reports bytes that make no sense as a wrong argument.
struct Gunzip<'a>(GzipDecoder<BufReader<Stream<'a>>>);

impl AsyncRead for Gunzip<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.0).poll_read(cx, buf));
        Poll::Ready(result.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => io::Error::new(io::ErrorKind::InvalidData, error),
            _ => error,
        }))
    }
}

pub(crate) fn unreadable(source: io::Error) -> Error {
    let kind = match source.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => ErrorKind::Corrupt,
        _ => ErrorKind::InvalidInput,
    };
    let detail = source.to_string();
    Error::new("read", "the dump", kind, detail).with_source(source)
}

fn refused(kind: ErrorKind, detail: &str) -> Error {
    Error::new("read", "the dump", kind, detail)
}
