"""azure-iot-device speaks MQTT only. Back ends use send-c2d."""

import time
import unittest

from world import Device, Sender, new_id, wrong_key

from azure.iot.device import Message, exceptions

every_byte = bytes(range(256))


class OverTCP(unittest.TestCase):
    websockets = False
    certified = "Python-x509"

    def device(self, device_id, **options):
        return Device(self, device_id, self.websockets, **options)

    def receive(self, device, device_id, *args, body=b"hello"):
        """Sends a message, and returns it as it arrived. Its feedback must be Success."""
        sender = Sender(self, device_id, *args, body=body)
        m = device.next()
        self.assertEqual(m.data, body)
        self.assertEqual(sender.statuses(), ["Success"])
        return m

    def test_all_fields(self):
        device_id = new_id()
        device = self.device(device_id).listen()
        properties = {"Property": "PropMsg_0", "odd!#$%&'*+-.^_`|~": "x y=z;&%41 ü", "empty": ""}
        args = [a for name, value in properties.items() for a in ("-p", f"{name}={value}")]
        m = self.receive(
            device, device_id, "--message-id", "m1", "--correlation-id", "correlation/0", "--user-id", "ursula",
            "--content-type", "application/json", "--content-encoding", "utf-8",
            "--expiry", "2099-01-02T03:04:05.6789Z", *args,
        )  # fmt: skip
        self.assertEqual(
            (m.message_id, m.correlation_id, m.user_id, m.content_type, m.content_encoding, m.ack, m.expiry_time_utc),
            ("m1", "correlation/0", "ursula", "application/json", "utf-8", "full", "2099-01-02T03:04:05.6780000Z"),
        )
        self.assertEqual(m.custom_properties, properties)

    def test_bodies_bit_for_bit(self):
        device_id = new_id()
        device = self.device(device_id).listen()
        for body in (b"", every_byte, (every_byte * 240)[:60_000]):
            self.receive(device, device_id, body=body)

    def test_several_wait(self):
        device_id = new_id()
        senders = [Sender(self, device_id, body=str(n).encode()) for n in range(3)]
        time.sleep(1)
        device = self.device(device_id).listen()
        self.assertEqual({device.next().data for _ in senders}, {b"0", b"1", b"2"})
        for sender in senders:
            self.assertEqual(sender.statuses(), ["Success"])

    def test_queued_while_away(self):
        device_id = new_id()
        device = self.device(device_id).listen()
        self.receive(device, device_id)
        device.client.disconnect()
        sender = Sender(self, device_id, body=b"queued")
        time.sleep(1)
        device.client.connect()  # the SDK does not subscribe again
        self.assertEqual(device.next().data, b"queued")
        self.assertEqual(sender.statuses(), ["Success"])

    def test_token_is_renewed_by_a_new_connection(self):
        device_id = new_id()
        # The SDK renews 120 s before the end, and does not subscribe again.
        device = self.device(device_id, sastoken_ttl=122).listen()
        self.receive(device, device_id)
        for _ in range(3):
            device.wait(False)
            device.wait(True)
            self.receive(device, device_id)

    def test_telemetry_is_accepted(self):
        device = self.device(new_id()).listen()
        m = Message("23.4 °C", message_id="one", content_type="text/plain")
        m.custom_properties["unit"] = "Celsius"
        device.client.send_message(m)
        device.client.send_message(b"x" * 200_000)

    def test_twin_is_empty_and_messages_go_on(self):
        device_id = new_id()
        device = self.device(device_id).listen()
        self.assertEqual(device.client.get_twin(), {"desired": {"$version": 1}, "reported": {"$version": 1}})
        device.client.patch_twin_reported_properties({"on": True})
        device.client.on_method_request_received = lambda _: self.fail("called")
        self.receive(device, device_id)

    def test_second_client_displaces_the_first(self):
        device_id = new_id()
        first = self.device(device_id, connection_retry=False).listen()
        self.receive(first, device_id)
        second = self.device(device_id).listen()
        first.wait(False)
        self.receive(second, device_id)

    def test_certificate(self):
        device = self.device(self.certified, certificate=("cert.pem", "key.pem")).listen()
        self.receive(device, self.certified)

    def test_refused(self):
        for device_id, options in (
            (new_id(), {"key": wrong_key}),
            ("nobody", {}),
            (new_id(), {"certificate": ("cert.pem", "key.pem")}),
        ):
            with self.subTest(device_id, **options), self.assertRaises(exceptions.CredentialError):
                self.device(device_id, connection_retry=False, **options).client.connect()


class OverWebSocket(OverTCP):
    websockets = True

