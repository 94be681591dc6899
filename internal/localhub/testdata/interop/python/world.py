"""The local hub, and the way to reach it: everything a test needs."""

import itertools
import json
import logging
import os
import queue
import re
import signal
import socket
import subprocess
from pathlib import Path

import certifi

GATEWAY = os.environ["GATEWAY"]  # names the hub; see .ci/interop
CA_FILE = f"{GATEWAY}.pem"
KEY, PORT = re.search(
    r"IOTHUB_DEVICE_CONNECTION_STRING=.*HostName=[^;]*:(?P<port>\d+);.*SharedAccessKey=(?P<key>[^;\"]+)",
    Path(f"{GATEWAY}.env").read_text(),
).group("key", "port")

# The device client can be told whom to trust, uamqp asks this module, and REST the
# environment.
certifi.where = lambda: CA_FILE
os.environ["REQUESTS_CA_BUNDLE"] = CA_FILE

import uamqp  # noqa: E402
from azure.iot.device import X509, IoTHubDeviceClient  # noqa: E402
from azure.iot.hub import IoTHubRegistryManager  # noqa: E402

# The SDKs know the ports 5671, 8883 and 443 only, which may be taken, or not for
# an ordinary user to listen at. Connections for them go to the hub's port instead,
# below the SDKs.
uamqp.constants.DEFAULT_AMQPS_PORT = uamqp.constants.DEFAULT_AMQP_WSS_PORT = int(PORT)
_getaddrinfo = socket.getaddrinfo


def _redirected(host, port, *args, **kwargs):
    if host == "localhost" and port in (8883, 443):
        host, port = "127.0.0.1", int(PORT)
    return _getaddrinfo(host, port, *args, **kwargs)


socket.getaddrinfo = _redirected

# Lost connections and refusals are what some tests are about.
for name in ("azure", "uamqp"):
    logging.getLogger(name).addHandler(logging.NullHandler())
    logging.getLogger(name).propagate = False

wrong_key = "bm90IHRoZSBrZXkgb2YgdGhpcyBsb2NhbCBodWIuLi4="
_numbers = itertools.count(1)


def new_id():
    """Returns a registered device that no other test uses."""
    return f"Python-{next(_numbers)}"


class Device:
    """The SDK's client of one device, and the messages that it has got."""

    def __init__(self, test, device_id, websockets, key=KEY, certificate=None, **options):
        options.update(websockets=websockets, server_verification_cert=Path(CA_FILE).read_text())
        if certificate:
            self.client = IoTHubDeviceClient.create_from_x509_certificate(
                X509(cert_file=certificate[0], key_file=certificate[1]), "localhost", device_id, **options
            )
        else:
            self.client = IoTHubDeviceClient.create_from_connection_string(
                f"HostName=localhost;DeviceId={device_id};SharedAccessKey={key}", **options
            )
        test.addCleanup(self.client.shutdown)
        self.messages = queue.Queue()
        self.states = queue.Queue()  # True: connected, False: no longer
        self.client.on_connection_state_change = lambda: self.states.put(self.client.connected)

    def listen(self):
        """Connects, and asks for messages, which the SDK acknowledges by itself.

        It loses those that come before it has a handler, which a session that is taken
        up may bring at once. With a handler it connects by itself.
        """
        self.client.on_message_received = self.messages.put
        return self

    def next(self):
        return self.messages.get(timeout=20)

    def wait(self, connected):
        """Waits for a change of the connection's state."""
        while self.states.get(timeout=20) != connected:
            pass


class BackEnd:
    """The SDK's client of the hub."""

    def __init__(self, test, transport, policy="iothubowner", key=KEY):
        self.hub = IoTHubRegistryManager.from_connection_string(
            f"HostName=localhost;SharedAccessKeyName={policy};SharedAccessKey={key}", transport_type=transport
        )
        test.addCleanup(self.hub.amqp_svc_client.disconnect_sync)

    def send(self, device_id, body, **properties):
        self.hub.send_c2d_message(device_id, body, {"iothub-ack": "full", **properties})


class Tool:
    """One of our own tools, at work. It prints its events as JSON."""

    def __init__(self, test, name, *args, device_id="", body=b""):
        self.test = test
        host = f"HostName=localhost:{PORT}"
        env = dict(
            os.environ,
            IOTHUB_DEVICE_CONNECTION_STRING=f"{host};DeviceId={device_id};SharedAccessKey={KEY}",
            IOTHUB_CONNECTION_STRING=f"{host};SharedAccessKeyName=service;SharedAccessKey={KEY}",
        )
        tool = str(Path(os.environ["BIN"], name))
        common = ["-o", "json", "-W", "25s", "--ca-file", CA_FILE]
        self.process = subprocess.Popen(
            [tool, *args, *common], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        test.addCleanup(self.process.kill)
        self.process.stdin.write(body)
        self.process.stdin.close()
        self.process.stdin = None

    def next(self):
        """Returns the next event."""
        line = self.process.stdout.readline()
        self.test.assertTrue(line, "it has ended")
        return json.loads(line)

    def stop(self):
        """Has it finish what it is about, as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)

    def events(self, kind):
        """Returns its events of one kind, when it has ended. There must be some."""
        out, err = self.process.communicate(timeout=30)
        events = [e for e in map(json.loads, out.splitlines()) if e["event"] == kind]
        self.test.assertTrue(events, err.decode())
        return events


class Sender(Tool):
    """send-c2d, which ends when there is feedback."""

    def __init__(self, test, device_id, *args, body=b"hello"):
        super().__init__(test, "send-c2d", "-d", device_id, "-f", "-", *args, body=body)

    def statuses(self):
        """Returns what the feedback says, when it is there."""
        return [e["status"] for e in self.events("feedback")]
