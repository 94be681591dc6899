"""The local hub, and the way to reach it: everything a test needs."""

import json
import os
import re
import socket
import subprocess
import queue
from pathlib import Path

from azure.iot.device import IoTHubDeviceClient, X509

CA = Path("v2.pem").read_text()
KEY, PORT = re.search(
    r"IOTHUB_DEVICE_CONNECTION_STRING=.*HostName=[^;]*:(?P<port>\d+);.*SharedAccessKey=(?P<key>[^;\"]+)",
    Path("v2.env").read_text(),
).group("key", "port")

# The SDK knows the ports 8883 and 443 only, which may be taken, or not for an
# ordinary user to listen at. Connections for them go to the hub's port instead,
# below the SDK.
_create_connection = socket.create_connection


def _redirected(address, *args, **kwargs):
    if address in (("localhost", 8883), ("localhost", 443)):
        address = ("127.0.0.1", int(PORT))
    return _create_connection(address, *args, **kwargs)


socket.create_connection = _redirected


class Device:
    """The SDK's client of one device, and the messages that it has got."""

    def __init__(self, test, device_id, websockets, key=KEY, certificate=None, **options):
        options.update(websockets=websockets, server_verification_cert=CA)
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
        """Connects, and asks for messages, which the SDK acknowledges by itself."""
        self.client.connect()
        self.client.on_message_received = self.messages.put
        return self

    def next(self):
        return self.messages.get(timeout=20)

    def wait(self, connected):
        """Waits for a change of the connection's state."""
        while self.states.get(timeout=20) != connected:
            pass


class Sender:
    """Our own send-c2d, which ends when there is feedback."""

    def __init__(self, test, device_id, *args, body=b"hello"):
        env = dict(
            os.environ,
            IOTHUB_CONNECTION_STRING=f"HostName=localhost:{PORT};SharedAccessKeyName=service;SharedAccessKey={KEY}",
        )
        tool = str(Path(os.environ["BIN"], "send-c2d"))
        common = ["-d", device_id, "-o", "json", "-W", "25s", "--ca-file", "v2.pem", "-f", "-"]
        self.process = subprocess.Popen(
            [tool, *common, *args], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        test.addCleanup(self.process.kill)
        self.process.stdin.write(body)
        self.process.stdin.close()
        self.process.stdin = None

    def statuses(self):
        """Returns what the feedback says, when it is there."""
        out, err = self.process.communicate(timeout=30)
        events = [json.loads(line) for line in out.splitlines()]
        statuses = [e["status"] for e in events if e["event"] == "feedback"]
        return statuses or [err.decode()]
