//! Asking a zone's name servers, over UDP.
//!
//! Who they are is Route 53's to say, once: it is kept, so that a later failure of the control plane
//! changes nothing. `REGENT_NAME_SERVERS` (addresses with ports, separated by commas) names others, for
//! a fleet whose zones are not served by Route 53's. Each question goes out from a socket of its own,
//! with an ID by chance, and an answer counts only from whom it was asked of.
//!
//! It validates no signatures and follows no referral: these servers are the end of the way. What
//! aliases point at is no zone's of the fleet, and is asked of the machine's own resolver.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_resolver::TokioResolver;
use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::domain::answers::{Heard, Question};
use crate::domain::record::{DnsName, RecordData, RecordType as OurType, canonical};
use crate::domain::{CallFailure, Moment, RegionId, ZoneId};
use crate::ports::{Answer, Names, Records};
use crate::telemetry::clock;

/// The variable that names other servers.
pub const VARIABLE: &str = "REGENT_NAME_SERVERS";

/// Longest wait for an answer. Name servers answer within a round trip; a lost datagram is one answer
/// less, no more.
const ANSWER_LIMIT: Duration = Duration::from_millis(1_000);

/// Questions under way to one server at a time.
const AT_ONCE: usize = 8;

/// Largest answer that is read: what a server sends without EDNS (RFC 1035, section 4.2.1).
const ANSWER_BYTES_MAX: usize = 512;

/// See the module's opening.
pub struct NameServers {
    records: Arc<dyn Records>,
    named: Vec<SocketAddr>,
    known: Mutex<BTreeMap<ZoneId, Vec<Server>>>,
    behind: Mutex<BTreeMap<DnsName, BTreeMap<IpAddr, Moment>>>,
}

#[derive(Debug, Clone)]
struct Server {
    name: String,
    /// None as long as the name can't be resolved here: it is asked again at each look.
    address: Option<SocketAddr>,
}

/// For how long an address counts as a load balancer's after it was seen there. A large one is answered
/// with some of its addresses, other ones each time, and gives none of them away at once.
const BEHIND_FOR: Duration = Duration::from_secs(600);

/// What an answer holds that tells where it leads.
type Led = Vec<String>;

impl NameServers {
    /// Those of Route 53, or those that the environment names.
    ///
    /// # Errors
    /// What in the variable is no address with a port.
    pub fn new(records: Arc<dyn Records>) -> Result<Self, String> {
        let named = std::env::var(VARIABLE).unwrap_or_default();
        Self::named(records, &named)
    }

    fn named(records: Arc<dyn Records>, named: &str) -> Result<Self, String> {
        let given = named.split(',').map(str::trim).filter(|text| !text.is_empty());
        let address = |text: &str| {
            text.parse().map_err(|_| format!("{VARIABLE}: {text:?} is no address with a port"))
        };
        let named = given.map(address).collect::<Result<_, _>>()?;
        Ok(Self { records, named, known: Mutex::default(), behind: Mutex::default() })
    }

