//! HTTP/3 by quinn and rustls, for the live tests.
//!
//! `http3 serve CERT KEY FOLDER` prints its port and serves the folder's files; `http3 fetch PORT
//! NAME...` prints the number of bytes of each file that it got, and saves none; `-` waits for a line
//! on standard input.

use std::{env, error::Error, fs, net::SocketAddr, path::PathBuf, sync::Arc};

use bytes::{Buf, Bytes};
use h3_quinn::quinn::{
    self,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};
use rustls::{DigitallySignedStruct, SignatureScheme};

type Failed = Box<dyn Error + Send + Sync>;

const ALPN: &[u8] = b"h3";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", cert, key, folder] => serve(cert, key, folder.into()).await,
        ["fetch", cert, port, names @ ..] => fetch(cert, port.parse()?, names).await,
        _ => Err("usage: http3 serve CERT KEY FOLDER | fetch CERT PORT NAME...".into()),
    }
}

async fn serve(cert: &str, key: &str, folder: PathBuf) -> Result<(), Failed> {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<Vec<_>, _>>()?;
    let mut tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let endpoint = quinn::Endpoint::server(config, SocketAddr::from(([127, 0, 0, 1], 0)))?;
    println!("{}", endpoint.local_addr()?.port());
    while let Some(incoming) = endpoint.accept().await {
        let folder = folder.clone();
        tokio::spawn(async move {
            // A client that goes away is no failure.
            let _ = answer(incoming, folder).await;
        });
    }
    Ok(())
}

async fn answer(incoming: quinn::Incoming, folder: PathBuf) -> Result<(), Failed> {
    let mut http =
        h3::server::Connection::<_, Bytes>::new(h3_quinn::Connection::new(incoming.await?)).await?;
    while let Some(resolver) = http.accept().await? {
        let (request, mut stream) = resolver.resolve_request().await?;
        let body = fs::read(folder.join(request.uri().path().trim_start_matches('/')))?;
        stream.send_response(http::Response::new(())).await?;
        stream.send_data(body.into()).await?;
        stream.finish().await?;
    }
    Ok(())
}

async fn fetch(cert: &str, port: u16, names: &[&str]) -> Result<(), Failed> {
    let known = Arc::new(Known(CertificateDer::from_pem_file(cert)?));
    let mut tls = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(known)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    let mut endpoint = quinn::Endpoint::client(SocketAddr::from(([0, 0, 0, 0], 0)))?;
    endpoint.set_default_client_config(config);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    // Each file by a connection of its own, between the same ends.
    for name in names {
        if *name == "-" {
            std::io::stdin().read_line(&mut String::new())?;
            continue;
        }
        let connection = endpoint.connect(address, "localhost")?.await?;
        let (mut driver, mut http) = h3::client::new(h3_quinn::Connection::new(connection)).await?;
        let driving = tokio::spawn(async move { driver.wait_idle().await });
        let request = http::Request::get(format!("https://localhost/{name}")).body(())?;
        let mut stream = http.send_request(request).await?;
        stream.finish().await?;
        stream.recv_response().await?;
        let mut len = 0;
        while let Some(piece) = stream.recv_data().await? {
            len += piece.remaining();
        }
        println!("{len}");
        drop((stream, http));
        driving.await?;
        // tshark takes late packets of a connection for the next one's.
        endpoint.wait_idle().await;
    }
    Ok(())
}

/// The one certificate that is trusted, though it signed itself.
#[derive(Debug)]
struct Known(CertificateDer<'static>);

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.0 {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("another certificate".into()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("QUIC has TLS 1.3".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
