#!/usr/bin/env python3
"""A fleet on a bad network: agents, AWS endpoints and applications on hosts of their own.

Each Region has three hosts (its agent, its DynamoDB, its applications) and Route 53 has one; a host
is a network namespace behind a bridge, so that its kernel really drops what the scenario says. What
answers there is `regent up` on loopback, behind a relay that listens on every host. Agents are
processes in their namespaces, and reach everything through the unmodified SDKs.

Judged from outside: by what was applied (the world's log of writes to seats and changes of zones)
and by what every agent says of itself over time. Each scenario prints what was done and seen.

Needs root, iproute2 and iptables; says so and ends well where they are missing. Addresses and
packet filters are those of the namespaces alone.
"""

import asyncio
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGENT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "regent"
PREFIX = f"rg{os.getpid()}"
AWS_PORT, METRICS_PORT = 8000, 9180
LEASE_S = 5.0  # the shipped fleet's: how long a frozen agent must be frozen at least
LIMIT_S = 90  # longest wait for anything: only ends a run that has failed

# Of the three seats of the fleet on loopback.
MAJORITY = 2
CLONE_NEWNET = 0x40000000


class Failed(Exception):
    """What was expected did not come true."""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip()}")


def enter(namespace):
    """Moves the calling thread."""
    with open(f"/run/netns/{namespace}") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"the namespace {namespace} can't be entered")


def inside(namespace, work):
    """What `work` gives on a thread in the namespace; a socket made there stays there."""
    result = []
    def body():
        enter(namespace)
        result.append(work())
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if not result:
        raise Failed(f"nothing came of work in {namespace}")
    return result[0]


