package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"strings"
)

// The document is one file for the browser: the style and the scripts are put into
// it. So nothing of it can be missing, or of another version, and it needs nothing
// from elsewhere.

//go:embed ui
var ui embed.FS

// scripts are joined in this order: what each does when it is loaded needs only
// those before it.
var scripts = []string{"text", "table", "server", "devices", "messages", "events", "page"}

var (
	style    = read("style.css")
	script   = joined(scripts)
	document = []byte(strings.NewReplacer("{{style}}", style, "{{script}}", script).Replace(read("page.html")))
)

// policy lets the browser run what the document holds, and nothing else; connect to
// where the document comes from, and to nobody else. What came from the wire cannot
// become a part of the document but as text.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src '" + hash(script) + "'",
	"style-src '" + hash(style) + "'",
	"connect-src 'self'",
	"img-src data:", // its own icon
	"base-uri 'none'",
	"form-action 'none'",
	"frame-ancestors 'none'",
	"require-trusted-types-for 'script'",
	"trusted-types 'none'",
}, "; ")

func read(name string) string {
	b, err := ui.ReadFile("ui/" + name)
	if err != nil { // it is part of the program
		panic(err)
	}
	return string(b)
}

func joined(names []string) string {
	var b strings.Builder
	b.WriteString("'use strict';\n")
	for _, name := range names {
		b.WriteString(read(name + ".js"))
	}
	return b.String()
}

// hash names a text as Content Security Policy 3 does (§2.3.1).
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