    /// The zone's servers, each at one address.
    async fn servers(&self, zone: &ZoneId, limit: Duration) -> Answer<Vec<Server>> {
        if !self.named.is_empty() {
            let server = |address: &SocketAddr| Server {
                name: address.to_string(),
                address: Some(*address),
            };
            return Ok(self.named.iter().map(server).collect());
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(zone).cloned();
        let mut servers = match known {
            Some(known) => known,
            None => self.named_by_route53(zone, limit).await?,
        };
        for server in servers.iter_mut().filter(|server| server.address.is_none()) {
            let found = tokio::net::lookup_host((server.name.as_str(), 53)).await;
            server.address = found.ok().and_then(|mut found| found.find(SocketAddr::is_ipv4));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(zone.clone(), servers.clone());
        if servers.iter().all(|server| server.address.is_none()) {
            return Err(CallFailure::transient(format!(
                "none of zone {zone}'s {} name servers has an address here",
                servers.len()
            )));
        }
        Ok(servers)
    }

    async fn named_by_route53(&self, zone: &ZoneId, limit: Duration) -> Answer<Vec<Server>> {
        let facts = self.records.zone_facts(zone, limit).await?;
        if facts.private {
            return Err(CallFailure::permanent(format!(
                "zone {zone} is private: its name servers answer within its VPCs alone"
            )));
        }
        let names = facts.name_servers.iter().map(|name| name.as_str().trim_end_matches('.'));
        Ok(names.map(|name| Server { name: name.to_owned(), address: None }).collect())
    }

    /// The addresses behind a load balancer's name, as far as they were seen lately.
    fn behind(
        &self,
        now: Moment,
        name: &DnsName,
        found: impl Iterator<Item = IpAddr>,
    ) -> Vec<IpAddr> {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = behind.entry(name.clone()).or_default();
        seen.retain(|_, at| now.since(*at) < BEHIND_FOR);
        seen.extend(found.map(|address| (address, now)));
        seen.keys().copied().collect()
    }

    /// What leads to each Region, as answers hold it. An alias is answered with its target's addresses,
    /// never with the target's name: they are looked up at each look, since a load balancer's change.
    /// Where they can't be had, nothing can be said of the answers, and that is no difference.
    async fn leads(&self, question: &Question) -> Answer<BTreeMap<RegionId, Led>> {
        let mut leads = BTreeMap::new();
        for (region, data) in &question.leads {
            let led: Led = match data {
                RecordData::Plain { values, .. } => {
                    values.iter().map(|value| canonical(value)).collect()
                }
                RecordData::Alias { target_name, .. } => {
                    let found = tokio::net::lookup_host((target_name.as_str(), 443)).await;
                    let found = found.ok().into_iter().flatten().map(|at| at.ip());
                    let behind = self.behind(clock::now(), target_name, found);
                    if behind.is_empty() {
                        return Err(CallFailure::transient(format!(
                            "{target_name} has no address here: whether answers lead to {region} \
                             can't be told"
                        )));
                    }
                    behind.iter().map(IpAddr::to_string).collect()
                }
            };
            leads.insert(region.clone(), led);
        }
        Ok(leads)
    }
}

#[async_trait]
impl Names for NameServers {
    async fn ask(&self, question: &Question, limit: Duration) -> Answer<Vec<Heard>> {
        let asking = async {
            let servers = self.servers(&question.zone, limit).await?;
            let leads = Arc::new(self.leads(question).await?);
            let each = usize::from(question.times).div_ceil(servers.len());
            let mut asked = JoinSet::new();
            for server in servers {
                let (question, leads) = (question.clone(), Arc::clone(&leads));
                asked.spawn(async move { ask_one(&server, &question, &leads, each).await });
            }
            let mut heard = asked.join_all().await;
            heard.sort_by(|one, other| one.server.cmp(&other.server));
            if heard.iter().all(|one| one.answers() == 0) {
                let what = format!("none of zone {}'s name servers answers", question.zone);
                return Err(CallFailure::transient(what));
            }
            Ok(heard)
        };
        let late = || CallFailure::transient(format!("name servers: not done within {limit:?}"));
        tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| Err(late()))
    }

    async fn has_address(&self, name: &DnsName, limit: Duration) -> Answer<bool> {
        let unasked = |why: String| CallFailure::transient(format!("{name}: {why}"));
        let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        let resolver = resolver.map_err(|error| unasked(error.to_string()))?;
        match tokio::time::timeout(limit, resolver.lookup_ip(name.as_str())).await {
            Ok(Ok(found)) => Ok(found.iter().next().is_some()),
            Ok(Err(error)) if error.is_no_records_found() => Ok(false),
            Ok(Err(error)) => Err(unasked(error.to_string())),
            Err(_) => Err(unasked(format!("no answer within {limit:?}"))),
        }
    }
}

/// Asks one server so often, a few questions at a time.
async fn ask_one(
    server: &Server,
    question: &Question,
    leads: &BTreeMap<RegionId, Led>,
    times: usize,
) -> Heard {
    let mut heard = Heard { server: server.name.clone(), ..Heard::default() };
    let Some(address) = server.address else {
        heard.silent = u32::try_from(times).unwrap_or(u32::MAX);
        return heard;
    };
    let mut left = times;
    while left > 0 {
        let mut asked = JoinSet::new();
        for _ in 0..left.min(AT_ONCE) {
            let (at, question) = (address, question.clone());
            asked.spawn(async move {
                let asking = exchange(at, &question);
                tokio::time::timeout(ANSWER_LIMIT, asking).await.ok().flatten()
            });
        }
        left -= asked.len();
        let answers = asked.join_all().await;
        let unanswered = answers.iter().all(Option::is_none);
        for answer in answers {
            match answer {
                None => heard.silent += 1,
                Some(led) => {
                    let leading = |(_, values): &(&RegionId, &Led)| {
                        led.iter().any(|value| values.contains(value))
                    };
                    match leads.iter().find(leading) {
                        Some((region, _)) => *heard.counts.entry(region.clone()).or_default() += 1,
                        None => heard.others += 1,
                    }
                }
            }
        }
        if unanswered {
            // It is not there: no use in asking it another dozen times.
            break;
        }
    }
    heard
}

/// One question and its answer; none when there is no answer that can be believed.
async fn exchange(server: SocketAddr, question: &Question) -> Option<Led> {
    let here: SocketAddr =
        if server.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(here).await.ok()?;
    socket.connect(server).await.ok()?;
    let rtype = match question.key.rtype {
        OurType::A => RecordType::A,
        OurType::Aaaa => RecordType::AAAA,
        OurType::Cname => RecordType::CNAME,
        OurType::Txt => RecordType::TXT,
    };
    let name: Name = question.key.name.as_str().parse().ok()?;
    // Nobody else's answer fits by chance.
    let [_, _, high, low] = SysRng.try_next_u32().ok()?.to_be_bytes();
    let id = u16::from_be_bytes([high, low]);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name, rtype));
    socket.send(&message.to_vec().ok()?).await.ok()?;
    let mut buffer = [0; ANSWER_BYTES_MAX];
    loop {
        let length = socket.recv(&mut buffer).await.ok()?;
        let Ok(answer) = Message::from_vec(&buffer[..length]) else { continue };
        if answer.metadata.id != id {
            continue;
        }
        let told =
            matches!(answer.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
        return told
            .then(|| answer.answers.iter().filter_map(|record| led(&record.data)).collect());
    }
}