def until(what, condition, limit_s=LIMIT_S):
    """Asks again until the condition holds, and gives what it gave."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise Failed(f"not within {limit_s} s: {what}")


class Host:
    """A namespace with one address and a way to every other host."""

    def __init__(self, name, address):
        self.name, self.address = f"{PREFIX}-{name}", address
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")

    def plug_in(self, bridge, port):
        run("ip", "-n", self.name, "link", "add", "eth0", "type", "veth",
            "peer", "name", port, "netns", bridge)
        run("ip", "-n", self.name, "addr", "add", f"{self.address}/16", "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")
        run("ip", "-n", bridge, "link", "set", port, "master", "br0", "up")

    def refuse(self, *match):
        """Incoming packets that match vanish."""
        run("ip", "netns", "exec", self.name,
            "iptables", "-w", "-A", "INPUT", "-i", "eth0", *match, "-j", "DROP")

    def lose(self, share):
        """This share of incoming packets vanishes, by chance."""
        self.refuse("-m", "statistic", "--mode", "random", "--probability", str(share))

    def heal(self):
        run("ip", "netns", "exec", self.name, "iptables", "-w", "-F", "INPUT")


class Network:
    """All hosts, in a network of their own."""

    def __init__(self, regions):
        self.bridge = f"{PREFIX}-net"
        run("ip", "netns", "add", self.bridge)
        run("ip", "-n", self.bridge, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.bridge, "link", "set", "br0", "up")
        self.agent, self.dynamodb, self.app = {}, {}, {}
        for n, region in enumerate(regions, 1):
            self.agent[region] = Host(f"agent{n}", f"10.77.{n}.10")
            self.dynamodb[region] = Host(f"aws{n}", f"10.77.{n}.20")
            self.app[region] = Host(f"app{n}", f"10.77.{n}.30")
        self.route53 = Host("route53", "10.77.0.53")
        self.hosts = [*self.agent.values(), *self.dynamodb.values(), *self.app.values(), self.route53]
        for n, host in enumerate(self.hosts):
            host.plug_in(self.bridge, f"port{n}")
        names = "".join(f"{h.address} dynamodb.{r}.test\n" for r, h in self.dynamodb.items())
        for host in self.agent.values():
            folder = Path("/etc/netns") / host.name  # `ip netns exec` shows it as /etc there
            folder.mkdir(parents=True)
            (folder / "hosts").write_text(f"127.0.0.1 localhost\n{names}")

    def cut(self, one, other):
        """Packets vanish both ways between two hosts."""
        self.cut_one_way(one, other)
        self.cut_one_way(other, one)

    def cut_one_way(self, source, target):
        target.refuse("-s", source.address)

    def isolate(self, host):
        """Packets vanish both ways between this host and every other."""
        for other in self.hosts:
            if other is not host:
                self.cut(host, other)

    def heal(self):
        for host in self.hosts:
            host.heal()


def remove_namespaces():
    listed = subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout.split()
    for name in listed:
        if name.startswith(PREFIX + "-"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
            shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)
    try:
        Path("/etc/netns").rmdir()
    except OSError:
        pass  # it isn't there, or holds somebody else's


class Relay(threading.Thread):
    """Carries connections from listeners on the hosts to `regent up` on loopback."""

    def __init__(self):
        super().__init__(daemon=True)
        self.loop = asyncio.new_event_loop()

    def run(self):
        self.loop.run_forever()

    def listen(self, host, port, upstream):
        listener = inside(host.name, lambda: socket.create_server((host.address, port)))
        async def carry(reader, writer):
            try:
                far_reader, far_writer = await asyncio.open_connection(*upstream)
            except OSError:
                writer.close()
                return
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        async def pump(reader, writer):
            try:
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            except OSError:
                pass  # one end has gone: so does the other
            writer.close()
        start = asyncio.start_server(carry, sock=listener)
        asyncio.run_coroutine_threadsafe(start, self.loop).result()


class Agent:
    """An agent's process on its host, and all that it said of itself."""

    def __init__(self, region, network, folder):
        self.region, self.host = region, network.agent[region]
        environment = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")
                       and not k.startswith("AWS_")}
        environment |= {
            "AWS_ENDPOINT_URL": f"http://{network.route53.address}:{AWS_PORT}",
            "REGENT_ENDPOINT_URL_DYNAMODB": f"http://dynamodb.{{region}}.test:{AWS_PORT}",
            "AWS_ACCESS_KEY_ID": f"agent-{region}", "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": region, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
        self.log = folder / f"{region}.log"
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.host.name, REGENT, "agent", "--region", region,
             "--regions", folder / "regions", "--listen", f"127.0.0.1:{METRICS_PORT}",
             "--exit-with-stdin"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.log.open("w"),
            env=environment)
        self.last = {}  # the newest metrics, empty when it did not answer
        self.terms = {}  # by elections won: [received first, sent last, samples]
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        enter(self.host.name)
        while self.process.poll() is None:
            sent = time.monotonic()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", METRICS_PORT, timeout=1)
                connection.request("GET", "/metrics")
                answer = connection.getresponse()
                text = answer.read().decode() if answer.status == 200 else ""
                connection.close()
            except (OSError, http.client.HTTPException):
                text = ""
            received = time.monotonic()
            lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
            self.last = {series: float(value) for series, value in lines}
            if self.acts():
                term = self.terms.setdefault(
                    self.last["regent_elections_won_total"], [received, sent, []])
                term[1] = sent
                term[2].append((sent, received))
            time.sleep(0.1)

    def acts(self):
        return self.last.get("regent_acting") == 1

    def sees(self, region, state):
        """Whether it has every service of the Region in this state."""
        cells = [value for series, value in self.last.items()
                 if series.startswith("regent_cell_state{")
                 and f'region="{region}"' in series and f'state="{state}"' in series]
        return bool(cells) and all(cells)

    def fresh(self):
        """How many observers it trusts to be alive."""
        return sum(v for s, v in self.last.items() if s.startswith("regent_observer_fresh{"))

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        self.process.kill()
        self.process.wait()


