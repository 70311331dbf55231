//! Is anybody listening?

use std::time::Duration;

use async_trait::async_trait;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::checks::net::{io_reason, unresolved};
use crate::{CheckResult, Error, ErrorKind, HealthCheck, Reason};

/// Opens a TCP connection and closes it again. Each address of the name is tried in order.
#[derive(Clone, Debug)]
pub struct TcpCheck {
    name: String,
    address: String,
    timeout: Duration,
}

impl TcpCheck {
    /// `address` is `host:port`, IPv6 as `[::1]:5432`. `timeout` covers the name and all addresses.
    ///
    /// # Errors
    /// [`ErrorKind::Address`] when `address` has no port.
    pub fn new(
        name: impl Into<String>,
        address: impl Into<String>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let (name, address) = (name.into(), address.into());
        let port = address
            .rsplit_once(':')
            .filter(|(host, _)| !host.is_empty())
            .and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            return Err(Error::new(
                format!("tcp check `{name}`"),
                "the address is not host:port",
                ErrorKind::Address,
            ));
        }
        Ok(Self {
            name,
            address,
            timeout,
        })
    }

    async fn connect(&self, deadline: Instant) -> CheckResult {
        let addresses = match timeout_at(deadline, lookup_host(&self.address)).await {
            Err(_) => return self.late(),
            Ok(Err(_)) => return unresolved(&self.name),
            Ok(Ok(addresses)) => addresses,
        };
        let mut last = unresolved(&self.name);
        for address in addresses {
            match timeout_at(deadline, TcpStream::connect(address)).await {
                Ok(Ok(_)) => return CheckResult::pass(&self.name),
                Ok(Err(e)) => {
                    last = CheckResult::fail(&self.name, io_reason(&e), format!("{}", e.kind()));
                }
                Err(_) => return self.late(),
            }
        }
        last
    }

    fn late(&self) -> CheckResult {
        CheckResult::fail(
            &self.name,
            Reason::ConnectTimeout,
            format!("no connection within {:?}", self.timeout),
        )
    }
}

#[async_trait]
impl HealthCheck for TcpCheck {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> CheckResult {
        let started = Instant::now();
        let result = self.connect(started + self.timeout).await;
        let took = started.elapsed();
        result
            .with_observed("latency", took.as_secs_f64(), "s", None)
            .with_took(took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_port() {
        for bad in ["localhost", ":80", "localhost:http", "localhost:70000", ""] {
            let error = TcpCheck::new("t", bad, Duration::from_secs(1)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Address, "{bad}");
        }
        TcpCheck::new("t", "[::1]:80", Duration::from_secs(1)).unwrap();
    }
}