fn led(data: &RData) -> Option<String> {
    match data {
        RData::A(address) => Some(address.0.to_string()),
        RData::AAAA(address) => Some(address.0.to_string()),
        RData::CNAME(name) => Some(name.0.to_string().trim_end_matches('.').to_ascii_lowercase()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Record;

    use super::*;
    use crate::domain::record::{ChangeId, ChangeStatus, RecordKey, ZoneBatch, ZoneRead};
    use crate::domain::zone::ZoneFacts;

    /// Nobody asks Route 53 who the servers are where they are named.
    struct Nobody;

    #[async_trait]
    impl Records for Nobody {
        async fn zone_facts(&self, zone: &ZoneId, _: Duration) -> Answer<ZoneFacts> {
            let name = "example.com".parse().expect("valid");
            let name_servers = vec!["ns.invalid".parse().expect("valid")];
            Ok(ZoneFacts { name, private: zone.as_str() == "ZPRIVATE", name_servers })
        }
        async fn read_zone(
            &self,
            _: &ZoneId,
            _: &DnsName,
            _: &[RecordKey],
            _: Duration,
        ) -> Answer<ZoneRead> {
            unreachable!("nobody reads it")
        }
        async fn change_zone(&self, _: &ZoneBatch, _: Duration) -> Answer<ChangeId> {
            unreachable!("nobody changes it")
        }
        async fn change_status(
            &self,
            _: &ZoneId,
            _: &ChangeId,
            _: Duration,
        ) -> Answer<ChangeStatus> {
            unreachable!("nobody changed it")
        }
    }

    /// A name server that answers with these addresses in turn, after an answer to another question.
    async fn server(addresses: &[[u8; 4]]) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
        let at = socket.local_addr().expect("bound");
        let addresses = addresses.to_vec();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            for n in 0.. {
                let (length, from) = socket.recv_from(&mut buffer).await.expect("received");
                let mut message = Message::from_vec(&buffer[..length]).expect("a question");
                assert!(!message.metadata.recursion_desired, "it is the authority that is asked");
                message.metadata.message_type = MessageType::Response;
                let name = message.queries[0].name().clone();
                let address = std::net::Ipv4Addr::from(addresses[n % addresses.len()]).into();
                let id = message.metadata.id;
                message.metadata.id = id.wrapping_add(1);
                socket.send_to(&message.to_vec().expect("plain"), from).await.expect("sent");
                message.metadata.id = id;
                message.add_answer(Record::from_rdata(name, 60, RData::A(address)));
                socket.send_to(&message.to_vec().expect("plain"), from).await.expect("sent");
            }
        });
        at
    }

    fn question(times: u16) -> Question {
        let lead =
            |address: &str| RecordData::Plain { ttl_s: 60, values: vec![address.to_owned()] };
        Question {
            zone: "Z1".parse().expect("valid"),
            key: RecordKey { name: "web.example.com".parse().expect("valid"), rtype: OurType::A },
            leads: [("r1", "192.0.2.1"), ("r2", "192.0.2.2")]
                .map(|(region, address)| (region.parse().expect("valid"), lead(address)))
                .into(),
            times,
        }
    }

    const AMPLE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn every_server_is_asked_alike_and_each_answer_counts_for_the_region_it_leads_to() {
        let one = server(&[[192, 0, 2, 1], [192, 0, 2, 2]]).await;
        let other = server(&[[192, 0, 2, 2], [192, 0, 2, 9]]).await;
        let names =
            NameServers::named(Arc::new(Nobody), &format!("{one}, {other}")).expect("valid");
        let mut heard = names.ask(&question(20), AMPLE).await.expect("answered");
        heard.sort_by_key(|heard| heard.server != one.to_string());
        let counts = |heard: &Heard| {
            let of = |region: &str| heard.counts.get(&region.parse().expect("valid")).copied();
            (of("r1"), of("r2"), heard.others, heard.silent)
        };
        assert_eq!(counts(&heard[0]), (Some(5), Some(5), 0, 0));
        assert_eq!(counts(&heard[1]), (None, Some(5), 5, 0));
    }

    #[tokio::test]
    async fn a_silent_server_is_told_of_and_silence_all_around_is_a_failure() {
        let well = server(&[[192, 0, 2, 1]]).await;
        // It takes questions in, and says nothing.
        let silent = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
        let mute = silent.local_addr().expect("bound");
        let names = |named: String| NameServers::named(Arc::new(Nobody), &named).expect("valid");
        let heard =
            names(format!("{well},{mute}")).ask(&question(8), AMPLE).await.expect("one did");
        let quiet = heard.iter().find(|one| one.server == mute.to_string()).expect("told");
        assert_eq!((quiet.answers(), quiet.silent), (0, 4));
        assert!(names(mute.to_string()).ask(&question(4), AMPLE).await.is_err());
    }

    #[tokio::test]
    async fn while_an_alias_s_target_has_no_address_nothing_is_said_of_its_answers() {
        let local = server(&[[127, 0, 0, 1]]).await;
        let names = NameServers::named(Arc::new(Nobody), &local.to_string()).expect("valid");
        let alias = RecordData::Alias {
            target_zone: "ZLB".to_owned(),
            target_name: "nowhere.invalid".parse().expect("valid"),
            evaluate_target_health: false,
        };
        let question =
            Question { leads: [("r1".parse().expect("valid"), alias)].into(), ..question(4) };
        let failure = names.ask(&question, AMPLE).await.expect_err("nobody knows");
        assert!(failure.what.starts_with("nowhere.invalid. has no address here"), "{failure}");
    }

    #[tokio::test]
    async fn a_server_without_an_address_is_remembered_and_counts_as_silent() {
        let names = NameServers::named(Arc::new(Nobody), "").expect("valid");
        for _ in 0..2 {
            let failure = names.ask(&question(4), AMPLE).await.expect_err("none can be asked");
            assert!(failure.what.contains("none of zone Z1's 1 name servers"), "{failure}");
        }
        let well = server(&[[192, 0, 2, 1]]).await;
        let beside = |name: &str, address| Server { name: name.to_owned(), address };
        let both = vec![beside("ns.invalid", None), beside("ns.here", Some(well))];
        names.known.lock().expect("whole").insert("Z1".parse().expect("valid"), both);
        let heard = names.ask(&question(4), AMPLE).await.expect("one did");
        let silent: Vec<(&str, u32)> =
            heard.iter().map(|heard| (heard.server.as_str(), heard.silent)).collect();
        assert_eq!(silent, [("ns.here", 0), ("ns.invalid", 2)]);
    }

    #[test]
    fn addresses_of_a_load_balancer_are_remembered_for_a_while() {
        let names = NameServers::named(Arc::new(Nobody), "").expect("valid");
        let name = "lb.example.net".parse().expect("valid");
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("valid"));
        let at = |s: u64| Moment::from_ms(s * 1000);
        assert_eq!(names.behind(at(0), &name, [one].into_iter()), [one]);
        assert_eq!(names.behind(at(599), &name, [other].into_iter()), [one, other]);
        assert_eq!(names.behind(at(600), &name, [].into_iter()), [other]);
    }

    #[tokio::test]
    async fn a_private_zone_can_t_be_asked_and_a_senseless_variable_is_refused() {
        let names = NameServers::named(Arc::new(Nobody), "").expect("valid");
        let private = Question { zone: "ZPRIVATE".parse().expect("valid"), ..question(4) };
        let failure = names.ask(&private, AMPLE).await.expect_err("private");
        assert!(failure.what.contains("private"), "{failure}");
        assert!(
            NameServers::named(Arc::new(Nobody), "ns.example.com")
                .is_err_and(|why| why.contains("ns.example"))
        );
    }
}
