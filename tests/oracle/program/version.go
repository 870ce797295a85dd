package main

import (
	"context"
	"reflect"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// From one minor version of Kubernetes to the next, functions of the kubelet come to take a logger, a context or the
// operation beside what they always took. `call` gives each what it asks for, so that one program fits all versions.

var (
	silence = logr.Discard()
	quiet   = klog.NewContext(context.Background(), silence)

	contextType = reflect.TypeFor[context.Context]()
	loggerType  = reflect.TypeFor[logr.Logger]()
)

// operation is the value of lifecycle.AddOperation, a type that older versions do not have.
const operation = "add"

func quieten() { klog.SetLogger(silence) }

// call calls a function of the kubelet. Loggers, contexts and operations come by themselves, and what the function does
// not take any more, at the end, is left away.
func call(function any, arguments ...any) []reflect.Value {
	value := reflect.ValueOf(function)
	form := value.Type()
	in := make([]reflect.Value, form.NumIn())
	next := 0
	for i := range in {
		switch wanted := form.In(i); {
		case wanted == contextType:
			in[i] = reflect.ValueOf(quiet)
		case wanted == loggerType:
			in[i] = reflect.ValueOf(silence)
		case wanted.Kind() == reflect.String && wanted.Name() == "Operation":
			in[i] = reflect.ValueOf(operation).Convert(wanted)
		default:
			in[i] = reflect.ValueOf(arguments[next])
			next++
		}
	}
	return value.Call(in)
}

// made is what a constructor returned: a thing and an error.
func made[T any](results []reflect.Value) (T, error) {
	thing, _ := results[0].Interface().(T)
	return thing, failureOf(results)
}

// failureOf is the error that comes last in what a call returned.
func failureOf(results []reflect.Value) error {
	err, _ := results[len(results)-1].Interface().(error)
	return err
}
