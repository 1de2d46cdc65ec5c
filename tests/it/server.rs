//! A misbehaving HTTP service for tests: real sockets, one connection per reply.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Reply to a connection.
#[derive(Clone)]
pub enum Reply {
    /// These bytes, then end of stream.
    Bytes(Vec<u8>),
    /// These bytes, then no more.
    Stall(Vec<u8>),
    /// A head, then a body of this many bytes.
    Flood(usize),
}

/// A complete response with a status and a body.
pub fn answer(status: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    Reply::Bytes([head.as_bytes(), body].concat())
}

/// A 200 response with a body.
pub fn good(body: impl AsRef<[u8]>) -> Reply {
    answer("200 OK", body)
}

/// The service; stopped on drop.
pub struct Server {
    /// `http://127.0.0.1:port`
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Sends these replies in turn and then repeats the last one.
    pub async fn start(replies: Vec<Reply>) -> Self {
        let mut left = replies.into_iter().peekable();
        let mut last = None;
        Self::start_with(move |_| {
            last = left.next().or(last.take());
            last.clone().unwrap()
        })
        .await
    }

    /// Computes the reply from the request line.
    pub async fn start_with(reply: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").await.unwrap(), reply)
    }

    /// The same on an existing socket.
    pub fn listen(listener: TcpListener, mut reply: impl FnMut(&str) -> Reply + Send + 'static) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, sent) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (requests_there, sent_there) = (requests.clone(), sent.clone());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = whole_request(&mut stream).await;
                let reply = reply(first_line(&request));
                requests_there.lock().unwrap().push(request);
                tokio::spawn(give(stream, reply, sent_there.clone()));
            }
        });
        Self { url, requests, sent, task }
    }

    /// The request lines so far.
    pub fn asked(&self) -> Vec<String> {
        self.requests().iter().map(|request| first_line(request).to_owned()).collect()
    }

    /// The requests so far, head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Number of body bytes of floods that were sent.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn first_line(request: &str) -> &str {
    request.lines().next().unwrap_or_default()
}

async fn whole_request(stream: &mut TcpStream) -> String {
    let (mut request, mut part, mut end) = (Vec::new(), [0; 1024], None);
    while end.is_none_or(|end| request.len() < end) {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(read) => request.extend_from_slice(&part[..read]),
        }
        end = end.or_else(|| end_of(&request));
    }
    String::from_utf8_lossy(&request).into_owned()
}

/// Position of the end of a request, once its head is complete.
fn end_of(request: &[u8]) -> Option<usize> {
    let head = 4 + request.windows(4).position(|end| end == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    Some(head + length.unwrap_or_default())
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
