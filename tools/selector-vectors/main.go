// Selector-vectors writes test vectors for libs/selector: corner cases, then random
// label selectors, with the verdict of k8s.io/apimachinery. The seed is fixed, so the same version writes the same bytes.
//
//	go run . ../../libs/selector/testdata/vectors.json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	seed         = 20261121
	count        = 1000
	labelSets    = 4
	invalidShare = 0.3
)

// vector is one selector with apimachinery's verdict: the fields it refuses, or which label sets it matches.
type vector struct {
	Selector metav1.LabelSelector `json:"selector"`
	Refused  []string             `json:"refused,omitempty"`
	Labels   []labels.Set         `json:"labels,omitempty"`
	Matches  []bool               `json:"matches,omitempty"`
}

var (
	// Few keys and values, so that selectors and labels meet; some are names of members of every JavaScript object.
	keys = []string{
		"app", "env", "tier", "constructor", "toString", "hasOwnProperty", "a", "A", "0", "x-y_z.w",
		"example.com/app", "a.b-c.example.com/env", "1/2", strings.Repeat("k", 63),
		strings.Repeat("p", 253) + "/n", "example.com/" + strings.Repeat("n", 63),
	}
	values = []string{"", "a", "b", "c", "prod", "Prod", "0", "1.2_3-4", "true", strings.Repeat("v", 63)}

	badKeys = []string{
		"", "/", "a/", "/a", "a/b/c", "-a", "a-", ".a", "a.", "_a", "a_", "a b", "a,b", "a=b", "ü", "app\n", "\napp", "日本",
		"__proto__", "Example.com/a", "example_com/a", ".example.com/a", "example..com/a", "-e.com/a", "e-/a", "e.com/-a",
		strings.Repeat("k", 64), strings.Repeat("p", 254) + "/n", "example.com/" + strings.Repeat("n", 64),
		strings.Repeat("é", 32), "a\u0000b", "\U0001F600", "a/\U0001F600", "ｅx.com/a",
	}
	badValues = []string{
		" ", "a ", " a", "a b", "-a", "a-", ".", "-", "_", "a/b", "a,b", "ü", "a\n", "\na", "日本", "a=b", "*",
		strings.Repeat("v", 64), strings.Repeat("é", 32), "\u0000", "\U0001F600", "aé",
	}
	badOperators = []metav1.LabelSelectorOperator{"", "in", "IN", "Equals", "=", "==", "!=", "Gt", "Lt", "gt", "exists", "NotExists", " In", "In "}
	operators    = []metav1.LabelSelectorOperator{
		metav1.LabelSelectorOpIn, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn,
		metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist,
	}
)

type generator struct{ *rand.Rand }

func pick[T any](g generator, from []T) T { return from[g.IntN(len(from))] }

func (g generator) chance(p float64) bool { return g.Float64() < p }

// skewed prefers the first entries: the short names that selectors and labels share.
func (g generator) skewed(from []string) string {
	if g.chance(0.7) {
		return pick(g, from[:4])
	}
	return pick(g, from)
}

func (g generator) expression() metav1.LabelSelectorRequirement {
	e := metav1.LabelSelectorRequirement{Key: g.skewed(keys), Operator: pick(g, operators)}
	if e.Operator == metav1.LabelSelectorOpIn || e.Operator == metav1.LabelSelectorOpNotIn {
		for range 1 + g.IntN(3) {
			e.Values = append(e.Values, g.skewed(values))
		}
	}
	return e
}

func (g generator) selector() metav1.LabelSelector {
	var s metav1.LabelSelector
	for range g.IntN(3) {
		if s.MatchLabels == nil {
			s.MatchLabels = map[string]string{}
		}
		s.MatchLabels[g.skewed(keys)] = g.skewed(values)
	}
	for range g.IntN(4) {
		s.MatchExpressions = append(s.MatchExpressions, g.expression())
	}
	return s
}

