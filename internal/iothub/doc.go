// Package iothub is the tutorial's vocabulary: a [Service] sends messages to
// devices and receives delivery feedback, a [Device] receives messages and
// settles them.
//
// The flow of Microsoft's tutorial "Send cloud-to-device messages with IoT Hub",
// step by step:
//
//  1. The back end connects with a service connection string ([DialService])
//     and asks for feedback before it sends anything ([Service.ReceiveFeedback]).
//  2. It sends a [Message] with an id and an [Ack] mode ([Service.Send]). The hub
//     answers when the message is in the device's queue.
//  3. The device connects with its own connection string ([DialDevice]), and
//     waits for a message ([Device.Receive]).
//  4. It settles the [Delivery]: [Delivery.Complete], [Delivery.Abandon] or
//     [Delivery.Reject].
//  5. The hub tells the back end what became of the message: a [Feedback] record
//     in a [FeedbackBatch].
//
// A [Fleet] is many devices in one process, where a [Device] is one.
//
// Everything runs over AMQP 1.0 with github.com/Azure/go-amqp, but for [Purge],
// [ReadDevice] and [Devices], which need HTTPS. Both clients authenticate with tokens
// over $cbs, renew them in place, and reconnect by themselves.
//
// The package owns what is AMQP's or IoT Hub's. Package dial below it opens the
// byte stream, package tap repairs what go-amqp cannot take, and package value has
// the types of properties and bodies. It may import these three, package sas and
// go-amqp.
package iothub
