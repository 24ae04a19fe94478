//! A Region's applications, asked over sockets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use super::*;
use crate::local::ExchangeError;
use crate::local::exchange::Connection;
use crate::local::{seed, testing};
use crate::world::fault::Fault;

struct Listening {
    shared: Arc<Shared>,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

async fn listening() -> Listening {
    let fleet = testing::fleet();
    let none = Duration::ZERO;
    let world = seed::world(1, &fleet, none, (none, none)).expect("a valid fleet");
    let shared = Arc::new(Shared::new(world));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    let agents = Arc::new(testing::agents());
    let apps = Apps::new(shared.clone(), testing::region("r1"), &fleet, agents);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::new(apps).serve(listener));
    Listening { shared, address, _tasks: tasks }
}

impl Listening {
    fn strike(&self, fault: &Fault) {
        self.shared.alter(|world, now| world.strike(now, fault));
    }

    async fn connection(&self) -> Connection {
        Connection::open(self.address).await.expect("it listens")
    }

    async fn get(&self, path: &str, agent: &str) -> Result<(u16, String), ExchangeError> {
        get(&mut self.connection().await, path, agent).await
    }
}

async fn get(
    connection: &mut Connection,
    path: &str,
    agent: &str,
) -> Result<(u16, String), ExchangeError> {
    let request = Request::get(path)
        .header("host", "WEB.example.com:80")
        .header("user-agent", format!("regent/0.1.0 (probe; demo; {agent})"))
        .body(Full::new(Bytes::new()))
        .expect("valid");
    let response = connection.exchange(request).await?;
    let body = String::from_utf8_lossy(response.body()).into_owned();
    Ok((response.status().as_u16(), body))
}

/// Holds when nothing is answered until a request elsewhere was, twice.
async fn hangs(listening: &Listening, connection: &mut Connection, agent: &str) {
    let elsewhere = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(listening.connection().await);
        }
    };
    tokio::select! {
        answer = get(connection, "/", agent) => panic!("{answer:?}"),
        () = elsewhere => {}
    }
}

#[tokio::test]
async fn the_health_page_is_what_the_probe_wants_and_the_rest_tells_where_it_is() {
    let apps = listening().await;
    let (status, body) = apps.get("/up", "r2").await.expect("well");
    assert_eq!(status, 203, "the lowest that the probe takes");
    assert!(body.contains("\"all\" well"), "{body}");
    let (status, body) = apps.get("/", "r2").await.expect("well");
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((body["region"].as_str(), body["service"].as_str()), (Some("r1"), Some("web")));
}

#[tokio::test]
async fn a_name_that_nobody_has_is_told_the_names_there_are() {
    let apps = listening().await;
    let request = Request::get("/").header("host", "127.0.1.1").body(Full::new(Bytes::new()));
    let request = request.expect("valid");
    let response = apps.connection().await.exchange(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(String::from_utf8_lossy(response.body()).contains("web.example.com"));
}

#[tokio::test]
async fn a_failing_application_answers_503_and_a_dead_one_resets() {
    let apps = listening().await;
    let region = testing::region("r1");
    apps.strike(&Fault::Fail { region: region.clone(), service: None });
    assert_eq!(apps.get("/up", "r2").await.expect("an answer").0, 503);

    let mut kept = apps.connection().await;
    get(&mut kept, "/", "r2").await.expect("an answer");
    apps.strike(&Fault::Kill { region: region.clone(), service: None });
    get(&mut kept, "/", "r2").await.expect_err("an open connection is reset");
    let reset = match Connection::open(apps.address).await {
        Ok(mut connection) => get(&mut connection, "/", "r2").await.is_err(),
        Err(_) => true,
    };
    assert!(reset);

    apps.strike(&Fault::Mend { region, service: None });
    assert_eq!(apps.get("/", "r2").await.expect("an answer").0, 200);
}

#[tokio::test]
async fn only_those_beyond_a_cut_are_left_without_an_answer() {
    let apps = listening().await;
    let (r2, r1) = ["r2", "r1"].map(|name| Place::Region(testing::region(name))).into();
    apps.strike(&Fault::Cut { from: r2, to: r1, both: false });
    let mut connection = apps.connection().await;
    hangs(&apps, &mut connection, "r2").await;
    for other in ["r1", "r3", "stranger"] {
        assert_eq!(apps.get("/", other).await.expect("an answer").0, 200, "{other}");
    }
}

#[tokio::test]
async fn a_kept_connection_into_a_lost_region_hangs() {
    let apps = listening().await;
    let mut kept = apps.connection().await;
    assert_eq!(get(&mut kept, "/", "outside").await.expect("an answer").0, 200);
    apps.strike(&Fault::Lose { region: testing::region("r1") });
    hangs(&apps, &mut kept, "outside").await;
    let mut fresh = apps.connection().await;
    hangs(&apps, &mut fresh, "outside").await;
}

#[test]
fn probes_are_known_by_their_agent() {
    let fleet = "demo".parse().expect("valid");
    let prober =
        |text: &str| prober(&HeaderValue::from_str(text).expect("valid"), &fleet).map(String::from);
    assert_eq!(prober("regent/0.1.0 (probe; demo; r1)").as_deref(), Some("r1"));
    for other in ["curl/8", "regent/0.1.0 (probe; other; r1)", "x/1 (probe; demo; r1)", "regent/1"]
    {
        assert_eq!(prober(other), None, "{other}");
    }
}

impl Listening {
    async fn post(&self, body: &str) -> (u16, serde_json::Value) {
        let request = Request::post("/write")
            .header("host", "web.example.com")
            .body(Full::new(Bytes::from(body.to_owned())))
            .expect("valid");
        let response = self.connection().await.exchange(request).await.expect("an answer");
        let words = serde_json::from_slice(response.body()).expect("JSON");
        (response.status().as_u16(), words)
    }
}

#[tokio::test]
async fn a_write_is_taken_by_the_databases_writer_or_refused_with_the_reason() {
    let listening = listening().await;
    let (status, words) = listening.post("7").await;
    assert_eq!((status, &words["by"]), (200, &json!("r1")), "{words}");
    let writes = |world: &mut crate::world::World, _| {
        world.rds.globals().map(crate::world::rds::Global::writes).sum::<u64>()
    };
    assert_eq!(listening.shared.visit(writes), 1);

    let (status, words) = listening.post("seven").await;
    assert_eq!(status, 400, "{words}");
    listening.strike(&Fault::Key { region: testing::region("r1"), cluster: None, taken: true });
    let (status, words) = listening.post("8").await;
    assert_eq!((status, &words["error"]), (503, &json!("the cluster in r1 is read-only")));
    assert_eq!(listening.shared.visit(writes), 1);
}

#[tokio::test]
async fn an_application_that_fails_writes_nothing() {
    let listening = listening().await;
    listening.strike(&Fault::Fail { region: testing::region("r1"), service: None });
    let (status, _) = listening.post("7").await;
    assert_eq!(status, 503);
    let writes =
        listening.shared.visit(|world, _| world.rds.globals().map(|g| g.writes()).sum::<u64>());
    assert_eq!(writes, 0);
}
