# The commands of this project; CI runs the same ones.
LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 30s

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

build: ## build bin/simulated-device and bin/send-c2d
	go build -trimpath -o bin/ ./cmd/...

test: ## run all tests, under the race detector
	go test -race -shuffle=on ./...

demo: build ## see a message go round: device, sender, feedback
	.ci/demo bin

interop: build ## try Microsoft's SDKs against the local hub (needs Node 20 with npm, Python 3 with venv)
	.ci/interop bin

conformance: ## hold every belief about IoT Hub against the hub of .env (asks first)
	.ci/conformance

page-test: build ## try the page of the local hub in a real browser (needs Chromium, Node 20 with npm)
	.ci/page bin

lint: ## check the code's form
	$(LINT) run

fuzz: ## fuzz every target for FUZZTIME (30s) each
	.ci/fuzz $(FUZZTIME)

soak: ## a million messages, 50,000 faults, 1,000 kills of the hub (minutes)
	go test -run TestSoak -v -timeout 60m ./internal/iothub -soak.messages 1000000 -soak.faults 50000
	go test -run TestKilledHub -v -timeout 60m ./cmd -args -kills=1000

bench: ## measure against go-amqp alone on the same hub (minutes)
	mkdir -p bin
	go test -run '^TestBench$$' -count 1 -timeout 60m ./cmd -args -turns 5 -table $(CURDIR)/bin/bench.md
	cat bin/bench.md

man: ## write the man pages to bin/man
	go test -run '^TestManPages$$' ./cmd/simulated-device ./cmd/send-c2d -args -man $(CURDIR)/bin/man

clean: ## remove what was built
	rm -rf bin

.PHONY: help build test demo interop conformance page-test lint fuzz soak bench man clean
