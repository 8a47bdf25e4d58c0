package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const shortLength = 13

// showMessage prints a message as crictl does: every field, also an empty one.
func showMessage(message proto.Message) error {
	content, err := marshal(message)
	if err != nil {
		return err
	}
	return show(content)
}

// showWithInfo prints a status with what a verbose runtime adds: the values are JSON or plain text.
func showWithInfo(status proto.Message, info map[string]string) error {
	content, err := marshal(status)
	if err != nil {
		return err
	}
	whole := map[string]json.RawMessage{"status": content}
	for key, value := range info {
		if !json.Valid([]byte(value)) {
			quoted, err := json.Marshal(value)
			if err != nil {
				return err
			}
			value = string(quoted)
		}
		whole[key] = json.RawMessage(value)
	}
	encoded, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	return show(encoded)
}

func marshal(message proto.Message) ([]byte, error) {
	return protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(message)
}

func show(content []byte) error {
	var indented bytes.Buffer
	if err := json.Indent(&indented, content, "", "  "); err != nil {
		return err
	}
	fmt.Println(indented.String())
	return nil
}

func showTable(rows [][]string) error {
	writer := tabwriter.NewWriter(os.Stdout, 20, 1, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(writer, strings.Join(row, "\t"))
	}
	return writer.Flush()
}

func short(id string) string {
	return id[:min(len(id), shortLength)]
}

func moment(nanoseconds int64) string {
	return time.Since(time.Unix(0, nanoseconds)).Round(time.Second).String() + " ago"
}

// sayAsClient writes the line of klog's that Kubernetes' own client writes within crictl, before crictl's last one.
func sayAsClient(what string, err error) {
	now := time.Now().Format("0102 15:04:05.000000")
	fmt.Fprintf(os.Stderr, "E%s %7d remote_runtime.go:193] %q err=%q\n", now, os.Getpid(), what, err.Error())
}
