// Package localhub is a small, faithful Azure IoT Hub for loopback: it speaks
// AMQP 1.0 and MQTT 3.1.1 and does cloud-to-device messaging, so that devices and
// back ends can be tried without an Azure account.
//
// # What is emulated
//
//   - The way in: AMQP 1.0 and, for devices, MQTT 3.1.1: plain, over TLS and over
//     WebSocket at one address. AMQP with SASL or without; both generations of
//     gateway, with their habits (see [Gateway]).
//   - Authentication: put-token on $cbs with the tokens of devices, modules and
//     policies, SASL PLAIN, MQTT's user name and password, X.509 certificates.
//     Permissions by policy and by scope; tokens end, and are renewed, over AMQP in
//     place. For back ends tokens of Microsoft Entra ID as well, if
//     [Options.BearerKey] says whose.
//   - The registry, by REST: devices and modules are created, read, changed, listed
//     and deleted, one by one with ETags or a hundred at a time; two keys, two
//     thumbprints or a CA for each; devices are disabled, and whoever is connected as
//     one is cut off. The number of messages that wait, the connection and the last
//     activity are told as they are. Simple queries, statistics, twins to look at.
//   - Sending: the checks of recipient, size, id, property names, ack mode and
//     expiry; 50 messages per device.
//   - Receiving: locks, delivery counts, time to live, dead letters, the four
//     outcomes of AMQP, both modes of settlement, QoS 0 and 1 of MQTT, one receiver
//     per device; by HTTP one message at a time.
//   - MQTT's sessions, which outlive the connection and, with [Options.Data], the
//     hub; its wills and its keep-alive.
//   - Feedback: every status in every ack mode, in batches, in the hub's JSON.
//   - The purge of a device's messages, by REST.
//   - Errors: the conditions and numbers of IoT Hub, described in JSON with a
//     tracking id.
//   - A bad day, on purpose, for clients of AMQP: see package fault.
//   - The pace of a hub of some tier, if it is asked for: messages to devices, new
//     connections of devices, receives over HTTP and operations of the registry are
//     let through in a burst, then slowed down, then refused: see package throttle.
//   - A page to look at: devices, queues, feedback and events. See package page.
//   - Telemetry from devices is taken and counted, single or batched, and thrown
//     away.
//
// # What is not
//
// There are no twins that anybody can change, no direct methods, jobs, import or
// export, configurations, file upload or file notifications, no device scopes of
// IoT Edge, no routing and no reading of telemetry, no daily quotas, no other throttles. By
// REST, back ends cannot send: every request that is not named above is answered
// with 404. Queries know SELECT, FROM and WHERE over devices and devices.modules
// with comparisons, IN, AND, OR and NOT, and COUNT(); no other functions, no GROUP
// BY, and no tags or properties, since there are none. MQTT 5 is not spoken. There are
// no transactions, and no delivery is resumed: what an attach says of unsettled ones is
// not looked at. Queues and the registry end with the process, unless [Options.Data]
// keeps them; locks always do.
// For the sake of one SDK, links for twins and methods are attached, but every
// request about a twin is refused and no method is ever called. Over MQTT, every
// twin is answered to be empty, and stays so.
//
// # Choices
//
// Where the documents of IoT Hub are silent or disagree, this hub has to make
// up its mind. A program should not depend on these. Package conformance quotes them
// word for word, and holds them against any hub:
//
//   - A message that is delivered still counts towards the 50.
//   - A lock that runs out does not count as a delivery (but see
//     [Options.CountLostLocks]); an abandon does. A message comes back to its old
//     place, in front of younger ones.
//   - A message that expires in a device's hands ends when the device lets go of
//     it, or its lock runs out. To complete it then fails: the lock is lost. To
//     reject it still works, and is what the feedback says.
//   - When a device detaches its link or ends its session, or its token expires,
//     the messages in its hands go back at once, uncounted. When the connection
//     ends in any way, even by a close, their locks run out by themselves.
//   - A link that the device detaches with an error gives its messages back like any
//     other. The log names the messages that a receiver had in its hands when it was
//     lost or ended with an error, and warns of those that were in the hands of
//     three in a row, none of which has said anything of them.
//   - The outcome modified abandons a message if the delivery has failed, rejects
//     it if it is undeliverable here, and otherwise gives it back uncounted. A
//     settlement without an outcome leaves the lock running.
//   - To a receiver that wants settled messages, or subscribes with QoS 0, a
//     message is complete once it is sent.
//   - What the hub receives it settles at once, also for a sender that asks for
//     rcv-settle-mode second.
//   - A second receiver for a device takes over; the first is detached with
//     amqp:link:stolen. Readers of feedback compete instead, and share. Every
//     connection over MQTT counts as a receiver, and is closed if another takes over,
//     over AMQP or MQTT. What a link held may reach a client of MQTT that takes over
//     after younger messages.
//   - Over MQTT, PUBACK completes a message; to abandon or reject one is not
//     possible. Up to 50 are in flight. One that is not acknowledged comes again,
//     marked DUP and with its old packet id, when its lock runs out or, uncounted, in
//     the next connection; from a hub that was restarted, it comes as a new one. If
//     the hub ends the connection, since another takes over or the token expires, it
//     is ready at once.
//   - A message with more properties than fit into an MQTT topic, which has 65535
//     bytes, is dead-lettered when it would have to be sent.
//   - A subscription that IoT Hub does not know is refused, and the connection
//     stays; a message to a topic that it does not know, one with QoS 2, and whatever
//     breaks a rule of MQTT closes it. What is retained is not: the flag means
//     nothing. A will must be telemetry.
//   - The id of an MQTT client must be that in its user name, of which the rest does
//     not matter. One with + or # is refused: no topic can hold it.
//   - A purge takes the messages in the device's hands too. It needs service
//     connect, for the hub, the device or /devices/{id}/commands; any api-version
//     will do.
//   - Feedback is sent at once unless [Options.FeedbackInterval] says otherwise.
//     IoT Hub collects for 15 s, or 64 records. The 15 s run from the message
//     before, or from the start. Of feedback that nobody reads, the oldest is dropped
//     beyond 10000 messages. Feedback about a module carries the id of its device.
//   - The 64 KB of a message are its body, the text of its system properties (the
//     recipient's path too), and names and values of the others. Times, numbers
//     and annotations are free. A body that is not made of data sections counts
//     as encoded. Whatever is counted, an encoded message has 262144 bytes at
//     most: a larger one costs the sender the link, and one that would be larger
//     by the time that it is delivered, stamps included, is refused.
//   - Message ids, module ids and property names are checked, device ids and
//     property values are not, except for their types. A message id may be
//     missing; it is then empty in the feedback.
//   - Refused with com.microsoft:argument-error (400004), since receivers may not
//     survive them: keys of annotations and of the footer that are neither symbol
//     nor ulong; keys of maps inside of these or of the body that are null, binary
//     or compound; application properties and message annotations whose values are
//     lists, maps, arrays or described.
//   - A message without a recipient, or to /messages/devicebound, is refused with
//     amqp:not-allowed (400003); one whose recipient is no device's address, with
//     com.microsoft:argument-error (400004).
//   - The ack modes are case-sensitive. Those of the Java SDK, negativeonly and
//     positiveonly, are taken for negative and positive. One that is neither a
//     string nor a symbol is none.
//   - An expiry in the past is refused. One before 1970 means none, as clients
//     in .NET send year 1 for that. One after 9999 counts as the end of that year.
//   - The header, the delivery annotations and annotations of the hub's own names
//     are taken off a message. Properties, body and footer are passed on byte for
//     byte.
//   - Messages go to modules as well, which exist as soon as they are named, with
//     a queue of their own: up to 50 for each device, as on IoT Hub. The registry
//     shows those that were created in it; these have keys or certificates of their
//     own, the others their device's.
//   - The devices of [Options.Devices] are in the registry from the start. If
//     [Options.Data] has kept one, it logs in with what the options say now; its
//     status, its generation and its modules stay. Devices that the options do not
//     name any more stay as they are.
//   - A device of [Options.Devices] may log in with its keys, its thumbprints and a
//     certificate of a CA in turn, where IoT Hub wants one of these for each device;
//     the first that there is shows as its type. Once a back end has changed its
//     authentication, it has one.
//   - An update by REST leaves alone keys that are missing or empty; without an
//     authentication it leaves that alone. All else that is missing is reset. Keys of
//     back ends have 16 to 64 bytes; those that the hub makes have 32.
//   - When a device is disabled or deleted, or its keys or certificates change, all
//     links and connections end that act as it or its modules, with
//     amqp:unauthorized-access, or amqp:not-found if it is deleted; tokens that were
//     put before count no more. Any other change disturbs nobody.
//   - To a disabled device messages can be sent. The messages of a deleted one are
//     purged: feedback says Purged, with its old generation id.
//   - A device that is deleted takes its modules along, one by one: if the disk fails
//     in between, some are left, and so is the device.
//   - A device counts as connected while it has any link, or a connection over MQTT.
//     The times of that, and of the last activity, are not kept over a restart.
//   - By HTTP, a device competes with receivers over other protocols and displaces
//     none. It may ask for a lock of 1 to 300 s. A text that holds anything but
//     printable ASCII is percent-encoded in a header. Times are in ISO 8601.
//   - A token of Microsoft Entra ID is taken from HTTP requests and put-token
//     requests, behind the word Bearer; the type of the latter may be bearer, or that
//     of a shared access signature, and its name does not matter. It has 7168 bytes
//     at most. It must be for the audience https://iothubs.azure.net and be signed by
//     RS256 or ES256, as the key of [Options.BearerKey] is of RSA or of the curve
//     P-256; times are checked with the five minutes that all tokens have. Nobody
//     asks who has issued it. Azure looks up the roles of its bearer; here the claim
//     roles names them: IoT Hub Data Contributor permits what a policy can, except to
//     be a device, IoT Hub Data Reader registry read, IoT Hub Registry Contributor
//     registry read and write, IoT Hub Twin Contributor to read twins. One without
//     any of these is refused.
//   - A token that permits to read the registry also permits to query and to read
//     twins, as does service connect.
//   - A percent sign in an address begins an encoded character if it can, since
//     some SDKs encode ids. An id such as "a%41" must therefore be sent encoded.
//     The resource of a token is read as it is, decoded once, and decoded twice,
//     as some SDKs encode ids once more; of a device's own token, the first
//     reading counts that names a registered device with the key.
//   - The resource of a token is a prefix, by segment, of the endpoints that the
//     token is good for, such as /messages/devicebound or
//     /devices/{id}/messages/events, and compares without regard to case, ids too.
//     Everywhere else ids keep their case: a device's own token is good for the
//     one device whose key has signed it.
//   - A device's own token may also name the hub alone: then the name of the
//     put-token request, or the user name, says which device it is. A path below
//     the device that is no endpoint, such as /api-version=2016-11-14, is ignored.
//   - Tokens may name the hub as [Options.HostName] or one of [Options.Aliases], as
//     localhost or a name below it, or by a loopback address, with any port. The hub
//     named in the user of SASL PLAIN, or of MQTT, is not looked at. Such a token has
//     4096 bytes at most.
//   - HTTP requests must be sent to one of these names, or to an address, and must
//     not come from the page of another host: else 403, so that no page on the web
//     reaches the hub through a browser on this machine.
//   - The page needs no token: the keys of a local hub are published, so that whoever
//     reaches it can read as much over AMQP. It changes nothing, and is for browsers on
//     the hub's own machine: other addresses than loopback get 403, even if the hub
//     listens to them for the sake of devices. 16 pages may be open at once.
//   - Events are told to subscribers as they happen. 1024 wait for each; one that is
//     slower misses those that come meanwhile. They hold no bodies and no properties; the page gets a
//     body for the number of its message.
//   - AMQP over WebSocket may be offered as AMQPWSB10 or as amqp; the answer is
//     spelled like the offer. It is preferred to MQTT.
//   - A token is good for five minutes more than it says. Then the links that
//     live by it are detached; the connection stays, also after SASL PLAIN. A
//     connection over MQTT is closed.
//   - A token for a device is good for its modules; a certificate is not.
//   - Whether a device exists is told to whoever puts a token for it.
//   - A connection by HTTP may wait two minutes for its next request, which may take
//     30 s; 32 kB for its header, 16 kB for an identity or a query, 400 kB for a bulk,
//     4 kB for the text of a query.
//   - Limits that IoT Hub does not publish: 1000 tokens, 1000 unread replies (of
//     $cbs and to requests about twins), 5000 links, 8 MB of unfinished messages and
//     32 MB of all that per connection, 100000 messages that it has not settled, 2000
//     connections, 100 messages of credit, 128 bytes for the id of a request, 16 KB
//     for a packet of MQTT that holds no message, 8 KB for the certificates of a
//     client, 30 s for TLS and WebSocket, another 30 s to open a connection, a minute
//     to read what the hub writes.
//   - The clients can make the hub hold [Options.Memory]: three quarters by messages
//     in the queues of all devices, one by connections. A message too many is refused
//     with amqp:resource-limit-exceeded and IoT Hub's number 403007, a request by HTTP
//     with 503.
//   - A client that has shown neither a good token nor a device's certificate can
//     make the hub hold 32 KB, in sessions, links, unfinished requests and unread
//     replies, and sends frames of 8 KB at most.
//   - What a client says is quoted in 300 bytes at most, in answers and in the log.
//     Properties of a link that have more than 1 KB, or are not plain, are not
//     confirmed.
//   - An error that does not fit into the client's max-frame-size is told without
//     its description.
//   - A client that is silent for four minutes is told so before it is dropped.
//   - With a throttle, a burst is as much as the limit allows in its own period, a
//     minute or a second. What comes on top waits 10 s at most, and is then refused
//     with com.microsoft:device-container-throttled, 429 or MQTT's code 3, and
//     IoT Hub's number 429001; no Retry-After. Every request counts that is
//     permitted, also one that is then refused for another reason.
//   - Over AMQP, a device connects with its first link on a connection. The attach
//     waits for its turn, and what the client sends after it; what the hub sends does
//     not. Over HTTP, nothing counts as a connection.
//   - When the hub closes, links are detached with amqp:link:detach-forced, the
//     connection is closed with amqp:connection:forced, and the client has two
//     seconds to answer. MQTT has no words for it.
//
// # How it works
//
// The hub listens, finds out what a client speaks, and hands it to a front end:
// amqpfront, mqttfront or httpfront. All work on one broker, which has the queues,
// locks and feedback and knows no protocol; registry knows the devices, and tells
// the broker; access decides who may do what; store keeps queues and registry over
// a restart. A front end never knows another: one more protocol is one more package.
//
// Each connection, of AMQP in amqpserver, of MQTT in mqttfront, has three
// goroutines: one reads, one writes, and one owns all that the connection is
// about, so that nothing in it needs a lock. Queues have a lock of their own; they
// wake the owners of those who wait for them. All time is the time package's, which
// makes an hour pass in a moment in a testing/synctest bubble.
package localhub
