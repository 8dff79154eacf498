//! hyper alone: `reference-hyper_echo`, one thread, each body goes back as it came.
//!
//! Prints its address when it listens, ends on SIGTERM and when its standard input closes.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?
        .block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut told_to_end = signal(SignalKind::terminate())?;
    println!("{}", listener.local_addr()?);
    let mut stdin = tokio::io::stdin();
    let mut nothing = [0; 1];
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = told_to_end.recv() => return Ok(()),
            _ = stdin.read(&mut nothing) => return Ok(()),
        };
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(async move {
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo));
            if let Err(error) = connection.await {
                eprintln!("{error}");
            }
        });
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A body that does not come to its end has a connection that does not either: nobody reads this answer.
    let body = request.into_body().collect().await.unwrap_or_default();
    Ok(Response::new(Full::new(body.to_bytes())))
}
