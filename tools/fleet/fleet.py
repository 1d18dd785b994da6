"""Starts a whole fleet for development and tests: the simulator and the four services, on free ports
of loopback, against the servers of scripts/stack. Python's standard library only.

    with Fleet(bin_dir, run_dir, stack) as fleet:
        user = fleet.create_user("ana", permissions="all")
        fleet.call("POST", "/functions/v1/calendar-freebusy", {...}, user=user)
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import urllib.parse
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = ("ingest", "sync-worker", "freebusy", "scheduler")
GOOGLE_CLIENT_ID = "calfleet-dev.apps.googleusercontent.com"
GOOGLE_CLIENT_SECRET = "calfleet-dev-secret"
DATABASE_ROLES = {
    "sync-worker": "calfleet_sync",
    "freebusy": "calfleet_freebusy",
    "scheduler": "calfleet_scheduler",
}


class FleetError(Exception):
    """Something of the fleet did not do what it should; the text says what and where to look."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, seconds, what):
    """Polls condition until it is true and returns what it gave; FleetError after the deadline."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
        except (OSError, http.client.HTTPException, FleetError) as e:
            last = e
        time.sleep(0.05)
    raise FleetError(f"waited {seconds} s in vain: {what}" + (f" ({last})" if last else ""))


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def request(method, url, body=None, headers=None, timeout=30):
    """One HTTP request; returns (status, headers, body bytes). Redirects are not followed."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        path = parts.path + ("?" + parts.query if parts.query else "")
        connection.request(method, path or "/", body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


class Stack:
    """Addresses of scripts/stack, as its `env` verb prints them."""

    def __init__(self, directory=None, port=None):
        self.env = dict(os.environ)
        if directory:
            self.env.update(CALFLEET_STACK_DIR=str(directory), CALFLEET_STACK_PORT=str(port))
        self.script = str(ROOT / "scripts" / "stack")
        out = self.run("env")
        values = dict(
            line.removeprefix("export ").split("=", 1) for line in out.splitlines() if "=" in line
        )
        self.pg_dsn = values["CALFLEET_TEST_PG_DSN"].strip("'")
        self.redis = values["CALFLEET_TEST_REDIS"]
        self.kafka = values["CALFLEET_TEST_KAFKA"]

    def run(self, *args):
        done = subprocess.run(
            [self.script, *args], env=self.env, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise FleetError(f"scripts/stack {' '.join(args)} failed:\n{done.stderr}")
        return done.stdout

    def dsn(self, database, user="calfleet"):
        fields = dict(part.split("=", 1) for part in self.pg_dsn.split())
        fields.update(dbname=database, user=user)
        return " ".join(f"{k}={v}" for k, v in fields.items())

    def sql(self, database, text):
        """Runs SQL as the superuser by psql; returns rows as lists of texts."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-d",
             self.dsn(database), "-c", text],
            capture_output=True, text=True, check=False,
        )
        if done.returncode != 0:
            raise FleetError(f"psql: {done.stderr.strip()}")
        return [line.split("\x1f") for line in done.stdout.splitlines() if line]


class Process:
    """One program of the fleet: its settings, its log, its end."""

    def __init__(self, name, argv, env, log):
        self.name, self.argv, self.env, self.log = name, argv, env, Path(log)
        self.child = None

    def start(self, extra_env=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("CALFLEET_")}
        env.update(self.env)
        env.update(extra_env or {})
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                self.argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def stop(self, seconds=20):
        """TERM, then KILL; returns the exit code."""
        if self.child is None:
            return None
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.child.wait()

    def kill(self):
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def signal(self, number):
        self.child.send_signal(number)

    def tail(self, lines=15):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


class User:
    def __init__(self, user_id, organization, token):
        self.id, self.organization, self.token = user_id, organization, token


class Simulator:
    """The simulated provider's admin API."""

    def __init__(self, url):
        self.url = url

    def admin(self, method, path, body=None, raw=None, content_type="application/json"):
        data = raw if raw is not None else (json.dumps(body) if body is not None else None)
        status, _, answer = request(
            method, f"{self.url}/admin{path}", data, {"Content-Type": content_type}
        )
        if status >= 300:
            raise FleetError(f"simulator {method} {path}: {status} {answer[:300]!r}")
        return json.loads(answer) if answer else None

    def as_person(self, address, method, path, body=None):
        """What a person does at the provider, by the provider's own API."""
        return self.admin(method, f"/as/{urllib.parse.quote(address)}/calendar/v3{path}", body)

    def insert(self, address, event, calendar="primary"):
        path = f"/calendars/{urllib.parse.quote(calendar)}/events"
        return self.as_person(address, "POST", path, event)

    def events(self, calendar):
        """Everything stored of a calendar."""
        return self.admin("GET", f"/calendars/{urllib.parse.quote(calendar)}")

    def consent(self, url, account, decision="accept"):
        """Presses the button of the consent page; returns the address it redirects to."""
        parts = urllib.parse.urlsplit(url)
        form = dict(urllib.parse.parse_qsl(parts.query))
        form.update(account=account, decision=decision)
        target = f"{parts.scheme}://{parts.netloc}{parts.path}"
        status, headers, body = request(
            "POST", target, urllib.parse.urlencode(form),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        if status != 302:
            raise FleetError(f"consent page answered {status}: {body[:300]!r}")
        return headers["location"]


class Fleet:
    def __init__(self, bin_dir, run_dir, stack, database, partitions=48, settings=None,
                 simulator_args=(), progress=None, services=SERVICES):
        self.bin, self.dir, self.stack = Path(bin_dir), Path(run_dir), stack
        self.database, self.partitions = database, partitions
        self.settings = settings or {}
        self.simulator_args = list(simulator_args)
        self.progress = progress or (lambda text: None)
        self.names = services
        self.processes = {}
        self.dir.mkdir(parents=True, exist_ok=True)
        self.secrets = self._secrets()
        self.simulator = None

    # ---- life ---------------------------------------------------------------------------------

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.progress("preparing the database and the topics")
        self.prepare()
        self.progress("starting the simulator")
        self.start_simulator()
        self.progress("starting " + ", ".join(self.names))
        self.ports = {name: (free_port(), free_port()) for name in self.names}
        for name in self.names:
            self.processes[name] = self._service(name)
            self.processes[name].start()
        for name in self.names:
            self.wait_ready(name)
        if "sync-worker" in self.names:
            # Readiness does not wait for the way back over the bus: webhooks do not need it.
            nobody = self.token(str(uuid.uuid4()))
            wait_until(lambda: self.call("GET", "/functions/v1/calendar-connections",
                                         token=nobody)[0] not in (503, 504), 30,
                       "an answer over the bus")

    def stop(self):
        for name in reversed(list(self.processes)):
            self.processes[name].stop()
        self.processes.clear()

    def prepare(self):
        if not self.stack.sql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{self.database}'"):
            self.stack.sql("postgres", f'CREATE DATABASE "{self.database}"')
        self.ctl("migrate", "--host-standin", f"--dir={ROOT}/db/migrations",
                 f"--host-dir={ROOT}/db/host", CALFLEET_PG_DSN=self.stack.dsn(self.database))
        self.ctl("topics", f"--partitions={self.partitions}",
                 CALFLEET_KAFKA_BROKERS=self.stack.kafka)

    def ctl(self, *args, **env):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CALFLEET_")}
        done = subprocess.run([str(self.bin / "calfleetctl"), *args], env={**clean, **env},
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise FleetError(f"calfleetctl {args[0]} ended with {done.returncode}:\n"
                             f"{done.stdout}{done.stderr}")
        return done.stdout

    def start_simulator(self):
        port_file = self.dir / "simulator.port"
        port_file.unlink(missing_ok=True)
        argv = [str(self.bin / "calfleet-simulator"), "--listen", "127.0.0.1:0", "--port-file",
                str(port_file), "--allow-http-webhooks", *self.simulator_args]
        process = Process("simulator", argv, {}, self.dir / "simulator.log")
        self.processes["simulator"] = process
        process.start()
        port = wait_until(lambda: port_file.exists() and port_file.read_text().strip(), 10,
                          f"the simulator's port; its log is {process.log}")
        self.simulator = Simulator(f"http://127.0.0.1:{port}")
        wait_until(lambda: request("GET", f"{self.simulator.url}/admin/health")[0] == 200, 10,
                   "the simulator's health")

    def restart(self, name, extra_env=None):
        self.processes[name].stop()
        self.processes[name].start(extra_env)
        self.wait_ready(name)

    def wait_ready(self, name, seconds=60):
        process = self.processes[name]

        def is_ready():
            if not process.alive():
                raise SystemExit(f"{name} ended with {process.child.returncode}:\n{process.tail()}")
            return request("GET", self.admin_url(name) + "/readyz", timeout=5)[0] == 200

        try:
            wait_until(is_ready, seconds, f"{name} is ready")
        except FleetError as e:
            raise FleetError(f"{e}\n{process.tail()}") from e

    # ---- settings -----------------------------------------------------------------------------

    def _secrets(self):
        path = self.dir / "secrets.json"
        if path.exists():
            return json.loads(path.read_text())

        def key():
            return "1:" + base64.b64encode(os.urandom(32)).decode()

        secrets = {"bus_keys": key(), "token_keys": key(), "webhook_keys": key(),
                   "jwt_secret": b64url(os.urandom(36)), "service_key": b64url(os.urandom(36))}
        path.touch(mode=0o600)
        path.write_text(json.dumps(secrets))
        return secrets

    def url(self):
        return f"http://127.0.0.1:{self.ports['ingest'][0]}"

    def admin_url(self, name):
        return f"http://127.0.0.1:{self.ports[name][1]}"

    def app_url(self):
        return f"{self.simulator.url}/app"

    def _service(self, name):
        sim = self.simulator.url
        common = {"admin_listen": f"127.0.0.1:{self.ports[name][1]}", "drain_timeout": "10s",
                  "kafka_brokers": self.stack.kafka, "bus_keys": self.secrets["bus_keys"],
                  "bus_partitions": str(self.partitions)}
        google = {"google_client_id": GOOGLE_CLIENT_ID, "google_client_secret": GOOGLE_CLIENT_SECRET,
                  "google_consent_url": f"{sim}/o/oauth2/v2/auth", "google_token_url": f"{sim}/token",
                  "google_revoke_url": f"{sim}/revoke", "google_jwks_url": f"{sim}/certs",
                  "google_issuers": "https://accounts.google.com,accounts.google.com",
                  "google_api_url": f"{sim}/calendar/v3", "token_keys": self.secrets["token_keys"],
                  "oauth_redirect_url": f"{self.url()}/functions/v1/calendar-oauth-callback"}
        webhook = f"{self.url()}/functions/v1/calendar-sync"
        own = {
            "ingest": {"listen": f"127.0.0.1:{self.ports['ingest'][0]}",
                       "webhook_keys": self.secrets["webhook_keys"],
                       "jwt_secret": self.secrets["jwt_secret"],
                       "service_key": self.secrets["service_key"],
                       "cors_origins": sim, "app_return_urls": f"{sim}/app"},
            "sync-worker": {**google, "webhook_keys": self.secrets["webhook_keys"],
                            "webhook_url": webhook},
            "freebusy": {**google, "redis_address": self.stack.redis},
            "scheduler": google,
        }[name]
        settings = {**common, **own, **self.settings.get(name, {})}
        if name in DATABASE_ROLES:
            settings["postgres_dsn"] = self.stack.dsn(self.database, DATABASE_ROLES[name])
        env = {"CALFLEET_" + k.upper(): v for k, v in settings.items()}
        return Process(name, [str(self.bin / name)], env, self.dir / f"{name}.log")

    # ---- people and calls ---------------------------------------------------------------------

    def sql(self, text):
        return self.stack.sql(self.database, text)

    def create_organization(self, name="Demo Org"):
        organization = str(uuid.uuid4())
        self.sql(f"SELECT dev.create_organization('{name}', '{organization}')")
        return organization

    def create_user(self, name, organization=None, role="org_admin"):
        organization = organization or self.create_organization()
        email = f"{name}-{uuid.uuid4().hex[:8]}@staff.example"
        user_id = self.sql(f"SELECT dev.create_user('{email}', '{organization}')")[0][0]
        if role:
            self.sql(f"SELECT dev.grant_role('{user_id}', '{organization}', '{role}')")
        return User(user_id, organization, self.token(user_id, organization))

    def token(self, subject, organization=None, role="authenticated", ttl=86400, **claims):
        """A JWT as the host's auth service signs it."""
        body = {"role": role, "exp": int(time.time()) + ttl, **claims}
        if subject:
            body["sub"] = subject
        if organization:
            body["organization_id"] = organization
        head = b64url(b'{"alg":"HS256","typ":"JWT"}') + "." + b64url(json.dumps(body).encode())
        mac = hmac.new(self.secrets["jwt_secret"].encode(), head.encode(), hashlib.sha256).digest()
        return head + "." + b64url(mac)

    def service_token(self):
        return self.token(None, role="service_role")

    def call(self, method, path, body=None, user=None, token=None, headers=None, timeout=30):
        """A call of ingest; returns (status, JSON or None, headers)."""
        token = token or (user.token if user else None)
        all_headers = {"Content-Type": "application/json", **(headers or {})}
        if token:
            all_headers["Authorization"] = f"Bearer {token}"
        data = json.dumps(body) if body is not None else None
        status, answer_headers, answer = request(method, self.url() + path, data, all_headers,
                                                 timeout)
        try:
            decoded = json.loads(answer) if answer else None
        except ValueError:
            decoded = answer.decode(errors="replace")
        return status, decoded, answer_headers

    def tick(self):
        return self.call("POST", "/functions/v1/calendar-sync", {"mode": "poll"},
                         token=self.service_token())

    def connect_url(self, user):
        status, body, _ = self.call("POST", "/functions/v1/calendar-oauth-start",
                                    {"provider": "google", "organization_id": user.organization},
                                    user=user)
        if status != 200:
            raise FleetError(f"calendar-oauth-start answered {status}: {body}")
        return body["consent_url"]

    def ticket_of(self, callback_url):
        """Follows the provider's redirect to ingest; returns the parameters that the app gets."""
        status, headers, body = request("GET", callback_url)
        if status != 302:
            raise FleetError(f"the callback answered {status}: {body[:300]!r}")
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(headers["location"]).query))

    def connect(self, user, account):
        """The whole consent, as browser and app do it; returns the connection's id."""
        answer = self.ticket_of(self.simulator.consent(self.connect_url(user), account))
        if "ticket" not in answer:
            raise FleetError(f"consent ended with {answer}")
        status, body, _ = self.call("POST", "/functions/v1/calendar-oauth-callback",
                                    {"ticket": answer["ticket"]}, user=user)
        if status != 200:
            raise FleetError(f"the exchange answered {status}: {body}")
        return body["connection_id"]

    def logs(self):
        """Every log of the fleet as one text."""
        return "".join(p.read_text(errors="replace") for p in sorted(self.dir.glob("*.log")))
