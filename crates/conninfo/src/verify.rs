//! Which server certificates are accepted: libpq's rules on top of rustls.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::oid::db::rfc5912::ID_CE_SUBJECT_ALT_NAME;

use crate::tls::{Loaded, SslMode, Tls, Version};
use crate::{Error, ErrorKind};

/// The rustls configuration for these parameters. The provider is always ring, never the
/// process-wide default, which belongs to the program.
pub(crate) fn client_config(tls: &Tls) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: Vec<_> = [
        (Version::Tls13, &rustls::version::TLS13),
        (Version::Tls12, &rustls::version::TLS12),
    ]
    .into_iter()
    .filter(|(version, _)| tls.min.is_none_or(|min| *version >= min))
    .filter(|(version, _)| tls.max.is_none_or(|max| *version <= max))
    .map(|(_, version)| version)
    .collect();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|source| unusable("no TLS version is left").with_source(source))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(tls, provider)?));
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_slice(&key.bytes).map_err(|source| {
                unusable(format!(
                    "{} is not a private key in PEM format without passphrase",
                    key.path.display()
                ))
                .with_source(source)
            })?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|source| {
                    unusable("the client certificate cannot be used").with_source(source)
                })?
        }
    };
    config.enable_sni = tls.sni == 1;
    Ok(config)
}

#[derive(Debug)]
struct Verifier {
    chain: Option<Chain>,
    name: Name,
    provider: Arc<CryptoProvider>,
}

/// The trusted authorities.
#[derive(Debug)]
struct Chain {
    webpki: Arc<WebPkiServerVerifier>,
    anchors: Vec<CertificateDer<'static>>,
}

/// Whether the certificate must be for this host.
#[derive(Clone, Copy, Debug)]
enum Name {
    Checked,
    Ignored,
}

impl Verifier {
    fn new(tls: &Tls, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        // A root certificate that is there is used in every mode, as in libpq.
        let chain = tls
            .roots
            .as_ref()
            .map(|roots| Chain::new(roots, &provider))
            .transpose()?;
        let name = if tls.mode == SslMode::VerifyFull {
            Name::Checked
        } else {
            Name::Ignored
        };
        Ok(Self {
            chain,
            name,
            provider,
        })
    }
}

impl Chain {
    fn new(roots: &Loaded, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let anchors = certificates(roots)?;
        let mut store = RootCertStore::empty();
        let (added, _) = store.add_parsable_certificates(anchors.iter().cloned());
        if added == 0 {
            return Err(unusable(format!(
                "{} has no usable certificate",
                roots.path.display()
            )));
        }
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
                .build()
                .map_err(|source| {
                    unusable("the root certificates cannot be used").with_source(source)
                })?;
        Ok(Self { webpki, anchors })
    }

    fn verify(
        &self,
        cert: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        match self
            .webpki
            .verify_server_cert(cert, intermediates, name, &[], now)
        {
            Ok(_) => Ok(()),
            // The chain is checked before the name, and the name is judged on its own.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(()),
            // A self-signed certificate that is itself the root certificate: OpenSSL accepts it
            // although it calls itself an authority.
            Err(error) => {
                if self.anchors.iter().any(|anchor| anchor == cert) {
                    within_validity(cert, now)
                } else {
                    Err(error)
                }
            }
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(chain) = &self.chain {
            chain.verify(end_entity, intermediates, server_name, now)?;
        }
        match self.name {
            Name::Checked => verify_name(end_entity, server_name)?,
            Name::Ignored => {}
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The alternative names decide; a certificate that has none is judged by its common name, which
/// libpq still does and rustls does not.
fn verify_name(cert: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), rustls::Error> {
    let parsed = ParsedCertificate::try_from(cert)?;
    let Err(error) = rustls::client::verify_server_name(&parsed, name) else {
        return Ok(());
    };
    let x509 = decode(cert)?;
    let has_alternative_names = x509
        .tbs_certificate
        .extensions
        .iter()
        .flatten()
        .any(|extension| extension.extn_id == ID_CE_SUBJECT_ALT_NAME);
    let common = common_name(&x509);
    match common {
        Some(common) if !has_alternative_names && matches(&common, &name.to_str()) => Ok(()),
        _ => Err(error),
    }
}

fn common_name(x509: &Certificate) -> Option<String> {
    let value = x509
        .tbs_certificate
        .subject
        .0
        .iter()
        .flat_map(|rdn| rdn.0.iter())
        .find(|attribute| attribute.oid == COMMON_NAME)
        .map(|attribute| &attribute.value)?;
    value
        .decode_as::<Utf8StringRef<'_>>()
        .map(|text| text.as_str().to_owned())
        .or_else(|_| {
            value
                .decode_as::<PrintableStringRef<'_>>()
                .map(|text| text.as_str().to_owned())
        })
        .ok()
}

/// A wildcard stands for exactly one label, the first.
fn matches(pattern: &str, host: &str) -> bool {
    if let Some(suffix) = pattern
        .strip_prefix('*')
        .filter(|rest| rest.starts_with('.'))
    {
        return host
            .find('.')
            .is_some_and(|dot| dot > 0 && host[dot..].eq_ignore_ascii_case(suffix));
    }
    pattern.eq_ignore_ascii_case(host)
}

fn within_validity(cert: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let validity = decode(cert)?.tbs_certificate.validity;
    let now = now.as_secs();
    if now < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

fn decode(cert: &CertificateDer<'_>) -> Result<Certificate, rustls::Error> {
    Certificate::from_der(cert).map_err(|_| CertificateError::BadEncoding.into())
}

fn certificates(file: &Loaded) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file.bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unusable(format!(
            "{} has no certificate in PEM format",
            file.path.display()
        ))),
        Err(source) => Err(
            unusable(format!("{} is not in PEM format", file.path.display())).with_source(source),
        ),
    }
}

fn unusable(detail: impl Into<String>) -> Error {
    Error::reading(ErrorKind::Unusable, detail)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(matches("*.example.com", "db.example.com"));
        assert!(matches("DB.example.com", "db.EXAMPLE.com"));
        assert!(!matches("*.example.com", "a.db.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(!matches("*.example.com", ".example.com"));
        assert!(!matches("*", "db"));
    }
}
