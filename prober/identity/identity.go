// Package identity makes the keys of values that are kept: what depends on a value is
// found again only by an equal one.
package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
)

// Of is a digest of everything that the values hold: every field, also unexported ones
// and secrets, and what pointers point to. No method is called, because a String may
// leave something out. Values of the same types have the same digest only if they are
// deeply equal; a nil slice is not an empty one.
//
// A field with the tag `key:"-"` is left out: nothing that is kept depends on it.
//
// It panics for a func, a channel or an unsafe pointer, which have no contents to
// compare. Values must not contain themselves.
func Of(values ...any) [16]byte {
	all := make([]byte, 0, 512)
	for i := range values {
		all = add(all, reflect.ValueOf(values).Index(i))
	}
	sum := sha256.Sum256(all)
	return [16]byte(sum[:16])
}

// add appends the value, so that two values of one type are equal if their bytes are.
func add(all []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(all, 1)
		}
		return append(all, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return number(all, uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return number(all, v.Uint())
	case reflect.Float32, reflect.Float64:
		return number(all, math.Float64bits(v.Float()))
	case reflect.String:
		return append(number(all, uint64(v.Len())), v.String()...)
	case reflect.Struct:
		return addFields(all, v)
	case reflect.Array:
		return addElements(all, v)
	case reflect.Slice:
		if v.IsNil() {
			return append(all, 0)
		}
		all = number(append(all, 1), uint64(v.Len()))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(all, v.Bytes()...)
		}
		return addElements(all, v)
	case reflect.Map:
		return addMap(all, v)
	case reflect.Pointer:
		if v.IsNil() {
			return append(all, 0)
		}
		return add(append(all, 1), v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return append(all, 0)
		}
		return add(addType(append(all, 1), v.Elem().Type()), v.Elem())
	}
	panic(fmt.Sprintf("identity: a %s has no contents to compare", v.Type()))
}

// addType adds the name of a type, which tells apart what is in an interface.
func addType(all []byte, of reflect.Type) []byte {
	all = append(number(all, uint64(len(of.PkgPath()))), of.PkgPath()...)
	return append(number(all, uint64(len(of.String()))), of.String()...)
}

func number(all []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(all, n) }

func addFields(all []byte, v reflect.Value) []byte {
	for _, i := range fieldsOf(v.Type()) {
		all = add(all, v.Field(i))
	}
	return all
}

// fields has the fields that count, by the type of their struct: reading tags costs more
// than everything else.
var fields sync.Map // reflect.Type to []int

func fieldsOf(of reflect.Type) []int {
	if known, ok := fields.Load(of); ok {
		return known.([]int)
	}
	var counting []int
	for i := range of.NumField() {
		if of.Field(i).Tag.Get("key") != "-" {
			counting = append(counting, i)
		}
	}
	fields.Store(of, counting)
	return counting
}

func addElements(all []byte, v reflect.Value) []byte {
	for i := range v.Len() {
		all = add(all, v.Index(i))
	}
	return all
}

// addMap adds the pairs of a map, sorted by what their keys hold.
func addMap(all []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(all, 0)
	}
	var pairs [][]byte
	for entries := v.MapRange(); entries.Next(); {
		pairs = append(pairs, add(add(nil, entries.Key()), entries.Value()))
	}
	slices.SortFunc(pairs, bytes.Compare)
	all = number(append(all, 1), uint64(len(pairs)))
	for _, pair := range pairs {
		all = append(all, pair...)
	}
	return all
}
