"""azure-iot-hub sends over AMQP and keeps devices by REST. It does not read feedback:
send-c2d does."""

import unittest

from msrest.exceptions import HttpOperationError
from uamqp import TransportType, errors
from world import BackEnd, Device, Tool, new_id, wrong_key

from azure.iot.device import exceptions
from azure.iot.hub.protocol.models import ExportImportDevice, QuerySpecification


class OverTCP(unittest.TestCase):
    websockets = False
    transport = TransportType.Amqp

    def back_end(self, **options):
        return BackEnd(self, self.transport, **options)

    def device(self, device_id, **options):
        return Device(self, device_id, self.websockets, **options)

    def feedback(self, device_id, n):
        """Returns the next n records about a device: the messages' ids and what became of
        them. Records of others are what other tests have left, and are thrown away."""
        reader, records = Tool(self, "send-c2d", "feedback"), []
        while len(records) < n:
            e = reader.next()
            if e["deviceId"] == device_id:
                records.append((e["messageId"], e["status"]))
        reader.stop()
        return records

    def refused(self, status):
        return self.assertRaisesRegex(HttpOperationError, f"'{status}'")

    # Messages come in order, also those that were sent while the device was away.
    def test_the_tutorial(self):
        device_id, numbers = new_id(), range(20)
        service = self.back_end()
        device = self.device(device_id).listen()
        for away in (False, True):
            if away:
                device.client.disconnect()
            for n in numbers:
                service.send(device_id, f"number {n}", messageId=f"m{n}", n=str(n))
            if away:
                device.client.connect()  # the SDK does not subscribe again
            for n in numbers:
                m = device.next()
                self.assertEqual(m.data, f"number {n}".encode())
                self.assertEqual((m.message_id, m.custom_properties), (f"m{n}", {"n": str(n)}))
            self.assertEqual(self.feedback(device_id, len(numbers)), [(f"m{n}", "Success") for n in numbers])

    def test_all_that_it_can_send(self):
        device_id = new_id()
        device = Tool(self, "simulated-device", "--count", "1", device_id=device_id)
        self.back_end().send(
            device_id, "grüß Gott", messageId="m1", correlationId="c1", contentType="text/plain",
            contentEncoding="utf-8", expiryTimeUtc=4070908800000, odd="x y=z;&%41 ü",
        )  # fmt: skip
        (m,) = device.events("message")
        self.assertEqual(
            {name: m[name] for name in ("messageId", "correlationId", "contentType", "contentEncoding", "expiryTimeUtc")},
            {
                "messageId": "m1", "correlationId": "c1", "contentType": "text/plain",
                "contentEncoding": "utf-8", "expiryTimeUtc": "2099-01-01T00:00:00.000Z",
            },
        )  # fmt: skip
        self.assertEqual((m["payload"], m["properties"]), ("grüß Gott", {"odd": "x y=z;&%41 ü"}))
        self.assertEqual(self.feedback(device_id, 1), [("m1", "Success")])

    def test_device_from_its_creation_to_its_end(self):
        device_id = new_id() + "-made"
        service = self.back_end()
        identity = service.hub.create_device_with_sas(device_id, None, None, "enabled")
        keys = identity.authentication.symmetric_key
        self.assertEqual((identity.device_id, identity.status), (device_id, "enabled"))
        with self.refused("Conflict"):
            service.hub.create_device_with_sas(device_id, None, None, "enabled")

        for n, key in enumerate((keys.primary_key, keys.secondary_key)):
            service.send(device_id, f"key {n}", messageId=f"m{n}")
            device = self.device(device_id, key=key).listen()
            self.assertEqual(device.next().data, f"key {n}".encode())
            self.assertEqual(self.feedback(device_id, 1), [(f"m{n}", "Success")])
            self.assertEqual(service.hub.get_device(device_id).connection_state, "Connected")
            device.client.disconnect()

        for n in range(3):
            service.send(device_id, "waits", messageId=f"waits-{n}")
        self.assertEqual(service.hub.get_device(device_id).cloud_to_device_message_count, 3)

        with self.refused("Precondition Failed"):
            service.hub.update_device_with_sas(device_id, "old", keys.primary_key, keys.secondary_key, "disabled")
        disabled = service.hub.update_device_with_sas(
            device_id, identity.etag, keys.primary_key, keys.secondary_key, "disabled", status_reason="lost"
        )
        self.assertEqual((disabled.status, disabled.status_reason), ("disabled", "lost"))
        for key in (keys.primary_key, keys.secondary_key):
            with self.assertRaises(exceptions.CredentialError):
                self.device(device_id, key=key, connection_retry=False).client.connect()

        service.hub.delete_device(device_id, disabled.etag)
        self.assertEqual(self.feedback(device_id, 3), [(f"waits-{n}", "Purged") for n in range(3)])
        with self.refused("Not Found"):
            service.hub.get_device(device_id)
        with self.assertRaisesRegex(Exception, "C2D message send failure"):
            service.send(device_id, "too late")

    def test_many_devices_at_once(self):
        device_id = new_id()
        ids = [f"{device_id}-{n}" for n in range(100)]
        registry = self.back_end().hub

        def bulk(mode):
            operations = [ExportImportDevice(id=i, import_mode=mode, status="disabled") for i in ids]
            self.assertTrue(registry.bulk_create_or_update_devices(operations).is_successful)

        bulk("create")
        listed = {d.device_id: d.status for d in registry.get_devices(1000)}
        self.assertEqual({listed.get(i) for i in ids}, {"disabled"})
        page = registry.query_iot_hub(QuerySpecification(query="SELECT * FROM devices WHERE status = 'disabled'"), None, 7)
        self.assertEqual(len(page.items), 7)
        self.assertGreaterEqual(registry.get_device_registry_statistics().disabled_device_count, 100)
        bulk("delete")
        self.assertFalse({d.device_id for d in registry.get_devices(1000)} & set(ids))

    def test_refused(self):
        with self.refused("Unauthorized"):
            self.back_end(policy="service").hub.get_device(new_id())
        for options, reason in (({"key": wrong_key}, "401"), ({"policy": "device"}, "UnauthorizedAccess")):
            with self.assertRaisesRegex(errors.AMQPError, reason):
                self.back_end(**options).send(new_id(), "hello")


class OverWebSocket(OverTCP):
    websockets = True
    transport = TransportType.AmqpOverWebsocket
