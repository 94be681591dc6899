package amqpwire

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var writeCorpora = flag.Bool("write-corpora", false, "write the vectors to testdata/fuzz")

// TestFuzzCorpora checks that every vector is in the corpus of its target, under
// its name. Other files there are what the fuzzer found.
func TestFuzzCorpora(t *testing.T) {
	t.Parallel()
	targets := map[string]string{"value": "FuzzValue", "frame": "FuzzFrame", "message": "FuzzMessage"}
	for name, v := range readVectors(t) {
		file := filepath.Join("testdata", "fuzz", targets[v["kind"]], name)
		want := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", v.bytes(t))
		if *writeCorpora {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is not the vector (%v): go test -run TestFuzzCorpora -write-corpora", file, err)
		}
	}
}
