package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

// Where a server tells what it counted: inside of its pod only.
const countsAddress = "127.0.0.1:15999"

// count is what one port saw.
type count struct {
	// Connections that brought at least one line: probes and scans bring none.
	Served int `json:"served"`
	// Connections that are open now.
	Open int `json:"open"`
}

type counts struct {
	mutex sync.Mutex
	ports map[string]*count
}

func (c *counts) add(port string, change func(*count)) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ports[port] == nil {
		c.ports[port] = &count{}
	}
	change(c.ports[port])
}

// echo answers each line with its name before it, as Istio's tcp-echo-server does, and an HTTP request with one line.
func echo(ports, name string) error {
	seen := &counts{ports: map[string]*count{}}
	for _, port := range strings.Split(ports, ",") {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		go accept(listener, port, name, seen)
	}
	return http.ListenAndServe(countsAddress, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.mutex.Lock()
		defer seen.mutex.Unlock()
		json.NewEncoder(w).Encode(seen.ports)
	}))
}

func accept(listener net.Listener, port, name string, seen *counts) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		go func() {
			defer conn.Close()
			seen.add(port, func(c *count) { c.Open++ })
			defer seen.add(port, func(c *count) { c.Open-- })
			serve(conn, port, name, seen)
		}()
	}
}

func serve(conn net.Conn, port, name string, seen *counts) {
	lines := bufio.NewReader(conn)
	for first := true; ; first = false {
		line, err := lines.ReadString('\n')
		if line == "" {
			return
		}
		if first {
			seen.add(port, func(c *count) { c.Served++ })
			fmt.Printf("%s %s %s", conn.RemoteAddr(), port, strings.TrimRight(line, "\r\n")+"\n")
		}
		if request := strings.TrimRight(line, "\r\n"); strings.Contains(request, " HTTP/1.") {
			for line != "\r\n" && line != "\n" && err == nil {
				line, err = lines.ReadString('\n')
			}
			body := name + " " + request + "\n"
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%s", len(body), body)
		} else {
			fmt.Fprintf(conn, "%s %s", name, line)
		}
		if err != nil {
			return
		}
	}
}
