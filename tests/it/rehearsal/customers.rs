use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// An order that the shop has acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: i64,
    pub(super) item: String,
    pub(super) release: String,
}

/// Somebody who orders all the time, whatever is deployed.
#[derive(Debug)]
pub(super) struct Customers {
    acknowledged: Arc<Mutex<Vec<Order>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Customers {
    pub(super) fn arrive(address: &str) -> Self {
        let acknowledged: Arc<Mutex<Vec<Order>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (to, seen, over) = (
            address.to_owned(),
            Arc::clone(&acknowledged),
            Arc::clone(&stop),
        );
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                number += 1;
                let item = format!("item-{number}");
                // One that is not acknowledged may or may not be there; nobody promised anything.
                if let Some(order) = order(&to, &item) {
                    seen.lock().unwrap().push(order);
                }
                crate::support::pause();
            }
        });
        Self {
            acknowledged,
            stop,
            thread: Some(thread),
        }
    }

    pub(super) fn of(&self, release: &str) -> usize {
        let seen = self.acknowledged.lock().unwrap();
        seen.iter().filter(|order| order.release == release).count()
    }

    pub(super) fn leave(mut self) -> Vec<Order> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.acknowledged.lock().unwrap().clone()
    }
}

impl Drop for Customers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn order(address: &str, item: &str) -> Option<Order> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let body = format!("{{\"item\":\"{item}\",\"note\":\"note of {item}\"}}");
    let request = format!(
        "POST /orders HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    if !answer.starts_with("HTTP/1.1 201") {
        return None;
    }
    let header = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-release: "))?;
    let (_, json) = answer.split_once("\r\n\r\n")?;
    let created: serde_json::Value = serde_json::from_str(json).ok()?;
    Some(Order {
        id: created["id"].as_i64()?,
        item: item.to_owned(),
        release: header.trim().to_owned(),
    })
}
