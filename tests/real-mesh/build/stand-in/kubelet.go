package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

// forwarder dials inside of a pod's network namespace, as a container runtime does.
type forwarder struct {
	// One file a pod, NAMESPACE_POD.
	namespaces string
}

func (f forwarder) PortForward(_ context.Context, pod, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	server, err := dialIn(filepath.Join(f.namespaces, pod), "127.0.0.1:"+strconv.Itoa(int(port)))
	if err != nil {
		return err
	}
	defer server.Close()
	go func() {
		io.Copy(server, stream)
		server.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, server)
	return err
}

// dialIn connects in another network namespace. The thread is never unlocked, so it ends with its goroutine and takes the
// namespace along.
func dialIn(namespace, address string) (net.Conn, error) {
	type dialled struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialled)
	go func() {
		runtime.LockOSThread()
		file, err := os.Open(namespace)
		if err != nil {
			done <- dialled{nil, err}
			return
		}
		defer file.Close()
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- dialled{nil, err}
			return
		}
		conn, err := net.DialTimeout("tcp", address, 5*time.Second)
		done <- dialled{conn, err}
	}()
	result := <-done
	return result.conn, result.err
}

// kubelet serves what the API server asks a kubelet for: port-forward and logs.
func kubelet(address, namespaces, logs string) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/portForward/{namespace}/{pod}", func(w http.ResponseWriter, r *http.Request) {
		options, err := portforward.NewV4Options(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		pod := r.PathValue("namespace") + "_" + r.PathValue("pod")
		portforward.ServePortForward(w, r, forwarder{namespaces}, pod, "", options,
			4*time.Hour, 30*time.Second, portforward.SupportedProtocols)
	})
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		name := fmt.Sprintf("%s_%s_%s.log", r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
		serveLog(w, r, filepath.Join(logs, name))
	})
	server := &http.Server{
		Addr:    address,
		Handler: mux,
		// Streams are taken over from the connection, which HTTP/2 has none of.
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}},
	}
	return server.ListenAndServeTLS("", "")
}

func serveLog(w http.ResponseWriter, r *http.Request, path string) {
	file, err := os.Open(path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	defer file.Close()
	if lines, err := strconv.Atoi(r.URL.Query().Get("tailLines")); err == nil {
		skipTo(file, lines)
	}
	for {
		if _, err := io.Copy(w, file); err != nil || r.URL.Query().Get("follow") != "true" {
			return
		}
		http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// skipTo leaves the last lines of a file to be read.
func skipTo(file *os.File, lines int) {
	text, err := io.ReadAll(file)
	if err != nil {
		return
	}
	at := len(text)
	for found := -1; at > 0; at-- {
		if text[at-1] == '\n' {
			if found++; found == lines {
				break
			}
		}
	}
	file.Seek(int64(at), io.SeekStart)
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * 365 * time.Hour),
		DNSNames:     []string{"node"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
