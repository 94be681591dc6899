// Package throttle has the limits that IoT Hub sets to how often things are done.
//
// A burst is let through at first. What comes on top of that waits for its turn, so
// that it is done at the rate of the limit; and when too much waits, it is refused.
// IoT Hub calls this traffic shaping. Source: Microsoft docs,
// iot-hub-devguide-quotas-throttling, which gives the rates. How large a burst is and
// how long something may wait it does not say: here a burst is as much as the
// figure's own period allows, a minute or a second, and nothing waits longer than
// [MaxWait].
package throttle
