# The commands of this project; CI runs the same ones.
LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 30s
DEMOS := all offline reject expiry redelivery lock queue-full reconnect feedback fleet python

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24
	@for demo in $(DEMOS); do printf '  make demo-%s\t%s\n' $$demo "$$(sed -n '2s/^# //p' .demo/$$demo)"; done | expand -t 24

build: ## build bin/simulated-device and bin/send-c2d
	go build -trimpath -o bin/ ./cmd/...

# The race detector needs a C compiler.
RACE = $(shell test "$$(go env CGO_ENABLED)" = 1 && command -v "$$(go env CC)" >/dev/null && echo -race)

test: ## run all tests, under the race detector
	@test -n "$(RACE)" || echo "There is no C compiler: the tests run without the race detector."
	go test $(RACE) -shuffle=on ./...

demo: build ## see a message go round: device, sender, feedback (DEMO_ENV=.env: on your hub)
	.demo/roundtrip

$(addprefix demo-,$(DEMOS)): demo-%: build
	.demo/$*

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

pictures: page-test ## draw the pictures of README again (nothing else may have the port 5672)
	.pictures/terminals
	cp bin/page-light.png .pictures/page.png

dist: ## build the archives of a release into bin/dist (minutes, the first time)
	go run github.com/goreleaser/goreleaser/v2@v2.14.3 release --snapshot --clean

licences: ## list the licences of what is linked in, and copy them to bin/licences
	@.release/licences bin/licences

vulnerabilities: ## look for known ones in what is used (needs vuln.go.dev)
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...

clean: ## remove what was built
	rm -rf bin

.PHONY: help build test demo $(addprefix demo-,$(DEMOS)) interop conformance page-test lint fuzz soak bench man dist licences vulnerabilities pictures clean
