package sas

import (
	"fmt"
	"strings"
)

// LikelyMistake returns what is probably wrong with a connection string that does
// not parse, and what to do about it; it is empty if there is no guess. No part of
// the string is in it.
func LikelyMistake(s string) string {
	s = strings.TrimSpace(s)
	for _, guess := range []func(string) string{typography, textBefore, cutOff, whiteSpace, misspelling} {
		if mistake := guess(s); mistake != "" {
			return mistake
		}
	}
	return ""
}

// typography finds what word processors and web pages make of quotes and hyphens.
func typography(s string) string {
	switch {
	case strings.ContainsAny(s, "“”„‟«»‘’‚‛′″"):
		return "it has typographic quotes: write it in plain ones, or without"
	case strings.ContainsAny(s, "\u2010\u2011‒–—―−"):
		return "it has a typographic dash in place of a hyphen: copy it from the portal, not from a document"
	}
	return ""
}

// textBefore finds what was copied along with the string, such as its label on the
// portal, or the name of a variable.
func textBefore(s string) string {
	before, _, found := strings.Cut(strings.ToLower(s), "hostname=")
	before = strings.TrimRight(strings.Trim(before, `"'`), " \t")
	if !found || before == "" || strings.HasSuffix(before, ";") || strings.HasSuffix(before, "gateway") {
		return ""
	}
	return "there is text before HostName=: leave out what was copied along, such as the label on the portal or the name of a variable"
}

// cutOff finds a string that ends at its first semicolon, where a shell ends a
// command.
func cutOff(s string) string {
	if !strings.HasPrefix(strings.ToLower(s), "hostname=") || strings.Contains(strings.TrimRight(s, ";"), ";") {
		return ""
	}
	return "there is nothing after HostName: a shell ends a command at ; so put the string in quotes"
}

func whiteSpace(s string) string {
	if strings.ContainsAny(s, "\r\n") {
		return "it has a line break: write it in one line"
	}
	for _, space := range []string{" ", "\t", "\u00a0"} {
		for _, sign := range []string{"=", ";"} {
			if strings.Contains(s, space+sign) || strings.Contains(s, sign+space) {
				return "take out the spaces around = and ;"
			}
		}
	}
	return ""
}

// misspelling finds a key that is almost a known one, which the string lacks.
func misspelling(s string) string {
	elements := strings.Split(s, ";")
	given := make(map[string]bool)
	keys := make([]string, len(elements))
	for i, element := range elements {
		key, _, _ := strings.Cut(element, "=")
		keys[i] = strings.ToLower(key)
		given[spellings[keys[i]]] = true
	}
	for i, key := range keys {
		if spellings[key] != "" {
			continue
		}
		if name := nearest(key, given); name != "" {
			return fmt.Sprintf("the key of element %d is misspelt: did you mean %s?", i+1, name)
		}
	}
	return ""
}

// nearest returns the known key that is most like key, except those given, or ""
// if none is like it.
func nearest(key string, given map[string]bool) (name string) {
	const longest = 30 // more letters than any known key has
	if len(key) > longest || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return "" // and they have only these characters
	}
	best := 3 // more letters than may be wrong
	for known, spelling := range spellings {
		d := distance(key, known)
		if given[spelling] || 2*d >= len(known) || d > best || d == best && spelling > name {
			continue
		}
		best, name = d, spelling
	}
	return name
}

// distance returns how many letters must be added, removed or replaced to make b
// of a (Levenshtein 1965).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // of the letters of a so far, to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
