//! A client and a server of the `h2` crate that talk at random, and what moved between them.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "only tests call this")]
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::{RecvStream, SendStream, client, server};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use stream::Dir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::task::LocalSet;

use crate::dice::Dice;

/// Bytes in the order in which they moved, as the client sees it.
pub struct Moved {
    pub dir: Dir,
    pub bytes: Vec<u8>,
}

/// What one end said on a stream.
#[derive(Default, Clone)]
pub struct Said {
    pub status: Option<u16>,
    pub pseudo: Vec<String>,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    pub trailers: Vec<String>,
}

#[derive(Default, Clone)]
pub struct Exchange {
    /// Method, scheme, authority and target.
    pub line: String,
    pub request: Said,
    pub response: Said,
}

pub struct Talk {
    pub moved: Vec<Moved>,
    pub exchanges: BTreeMap<u32, Exchange>,
}

/// Some fields come again and again, so that the table is used.
fn fields(dice: &mut Dice) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for _ in 0..dice.below(8) {
        let (name, value) = match dice.below(3) {
            0 => (format!("x-{}", dice.below(6)), format!("value {}", dice.below(4))),
            1 => (format!("x-{}", dice.below(6)), dice.word(200)),
            _ => (dice.word(20), dice.word(20)),
        };
        let name = HeaderName::try_from(format!("y{name}")).unwrap();
        fields.append(name, HeaderValue::try_from(value).unwrap());
    }
    fields
}

type Shared<T> = Arc<Mutex<T>>;

/// A talk of some exchanges, several at once.
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

    let exchanges: Shared<BTreeMap<u32, Exchange>> = Arc::default();
    let answers = Dice::new(dice.below(u64::MAX));
    let table = [0, 100, 4_096, 16_384][dice.below(4) as usize];
    tokio::task::spawn_local(serve(server_end, answers, table, exchanges.clone()));

    let table = [0, 100, 4_096, 16_384][dice.below(4) as usize];
    let mut builder = client::Builder::new();
    builder.header_table_size(table).enable_push(false);
    let (mut sender, connection) = builder.handshake::<_, Bytes>(client_end).await.unwrap();
    let connection = tokio::task::spawn_local(connection);
    let mut calls = Vec::new();
    for _ in 0..1 + dice.below(12) {
        sender = sender.ready().await.unwrap();
        calls.push(call(&mut sender, dice, &exchanges));
        if dice.below(2) == 0
            && let Some(call) = calls.pop()
        {
            call.await.unwrap();
        }
    }
    for call in calls {
        call.await.unwrap();
    }
    drop(sender);
    connection.await.unwrap().unwrap();
    there.await.unwrap();
    back.await.unwrap();
    let moved = std::mem::take(&mut *moved.lock().unwrap());
    let exchanges = std::mem::take(&mut *exchanges.lock().unwrap());
    Talk { moved, exchanges }
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

/// Sends a request, and takes its response in a task.
fn call(
    sender: &mut client::SendRequest<Bytes>,
    dice: &mut Dice,
    exchanges: &Shared<BTreeMap<u32, Exchange>>,
) -> tokio::task::JoinHandle<()> {
    let method = ["GET", "POST", "DELETE"][dice.below(3) as usize];
    let (host, path) = (format!("host{}", dice.below(3)), format!("/{}", dice.word(30)));
    let mut request = Request::new(());
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = format!("https://{host}{path}").parse().unwrap();
    let (head, body, trailers) = (fields(dice), dice.body(), fields(dice));
    *request.headers_mut() = head.clone();
    let end = body.is_empty() && trailers.is_empty();
    let (answer, stream) = sender.send_request(request, end).unwrap();
    let id = u32::from(answer.stream_id());
    let pseudo = [
        format!(":method: {method}"),
        ":scheme: https".to_owned(),
        format!(":authority: {host}"),
        format!(":path: {path}"),
    ];
    let request = Said {
        status: None,
        pseudo: pseudo.to_vec(),
        headers: shown(&head),
        body: body.clone(),
        trailers: shown(&trailers),
    };
    let line = format!("{method} https {host} {path}");
    let exchange = Exchange { line, request, ..Exchange::default() };
    exchanges.lock().unwrap().insert(id, exchange);
    tokio::task::spawn_local(async move {
        let sent = async {
            if !end {
                send(stream, body, trailers).await;
            }
        };
        let taken = async { drain(answer.await.unwrap().into_body()).await };
        tokio::join!(sent, taken);
    })
}

async fn serve(
    io: DuplexStream,
    mut dice: Dice,
    table: u32,
    exchanges: Shared<BTreeMap<u32, Exchange>>,
) {
    let mut builder = server::Builder::new();
    builder.header_table_size(table);
    let mut connection = builder.handshake::<_, Bytes>(io).await.unwrap();
    while let Some(accepted) = connection.accept().await {
        let Ok((request, mut respond)) = accepted else { break };
        let status = [200, 204, 404, 201, 503][dice.below(5) as usize];
        let (head, body, trailers) = (fields(&mut dice), dice.body(), fields(&mut dice));
        let said = Said {
            status: Some(status),
            pseudo: vec![format!(":status: {status}")],
            headers: shown(&head),
            body: body.clone(),
            trailers: shown(&trailers),
        };
        let id = u32::from(respond.stream_id());
        exchanges.lock().unwrap().get_mut(&id).unwrap().response = said;
        let mut response = Response::new(());
        *response.status_mut() = status.try_into().unwrap();
        *response.headers_mut() = head;
        tokio::task::spawn_local(async move {
            drain(request.into_body()).await;
            let end = body.is_empty() && trailers.is_empty();
            let stream = respond.send_response(response, end).unwrap();
            if !end {
                send(stream, body, trailers).await;
            }
        });
    }
}

async fn send(mut stream: SendStream<Bytes>, body: Vec<u8>, trailers: HeaderMap) {
    let last = trailers.is_empty();
    stream.send_data(Bytes::from(body), last).unwrap();
    if !last {
        stream.send_trailers(trailers).unwrap();
    }
}

async fn drain(mut body: RecvStream) {
    while let Some(bytes) = body.data().await {
        let len = bytes.unwrap().len();
        body.flow_control().release_capacity(len).unwrap();
    }
    body.trailers().await.unwrap();
}

fn shown(fields: &HeaderMap) -> Vec<String> {
    let field =
        |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    fields.iter().map(field).collect()
}
