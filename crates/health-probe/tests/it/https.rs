//! TLS with real handshakes: whose certificates are good, and for how long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use ripcord_health_probe::checks::{HttpCheck, HttpClient, HttpConfig};
use ripcord_health_probe::{CheckResult, HealthCheck, Reason, Verdict};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A certificate authority of our own.
struct Authority(CertificateParams, KeyPair);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(params, KeyPair::generate().unwrap())
    }

    fn pem(&self) -> String {
        self.0.self_signed(&self.1).unwrap().pem()
    }

    /// Serves 200 with a certificate for `name` that ends with the year `until`.
    async fn serve(&self, name: &str, until: i32) -> SocketAddr {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.0, &self.1);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        address
    }
}

async fn ask(address: SocketAddr, roots: &str, days: Option<u32>) -> CheckResult {
    let client = HttpClient::with_extra_roots(roots.as_bytes()).unwrap();
    let mut config = HttpConfig::default();
    config.expect.certificate_for = days.map(|d| DAY * d);
    let url = format!("https://localhost:{}/", address.port());
    let check = HttpCheck::new("web", &url, config, &client).unwrap();
    check.check().await
}

fn tls(result: &CheckResult, detail: &str) {
    assert_eq!(
        (result.verdict, result.reason),
        (Verdict::Fail, Reason::Tls)
    );
    assert!(result.detail.contains(detail), "{}", result.detail);
}

#[tokio::test]
async fn whose_certificates_are_good() {
    let authority = Authority::new();
    let good = authority.serve("localhost", 2099).await;
    let result = ask(good, &authority.pem(), None).await;
    assert_eq!(result.verdict, Verdict::Pass, "{result}");

    tls(&ask(good, "", None).await, "not trusted");
    tls(&ask(good, &Authority::new().pem(), None).await, "");
    let other = authority.serve("elsewhere.test", 2099).await;
    tls(&ask(other, &authority.pem(), None).await, "another name");
    let expired = authority.serve("localhost", 2020).await;
    tls(&ask(expired, &authority.pem(), None).await, "expired");
}

#[tokio::test]
async fn how_long_a_certificate_is_still_good() {
    let authority = Authority::new();
    let good = authority.serve("localhost", 2099).await;
    let result = ask(good, &authority.pem(), Some(30)).await;
    assert_eq!(result.verdict, Verdict::Pass, "{result}");
    let observed = result.observed.iter().find(|o| o.metric == "certificate");
    assert!(observed.is_some_and(|o| o.value > 30.0 * 86_400.0));
    tls(&ask(good, &authority.pem(), Some(100_000)).await, "ends in");
}

#[tokio::test]
async fn no_certificate_is_not_a_good_one() {
    let plain = crate::peers::saying(
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        crate::peers::After::Close,
    )
    .await;
    let mut config = HttpConfig::default();
    config.expect.certificate_for = Some(DAY);
    let client = HttpClient::new().unwrap();
    let url = format!("http://{plain}/");
    let check = HttpCheck::new("web", &url, config, &client).unwrap();
    tls(&check.check().await, "no certificate");
}