// spoil makes one change that apimachinery should refuse, and that it is asked about all the same.
func (g generator) spoil(s *metav1.LabelSelector) {
	if g.chance(0.3) {
		s.MatchLabels = map[string]string{"app": "a"}
		if g.chance(0.5) {
			s.MatchLabels[pick(g, badKeys)] = g.skewed(values)
		} else {
			s.MatchLabels[g.skewed(keys)] = pick(g, badValues)
		}
		return
	}
	e := g.expression()
	switch g.IntN(5) {
	case 0:
		e.Key = pick(g, badKeys)
	case 1:
		e.Values = append(e.Values, pick(g, badValues))
	case 2:
		e.Operator = pick(g, badOperators)
	case 3:
		e.Operator, e.Values = pick(g, operators[1:3]), nil
	case 4:
		e.Operator, e.Values = pick(g, operators[3:]), []string{g.skewed(values)}
	}
	at := g.IntN(len(s.MatchExpressions) + 1)
	s.MatchExpressions = slices.Insert(s.MatchExpressions, at, e)
}

// labelsFor makes labels that are close to what the selector wants.
func (g generator) labelsFor(s metav1.LabelSelector) labels.Set {
	set := labels.Set{}
	for range g.IntN(3) {
		set[g.skewed(keys)] = g.skewed(values)
	}
	for _, key := range sortedKeys(s.MatchLabels) {
		if g.chance(0.85) {
			set[key] = s.MatchLabels[key]
		}
	}
	for _, e := range s.MatchExpressions {
		switch {
		case e.Operator == metav1.LabelSelectorOpIn && g.chance(0.85):
			set[e.Key] = pick(g, e.Values)
		case e.Operator == metav1.LabelSelectorOpExists && g.chance(0.85):
			set[e.Key] = g.skewed(values)
		case e.Operator == metav1.LabelSelectorOpDoesNotExist && g.chance(0.8):
			delete(set, e.Key)
		case e.Operator == metav1.LabelSelectorOpNotIn && g.chance(0.2):
			set[e.Key] = pick(g, e.Values)
		}
	}
	return set
}

func sortedKeys(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// corners are selectors with each key, value and operator of the pools by itself, good and bad.
func corners() []metav1.LabelSelector {
	var all []metav1.LabelSelector
	for _, key := range slices.Concat(keys, badKeys) {
		all = append(all, metav1.LabelSelector{MatchLabels: map[string]string{key: "a"}})
	}
	one := func(e metav1.LabelSelectorRequirement) {
		all = append(all, metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{e}})
	}
	for _, value := range slices.Concat(values, badValues) {
		one(metav1.LabelSelectorRequirement{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{value}})
	}
	for _, operator := range slices.Concat(slices.Compact(slices.Clone(operators)), badOperators) {
		one(metav1.LabelSelectorRequirement{Key: "app", Operator: operator})
		one(metav1.LabelSelectorRequirement{Key: "app", Operator: operator, Values: []string{"a"}})
	}
	return append(all, metav1.LabelSelector{})
}

func (g generator) random() metav1.LabelSelector {
	s := g.selector()
	if g.chance(invalidShare) {
		g.spoil(&s)
	}
	return s
}

// judge asks apimachinery.
func (g generator) judge(selector metav1.LabelSelector) (vector, error) {
	v := vector{Selector: selector}
	compiled, err := metav1.LabelSelectorAsSelector(&v.Selector)
	problems := validation.ValidateLabelSelector(
		&v.Selector, validation.LabelSelectorValidationOptions{}, field.NewPath("spec", "selector"))
	if (err == nil) != (len(problems) == 0) {
		return v, fmt.Errorf("apimachinery disagrees with itself about %v: %v, %v", v.Selector, err, problems)
	}
	if err != nil {
		for _, problem := range problems {
			v.Refused = append(v.Refused, problem.Field)
		}
		slices.Sort(v.Refused)
		v.Refused = slices.Compact(v.Refused)
		return v, nil
	}
	for range labelSets {
		set := g.labelsFor(v.Selector)
		v.Labels = append(v.Labels, set)
		v.Matches = append(v.Matches, compiled.Matches(set))
	}
	return v, nil
}

func run(path string) error {
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	var out bytes.Buffer
	selectors := corners()
	for len(selectors) < count {
		selectors = append(selectors, g.random())
	}
	for i, selector := range selectors {
		v, err := g.judge(selector)
		if err != nil {
			return err
		}
		line, err := json.Marshal(v)
		if err != nil {
			return err
		}
		out.WriteString(map[bool]string{true: "[\n", false: ",\n"}[i == 0])
		out.Write(line)
	}
	out.WriteString("\n]\n")
	return os.WriteFile(path, out.Bytes(), 0o644)
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: selector-vectors <file to write>")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
