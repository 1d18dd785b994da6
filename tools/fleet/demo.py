"""The demo: the whole fleet on this machine, and a tour of what it does. See scripts/demo --help."""

import argparse
import datetime
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from fleet import ROOT, Fleet, FleetError, Stack, wait_until

ACCOUNT = "ana@example.com"
UTC = datetime.timezone.utc


class Tour:
    def __init__(self, fleet, began):
        self.fleet, self.began = fleet, began

    def say(self, text):
        print(f"[{time.monotonic() - self.began:4.0f}s] {text}", flush=True)

    def rows(self, where):
        return int(self.fleet.sql(f"SELECT count(*) FROM ce_calendar_events WHERE {where}")[0][0])

    def event(self, title, days, hour):
        start = datetime.datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
        start += datetime.timedelta(days=days)
        end = start + datetime.timedelta(minutes=30)
        return {"summary": title, "start": {"dateTime": start.isoformat()},
                "end": {"dateTime": end.isoformat()}}

    def run(self):
        self.connect()
        self.webhook()
        self.lost_webhook()
        self.free_busy()
        self.schedule()

    def connect(self):
        fleet = self.fleet
        self.user = fleet.create_user("demo")
        url = fleet.connect_url(self.user)
        self.say("the consent page (for a person with a browser; the script presses the button):")
        print("       " + url)
        answer = fleet.ticket_of(fleet.simulator.consent(url, ACCOUNT))
        status, body, _ = fleet.call("POST", "/functions/v1/calendar-oauth-callback",
                                     {"ticket": answer["ticket"]}, user=self.user)
        if status != 200:
            raise FleetError(f"the exchange answered {status}: {body}")
        self.connection = body["connection_id"]
        began = time.monotonic()
        wait_until(lambda: fleet.sql(
            "SELECT 1 FROM ce_calendar_connections WHERE last_sync_at IS NOT NULL "
            f"AND id = '{self.connection}'"), 60, "the first import")
        count = self.rows(f"connection_id = '{self.connection}'")
        self.say(f"connected; the first import brought {count} events in "
                 f"{time.monotonic() - began:.1f} s")

    def webhook(self):
        fleet = self.fleet
        wait_until(lambda: fleet.sql("SELECT 1 FROM calfleet.channels WHERE state = 'open'"), 20,
                   "a push channel")
        time.sleep(1.2)  # an account is read at most once a second; now it is a change alone
        began = time.monotonic()
        made = fleet.simulator.insert(ACCOUNT, self.event("Changed at the provider", 3, 9))
        wait_until(lambda: self.rows(f"provider_event_id = '{made['id']}'"), 20,
                   "a change that a webhook should bring")
        self.say("a change at the provider was a row "
                 f"{(time.monotonic() - began) * 1000:.0f} ms later, by webhook")

    def lost_webhook(self):
        fleet = self.fleet
        fleet.simulator.admin("POST", "/push", {"drop_percent": 100})
        made = fleet.simulator.insert(ACCOUNT, self.event("The webhook was lost", 4, 9))
        time.sleep(1)
        if self.rows(f"provider_event_id = '{made['id']}'"):
            raise FleetError("the lost webhook arrived")
        # The interval has not passed in a demo: the rows are made due, as time would.
        fleet.sql("UPDATE calfleet.calendars SET due_at = now() WHERE due_at IS NOT NULL")
        status, _, _ = fleet.tick()
        if status != 202:
            raise FleetError(f"the tick answered {status}")
        wait_until(lambda: self.rows(f"provider_event_id = '{made['id']}'"), 20,
                   "what a cron tick should find")
        fleet.simulator.admin("POST", "/push", {"drop_percent": 0})
        self.say("a cron tick found what a lost webhook left behind")

    def free_busy(self):
        now = datetime.datetime.now(UTC).replace(microsecond=0)
        question = {"organization_id": self.user.organization, "users": [self.user.id],
                    "time_min": now.isoformat(),
                    "time_max": (now + datetime.timedelta(days=7)).isoformat()}
        status, body, _ = self.fleet.call("POST", "/functions/v1/calendar-freebusy", question,
                                          user=self.user)
        if status != 200 or not body["people"][0]["busy"]:
            raise FleetError(f"free/busy answered {status}: {body}")
        self.say(f"free/busy: {len(body['people'][0]['busy'])} busy spans in the next 7 days")

    def schedule(self):
        fleet = self.fleet
        noon = datetime.datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        refused = 0
        for hour in range(24 * 20, 24 * 27):  # a busy slot is refused: the first free one is taken
            start = noon + datetime.timedelta(hours=hour)
            order = {"action": "create", "organization_id": self.user.organization,
                     "connection_id": self.connection, "title": "Scheduled by calfleet",
                     "start_at": start.isoformat(),
                     "end_at": (start + datetime.timedelta(minutes=30)).isoformat()}
            status, body, _ = fleet.call("POST", "/functions/v1/calendar-schedule", order,
                                         user=self.user,
                                         headers={"Idempotency-Key": f"demo-{time.time_ns()}"})
            if status != 409:
                break
            refused += 1
        if status not in (200, 201):
            raise FleetError(f"calendar-schedule answered {status}: {body}")
        if body["provider_event_id"] not in json.dumps(fleet.simulator.events(ACCOUNT)):
            raise FleetError("the meeting is not at the provider")
        self.say("a meeting was scheduled and is seen at the provider"
                 + (f" ({refused} busy slots were refused before)" if refused else ""))

    def cheat_sheet(self):
        fleet, token = self.fleet, self.user.token
        now = datetime.datetime.now(UTC).replace(microsecond=0)
        week = (now + datetime.timedelta(days=7)).isoformat().replace("+00:00", "Z")
        print(f"""
  provider's page (change an event there)  {fleet.simulator.url}/
  the app's page                           {fleet.app_url()}
  ingest                                   {fleet.url()}/openapi.json""")
        for name in fleet.names:
            print(f"  {name + ': probes and metrics':<40} {fleet.admin_url(name)}/readyz  /metrics")
        print(f"""  Postgres                                 psql '{fleet.stack.dsn(fleet.database)}'
  logs                                     {fleet.dir}/*.log

  export JWT={token}
  export SERVICE={fleet.service_token()}
  curl -s {fleet.url()}/functions/v1/calendar-connections -H "Authorization: Bearer $JWT"
  curl -s {fleet.url()}/functions/v1/calendar-freebusy -H "Authorization: Bearer $JWT" \\
    -d '{{"users":["{self.user.id}"],"time_min":"{now.isoformat().replace('+00:00', 'Z')}","time_max":"{week}"}}'
  curl -s {fleet.url()}/functions/v1/calendar-sync -H "Authorization: Bearer $JWT" \\
    -d '{{"mode":"connection","connection_id":"{self.connection}"}}'
  curl -si {fleet.url()}/functions/v1/calendar-sync -H "Authorization: Bearer $SERVICE" -d '{{"mode":"poll"}}'
""")


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=(
        "Builds calfleet, starts Postgres, Redis, Kafka, the simulated provider and the four "
        "services, and shows what they do; then stays up until Ctrl-C."))
    parser.add_argument("--once", action="store_true",
                        help="end after the tour; the exit code is its result")
    parser.add_argument("--ics", metavar="FILE", nargs="+", default=[],
                        help="seed the account with calendars of your own")
    options = parser.parse_args()
    began = time.monotonic() - float(os.environ.get("DEMO_SECONDS", 0))
    run_dir = ROOT / "build" / "demo"
    shutil.rmtree(run_dir, ignore_errors=True)

    def progress(text):
        print(f"[{time.monotonic() - began:4.0f}s] {text}", flush=True)

    args = [part for f in options.ics for part in ("--ics", str(Path(f).resolve()))]
    database = f"calfleet_demo_{int(time.time())}"
    stack = Stack()
    fleet = Fleet(ROOT / "build" / "release" / "bin", run_dir, stack, database,
                  simulator_args=args, progress=progress)
    # Ctrl-C reaches this process only: it ends the others in their order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    result = 1
    try:
        with fleet:
            if not options.ics:
                fleet.simulator.admin("POST", "/generate", {
                    "account": ACCOUNT, "calendar": "primary", "count": 200, "series": 5,
                    "exceptions": 20, "all_day": 2, "dst": 50, "seed": 1})
            tour = Tour(fleet, began)
            tour.run()
            progress("the tour is done: everything works")
            result = 0
            if not options.once:
                tour.cheat_sheet()
                print("Ctrl-C stops it all.", flush=True)
                while all(p.alive() for p in fleet.processes.values()):
                    time.sleep(0.5)
                result = 1
                progress("a process ended by itself; see its log")
    except KeyboardInterrupt:
        progress("stopping")
    except FleetError as e:
        progress(f"failed: {e}")
        print(f"The logs are in {run_dir}.", file=sys.stderr)
        result = 1
    finally:
        stack.sql("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
    return result


if __name__ == "__main__":
    sys.exit(main())
