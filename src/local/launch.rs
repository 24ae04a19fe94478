//! How regent's own binary is run on the fleet: with the local endpoints and credentials in its
//! environment, and nothing else of AWS, so that no profile or proxy of whoever runs this is used.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::LocalError;
use crate::domain::{AgentId, RegionId};
use crate::telemetry::logs::Format;

/// The access key of people, outside every Region, is their name in the log.
pub(super) use crate::world::log::OPERATOR;

/// The secret of every access key. Signatures are not checked.
pub(super) const SECRET: &str = "local";

/// What the SDKs ask for where the Region doesn't matter.
pub(super) const REGION_DEFAULT: &str = "us-east-1";

/// Where name servers are that are not at the port of DNS.
pub(super) const NAME_SERVERS: &str = "REGENT_NAME_SERVERS";

/// How long `regent init` may take: DynamoDB takes its time to create tables and replicas.
const INIT_LIMIT: Duration = Duration::from_secs(60);

/// Variables that would send requests elsewhere, besides those that begin with `AWS_`.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// In place of the user's AWS profiles, which are none of the fleet's: an empty file.
const NOTHING: &str = "/dev/null";

/// The access key of an agent.
#[must_use]
pub(super) fn access_key(agent: &AgentId) -> String {
    format!("agent-{agent}")
}

/// The environment in which the AWS SDKs and the `aws` command line reach the local endpoints.
#[must_use]
pub(super) fn aws_environment(endpoints: &str, key: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoints.to_owned()),
        ("AWS_ACCESS_KEY_ID", key.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_REGION", REGION_DEFAULT.to_owned()),
        ("AWS_DEFAULT_REGION", REGION_DEFAULT.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}

/// What it takes to run regent on the fleet.
pub(super) struct Launcher {
    /// regent's binary.
    pub(super) binary: PathBuf,
    /// The folder with the rendered fleet.
    pub(super) regions: PathBuf,
    /// The AWS endpoints' URL.
    pub(super) endpoints: String,
    /// Where the name servers listen.
    pub(super) name_servers: SocketAddr,
    /// How agents log.
    pub(super) log_format: Format,
    /// Where their logs go.
    pub(super) logs: PathBuf,
}

impl Launcher {
    /// What an agent writes to stderr, over all its runs.
    pub(super) fn log_of(&self, agent: &AgentId) -> PathBuf {
        self.logs.join(format!("{agent}.log"))
    }

    /// The command of an agent.
    pub(super) fn agent(&self, agent: &AgentId, region: &RegionId) -> Command {
        let mut command = self.regent(&access_key(agent));
        command
            .args(["agent", "--region", region.as_str(), "--agent", agent.as_str()])
            .arg("--regions")
            .arg(&self.regions)
            .args(["--listen", "127.0.0.1:0", "--gates", "127.0.0.1:0", "--exit-with-stdin"])
            .args(["--log-format", log_format(self.log_format)]);
        command
    }

    /// Creates the fleet's tables, as an operator does before the first agent is started.
    pub(super) async fn init(&self) -> Result<(), LocalError> {
        let mut command = self.regent(OPERATOR);
        command.args(["init", "--yes", "--regions"]).arg(&self.regions);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let failed = |why: String| LocalError::Init { binary: self.binary.clone(), why };
        let output = tokio::time::timeout(INIT_LIMIT, command.output())
            .await
            .map_err(|_| failed(format!("it did not end within {} s", INIT_LIMIT.as_secs())))?
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(format!("{}: {}", output.status, said.trim())))
    }

    fn regent(&self, key: &str) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        for proxy in PROXIES {
            command.env_remove(proxy);
        }
        command
            .env("AWS_CONFIG_FILE", NOTHING)
            .env("AWS_SHARED_CREDENTIALS_FILE", NOTHING)
            .env(NAME_SERVERS, self.name_servers.to_string())
            .envs(aws_environment(&self.endpoints, key));
        command
    }
}

/// The format's name on the command line.
fn log_format(format: Format) -> &'static str {
    match format {
        Format::Readable => "readable",
        Format::Json => "json",
    }
}

/// Whether a binary can be run at all, before anything else is set up.
pub(super) fn check_binary(binary: &Path) -> Result<(), LocalError> {
    if binary.is_file() { Ok(()) } else { Err(LocalError::NoBinary(binary.to_owned())) }
}
