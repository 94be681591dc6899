package broker

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// idsOf returns the ids of an overview, and how many match.
func idsOf(o Overview) (ids []string, matches int) {
	for _, v := range o.Views {
		ids = append(ids, v.ID.String())
	}
	return ids, o.Matches
}

func TestViews(t *testing.T) {
	inHub(t, Options{}, func(t *testing.T, h hub) {
		for _, d := range []string{"B", "a", "c"} {
			if err := h.Register(PutIdentity{ID: ID{Device: d}}); err != nil {
				t.Fatal(err)
			}
		}
		h.send("m1")
		h.send("m2")
		d, _ := h.dev1().Take()
		h.box(ID{"a", "mod"}).Enter(Connection{"MQTT", "mqtts", "1.2.3.4:5"}, func(*Refusal) {})
		for _, test := range []struct {
			selection Selection
			ids       []string
			matches   int
		}{
			{Selection{Limit: 9}, []string{"B", "a", "a/mod", "c", "dev1"}, 5},
			{Selection{Limit: 2}, []string{"B", "a"}, 5},
			{Selection{Limit: 2, Offset: 4}, []string{"dev1"}, 5},
			{Selection{Limit: 2, Offset: 5}, nil, 5},
			{Selection{Limit: 2, Offset: -1}, []string{"B", "a"}, 5},
			{Selection{Limit: -1}, nil, 5},
			{Selection{Limit: 9, Text: "b"}, []string{"B"}, 1},
			{Selection{Limit: 9, Text: "A/M"}, []string{"a/mod"}, 1},
			{Selection{Limit: 9, WithMessages: true}, []string{"dev1"}, 1},
			{Selection{Limit: 9, OnlyConnected: true}, []string{"a/mod"}, 1},
			{Selection{Limit: 9, OnlyConnected: true, WithMessages: true}, nil, 0},
		} {
			o := h.Views(test.selection)
			if ids, matches := idsOf(o); !slices.Equal(ids, test.ids) || matches != test.matches {
				t.Errorf("%+v: %q of %d, want %q of %d", test.selection, ids, matches, test.ids, test.matches)
			}
			if o.Total != 5 || o.Connected != 1 || o.Messages != 2 {
				t.Errorf("%+v: %d devices, %d connected, %d messages, want 5, 1, 2", test.selection, o.Total, o.Connected, o.Messages)
			}
		}
		v := h.Views(Selection{Text: "dev1", Limit: 1}).Views[0]
		if v.Messages != 2 || v.Locked != 1 || v.Connections == nil || len(v.Connections) != 0 {
			t.Errorf("dev1: %+v", v)
		}
		if v := h.Views(Selection{Text: "mod", Limit: 1}).Views[0]; len(v.Connections) != 1 || v.Connections[0].Client != "1.2.3.4:5" {
			t.Errorf("a/mod: %+v", v)
		}
		h.dev1().Release([]LockToken{d.Token})
	})
}

func TestLook(t *testing.T) {
	inHub(t, Options{LockTimeout: time.Minute}, func(t *testing.T, h hub) {
		for i := range 6 {
			h.send(fmt.Sprint("m", i+1))
		}
		h.dev1().Take() // m1
		d, _ := h.dev1().Take()
		h.dev1().Take() // m3
		h.dev1().Release([]LockToken{d.Token})
		q := h.QueueOf(ID{Device: "dev1"})
		for _, test := range []struct {
			after uint64
			limit int
			want  []string
		}{
			{0, 9, []string{"m1 locked", "m2", "m3 locked", "m4", "m5", "m6"}},
			{0, 2, []string{"m1 locked", "m2"}},
			{2, 2, []string{"m3 locked", "m4"}},
			{5, 2, []string{"m6"}},
			{6, 2, nil},
			{math.MaxUint64, 2, nil},
			{0, 0, nil},
		} {
			list, total := q.Look(test.after, test.limit)
			var got []string
			for _, s := range list {
				line := s.Message.ID
				if until := s.LockedUntil; !until.IsZero() {
					line += " locked"
					if left := time.Until(until); left != time.Minute {
						t.Errorf("%s is locked for %v more", line, left)
					}
				}
				got = append(got, line)
			}
			if !slices.Equal(got, test.want) || total != 6 {
				t.Errorf("%d after %d: %q of %d, want %q of 6", test.limit, test.after, got, total, test.want)
			}
		}
		for sequence, want := range map[uint64]bool{0: false, 1: true, 2: true, 6: true, 7: false} {
			if m, ok := q.Find(sequence); ok != want || ok && m.Sequence != sequence {
				t.Errorf("message %d: %+v, %v", sequence, m, ok)
			}
		}
		if h.QueueOf(ID{Device: "none"}) != nil || h.QueueOf(ID{"dev1", "none"}) != nil {
			t.Error("there is a queue of nobody")
		}
	})
}
