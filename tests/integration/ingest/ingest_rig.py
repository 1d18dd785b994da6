"""The ingest program as a process, a bus of its own, and what is on that bus.

The stack is private because these tests stop its broker and count its records.
"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("CALFLEET_BIN_DIR", ROOT / "build" / "debug" / "bin"))
PARTITIONS = 6
JWT_SECRET = "j" * 40
SERVICE_KEY = "opaque-key-of-the-service-role-" + "k" * 16
WEBHOOK_KEY = b"w" * 32
BUS_KEY = b"b" * 32
USER = "11111111-2222-4333-8444-555555555555"
APP = "https://app.example.org/calendar"
ORIGIN = "https://app.example.org"
SYNC = "/functions/v1/calendar-sync"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(secret=JWT_SECRET, **claims):
    claims = {"exp": int(time.time()) + 600} | claims
    head = b64url(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    text = f"{head}.{b64url(json.dumps(claims).encode())}"
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{b64url(mac)}"


def user_jwt(**claims):
    return jwt(**({"sub": USER, "role": "authenticated"} | claims))


def channel_secret(account, calendar, channel=1, expires=0, key=WEBHOOK_KEY, key_id=1):
    """As libs/providers/webhook prints it, written again from its description."""
    text = f"v1.{key_id}.{b64url(account.bytes)}.{calendar}.{channel}.{expires}"
    mac = hmac.new(key, b"webhook/google/" + text.encode(), hashlib.sha256).digest()[:16]
    return f"{text}.{b64url(mac)}"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Stack:
    def __init__(self, folder, port):
        self.env = os.environ | {"CALFLEET_STACK_DIR": str(folder), "CALFLEET_STACK_PORT": str(port)}
        self.broker = f"127.0.0.1:{port + 2}"
        self.pid_file = pathlib.Path(folder) / "kafka-1.pid"

    def run(self, *args):
        subprocess.run([ROOT / "scripts" / "stack", *args], env=self.env, check=True, timeout=120,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def up(self):
        self.run("up", "--only=kafka")

    def down(self, *args):
        self.run("down", *args)

    def topics(self, *args):
        return subprocess.run([BIN / "calfleetctl", "topics", *args], text=True, timeout=60,
                              capture_output=True,
                              env={"CALFLEET_KAFKA_BROKERS": self.broker, "PATH": os.environ["PATH"]})

    def pause(self):
        os.kill(int(self.pid_file.read_text()), signal.SIGSTOP)

    def resume(self):
        os.kill(int(self.pid_file.read_text()), signal.SIGCONT)

    def records(self, topic):
        """All of a topic: (partition, offset, key, value, headers as bytes)."""
        out = subprocess.run(["kcat", "-b", self.broker, "-t", topic, "-C", "-e", "-q", "-f",
                              "%p %o %K %S %k%s%h\n"], capture_output=True, timeout=30, check=True).stdout
        found = []
        while out:
            head = out.split(b" ", 4)
            partition, offset, key_len, value_len = (int(x) for x in head[:4])
            rest = head[4]
            key_len = max(key_len, 0)
            key, value = rest[:key_len], rest[key_len:key_len + value_len]
            headers, _, out = rest[key_len + value_len:].partition(b"\n")
            found.append((partition, offset, key, value, headers))
        return found


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error"]["code"]


class Ingest:
    """One process; settings as CALFLEET_ variables without their prefix."""

    def __init__(self, folder, broker, **settings):
        self.folder = pathlib.Path(folder)
        self.port, self.admin = free_port(), free_port()
        self.secret("bus", "1:" + base64.b64encode(BUS_KEY).decode())
        self.secret("webhook", "1:" + base64.b64encode(WEBHOOK_KEY).decode())
        self.secret("jwt", JWT_SECRET)
        self.secret("service", SERVICE_KEY)
        self.env = {
            "KAFKA_BROKERS": broker, "BUS_PARTITIONS": str(PARTITIONS),
            "BUS_KEYS_FILE": self.folder / "bus", "WEBHOOK_KEYS_FILE": self.folder / "webhook",
            "JWT_SECRET_FILE": self.folder / "jwt", "SERVICE_KEY_FILE": self.folder / "service",
            "LISTEN": f"127.0.0.1:{self.port}", "ADMIN_LISTEN": f"127.0.0.1:{self.admin}",
            "APP_RETURN_URLS": APP, "CORS_ORIGINS": ORIGIN, "REQUEST_TIMEOUT": "1s",
            "SECRET_RELOAD": "1s",
        } | settings
        self.process = None

    def secret(self, name, text):
        """Replaced at once, as a mounted secret is."""
        new = self.folder / (name + ".new")
        new.write_text(text)
        new.rename(self.folder / name)

    def spawn(self):
        env = {f"CALFLEET_{k}": str(v) for k, v in self.env.items()}
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([BIN / "ingest"], stdout=self.log, stderr=self.log,
                                        env=env | {"PATH": os.environ["PATH"]})
        return self

    def start(self):
        self.spawn()
        self.wait_ready()
        return self

    def ready(self):
        try:
            return self.ask("GET", "/readyz", port=self.admin).status == 200
        except OSError:
            return False

    def wait_ready(self, seconds=20):
        end = time.monotonic() + seconds
        while not self.ready():
            assert self.process.poll() is None, self.log_text()
            assert time.monotonic() < end, self.log_text()
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=20)

    def log_text(self):
        return (self.folder / "log").read_text()

    def ask(self, method, path, body=None, headers=None, token=None, port=None):
        c = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20)
        try:
            headers = dict(headers or {})
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                headers.setdefault("Content-Type", "application/json")
            c.request(method, path, body=body, headers=headers)
            return Answer(c.getresponse())
        finally:
            c.close()

    def notice(self, secret, state="exists", **headers):
        return self.ask("POST", SYNC, headers={
            "X-Goog-Channel-ID": str(uuid.uuid4()), "X-Goog-Channel-Token": secret,
            "X-Goog-Resource-State": state, "X-Goog-Message-Number": "7"} | headers)

    def metric(self, name, label):
        text = self.ask("GET", "/metrics", port=self.admin).body.decode()
        for line in text.splitlines():
            if line.startswith(name + "{") and f'"{label}"' in line:
                return float(line.rsplit(" ", 1)[1])
        return 0.0
