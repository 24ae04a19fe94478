//! The name servers of the modelled Route 53: a real authoritative DNS server over UDP and TCP.
//!
//! It turns messages into questions and answers into messages; what the answers are is a callback's
//! to say. It recurses for nobody, signs nothing, and transfers no zone.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::{Edns, Header, HeaderCounts, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{DNSClass, LowerName, Name, RData, Record, RecordType};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

use crate::world::route53::{
    Answer, AnswerRecord, ModelRecordType, Outcome, OwnerName, txt_strings,
};

/// Says what is answered.
pub trait Answers: Send + Sync + 'static {
    /// The answer to a question for a name and type. It is asked once for each message, and must
    /// not wait for anything longer than a lock.
    fn answer(&self, name: &OwnerName, rtype: ModelRecordType) -> Answer;
}

/// How long a TCP connection may be idle. RFC 7766, section 6.2.3, wants a few seconds.
const TCP_IDLE: Duration = Duration::from_secs(5);

/// Answers that may wait to be written to a TCP connection.
const TCP_ANSWERS_WAITING_MAX: usize = 32;

/// Largest UDP message sent, so that none is cut in pieces on its way: the size that resolvers
/// agreed on for DNS flag day 2020.
const UDP_PAYLOAD_BYTES_MAX: u16 = 1232;

/// How often a free port is looked for: one that TCP got can be taken for UDP.
const PORT_TRIES_MAX: usize = 16;

/// A DNS server that runs until it is dropped or shut down.
pub struct DnsServer {
    address: SocketAddr,
    server: Server<Handler>,
}

impl DnsServer {
    /// Binds the same port for UDP and TCP, a free one if the address's is 0, and serves. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// When the address can't be bound.
    pub async fn start(address: SocketAddr, answers: Arc<dyn Answers>) -> io::Result<Self> {
        let (udp, tcp) = bind(address).await?;
        let address = tcp.local_addr()?;
        let mut server = Server::new(Handler { answers });
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE, TCP_ANSWERS_WAITING_MAX);
        Ok(Self { address, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops, and returns once the port is free.
    ///
    /// # Errors
    /// When a socket had failed before.
    pub async fn shutdown(mut self) -> io::Result<()> {
        self.server.shutdown_gracefully().await.map_err(io::Error::other)
    }
}

async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 1;
    loop {
        let tcp = TcpListener::bind(address).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((udp, tcp)),
            Err(_) if address.port() == 0 && tries < PORT_TRIES_MAX => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

struct Handler {
    answers: Arc<dyn Answers>,
}

/// An answer in DNS's own terms.
struct Reply {
    code: ResponseCode,
    authoritative: bool,
    answers: Vec<Record>,
    soa: Vec<Record>,
}

impl Reply {
    fn without_records(code: ResponseCode) -> Self {
        Self { code, authoritative: false, answers: Vec::new(), soa: Vec::new() }
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        let reply = self.reply(request);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = reply.code;
        metadata.authoritative = reply.authoritative;
        let edns = request.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            edns.set_max_payload(asked.max_payload().clamp(512, UDP_PAYLOAD_BYTES_MAX));
            edns
        });
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            builder.edns(edns);
        }
        let none: [&Record; 0] = [];
        let response = builder.build(metadata, &reply.answers, none, &reply.soa, none);
        // Whoever asked has gone, or the answer can't be encoded: they will ask again.
        let failed = || Header { metadata, counts: HeaderCounts::default() }.into();
        response_handle.send_response(response).await.unwrap_or_else(|_| failed())
    }
}

impl Handler {
    fn reply(&self, request: &Request) -> Reply {
        if request.metadata.op_code != OpCode::Query {
            return Reply::without_records(ResponseCode::NotImp);
        }
        let Ok(info) = request.request_info() else {
            return Reply::without_records(ResponseCode::FormErr);
        };
        let name = owner_name(info.query.name());
        let Some(name) = name.filter(|_| info.query.query_class() == DNSClass::IN) else {
            return Reply::without_records(ResponseCode::Refused);
        };
        let answer = match info.query.query_type().to_string().parse() {
            Ok(rtype) => self.answers.answer(&name, rtype),
            Err(_) => without_type(self.answers.answer(&name, ModelRecordType::Soa)),
        };
        let code = match answer.outcome {
            Outcome::NoError => ResponseCode::NoError,
            Outcome::NxDomain => ResponseCode::NXDomain,
            Outcome::Refused => return Reply::without_records(ResponseCode::Refused),
        };
        let answers = answer.records.iter().map(record).collect();
        let soa = answer.soa.iter().map(record).collect();
        match (answers, soa) {
            (Some(answers), Some(soa)) => Reply { code, authoritative: true, answers, soa },
            _ => Reply::without_records(ResponseCode::ServFail),
        }
    }
}

