package sas

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"iothub-c2d/internal/spelling"
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
func nearest(key string, given map[string]bool) string {
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return "" // known keys have only these characters
	}
	candidates := slices.DeleteFunc(slices.Sorted(maps.Keys(spellings)), func(known string) bool { return given[spellings[known]] })
	const most = 3 // letters that may be wrong
	return spellings[spelling.Nearest(key, candidates, most)]
}
