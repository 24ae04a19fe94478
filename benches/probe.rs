//! Probes a second on one core, and processor time per probe: this prober, and
//! prometheus-blackbox-exporter on the same targets in the same run, when it is installed
//! (Debian: `prometheus-blackbox-exporter`; or name the binary in `BLACKBOX_EXPORTER`).
//!
//! The targets are served by a process of their own, so that its time is not counted. The exporter
//! is asked over loopback, as Prometheus asks it, by a client in this process whose time is not
//! counted either; it may use one core (`GOMAXPROCS=1`). Both resolve no names and connect anew for
//! each probe, and look for the same text in the same body.
//!
//! `cargo bench --no-default-features --bench probe`. `PROBES` sets how many of each kind.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rcgen::{CertificateParams, KeyPair};
use regent::domain::fleet::{AddressFamily, ConnectionPolicy, ProbeSpec, Protocol};
use regent::probe::{Endpoint, Prober, Trust};
use regent::telemetry::Stopwatch;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Probes under way at once: enough to keep a core busy, too few to wait for each other.
const AT_ONCE: usize = 32;
const PROBES: usize = 4_000;
const CLOSING: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\nall is well: ok";
const KEPT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nall is well: ok";
const NAME: &str = "shop.example.com";

/// What was measured of one prober on one kind of target.
struct Figures {
    probes: usize,
    wall: Duration,
    cpu: Duration,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments.get(1).map(String::as_str) {
        Some("serve") => {
            let folder = PathBuf::from(arguments.get(2).context("a folder")?);
            runtime.block_on(serve(&folder))
        }
        _ => runtime.block_on(compare()),
    }
}

async fn compare() -> anyhow::Result<()> {
    let probes = match std::env::var("PROBES") {
        Ok(text) => text.parse().context("PROBES is a number")?,
        Err(_) => PROBES,
    };
    let folder = tempfile::tempdir()?;
    let served = Served::start(folder.path())?;
    let certificate = CertificateDer::from(std::fs::read(folder.path().join("certificate.der"))?);
    let prober = Prober::new("regent-bench/1", Trust::of([certificate])?)?;
    let blackbox = Blackbox::start(folder.path()).await?;

    let mut table =
        String::from("prober                        target              probes/s   CPU µs/probe\n");
    for (kind, address, scheme) in [
        ("http, fresh connection", served.plain, "http"),
        ("https, fresh connection", served.secured, "https"),
    ] {
        let spec = spec(ConnectionPolicy::Fresh);
        let url = format!("{scheme}://{address}");
        row(&mut table, "regent", kind, &own(&prober, &url, &spec, probes).await?);
        if let Some(blackbox) = &blackbox {
            let figures = blackbox.measure(scheme, address, probes).await?;
            row(&mut table, "blackbox_exporter", kind, &figures);
        }
    }
    let spec = spec(ConnectionPolicy::Reuse);
    for (kind, address, scheme) in [
        ("http, kept connection", served.plain_kept, "http"),
        ("https, kept connection", served.secured_kept, "https"),
    ] {
        let url = format!("{scheme}://{address}");
        row(&mut table, "regent", kind, &own(&prober, &url, &spec, probes).await?);
    }
    if blackbox.is_none() {
        table.push_str("blackbox_exporter             (not installed: skipped)\n");
    }
    std::io::stdout().write_all(table.as_bytes())?;
    Ok(())
}

fn row(table: &mut String, prober: &str, kind: &str, figures: &Figures) {
    let count = figures.probes as f64;
    let a_second = count / figures.wall.as_secs_f64();
    let cpu_us = figures.cpu.as_secs_f64() * 1e6 / count;
    writeln!(table, "{prober:<20}{kind:<28}{a_second:>10.0}{cpu_us:>15.0}")
        .expect("writing to a String can't fail");
}

fn spec(connection: ConnectionPolicy) -> ProbeSpec {
    ProbeSpec {
        protocol: Protocol::Http1,
        connection,
        family: AddressFamily::Any,
        path: "/health".to_owned(),
        host: Some(NAME.to_owned()),
        status: vec![(200, 299)],
        body_contains: Some("ok".to_owned()),
        json: Vec::new(),
        redirects_max: 0,
        connect_ms_max: None,
        first_byte_ms_max: None,
        latency_ms_max: 10_000,
        timeout_ms: 10_000,
        body_bytes_max: 65_536,
    }
}

