//! Encryption with age.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::stream::StreamWriter;
use age::{DecryptError, Decryptor, Encryptor, Identity, x25519};
use async_trait::async_trait;
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};

use crate::archive::{Cipher, Opener, Outlet, Seal, Sealing, Stream};
use crate::{EncryptionInfo, Error, ErrorKind, OpenedWith};

/// Who can read backups. What is written are files of age's standard format, which the program
/// `age` opens too.
///
/// To public keys, so that the machine that makes backups cannot read old ones: what it has just
/// written it proves with one more key, made for this and never written down.
#[derive(Clone)]
pub struct Encryption {
    to: To,
    identities: Vec<x25519::Identity>,
}

#[derive(Clone)]
enum To {
    Recipients(Vec<x25519::Recipient>),
    Passphrase(SecretString),
}

/// A public key, `age1…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(x25519::Recipient);

impl Encryption {
    /// To these public keys: any of their holders can read a backup.
    ///
    /// # Errors
    /// `InvalidInput` without any.
    pub fn to(recipients: Vec<Recipient>) -> Result<Self, Error> {
        if recipients.is_empty() {
            return Err(invalid("the recipients", "there has to be at least one"));
        }
        let recipients = recipients.into_iter().map(|r| r.0).collect();
        Ok(Self {
            to: To::Recipients(recipients),
            identities: Vec::new(),
        })
    }

    /// With a passphrase, which reads backups too. Opening a file takes about a second, on
    /// purpose.
    ///
    /// # Errors
    /// `InvalidInput` when it is empty.
    pub fn with_passphrase(passphrase: impl Into<String>) -> Result<Self, Error> {
        let passphrase = SecretString::from(passphrase.into());
        if passphrase.expose_secret().is_empty() {
            return Err(invalid("the passphrase", "it is empty"));
        }
        Ok(Self {
            to: To::Passphrase(passphrase),
            identities: Vec::new(),
        })
    }

    /// To the holders of the secret keys in the text of an identity file, such as this machine.
    ///
    /// # Errors
    /// As [`Encryption::with_identities`].
    pub fn to_identities(file: &str) -> Result<Self, Error> {
        let mut this = Self {
            to: To::Recipients(Vec::new()),
            identities: Vec::new(),
        }
        .with_identities(file)?;
        this.to = To::Recipients(this.identities.iter().map(|i| i.to_public()).collect());
        Ok(this)
    }

    /// With the secret keys in the text of an identity file, as `age-keygen` writes it, so that
    /// this machine can restore.
    ///
    /// # Errors
    /// `InvalidInput` when a line is neither a comment nor a secret key, or there is none. The
    /// text is not part of the error.
    pub fn with_identities(mut self, file: &str) -> Result<Self, Error> {
        for (number, line) in file.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let identity = line.parse().map_err(|_| {
                let number = number + 1;
                invalid(
                    "the identity file",
                    format!("line {number} is not a secret key of the form AGE-SECRET-KEY-1…"),
                )
            })?;
            self.identities.push(identity);
        }
        if self.identities.is_empty() {
            return Err(invalid("the identity file", "there is no secret key in it"));
        }
        Ok(self)
    }
}

impl Recipient {
    /// Whether a text that should be something else, such as a public key or a path, holds a secret
    /// key of age: then it must not be shown.
    #[must_use]
    pub fn is_secret_key(text: &str) -> bool {
        const SECRET: &[u8] = b"AGE-SECRET-KEY-";
        text.as_bytes()
            .windows(SECRET.len())
            .any(|part| part.eq_ignore_ascii_case(SECRET))
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryption")
            .field("to", &self.info())
            .field("identities", &self.identities.len())
            .finish()
    }
}

impl FromStr for Recipient {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if Self::is_secret_key(text) {
            let detail = "this is a secret key, give the public one (age1…)";
            return Err(invalid("a recipient", detail)
                .with_help("whoever saw the secret key can read the backups: make a new pair"));
        }
        // What was given is not repeated: nobody knows what it is.
        text.parse()
            .map(Self)
            .map_err(|_| invalid("a recipient", "it must be a public key of the form age1…"))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

fn invalid(subject: &str, detail: impl Into<String>) -> Error {
    Error::new("read", subject, ErrorKind::InvalidInput, detail)
}

impl Cipher for Encryption {
    fn info(&self) -> EncryptionInfo {
        match &self.to {
            To::Recipients(recipients) => EncryptionInfo::Recipients {
                recipients: recipients.iter().map(ToString::to_string).collect(),
            },
            To::Passphrase(_) => EncryptionInfo::Passphrase,
        }
    }

