//go:build linux

package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"iothub-c2d/internal/console"
)

// provoked collects the hints that scripts have seen, and the exit codes.
var provoked struct {
	mu    sync.Mutex
	hints []string
	codes map[int]bool
}

// noteProvoked is called with the exit code and the output of a program.
func noteProvoked(code int, output string) {
	provoked.mu.Lock()
	defer provoked.mu.Unlock()
	if provoked.codes == nil {
		provoked.codes = make(map[int]bool)
	}
	provoked.codes[code] = true
	for line := range strings.Lines(output) {
		if hint, ok := strings.CutPrefix(strings.TrimSpace(line), "hint: "); ok {
			provoked.hints = append(provoked.hints, hint)
		}
	}
}

// elsewhere are the hints that no script can provoke, and the tests that do.
var elsewhere = map[string]string{
	// They come after 30 s.
	"a firewall may block the port: AMQP over TLS needs 5671; --protocol amqp-ws goes by 443":          "console.TestExitCodesAndHints",
	"another program may have that port, or the hub is stopped: use another port by --local=HOST:PORT": "console.TestExitCodesAndHints",
	"the hub may be stopped, or very busy":                                                             "console.TestExitCodesAndHints",
	// It needs 6,400 records of others.
	"feedback messages of the hub have records of others, and hide what is behind them.": "send-c2d.TestFeedbackBeyondSight",
	// What cannot be listened at differs between machines.
	"--local takes HOST:PORT of this machine, such as": "simulated-device.TestAddressOfNoHub",
}

// checkProvoked makes sure, after all scripts, that each hint and each exit code of
// the programs has been seen.
func checkProvoked(t *testing.T) {
	for _, hint := range hintsInSource(t) {
		seen := func(s string) bool { return strings.Contains(s, hint) }
		if !slices.ContainsFunc(provoked.hints, seen) && elsewhere[hint] == "" {
			t.Errorf("no script provokes the hint %q", hint)
		}
	}
	for _, i := range console.ExitStatus {
		for code := range strings.SplitSeq(i.Name, ", ") {
			n, err := strconv.Atoi(code)
			if err != nil {
				t.Fatal(err)
			}
			if !provoked.codes[n] {
				t.Errorf("no script provokes the exit code %d", n)
			}
		}
	}
}

// hintsInSource returns what the programs may say as a hint: of each, the longest
// part that is the same each time.
func hintsInSource(t *testing.T) (list []string) {
	t.Helper()
	s := &hintSource{constants: make(map[string]ast.Expr)}
	var files []*ast.File
	for _, pattern := range []string{"send-c2d/*.go", "simulated-device/*.go", "../internal/console/*.go", "../internal/sas/mistake.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
			s.findConstants(f)
		}
	}
	for _, f := range files {
		ast.Inspect(f, s.visit)
	}
	if len(s.found) == 0 {
		t.Fatal("no hints in the source")
	}
	slices.Sort(s.found)
	return slices.Compact(s.found)
}

// hintSource finds hints in source files.
type hintSource struct {
	constants map[string]ast.Expr
	found     []string
}

func (s *hintSource) findConstants(f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == len(v.Values) {
			for i, name := range v.Names {
				s.constants[name.Name] = v.Values[i]
			}
		}
		return true
	})
}

var hintFunction = regexp.MustCompile(`[hH]int$|^nearFlag$|^typography$|^textBefore$|^cutOff$|^whiteSpace$|^misspelling$`)

// visit takes the hints out of calls of Usage and Fail, out of the table of hints,
// and out of functions that return one.
func (s *hintSource) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		if i := map[string]int{"Usage": 1, "Fail": 2}[calledName(n)]; i > 0 && i < len(n.Args) {
			s.add(n.Args[i])
		}
	case *ast.ValueSpec:
		if n.Names[0].Name == "hints" {
			s.addAll(n)
		}
	case *ast.AssignStmt:
		if name, ok := n.Lhs[0].(*ast.Ident); ok && name.Name == "hint" {
			s.add(n.Rhs[0])
		}
	case *ast.FuncDecl:
		if hintFunction.MatchString(n.Name.Name) {
			ast.Inspect(n.Body, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok {
					s.addAll(r)
				}
				return true
			})
		}
	}
	return true
}

// addAll adds every text in a node.
func (s *hintSource) addAll(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr, *ast.CallExpr:
			s.add(n.(ast.Expr))
			return false
		case *ast.BasicLit, *ast.Ident:
			s.add(n.(ast.Expr))
		}
		return true
	})
}

// add adds what an expression may be, if it is long enough to be told from others.
func (s *hintSource) add(e ast.Expr) {
	for _, text := range s.texts(e) {
		parts := strings.Split(text, unknown)
		part := strings.TrimSpace(slices.MaxFunc(parts, func(a, b string) int { return len(a) - len(b) }))
		if len(part) >= len("did you mean") {
			s.found = append(s.found, part)
		}
	}
}

// unknown stands for a part of a text that only a run knows.
const unknown = "\x00"

var verb = regexp.MustCompile(`%(\[\d+\])?[a-z]`)

// texts returns what an expression may be.
func (s *hintSource) texts(e ast.Expr) (list []string) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return []string{text}
		}
	case *ast.ParenExpr:
		return s.texts(e.X)
	case *ast.Ident:
		if value, ok := s.constants[e.Name]; ok {
			return s.texts(value)
		}
	case *ast.SelectorExpr:
		return s.texts(e.Sel)
	case *ast.BinaryExpr:
		for _, a := range s.texts(e.X) {
			for _, b := range s.texts(e.Y) {
				list = append(list, a+b)
			}
		}
		return list
	case *ast.CallExpr:
		switch calledName(e) {
		case "Sprintf":
			return []string{verb.ReplaceAllString(s.texts(e.Args[0])[0], unknown)}
		case "Or":
			for _, a := range e.Args {
				list = append(list, s.texts(a)...)
			}
			return list
		}
	}
	return []string{unknown}
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// allScripts reports whether the test runs every script, rather than some.
func allScripts(ran int) bool {
	files, err := os.ReadDir("testdata/script")
	return err == nil && ran == len(files)
}
