//! A part of a file as the body of an answer, read while it is sent: of weights no more than a few pieces are in memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many bytes are read at once.
const PIECE_BYTES: u64 = 256 << 10;
/// How many pieces wait to be sent.
const AHEAD: usize = 2;

/// The pieces, as they are read.
#[derive(Debug)]
pub(super) struct FileBody(Receiver<io::Result<Bytes>>);

impl FileBody {
    /// Of the bytes from `from` on, before `to`.
    ///
    /// # Errors
    /// What the file system says of the beginning; what it says later breaks the answer off.
    pub(super) fn of(mut file: File, from: u64, to: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(from))?;
        let (sender, pieces) = channel(AHEAD);
        tokio::task::spawn_blocking(move || send(file.take(to - from), &sender));
        Ok(Self(pieces))
    }
}

fn send(mut file: impl Read, sender: &Sender<io::Result<Bytes>>) {
    loop {
        let mut piece = Vec::new();
        let piece = match file.by_ref().take(PIECE_BYTES).read_to_end(&mut piece) {
            Ok(0) => return,
            Ok(_) => Ok(Bytes::from(piece)),
            Err(error) => Err(error),
        };
        let failed = piece.is_err();
        // Whoever asked may have gone.
        if sender.blocking_send(piece).is_err() || failed {
            return;
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
