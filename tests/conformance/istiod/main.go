// Command istiod answers what istiod's own code builds for one proxy of a scenario.
//
// It reads one JSON value a line on stdin and writes one a line on stdout, in the same order:
//
//	{"id": "…", "cluster": "<YAML documents>", "proxy": {"type": "router", "pod": "namespace/name", "metadata": {}}}
//	{"id": "…", "dir": "<folder with cluster.yaml and proxy.json>"}
//
// The answer is {"id", "answer"} with answer in the format of `--predicted -o json`, {"id", "panic"} where istiod
// itself panics, or {"id", "error"} where the scenario cannot be read. `rejected` lists what Istio's webhook refuses.
//
// With folders as arguments it writes istiod.json into each instead.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/log"
)

// Request is one scenario.
type Request struct {
	ID      string          `json:"id"`
	Dir     string          `json:"dir,omitempty"`
	Cluster string          `json:"cluster,omitempty"`
	Proxy   json.RawMessage `json:"proxy,omitempty"`
	// Admission asks only what the webhook refuses.
	Admission bool `json:"admission,omitempty"`
}

// Response is istiod's answer to it.
type Response struct {
	ID       string   `json:"id"`
	Answer   *Answer  `json:"answer,omitempty"`
	Panic    string   `json:"panic,omitempty"`
	Error    string   `json:"error,omitempty"`
	Rejected []string `json:"rejected,omitempty"`
}

func main() {
	out, err := takeStdout()
	if err == nil {
		err = quiet()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "istiod:", err)
		os.Exit(1)
	}
	if folders := os.Args[1:]; len(folders) > 0 {
		os.Exit(answerFolders(folders))
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if len(strings.TrimSpace(string(line))) > 0 {
			var request Request
			response := Response{}
			if err := json.Unmarshal(line, &request); err != nil {
				response.Error = err.Error()
			} else {
				response = answer(request)
			}
			text, _ := json.Marshal(response)
			if _, err := out.Write(append(text, '\n')); err != nil {
				os.Exit(1)
			}
		}
		if err != nil {
			return
		}
	}
}

// takeStdout keeps the real stdout for answers: istiod's own code logs there.
func takeStdout() (*os.File, error) {
	fd, err := syscall.Dup(1)
	if err != nil {
		return nil, err
	}
	if err := syscall.Dup2(2, 1); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "answers"), nil
}

func quiet() error {
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.NoneLevel)
	if level := os.Getenv("ISTIOD_LOG"); level == "warn" {
		options.SetDefaultOutputLevel(log.OverrideScopeName, log.WarnLevel)
	} else if level == "debug" {
		options.SetDefaultOutputLevel(log.OverrideScopeName, log.DebugLevel)
	}
	return log.Configure(options)
}

func answer(request Request) Response {
	// Every collection of every scenario registers itself there and is never forgotten.
	krt.GlobalDebugHandler = new(krt.DebugHandler)
	response := Response{ID: request.ID}
	cluster, proxy := []byte(request.Cluster), []byte(request.Proxy)
	if request.Dir != "" {
		var err error
		if cluster, err = os.ReadFile(filepath.Join(request.Dir, "cluster.yaml")); err != nil {
			response.Error = err.Error()
			return response
		}
		if proxy, err = os.ReadFile(filepath.Join(request.Dir, "proxy.json")); err != nil {
			response.Error = err.Error()
			return response
		}
	}
	scenario, err := readScenario(cluster, proxy)
	if err != nil {
		response.Error = err.Error()
		return response
	}
	response.Rejected = scenario.rejected
	if request.Admission {
		return response
	}
	response.Answer, response.Panic, err = scenario.answer()
	if err != nil {
		response.Error = err.Error()
	}
	return response
}

func answerFolders(folders []string) int {
	status := 0
	for _, dir := range folders {
		response := answer(Request{ID: dir, Dir: dir})
		var text []byte
		switch {
		case response.Error != "":
			fmt.Fprintln(os.Stderr, dir+":", response.Error)
			status = 1
			continue
		case response.Panic != "":
			text, _ = json.MarshalIndent(map[string]string{"panic": response.Panic}, "", " ")
		default:
			text, _ = json.MarshalIndent(response.Answer, "", " ")
		}
		if err := os.WriteFile(filepath.Join(dir, "istiod.json"), append(text, '\n'), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	return status
}
