"""Drives a simulated Telnyx by the official Python SDK, as an application would.

Says on stdout where it takes webhooks; reads from stdin one line of JSON, {"base_url", "key", "connection", "script"}:
where the simulator is, its public key, its application, and the calls that come in. Then one line of JSON for each
webhook, as judge.py takes them, and at last {"done": ...}. Ends with an error at the first thing that is not as the
SDK's types and the commands given say.
"""

import base64
import datetime
import http.server
import json
import sys
import threading
import time
import uuid

import telnyx
from telnyx import Telnyx

ENOUGH = 30

# The class of each event; the SDK has none for call.parked.
KINDS = {
    "call.initiated": "CallInitiatedWebhookEvent",
    "call.answered": "CallAnsweredWebhookEvent",
    "call.bridged": "CallBridgedWebhookEvent",
    "call.hangup": "CallHangupWebhookEvent",
    "call.speak.started": "CallSpeakStartedWebhookEvent",
    "call.speak.ended": "CallSpeakEndedWebhookEvent",
    "call.playback.started": "CallPlaybackStartedWebhookEvent",
    "call.playback.ended": "CallPlaybackEndedWebhookEvent",
    "call.parked": None,
}


class Webhooks:
    """Everything that was posted, verified and read by the SDK."""

    def __init__(self):
        self.changed = threading.Condition()
        self.raw = []
        self.events = []
        self.wrong = []
        self.client = None

    def take(self, headers, body):
        with self.changed:
            self.raw.append((headers, body))
            if self.client is not None:
                self.read(headers, body)
            self.changed.notify_all()

    def begin(self, client):
        with self.changed:
            self.client = client
            for headers, body in self.raw:
                self.read(headers, body)

    def read(self, headers, body):
        try:
            event = self.client.webhooks.unwrap(body.decode(), headers=headers)
            told = json.loads(body)
            kind = told["data"]["event_type"]
            expected = KINDS[kind]
            if expected is not None:
                assert type(event).__name__ == expected, f"{kind} is read as {type(event).__name__}"
                same(told["data"], event.data.to_dict(mode="json"), kind)
            # One event may come several times.
            if all(known.data.id != event.data.id for known in self.events):
                self.events.append(event)
        except Exception as why:
            self.wrong.append(f"{type(why).__name__}: {why}: {body.decode()}")

    def of(self, leg, kind, count=1):
        """Waits until there are so many events of that kind about a leg; the last of them."""

        def found():
            return [
                event
                for event in self.events
                if event.data.event_type == kind and payload(event)["call_control_id"] == leg
            ]

        with self.changed:
            came = self.changed.wait_for(lambda: self.wrong or len(found()) >= count, ENOUGH)
            assert not self.wrong, self.wrong[0]
            assert came, f"no {kind}: {[event.data.event_type for event in self.events]}"
            return payload(found()[-1])

    def first(self, what, wanted):
        """Waits for the first call.initiated that is `wanted`."""

        def found():
            initiated = (event for event in self.events if event.data.event_type == "call.initiated")
            return next((payload(event) for event in initiated if wanted(payload(event))), None)

        with self.changed:
            came = self.changed.wait_for(lambda: self.wrong or found(), ENOUGH)
            assert not self.wrong, self.wrong[0]
            assert came, f"{what} does not begin"
            return found()


def payload(event):
    return event.data.to_dict()["payload"]


def same(told, read, where):
    """Everything that was told is read, and the same; moments may be written in another way."""
    if isinstance(told, dict):
        for key, value in told.items():
            assert key in read, f"{where}.{key} is lost"
            same(value, read[key], f"{where}.{key}")
    elif told != read:
        assert moment(told) is not None and moment(told) == moment(read), f"{where}: {told!r} is read as {read!r}"


def moment(text):
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        return None


