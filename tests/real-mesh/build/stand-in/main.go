// Stand-ins for what a mesh needs and no module brings: the kubelet's streaming end, and servers that say who they are.
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "key":
		err = key(os.Args[2])
	case len(os.Args) == 5 && os.Args[1] == "kubelet":
		err = kubelet(os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) == 4 && os.Args[1] == "echo":
		err = echo(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: stand-in key FILE | stand-in kubelet ADDRESS NAMESPACES LOGS | stand-in echo PORTS NAME")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// key writes what the API server signs its tokens with.
func key(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}
