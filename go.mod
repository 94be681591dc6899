module iothub-c2d

go 1.26

require (
	github.com/Azure/go-amqp v1.7.0
	github.com/joho/godotenv v1.5.1
	github.com/spf13/cobra v1.10.2
)

// Test dependencies.
require (
	github.com/google/go-cmp v0.7.0
	github.com/rogpeppe/go-internal v1.16.0
)