/// The answer for a type that no zone holds, from that for the SOA: which tells whether the name
/// exists, and has the SOA at hand.
fn without_type(mut answer: Answer) -> Answer {
    let (soa, rest) = answer.records.into_iter().partition(|r| r.rtype == ModelRecordType::Soa);
    answer.records = rest;
    let mut soa: Vec<_> = soa;
    answer.soa = answer.soa.or_else(|| soa.pop());
    answer
}

/// The name as the model writes it; none for the root and for names that no zone can hold.
fn owner_name(name: &LowerName) -> Option<OwnerName> {
    let mut text = String::new();
    for label in Name::from(name).iter() {
        for byte in label {
            match char::from(*byte) {
                c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') => text.push(c),
                _ => text.push_str(&format!("\\{byte:03o}")),
            }
        }
        text.push('.');
    }
    text.parse().ok()
}

/// A record as DNS carries it; none when its value can't be.
fn record(record: &AnswerRecord) -> Option<Record> {
    let labels = record.name.as_str().trim_end_matches('.').split('.').map(str::as_bytes);
    let name = Name::from_labels(labels).ok()?;
    let data = match record.rtype {
        ModelRecordType::Txt => {
            let strings = txt_strings(&record.value)?;
            RData::TXT(TXT::from_bytes(strings.iter().map(Vec::as_slice).collect()))
        }
        rtype => {
            // Route 53 takes every name in a value as fully qualified.
            let holds_name = matches!(
                rtype,
                ModelRecordType::Cname
                    | ModelRecordType::Mx
                    | ModelRecordType::Ns
                    | ModelRecordType::Ptr
                    | ModelRecordType::Srv
            );
            let dot = if holds_name && !record.value.ends_with('.') { "." } else { "" };
            let dns_type: RecordType = rtype.as_str().parse().ok()?;
            RData::try_from_str(dns_type, &format!("{}{dot}", record.value)).ok()?
        }
    };
    Some(Record::from_rdata(name, record.ttl_s, data))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use hickory_proto::op::{Message, MessageType, Query};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::domain::record::RecordData;
    use crate::domain::{Moment, ZoneId};
    use crate::world::route53::{Action, ModelChange, ModelRecordSet, ModelRouting, Route53};

    struct World(Mutex<Route53>);

    impl Answers for World {
        fn answer(&self, name: &OwnerName, rtype: ModelRecordType) -> Answer {
            let later = Moment::from_ms(100_000);
            self.0.lock().expect("not poisoned").answer(later, name, rtype)
        }
    }

    /// A server over a zone with one record of each kind that is encoded in a way of its own.
    async fn server() -> DnsServer {
        let mut route53 = Route53::new(1);
        let zone: ZoneId = "Z1".parse().expect("valid");
        route53.create_zone(&zone, &"example.com".parse().expect("valid")).expect("new");
        let long = format!("\"{}\"", "x".repeat(255));
        let records = [
            ("www.example.com", ModelRecordType::A, vec!["192.0.2.1".to_owned()]),
            ("www.example.com", ModelRecordType::Aaaa, vec!["2001:db8::1".to_owned()]),
            ("c.example.com", ModelRecordType::Cname, vec!["www.example.com".to_owned()]),
            ("t.example.com", ModelRecordType::Txt, vec!["\"a b\" \"c;d\"".to_owned()]),
            ("m.example.com", ModelRecordType::Mx, vec!["10 mx.example.net".to_owned()]),
            ("*.w.example.com", ModelRecordType::A, vec!["192.0.2.2".to_owned()]),
            ("long.example.com", ModelRecordType::Txt, vec![[long.as_str(); 4].join(" ")]),
            ("bad.example.com", ModelRecordType::Mx, vec!["nonsense".to_owned()]),
        ];
        let changes: Vec<_> = records
            .into_iter()
            .map(|(name, rtype, values)| ModelChange {
                action: Action::Create,
                record: ModelRecordSet {
                    name: name.parse().expect("valid"),
                    rtype,
                    routing: ModelRouting::Simple,
                    data: RecordData::Plain { ttl_s: 30, values },
                    health_check: None,
                },
            })
            .collect();
        route53.change_record_sets(Moment::ZERO, &zone, &changes, None).expect("accepted");
        let answers = Arc::new(World(Mutex::new(route53)));
        DnsServer::start(([127, 0, 0, 1], 0).into(), answers).await.expect("a free port")
    }

    fn question(name: &str, rtype: RecordType) -> Message {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(name.parse().expect("valid"), rtype));
        message
    }

    async fn over_udp(server: &DnsServer, message: &Message) -> Message {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
        let bytes = message.to_vec().expect("encoded");
        socket.send_to(&bytes, server.address()).await.expect("sent");
        let mut buffer = [0; 4096];
        let (length, from) = socket.recv_from(&mut buffer).await.expect("answered");
        assert_eq!(from, server.address());
        Message::from_vec(&buffer[..length]).expect("decoded")
    }

    async fn over_tcp(server: &DnsServer, message: &Message) -> Message {
        let mut stream = TcpStream::connect(server.address()).await.expect("connected");
        let bytes = message.to_vec().expect("encoded");
        stream.write_u16(bytes.len().try_into().expect("short")).await.expect("sent");
        stream.write_all(&bytes).await.expect("sent");
        let length = stream.read_u16().await.expect("answered");
        let mut buffer = vec![0; usize::from(length)];
        stream.read_exact(&mut buffer).await.expect("answered");
        Message::from_vec(&buffer).expect("decoded")
    }

    fn values(message: &Message) -> Vec<String> {
        message.answers.iter().map(|record| record.data.to_string()).collect()
    }

    #[tokio::test]
    async fn the_same_port_answers_over_udp_and_tcp_with_authority() {
        let server = server().await;
        for (name, rtype, expected) in [
            ("www.example.com.", RecordType::A, &["192.0.2.1"][..]),
            ("WWW.example.COM.", RecordType::AAAA, &["2001:db8::1"]),
            ("c.example.com.", RecordType::A, &["www.example.com.", "192.0.2.1"]),
            ("m.example.com.", RecordType::MX, &["10 mx.example.net."]),
            ("any.w.example.com.", RecordType::A, &["192.0.2.2"]),
        ] {
            let message = question(name, rtype);
            for answer in [over_udp(&server, &message).await, over_tcp(&server, &message).await] {
                assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{name}");
                assert!(answer.metadata.authoritative && !answer.metadata.recursion_available);
                assert_eq!((answer.metadata.id, answer.queries.len()), (7, 1));
                assert_eq!(values(&answer), expected, "{name}");
                assert!(answer.answers.iter().all(|record| record.ttl == 30));
            }
        }
    }

    #[tokio::test]
    async fn txt_strings_arrive_apart_and_without_quotes() {
        let server = server().await;
        let answer = over_udp(&server, &question("t.example.com.", RecordType::TXT)).await;
        let [Record { data: RData::TXT(txt), .. }] = &answer.answers[..] else {
            panic!("{answer:?}");
        };
        let strings: Vec<&[u8]> = txt.txt_data.iter().map(|string| &string[..]).collect();
        assert_eq!(strings, [&b"a b"[..], b"c;d"]);
    }

    #[tokio::test]
    async fn negative_answers_carry_the_soa_and_other_zones_are_refused() {
        let server = server().await;
        for (name, rtype, code) in [
            ("nope.example.com.", RecordType::A, ResponseCode::NXDomain),
            ("www.example.com.", RecordType::TXT, ResponseCode::NoError),
            ("www.example.com.", RecordType::HINFO, ResponseCode::NoError),
            ("example.com.", RecordType::HINFO, ResponseCode::NoError),
        ] {
            let answer = over_udp(&server, &question(name, rtype)).await;
            assert_eq!(answer.metadata.response_code, code, "{name} {rtype}");
            assert!(answer.metadata.authoritative && answer.answers.is_empty());
            let [soa] = &answer.authorities[..] else { panic!("{answer:?}") };
            assert_eq!((soa.record_type(), soa.ttl), (RecordType::SOA, 900));
        }
        for name in ["www.example.net.", "."] {
            let refused = over_udp(&server, &question(name, RecordType::A)).await;
            assert_eq!(refused.metadata.response_code, ResponseCode::Refused);
            assert!(!refused.metadata.authoritative && refused.authorities.is_empty());
        }
        let bad = over_udp(&server, &question("bad.example.com.", RecordType::MX)).await;
        assert_eq!(bad.metadata.response_code, ResponseCode::ServFail);
    }

    #[tokio::test]
    async fn an_answer_too_long_for_udp_is_cut_unless_the_asker_takes_more() {
        let server = server().await;
        let mut message = question("long.example.com.", RecordType::TXT);
        let cut = over_udp(&server, &message).await;
        assert!(cut.metadata.truncation && cut.answers.is_empty());
        let whole = over_tcp(&server, &message).await;
        assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 1));
        message.set_edns(Edns::new().set_max_payload(4096).clone());
        let whole = over_udp(&server, &message).await;
        assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 1));
        assert_eq!(whole.max_payload(), UDP_PAYLOAD_BYTES_MAX);
    }

    #[tokio::test]
    async fn the_port_is_free_after_a_shutdown_and_after_a_drop() {
        let server = server().await;
        let address = server.address();
        assert_ne!(address.port(), 0);
        let answers = || -> Arc<dyn Answers> { Arc::new(World(Mutex::new(Route53::new(1)))) };
        assert!(DnsServer::start(address, answers()).await.is_err(), "the port is taken");
        server.shutdown().await.expect("stopped");
        let again = DnsServer::start(address, answers()).await.expect("free again");
        drop(again);
        // The tasks end when the runtime next runs them.
        for _ in 0..1000 {
            if UdpSocket::bind(address).await.is_ok() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{address} is still taken");
    }
}
