//! Files that change while their folder is dumped.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;

use ripcord_backup::{ErrorKind, Source as _};

use crate::folder::{Made, restore};

/// Changes a file while it is dumped: what arrives here was read from it, and as much as this
/// writes is more than can be on its way.
struct Meddler {
    archive: Vec<u8>,
    change: Box<dyn FnMut() + Send>,
}

impl tokio::io::AsyncWrite for Meddler {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        (self.change)();
        self.archive.extend_from_slice(buf);
        std::task::Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_file_that_changes_once_is_read_again() {
    let made = Made::empty();
    let path = made.root.join("file");
    fs::write(&path, vec![b'x'; 9_000_000]).unwrap();
    fs::write(made.root.join("zz"), "after it").unwrap();
    let source = made.source();
    let mut times = 0;
    let mut sink = Meddler {
        archive: Vec::new(),
        change: Box::new(move || {
            times += 1;
            if times == 1 {
                // Shorter, so that the first copy lacks its end.
                fs::write(&path, vec![b'y'; 3_000_000]).unwrap();
            }
        }),
    };
    let snapshot = source.dump(&mut sink).await.unwrap();
    assert_eq!(snapshot.fingerprint, source.fingerprint().await.unwrap());
    assert!(sink.archive.len() > 12_000_000, "both copies are in it");
    restore(&source, &sink.archive, "copy").await.unwrap();
    assert_eq!(
        source.fingerprint_of("copy").await.unwrap(),
        snapshot.fingerprint
    );
    let out = made.beside("by tar");
    fs::create_dir(&out).unwrap();
    fs::write(made.beside("x.tar"), &sink.archive).unwrap();
    let tar = Command::new("tar")
        .args(["-x", "-f", "../x.tar"])
        .current_dir(&out)
        .status();
    assert!(tar.unwrap().success());
    assert_eq!(fs::read(out.join("file")).unwrap(), vec![b'y'; 3_000_000]);
}

#[tokio::test]
async fn a_file_that_never_rests_is_named() {
    let made = Made::empty();
    let path = made.root.join("busy");
    fs::write(&path, vec![b'x'; 9_000_000]).unwrap();
    let mut file = File::options().append(true).open(path).unwrap();
    let mut sink = Meddler {
        archive: Vec::new(),
        change: Box::new(move || file.write_all(b"more").unwrap()),
    };
    let error = made.source().dump(&mut sink).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(
        error
            .to_string()
            .ends_with("busy: it changed while it was read, 5 times"),
        "{error}"
    );
}
