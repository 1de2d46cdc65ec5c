//! A weather service that misbehaves as told: real sockets, one connection for each reply.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a connection gets.
#[derive(Clone)]
pub enum Reply {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// These bytes, then silence.
    Stall(Vec<u8>),
    /// A head, then this many bytes.
    Flood(usize),
}

/// A status and a body, whole.
pub fn answer(status: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    Reply::Bytes([head.as_bytes(), body].concat())
}

/// 200 and a body.
pub fn good(body: impl AsRef<[u8]>) -> Reply {
    answer("200 OK", body)
}

/// The service, until it is dropped.
pub struct Server {
    /// `http://127.0.0.1:port`
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Gives these replies in turn, the last one for ever.
    pub async fn start(replies: Vec<Reply>) -> Self {
        let mut left = replies.into_iter().peekable();
        let mut last = None;
        Self::start_with(move |_| {
            last = left.next().or(last.take());
            last.clone().unwrap()
        })
        .await
    }

    /// Replies to each first line of a request.
    pub async fn start_with(mut reply: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, sent) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (asked_there, sent_there) = (asked.clone(), sent.clone());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let line = first_line(&mut stream).await;
                let reply = reply(&line);
                asked_there.lock().unwrap().push(line);
                tokio::spawn(give(stream, reply, sent_there.clone()));
            }
        });
        Self { url, asked, sent, task }
    }

    /// The first lines of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Bytes of floods that were taken.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn first_line(stream: &mut TcpStream) -> String {
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(read) => head.extend_from_slice(&part[..read]),
        }
    }
    String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned()
}

async fn give(mut stream: TcpStream, reply: Reply, sent: Arc<AtomicUsize>) {
    match reply {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Reply::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        Reply::Flood(total) => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
            let part = vec![b' '; 64 * 1024];
            while sent.load(Ordering::Relaxed) < total && stream.write_all(&part).await.is_ok() {
                sent.fetch_add(part.len(), Ordering::Relaxed);
            }
        }
    }
}
