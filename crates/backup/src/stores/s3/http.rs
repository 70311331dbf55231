//! The HTTP client: rustls with ring, the system's roots, no proxy from the environment.

use std::sync::Arc;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{ClientConfigKey, HttpClient, HttpConnector};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::invalid;
use super::options::{S3Options, Scheme};
use crate::Error;

#[derive(Clone, Debug)]
pub(super) struct Connector {
    tls: ClientConfig,
    connect_timeout: Duration,
    answer_timeout: Duration,
}

impl Connector {
    pub(super) fn new(options: &S3Options) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in CertificateDer::pem_slice_iter(&options.root_certificates_pem) {
            let certificate = certificate
                .map_err(|source| invalid("a root certificate is not PEM").with_source(source))?;
            roots.add(certificate).map_err(|source| {
                invalid("a root certificate does not parse").with_source(source)
            })?;
        }
        // Never the process-wide default provider: another crate may have set another one.
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| invalid("no TLS version in common").with_source(source))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls,
            connect_timeout: options.connect_timeout,
            answer_timeout: options.answer_timeout,
        })
    }

    pub(super) fn client(&self, scheme: Scheme) -> Result<HttpClient, Error> {
        self.build(scheme)
            .map_err(|source| invalid("the HTTP client cannot be set up").with_source(source))
    }

    fn build(&self, scheme: Scheme) -> Result<HttpClient, reqwest::Error> {
        // No limit for a whole request: an archive is read for as long as a restore takes.
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .https_only(scheme == Scheme::Https)
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.answer_timeout)
            .build()
            .map(HttpClient::new)
    }
}

impl HttpConnector for Connector {
    /// Also for where credentials come from, which may be plain HTTP inside the machine.
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        let scheme = match plain.as_deref() {
            Some("true") => Scheme::Http,
            _ => Scheme::Https,
        };
        self.build(scheme)
            .map_err(|source| object_store::Error::Generic {
                store: "S3",
                source: Box::new(source.without_url()),
            })
    }
}
