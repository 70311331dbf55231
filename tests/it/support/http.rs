use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request as it arrived, without its path.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// An answer: status and extra headers, or never one.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Status(u16, Vec<(&'static str, String)>),
    /// Keeps the connection open and says nothing.
    Hang,
}

/// A local HTTP server that remembers what it heard. Its thread ends with the test process.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) base: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Http {
    pub(crate) fn serve(answer: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&heard));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                std::thread::spawn(move || talk(stream, &*answer, &log));
            }
        });
        Self { base, heard }
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn talk(
    stream: TcpStream,
    answer: &dyn Fn(&Heard) -> Reply,
    log: &Mutex<Vec<Heard>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut headers = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let heard = Heard {
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    log.lock().ok()?.push(heard.clone());
    match answer(&heard) {
        Reply::Hang => {
            // Until the other side gives up.
            let _ = stream.read(&mut [0; 1]);
        }
        Reply::Status(status, extra) => {
            let extra: String = extra.iter().map(|(k, v)| format!("{k}: {v}\r\n")).collect();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} -\r\n{extra}content-length: 2\r\nconnection: close\r\n\r\nok"
            );
        }
    }
    Some(())
}
