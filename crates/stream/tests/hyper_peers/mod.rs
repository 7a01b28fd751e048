//! A client and a server of the `hyper` crate that talk HTTP/1.1 at random, and what moved between
//! them.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "only tests call this")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use stream::Dir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::task::LocalSet;

use crate::dice::Dice;

/// Bytes in the order in which they moved, as the client sees it.
pub struct Moved {
    pub dir: Dir,
    pub bytes: Vec<u8>,
}

/// What one end said in an exchange.
#[derive(Debug, Default, Clone)]
pub struct Said {
    pub status: Option<u16>,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    pub trailers: Vec<String>,
}

/// An exchange as both ends have it.
#[derive(Debug, Default, Clone)]
pub struct Exchange {
    /// Method, host and target.
    pub line: String,
    pub request: Said,
    pub response: Said,
}

pub struct Talk {
    pub moved: Vec<Moved>,
    pub exchanges: Vec<Exchange>,
}

/// A body in parts, with its length said before or not.
struct Parts {
    parts: VecDeque<Frame<Bytes>>,
    len: Option<u64>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.parts.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.len.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A head's fields, a body and its trailers.
fn content(dice: &mut Dice) -> (HeaderMap, Parts, Said) {
    let mut headers = HeaderMap::new();
    for _ in 0..dice.below(6) {
        let name = HeaderName::try_from(format!("x-{}", dice.word(12))).unwrap();
        headers.append(name, HeaderValue::try_from(dice.word(60)).unwrap());
    }
    let body = dice.body();
    let known = dice.below(2) == 0;
    let mut parts = VecDeque::new();
    let mut rest = body.as_slice();
    while !rest.is_empty() {
        let len = if known { rest.len() } else { (1 + dice.below(9_000) as usize).min(rest.len()) };
        let (part, after) = rest.split_at(len);
        parts.push_back(Frame::data(Bytes::copy_from_slice(part)));
        rest = after;
    }
    let mut said = Said { body, ..Said::default() };
    let field =
        |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    said.headers = headers.iter().map(field).collect();
    if !known && dice.below(3) == 0 {
        let value = dice.word(20);
        said.trailers = vec![format!("x-checksum: {value}")];
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", HeaderValue::try_from(value).unwrap());
        parts.push_back(Frame::trailers(trailers));
        headers.insert("trailer", HeaderValue::from_static("x-checksum"));
    }
    let len = known.then_some(said.body.len() as u64);
    (headers, Parts { parts, len }, said)
}

type Shared<T> = Arc<Mutex<T>>;

/// A talk of some exchanges, one after the other.
pub fn talk(dice: &mut Dice) -> Talk {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    LocalSet::new().block_on(&runtime, run(dice))
}

async fn run(dice: &mut Dice) -> Talk {
    let (client_end, near) = duplex(16_384);
    let (far, server_end) = duplex(16_384);
    let moved = Arc::new(Mutex::new(Vec::new()));
    let ((near_in, near_out), (far_in, far_out)) = (split(near), split(far));
    let there = tokio::task::spawn_local(tap(near_in, far_out, Dir::Write, moved.clone()));
    let back = tokio::task::spawn_local(tap(far_in, near_out, Dir::Read, moved.clone()));

    let exchanges: Shared<Vec<Exchange>> = Arc::default();
    let answers = Arc::new(Mutex::new(Dice::new(dice.below(u64::MAX))));
    let shared = exchanges.clone();
    let server = tokio::task::spawn_local(async move {
        let serve = service_fn(move |request| answer(request, answers.clone(), shared.clone()));
        server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(server_end), serve)
            .await
            .unwrap();
    });
    let (mut sender, connection) =
        client::conn::http1::handshake(TokioIo::new(client_end)).await.unwrap();
    let connection = tokio::task::spawn_local(connection);
    for _ in 0..1 + dice.below(8) {
        let method = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS"][dice.below(6) as usize];
        let (host, target) = (format!("host{}", dice.below(3)), format!("/{}?q", dice.word(30)));
        let (mut headers, mut body, mut said) = content(dice);
        // Without a body there is no framing to speak of.
        if matches!(method, "GET" | "HEAD") {
            (body, said.body) = (Parts { parts: VecDeque::new(), len: Some(0) }, Vec::new());
            said.trailers.clear();
        }
        let expects = !said.body.is_empty() && dice.below(4) == 0;
        headers.insert("host", HeaderValue::try_from(&host).unwrap());
        headers.insert("te", HeaderValue::from_static("trailers"));
        if expects {
            headers.insert("expect", HeaderValue::from_static("100-continue"));
        }
        let mut request = Request::new(body);
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = target.parse().unwrap();
        *request.headers_mut() = headers;
        let line = format!("{method} - {host} {target}");
        let exchange = Exchange { line, request: said, ..Exchange::default() };
        exchanges.lock().unwrap().push(exchange);
        sender.ready().await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    drop(sender);
    connection.await.unwrap().unwrap();
    server.await.unwrap();
    there.await.unwrap();
    back.await.unwrap();
    let moved = std::mem::take(&mut *moved.lock().unwrap());
    let exchanges = std::mem::take(&mut *exchanges.lock().unwrap());
    Talk { moved, exchanges }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    dice: Shared<Dice>,
    exchanges: Shared<Vec<Exchange>>,
) -> Result<Response<Parts>, Infallible> {
    let head = request.method() == "HEAD";
    request.into_body().collect().await.unwrap();
    let mut dice = dice.lock().unwrap();
    let status = [200, 200, 201, 204, 304, 404, 503][dice.below(7) as usize];
    let (headers, body, mut said) = content(&mut dice);
    said.status = Some(status);
    if head || matches!(status, 204 | 304) {
        said.body.clear();
        said.trailers.clear();
    }
    exchanges.lock().unwrap().last_mut().unwrap().response = said;
    let mut response = Response::new(body);
    *response.status_mut() = status.try_into().unwrap();
    *response.headers_mut() = headers;
    Ok(response)
}

async fn tap(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    dir: Dir,
    moved: Shared<Vec<Moved>>,
) {
    let mut room = vec![0; 16_384];
    while let Ok(len @ 1..) = from.read(&mut room).await {
        moved.lock().unwrap().push(Moved { dir, bytes: room[..len].to_vec() });
        if to.write_all(&room[..len]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