class Effects:
    """What was applied, read from the world's log, and judged as it comes."""

    def __init__(self, control):
        self.control, self.next = control, 0
        self.weights = {}  # by (record name, Region)
        self.moves = []  # every change of a weight: (name, Region, from, to)
        self.fences, self.seats, self.batches = {}, {}, 0
        self.terms = {}  # seats by the epoch in which they were taken

    def read(self):
        while True:
            url = f"{self.control}/v1/log?from={self.next}"
            page = json.load(urllib.request.urlopen(url, timeout=LIMIT_S))
            for entry in page["entries"]:
                if entry["what"] == "put" and entry["table"].endswith("-seats"):
                    if entry["item"]["id"] == "seat":
                        self.seat_written(entry)
                elif entry["what"] == "zone_changed":
                    self.zone_changed(entry)
            if not page["entries"]:
                return self
            self.next = page["next"]

    def seat_written(self, entry):
        """No majority is made of seats taken within their holder's lease, and no epoch falls.

        Who has a majority asks the remaining seat at once: it needs no wait, since nobody can lead
        by that one alone.
        """
        seat, at, region = entry["item"], entry["at"], entry["region"]
        if before := self.seats.get(region):
            old, old_at = before
            if seat["epoch"] < old["epoch"]:
                raise Failed(f"the epoch of the seat of {region} fell: {before} then {entry}")
            term = self.terms.setdefault(seat["epoch"], set())
            elected = len(term - {region}) >= MAJORITY
            taken = seat.get("holder") != old.get("holder")
            if taken and not elected and at - old_at < old["lease_ms"]:
                raise Failed(f"the seat of {region} was taken within its holder's lease: "
                             f"{before} then {entry}")
            term.add(region)
        self.seats[region] = (seat, at)

    def zone_changed(self, entry):
        """No batch of an earlier leader lands after one of a later, and none leaves nobody."""
        self.batches += 1
        for change in entry["changes"]:
            (kind, record), = change.items()
            if kind != "create":
                continue
            routing = record["routing"]
            if record["key"]["rtype"] == "TXT":
                value, = record["data"]["plain"]["values"]
                fence = tuple(int(n) for n in re.findall(r"=(\d+)", value))
                if fence <= self.fences.get(entry["zone"], (-1, -1)):
                    raise Failed(f"the fence of {entry['zone']} did not rise: {entry}")
                self.fences[entry["zone"]] = fence
            elif isinstance(routing, dict) and "weighted" in routing:
                place = (record["key"]["name"], routing["weighted"]["set_identifier"])
                weight, old = routing["weighted"]["weight"], self.weights.get(place)
                if old not in (None, weight):
                    self.moves.append((*place, old, weight))
                self.weights[place] = weight
        for name in {name for name, _ in self.weights}:
            if not any(w for (n, _), w in self.weights.items() if n == name):
                raise Failed(f"{name} is left without a Region: {entry}")