/// Our own prober, in this process and on its one thread.
async fn own(
    prober: &Prober,
    url: &str,
    spec: &ProbeSpec,
    probes: usize,
) -> anyhow::Result<Figures> {
    let (cpu, wall) = (own_cpu(), Stopwatch::start());
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (prober, endpoint) = (prober.clone(), Endpoint::new(url, spec)?);
        tasks.spawn(async move {
            for _ in 0..probes / AT_ONCE {
                let sample = prober.probe(&endpoint).await;
                ensure!(sample.failure.is_none(), "{sample:?}");
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let probes = probes / AT_ONCE * AT_ONCE;
    Ok(Figures { probes, wall: wall.elapsed(), cpu: own_cpu().saturating_sub(cpu) })
}

fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("it only rises from zero"),
        u32::try_from(time.tv_nsec).expect("less than a second"),
    )
}

/// prometheus-blackbox-exporter, running on loopback.
struct Blackbox {
    child: Child,
    address: SocketAddr,
}

impl Blackbox {
    /// Starts it with a module for each kind of target; none when it is not installed.
    async fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        let binary = std::env::var("BLACKBOX_EXPORTER")
            .unwrap_or_else(|_| "prometheus-blackbox-exporter".to_owned());
        // A port that was free a moment ago: the exporter can't be asked which it took.
        let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let certificate = folder.join("certificate.pem");
        let mut modules = String::from("modules:\n");
        for scheme in ["http", "https"] {
            write!(
                modules,
                "  {scheme}:\n    prober: http\n    timeout: 10s\n    http:\n      \
                 preferred_ip_protocol: ip4\n      enable_http2: false\n      headers: \
                 {{ Host: {NAME} }}\n      fail_if_body_not_matches_regexp: [\"ok\"]\n      \
                 tls_config: {{ ca_file: {}, server_name: {NAME} }}\n",
                certificate.display()
            )?;
        }
        let config = folder.join("blackbox.yml");
        std::fs::write(&config, modules)?;
        let started = Command::new(binary)
            .env("GOMAXPROCS", "1")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else { return Ok(None) };
        let mut blackbox = Self { child, address };
        for _ in 0..500 {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(Some(blackbox));
            }
            ensure!(blackbox.child.try_wait()?.is_none(), "the exporter ended at once");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("the exporter does not listen")
    }

    async fn measure(
        &self,
        scheme: &'static str,
        target: SocketAddr,
        probes: usize,
    ) -> anyhow::Result<Figures> {
        // Far slower, and the figures are as steady with fewer.
        let probes = probes / 4;
        self.ask(scheme, target).await?;
        let (cpu, wall) = (self.cpu()?, Stopwatch::start());
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE {
            let address = self.address;
            tasks.spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                for _ in 0..probes / AT_ONCE {
                    ask(&mut stream, scheme, target).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        let probes = probes / AT_ONCE * AT_ONCE;
        Ok(Figures { probes, wall: wall.elapsed(), cpu: self.cpu()?.saturating_sub(cpu) })
    }

    async fn ask(&self, scheme: &str, target: SocketAddr) -> anyhow::Result<()> {
        ask(&mut TcpStream::connect(self.address).await?, scheme, target).await
    }

    /// What it has used, out of proc_pid_stat(5): fields 14 and 15, in hundredths of a second.
    fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("a stat line")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Blackbox {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One probe by the exporter, over a connection that is kept.
async fn ask(stream: &mut TcpStream, scheme: &str, target: SocketAddr) -> anyhow::Result<()> {
    let request = format!(
        "GET /probe?module={scheme}&target={scheme}://{target}/health HTTP/1.1\r\nhost: x\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let head = read_head(stream).await?.context("the exporter closed the connection")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
    let body = if let Some(length) = header(&head, "content-length: ") {
        let mut body = vec![0; length.parse()?];
        stream.read_exact(&mut body).await?;
        body
    } else {
        read_chunks(stream).await?
    };
    let body = String::from_utf8_lossy(&body);
    ensure!(body.contains("\nprobe_success 1"), "the exporter failed:\n{body}");
    Ok(())
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name))
}

async fn read_chunks(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(stream.read_u8().await?);
        }
        let length = usize::from_str_radix(std::str::from_utf8(&line)?.trim(), 16)?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).await?;
        body.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return Ok(body);
        }
    }
}

/// A head in lower case but for its first line's words; none at the connection's end.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<Option<String>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut buffer).await? == 0 {
            return Ok(None);
        }
        head.push(buffer[0]);
    }
    let text = String::from_utf8(head)?;
    let (first, rest) = text.split_once("\r\n").context("a line")?;
    Ok(Some(format!("{first}\r\n{}", rest.to_ascii_lowercase())))
}

/// The process that serves the targets.
struct Served {
    child: Child,
    plain: SocketAddr,
    secured: SocketAddr,
    plain_kept: SocketAddr,
    secured_kept: SocketAddr,
}

impl Served {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("it is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let mut next =
            || -> anyhow::Result<SocketAddr> { Ok(lines.next().context("an address")??.parse()?) };
        let (plain, secured) = (next()?, next()?);
        let (plain_kept, secured_kept) = (next()?, next()?);
        Ok(Self { child, plain, secured, plain_kept, secured_kept })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // As above.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the targets until it is killed.
async fn serve(folder: &Path) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&key)?;
    std::fs::write(folder.join("certificate.der"), certificate.der())?;
    std::fs::write(folder.join("certificate.pem"), certificate.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut tasks = JoinSet::new();
    let mut addresses = String::new();
    for (secured, kept) in [(false, false), (true, false), (false, true), (true, true)] {
        let listener = TcpListener::bind((IpAddr::from([127, 0, 0, 1]), 0)).await?;
        writeln!(addresses, "{}", listener.local_addr()?)?;
        let acceptor = secured.then(|| acceptor.clone());
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                let acceptor = acceptor.clone();
                // A prober that goes is no error of the server's.
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    match acceptor {
                        None => answer(stream, kept).await,
                        Some(acceptor) => answer(acceptor.accept(stream).await?, kept).await,
                    }
                });
            }
            #[expect(unreachable_code, reason = "tells the type of the error")]
            anyhow::Ok(())
        });
    }
    let mut stdout = std::io::stdout();
    stdout.write_all(addresses.as_bytes())?;
    stdout.flush()?;
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, kept: bool) -> anyhow::Result<()> {
    let mut bytes = vec![0; 4096];
    loop {
        // One request comes in one piece, as both probers send it.
        if stream.read(&mut bytes).await? == 0 {
            return Ok(());
        }
        let text = if kept { KEPT } else { CLOSING };
        stream.write_all(text).await?;
        if !kept {
            stream.shutdown().await?;
            return Ok(());
        }
    }
}