def receiver(webhooks):
    class Taker(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            webhooks.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def refused(kind, code, command):
    """A command that has to be refused so."""
    try:
        command()
    except kind as refusal:
        codes = [str(error["code"]) for error in refusal.body["errors"]]
        codes.append(refusal.body.get("telnyx_error", {}).get("error_code"))
        assert code in codes, f"{code} is not in {refusal.body}"
        assert refusal.body["errors"][0]["title"], "an error has a title"
    else:
        raise AssertionError(f"not refused: {code}")


def state(text):
    return base64.b64encode(text.encode()).decode()


def ok(answer):
    assert answer.data.result == "ok", answer


def one_id():
    return str(uuid.uuid4())


class Drive:
    """The calls, step by step."""

    def __init__(self, client, webhooks, order):
        self.client, self.webhooks = client, webhooks
        self.connection, self.calls = order["connection"], order["script"]
        self.actions = client.calls.actions

    def arrival(self, no):
        script = self.calls[no]
        told = self.webhooks.first(script["name"], lambda told: told.get("from") == script["from"])
        assert (told["to"], told["direction"], told["state"]) == (script["to"], "incoming", "parked"), told
        assert told["connection_id"] == self.connection
        assert told.get("client_state") is None
        return told

    def dial(self, to, **more):
        return self.client.calls.dial(connection_id=self.connection, from_=self.calls[0]["to"], to=to, **more)

    def alive(self, leg):
        data = self.client.calls.retrieve_status(leg).data
        assert data.call_control_id == leg and data.record_type == "call" and data.call_duration >= 0, data
        assert data.is_alive == (data.end_time is None), data
        return data.is_alive

    def active(self, **pages):
        listed = self.client.connections.list_active_calls(self.connection, **pages)
        return [call.call_control_id for call in listed]

    def a_caller_is_answered(self):
        told = self.arrival(0)
        a = told["call_control_id"]
        data = self.client.calls.retrieve_status(a).data
        assert (data.call_leg_id, data.call_session_id) == (told["call_leg_id"], told["call_session_id"]), data
        assert self.alive(a)
        speak = dict(payload="Good morning.", voice="female", language="en-GB")
        refused(telnyx.UnprocessableEntityError, "90034", lambda: self.actions.speak(a, **speak))
        # The same command twice is one.
        answer = dict(client_state=state("caller"), command_id=one_id())
        ok(self.actions.answer(a, **answer))
        ok(self.actions.answer(a, **answer))
        answered = self.webhooks.of(a, "call.answered")
        assert answered["client_state"] == state("caller"), answered
        refused(telnyx.UnprocessableEntityError, "90017", lambda: self.actions.hangup(a, client_state="no base64!"))
        return told

    def he_hears(self, a):
        ok(self.actions.speak(a, payload="Good morning.", voice="female", language="en-GB"))
        begun = self.webhooks.of(a, "call.speak.started")
        ended = self.webhooks.of(a, "call.speak.ended")
        assert ended["status"] == "completed" and ended["speak_id"] == begun["speak_id"], ended
        url = "https://example.com/music.mp3"
        ok(self.actions.start_playback(a, audio_url=url, loop="infinity"))
        assert self.webhooks.of(a, "call.playback.started")["media_url"] == url
        ok(self.actions.stop_playback(a, stop="all"))
        ended = self.webhooks.of(a, "call.playback.ended")
        assert (ended["status"], ended["media_url"], ended["overlay"]) == ("cancelled", url, False), ended

    def somebody_is_dialled(self, caller, to):
        a = caller["call_control_id"]
        command = dict(link_to=a, client_state=state("callee"), command_id=one_id(), timeout_secs=20)
        made = self.dial(to, **command).data
        assert made == self.dial(to, **command).data, "the same dial twice is one"
        assert (made.record_type, made.is_alive, made.client_state) == ("call", False, state("callee")), made
        assert made.call_session_id == caller["call_session_id"] and made.call_leg_id != caller["call_leg_id"], made
        b = made.call_control_id
        begun = self.webhooks.of(b, "call.initiated")
        assert (begun["direction"], begun["to"], begun["from"]) == ("outgoing", to, caller["to"]), begun
        assert (begun["call_leg_id"], begun["client_state"]) == (made.call_leg_id, state("callee")), begun
        self.webhooks.of(b, "call.answered")
        return b

    def they_are_joined(self, a, b):
        ok(self.actions.bridge(a, call_control_id_to_bridge_with=b, park_after_unbridge="self"))
        self.webhooks.of(a, "call.bridged")
        self.webhooks.of(b, "call.bridged")
        assert {a, b} <= set(self.active(page_size=1)), "both are active"
        ok(self.actions.hangup(b, command_id=one_id()))
        ended = self.webhooks.of(b, "call.hangup")
        assert (ended["hangup_cause"], ended["hangup_source"]) == ("normal_clearing", "caller"), ended
        self.webhooks.of(a, "call.parked")
        assert self.alive(a) and not self.alive(b)

    def he_is_given_away(self, caller, to):
        a = caller["call_control_id"]
        ok(self.actions.transfer(a, to=to, target_leg_client_state=state("taker"), timeout_secs=20))
        taker = self.webhooks.first("the transfer", lambda told: told["to"] == to)
        assert (taker["direction"], taker["call_session_id"]) == ("outgoing", caller["call_session_id"]), taker
        assert taker["client_state"] == state("taker") and taker["from"] == caller["to"], taker
        c = taker["call_control_id"]
        self.webhooks.of(c, "call.bridged")
        self.webhooks.of(c, "call.answered")
        ok(self.actions.hangup(a))
        assert self.webhooks.of(a, "call.hangup")["client_state"] == state("caller")
        self.webhooks.of(c, "call.hangup")
        assert not self.alive(a) and a not in self.active(page_size=1)
        refused(telnyx.UnprocessableEntityError, "90018", lambda: self.actions.hangup(a))

    def what_cannot_be_is_refused(self, a, who):
        refused(telnyx.NotFoundError, "10005", lambda: self.client.calls.retrieve_status("v3:nobody"))
        stranger = self.client.with_options(api_key="KEY_of_a_stranger")
        refused(telnyx.AuthenticationError, "10009", lambda: stranger.calls.retrieve_status("v3:nobody"))
        refused(telnyx.PermissionDeniedError, "D13", lambda: self.dial(who["barred"], link_to=a))
        refused(telnyx.UnprocessableEntityError, "10016", lambda: self.dial("nobody", link_to=a))
        busy = self.dial(who["busy"], link_to=a).data.call_control_id
        assert self.webhooks.of(busy, "call.hangup")["hangup_cause"] == "user_busy"

    def others_are_turned_away(self):
        b = self.arrival(1)["call_control_id"]
        ok(self.actions.reject(b, cause="USER_BUSY"))
        ended = self.webhooks.of(b, "call.hangup")
        assert (ended["hangup_cause"], ended["hangup_source"]) == ("user_busy", "callee"), ended
        # The last one is left alone until he gives up.
        c = self.arrival(2)["call_control_id"]
        ended = self.webhooks.of(c, "call.hangup")
        assert (ended["hangup_cause"], ended["sip_hangup_cause"]) == ("originator_cancel", "487"), ended


def main():
    webhooks = Webhooks()
    server = receiver(webhooks)
    print(f"http://127.0.0.1:{server.server_address[1]}/webhooks", flush=True)
    order = json.loads(sys.stdin.readline())
    client = Telnyx(
        api_key=order["api_key"], base_url=order["base_url"], public_key=order["key"], max_retries=0, timeout=10
    )
    webhooks.begin(client)
    drive, who = Drive(client, webhooks, order), order["who"]
    caller = drive.a_caller_is_answered()
    a = caller["call_control_id"]
    drive.he_hears(a)
    b = drive.somebody_is_dialled(caller, who["answers"])
    drive.they_are_joined(a, b)
    drive.what_cannot_be_is_refused(a, who)
    drive.he_is_given_away(caller, who["takes"])
    drive.others_are_turned_away()
    # What is still under way comes too.
    time.sleep(1)
    with webhooks.changed:
        assert not webhooks.wrong, webhooks.wrong[0]
        for no, (headers, body) in enumerate(webhooks.raw):
            print(json.dumps({"name": f"posted {no}", "headers": headers, "body": base64.b64encode(body).decode()}))
        seen = sorted({event.data.event_type for event in webhooks.events})
        twice = len(webhooks.raw) - len(webhooks.events)
    assert seen == sorted(KINDS), f"not everything was posted: {seen}"
    print(json.dumps({"done": seen, "twice": twice}), flush=True)


main()