def judge_the_judges():
    """What must never be is noticed when it is."""
    def seat(at, epoch, holder, region="r1"):
        return {"at": at, "region": region, "item": {
            "id": "seat", "epoch": epoch, "holder": holder, "lease_ms": 5000}}
    def batch(epoch, attempt, *weights):
        fence = f'"regent fleet=demo epoch={epoch} attempt={attempt}"'
        changes = [{"key": {"rtype": "TXT"}, "routing": "simple",
                    "data": {"plain": {"values": [fence]}}}]
        changes += [{"key": {"rtype": "A", "name": "web"}, "routing": {
            "weighted": {"set_identifier": f"r{n}", "weight": w}}} for n, w in enumerate(weights)]
        return {"zone": "Z1", "changes": [{"create": change} for change in changes]}
    def refused(judge, *entries):
        for entry in entries[:-1]:
            judge(entry)
        try:
            judge(entries[-1])
        except Failed:
            return
        raise AssertionError(f"let through: {entries[-1]}")
    refused(Effects(None).seat_written, seat(0, 1, "a"), seat(5000, 2, "b"), seat(9999, 3, "a"))
    refused(Effects(None).seat_written, seat(0, 2, "a"), seat(9000, 1, "b"))
    three = [seat(0, 1, "a", region) for region in ("r1", "r2", "r3")]
    refused(Effects(None).seat_written, *three, seat(5000, 2, "b"), seat(4999, 2, "b", "r2"))
    third = Effects(None)
    for entry in [*three, seat(5000, 2, "b"), seat(5001, 2, "b", "r2"), seat(1, 2, "b", "r3")]:
        third.seat_written(entry)
    refused(Effects(None).zone_changed, batch(2, 1, 100), batch(3, 1, 100), batch(2, 9, 100))
    refused(Effects(None).zone_changed, batch(2, 1, 100), batch(2, 1, 100))
    refused(Effects(None).zone_changed, batch(2, 1, 100, 0), batch(2, 2, 0, 0))
    early, late = [0.0, 9.0, [(0.0, 0.1), (9.0, 9.1)]], [12.0, 15.0, [(11.9, 12.0), (15.0, 15.1)]]
    within = [5.0, 5.0, [(4.9, 5.0)]]
    judge_terms([("a", 1, *early), ("b", 1, *late)])
    refused(judge_terms, [("a", 1, *early), ("b", 1, *within)])


def judge_terms(terms):
    """No agent acts at a time at which another certainly did: between two samples of one term."""
    for one in terms:
        for other in terms:
            for sent, received in other[4] if one is not other else []:
                if one[2] <= sent and received <= one[3]:
                    raise Failed(f"two acting leaders: {one[:2]} and {other[:2]} at {sent}")
    return len(terms)


