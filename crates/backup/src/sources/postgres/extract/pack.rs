//! Writing a tar of plain files.

use std::io;

use tar::{EntryType, Header};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// How much of a table is one member: a tar says a member's length before its bytes, so as much
/// is held in memory.
const PART: usize = 4 * 1024 * 1024;

const BLOCK: usize = 512;

pub(super) struct Packer<'a> {
    into: &'a mut (dyn AsyncWrite + Send + Unpin),
    /// Seconds since 1970, for all of them.
    time: u64,
}

impl<'a> Packer<'a> {
    pub(super) fn new(into: &'a mut (dyn AsyncWrite + Send + Unpin), time: u64) -> Self {
        Self { into, time }
    }

    pub(super) async fn member(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_path(name)?;
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.time);
        header.set_cksum();
        self.into.write_all(header.as_bytes()).await?;
        self.into.write_all(content).await?;
        let padding = content.len().next_multiple_of(BLOCK) - content.len();
        self.into.write_all(&[0; BLOCK][..padding]).await
    }

    pub(super) async fn finish(self) -> io::Result<()> {
        self.into.write_all(&[0; 2 * BLOCK]).await?;
        self.into.flush().await
    }
}

/// A file that becomes several members when it is long. They begin and end anywhere, so that one
/// after the other they are the file.
pub(super) struct Parts {
    name: String,
    buffer: Vec<u8>,
    names: Vec<String>,
}

impl Parts {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            buffer: Vec::new(),
            names: Vec::new(),
        }
    }

    pub(super) async fn write(
        &mut self,
        packer: &mut Packer<'_>,
        mut bytes: &[u8],
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.buffer.len() == PART {
                self.end_part(packer, part_name(&self.name, self.names.len()))
                    .await?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PART - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// The names of its members.
    pub(super) async fn finish(mut self, packer: &mut Packer<'_>) -> io::Result<Vec<String>> {
        let name = match self.names.len() {
            0 => self.name.clone(),
            part => part_name(&self.name, part),
        };
        self.end_part(packer, name).await?;
        Ok(self.names)
    }

    async fn end_part(&mut self, packer: &mut Packer<'_>, name: String) -> io::Result<()> {
        packer.member(&name, &self.buffer).await?;
        self.buffer.clear();
        self.names.push(name);
        Ok(())
    }
}

/// Sorted by name they are in order.
pub(super) fn part_name(name: &str, part: usize) -> String {
    format!("{name}.{part:06}")
}

/// A name that any file system takes.
pub(super) fn file_name(number: usize, table: &str) -> String {
    let plain: String = table
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
            _ => '_',
        })
        .take(60)
        .collect();
    format!("{number:03}-{plain}.csv")
}
