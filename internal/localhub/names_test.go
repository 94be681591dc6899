package localhub

import (
	"fmt"

	"iothub-c2d/internal/amqpwire"
)

func named(name string) *amqpwire.Message {
	return &amqpwire.Message{Properties: &amqpwire.Properties{MessageID: name}}
}

func names(from, to int) (list []string) {
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprint("m", i))
	}
	return list
}
