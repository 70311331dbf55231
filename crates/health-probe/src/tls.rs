//! One TLS client setting for all checks: rustls with ring, the system's roots.

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

use crate::{Error, ErrorKind};

/// Never the process-wide default provider: another crate may have set another one, or none.
///
/// A machine without root certificates is no error here; its `https` checks
/// will fail with the reason `tls`, and its `http` checks work.
pub(crate) fn client_config(extra_roots_pem: &[u8]) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in CertificateDer::pem_slice_iter(extra_roots_pem) {
        let added = certificate
            .map_err(|e| tls_error("a root certificate is not PEM").with_source(e))
            .and_then(|c| {
                roots
                    .add(c)
                    .map_err(|e| tls_error("a root certificate does not parse").with_source(e))
            });
        added?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| tls_error("no TLS version in common").with_source(e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn tls_error(operation: &str) -> Error {
    Error::new("the TLS client", operation, ErrorKind::Tls)
}