    fn begin(&self) -> Result<Box<dyn Sealing>, Error> {
        Ok(Box::new(match &self.to {
            To::Passphrase(passphrase) => Begun::Passphrase(passphrase.clone()),
            To::Recipients(recipients) => {
                let ephemeral = x25519::Identity::generate();
                let mut recipients = recipients.clone();
                recipients.push(ephemeral.to_public());
                Begun::Recipients(recipients, ephemeral)
            }
        }))
    }

    fn kept(&self) -> Option<Arc<dyn Opener>> {
        let keys = match &self.to {
            To::Passphrase(passphrase) => Keys::Passphrase(passphrase.clone()),
            To::Recipients(_) if self.identities.is_empty() => return None,
            To::Recipients(_) => Keys::Identities(self.identities.clone(), OpenedWith::Kept),
        };
        Some(Arc::new(keys))
    }
}

enum Begun {
    Recipients(Vec<x25519::Recipient>, x25519::Identity),
    Passphrase(SecretString),
}

impl Sealing for Begun {
    fn seal(&self, outlet: Outlet) -> io::Result<Box<dyn Seal>> {
        let encryptor = match self {
            Begun::Passphrase(passphrase) => Encryptor::with_user_passphrase(passphrase.clone()),
            Begun::Recipients(recipients, _) => {
                let recipients = recipients.iter().map(|r| r as &dyn age::Recipient);
                Encryptor::with_recipients(recipients).map_err(io::Error::other)?
            }
        };
        Ok(Box::new(Sealed(encryptor.wrap_output(outlet)?)))
    }

    fn opener(&self) -> Arc<dyn Opener> {
        Arc::new(match self {
            Begun::Passphrase(passphrase) => Keys::Passphrase(passphrase.clone()),
            Begun::Recipients(_, ephemeral) => {
                Keys::Identities(vec![ephemeral.clone()], OpenedWith::Ephemeral)
            }
        })
    }
}

struct Sealed(StreamWriter<Outlet>);

impl Write for Sealed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seal for Sealed {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish().map(drop)
    }
}

enum Keys {
    Identities(Vec<x25519::Identity>, OpenedWith),
    Passphrase(SecretString),
}

#[async_trait]
impl Opener for Keys {
    fn kind(&self) -> OpenedWith {
        match self {
            Keys::Identities(_, kind) => *kind,
            Keys::Passphrase(_) => OpenedWith::Kept,
        }
    }

    async fn open<'a>(&self, inner: Stream<'a>) -> io::Result<Stream<'a>> {
        let decryptor = Decryptor::new_async(inner.compat())
            .await
            .map_err(refused)?;
        let reader = match self {
            Keys::Identities(identities, _) => {
                let identities = identities.iter().map(|i| i as &dyn Identity);
                decryptor.decrypt_async(identities)
            }
            Keys::Passphrase(passphrase) => {
                let identity = age::scrypt::Identity::new(passphrase.clone());
                decryptor.decrypt_async(std::iter::once(&identity as &dyn Identity))
            }
        };
        Ok(Box::new(reader.map_err(refused)?.compat()))
    }
}

fn refused(error: DecryptError) -> io::Error {
    if let DecryptError::Io(source) = error {
        return source;
    }
    let kind = match error {
        DecryptError::NoMatchingKeys
        | DecryptError::KeyDecryptionFailed
        // What a wrong passphrase comes to.
        | DecryptError::DecryptionFailed => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_without_the_secret() {
        let public = x25519::Identity::generate().to_public().to_string();
        let to = || Encryption::to(vec![public.parse().unwrap()]).unwrap();
        let error = to().with_identities("# mine\nAGE-SECRET-KEY-1QQ\n");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(!error.contains("1QQ"), "{error}");
        assert!(to().with_identities("# nothing\n").is_err());
        assert!("age1nonsense".parse::<Recipient>().is_err());
        assert!(Encryption::to(Vec::new()).is_err());
        assert!(Encryption::with_passphrase("").is_err());
        let shown = format!("{:?}", Encryption::with_passphrase("hunter22").unwrap());
        assert!(!shown.contains("hunter22"), "{shown}");
    }
}