class Trial:
    """The fleet, its network, and what the scenarios need of both."""

    def __init__(self, folder):
        self.folder = folder
        self.up = self.relay = None
        self.agents = {}

    def start(self):
        up_log = self.folder / "up.log"
        env_file = self.folder / "local.env"
        self.up = subprocess.Popen([REGENT, "up", "--env", env_file],
                                   stdout=up_log.open("w"), stderr=subprocess.STDOUT)
        until("`regent up` is ready", lambda: self.alive() and env_file.exists())
        values = dict(re.findall(r"^export (\w+)=(.*)$", env_file.read_text(), re.M))
        self.regions = values["REGENT_LOCAL_REGIONS"].strip("'").split()
        self.effects = Effects(values["REGENT_LOCAL_CONTROL"])
        # Its own agents share one host with everything: these here take their places.
        for region in self.regions:
            run(str(REGENT), "local", "kill-agent", region, "--env", str(env_file))
        self.network = Network(self.regions)
        port = self.copy_fleet(Path(values["REGENT_REGIONS"]))
        aws = values["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
        self.relay = Relay()
        self.relay.start()
        for n, region in enumerate(self.regions, 1):
            self.relay.listen(self.network.dynamodb[region], AWS_PORT, aws)
            self.relay.listen(self.network.app[region], port, (f"127.0.{n}.1", port))
        self.relay.listen(self.network.route53, AWS_PORT, aws)
        for region in self.regions:
            self.agents[region] = Agent(region, self.network, self.folder)
        self.settled()

    def copy_fleet(self, source):
        """The rendered fleet with its applications on their hosts, and a short return."""
        (self.folder / "regions").mkdir()
        for file in source.glob("*.toml"):
            text, moved = re.subn(r'url = "http://127\.0\.(\d+)\.1:(\d+)"',
                                  r'url = "http://10.77.\1.30:\2"', file.read_text())
            text = re.sub(r"return_after_ms = \d+", "return_after_ms = 3000", text)
            (self.folder / "regions" / file.name).write_text(text)
            if moved:
                port = int(re.search(r"10\.77\.\d+\.30:(\d+)", text)[1])
        return port

    def alive(self):
        if self.up.poll() is not None:
            raise Failed("`regent up` ended by itself")
        for region, agent in self.agents.items():
            if agent.process.poll() is not None:
                raise Failed(f"the agent of {region} ended by itself")
        return True

    def until(self, what, condition):
        """As `until`, with what was applied meanwhile judged on the way."""
        return until(what, lambda: self.alive() and self.effects.read() and condition())

    def leader(self, among=None):
        """The one of these agents that says it acts, if exactly one does."""
        acting = [r for r in among or self.regions if self.agents[r].acts()]
        return acting[0] if len(acting) == 1 else None

    def others(self, *regions):
        return [region for region in self.regions if region not in regions]

    def drained(self, region):
        weights = [w for (_, r), w in self.effects.weights.items() if r == region]
        return bool(weights) and not any(weights)

    def settled(self):
        """One leader, every observer fresh, every target up, every share as configured."""
        def whole():
            return (self.leader()
                    and all(a.fresh() == len(self.regions) and all(
                        a.sees(r, "up") for r in self.regions) for a in self.agents.values())
                    and all(self.effects.weights.values()))
        self.until("one leader, everything up, every share back", whole)
        return self.leader()

    def judge_terms(self):
        return judge_terms([(r, n, *t) for r, a in self.agents.items() for n, t in a.terms.items()])

    def end(self):
        for agent in self.agents.values():
            agent.end()
        if self.up and self.up.poll() is None:
            self.up.send_signal(signal.SIGINT)
            try:
                self.up.wait(10)
            except subprocess.TimeoutExpired:
                self.up.kill()
                self.up.wait()


def watched(trial, seconds, what):
    """Lets time pass, which is the point here, while everything is judged."""
    end = time.monotonic() + seconds
    trial.until(what, lambda: time.monotonic() > end)


def one_way_link(t):
    observer, target = t.others(t.leader())
    t.network.cut_one_way(t.network.app[target], t.network.agent[observer])
    t.until("the observer finds it down", lambda: t.agents[observer].sees(target, "down"))
    watched(t, 6, "three dwells pass")
    return "one way from an application to one observer", "that observer alone said down"


def follower_isolated(t):
    leader = t.leader()
    follower = t.others(leader)[0]
    t.network.isolate(t.network.agent[follower])
    t.until("it trusts nobody but itself", lambda: t.agents[follower].fresh() == 1)
    t.until("and finds all down", lambda: all(t.agents[follower].sees(r, "down") for r in t.regions))
    watched(t, 6, "three dwells pass")
    if t.leader() != leader:
        raise Failed("the leader changed, though a majority still heard it")
    return "both ways between a follower's agent and all", "it saw all down; the leader stayed"


def leader_isolated(t):
    leader = t.leader()
    t.network.isolate(t.network.agent[leader])
    successor = t.until("another acts", lambda: t.leader(t.others(leader)))
    t.until("the old one knows that it doesn't", lambda: not t.agents[leader].acts())
    t.until("the old one finds all down", lambda: all(t.agents[leader].sees(r, "down") for r in t.regions))
    watched(t, 6, "three dwells pass")
    return "both ways between the leader's agent and all", f"{successor} took over from {leader}"


def seats_cut_one_way(t):
    leader = t.leader()
    for region in t.others(leader):
        t.network.cut_one_way(t.network.dynamodb[region], t.network.agent[leader])
    successor = t.until("another acts", lambda: t.leader(t.others(leader)))
    t.until("the old one knows that it doesn't", lambda: not t.agents[leader].acts())
    return ("one way from two Regions' DynamoDB to the leader: writes land, answers vanish",
            f"{successor} took over from {leader}")


def app_lost(t):
    lost = t.others(t.leader())[0]
    t.network.isolate(t.network.app[lost])
    t.until("it is drained", lambda: t.drained(lost))
    return "both ways between a Region's applications and all", f"{lost} was drained"


def loss_of_5(t):
    for host in t.network.hosts:
        host.lose(0.05)
    watched(t, 25, "25 s of loss pass")
    return "5 % of packets at every host, 25 s", "no weight moved"


def loss_of_20(t):
    moves = len(t.effects.moves)
    for host in t.network.hosts:
        host.lose(0.2)
    watched(t, 25, "25 s of loss pass")
    return "20 % of packets at every host, 25 s", f"{len(t.effects.moves) - moves} weights moved"


def leader_frozen(t):
    leader = t.leader()
    lost = t.others(leader)[0]
    t.agents[leader].freeze()
    frozen = time.monotonic()
    t.network.isolate(t.network.app[lost])
    successor = t.until("another acts", lambda: t.leader(t.others(leader)))
    t.until("the successor drains what was lost", lambda: t.drained(lost))
    t.until("its lease is over", lambda: time.monotonic() - frozen > LEASE_S + 1)
    for_s = time.monotonic() - frozen
    t.agents[leader].thaw()
    t.until("it answers again", lambda: t.agents[leader].last)
    t.until("it follows", lambda: t.agents[leader].fresh() == len(t.regions))
    if not t.drained(lost):
        raise Failed(f"{lost} got weight back while it was lost")
    return (f"SIGSTOP of the leader for {for_s:.0f} s, and a Region's applications lost meanwhile",
            f"{successor} took over from {leader} and drained {lost}")


# With what may move: nothing, only what was lost, or whatever the verdicts say.
SCENARIOS = [
    (one_way_link, "nothing"), (follower_isolated, "nothing"), (leader_isolated, "nothing"),
    (seats_cut_one_way, "nothing"), (app_lost, "one Region"), (loss_of_5, "nothing"),
    (loss_of_20, "anything"), (leader_frozen, "one Region"),
]


def play(trial, scenario, may_move):
    began, first_move = time.monotonic(), len(trial.effects.read().moves)
    done, seen = scenario(trial)
    healed = time.monotonic()
    trial.network.heal()
    leader = trial.settled()
    moved = {region for _, region, _, _ in trial.effects.moves[first_move:]}
    if len(moved) > {"nothing": 0, "one Region": 1}.get(may_move, len(trial.regions)):
        raise Failed(f"{scenario.__name__}: {trial.effects.moves[first_move:]}")
    trial.judge_terms()
    print(f"ok: {done}: {seen}; healed after {healed - began:.0f} s, whole again "
          f"{time.monotonic() - healed:.0f} s later under {leader}", flush=True)


def missing():
    if sys.platform != "linux" or os.geteuid():
        return "it needs root on Linux, to make network namespaces"
    for tool in ["ip", "iptables"]:
        if not shutil.which(tool):
            return f"{tool} is not installed"
    try:
        probe = Host("probe", "10.77.255.1")
        probe.lose(0.5)
    except Failed as why:
        return f"this kernel can't do it: {why}"
    finally:
        remove_namespaces()
    return None


def main():
    if why := missing():
        print(f"skipped: the fleet on a bad network: {why}")
        return 0
    judge_the_judges()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    subprocess.run(["cargo", "build", "--locked", "--quiet"], cwd=ROOT, check=True)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="regent-netns-"))
    trial = Trial(folder)
    wanted = sys.argv[1:] or [scenario.__name__ for scenario, _ in SCENARIOS]
    try:
        trial.start()
        for scenario, may_move in SCENARIOS:
            if scenario.__name__ in wanted:
                play(trial, scenario, may_move)
        terms = trial.judge_terms()
        print(f"ok: {terms} terms, no two at one time; {trial.effects.batches} batches, each behind "
              f"a fence that rose; {time.monotonic() - began:.0f} s")
        return 0
    except Failed as why:
        print(f"FAILED: {why}")
        for region, agent in trial.agents.items():
            shown = {k: v for k, v in agent.last.items() if k.startswith(("regent_acting", "regent_lea"))}
            print(f"--- {region}: {shown}\n{''.join(agent.log.open().readlines()[-12:])}")
        return 1
    finally:
        trial.end()
        remove_namespaces()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
