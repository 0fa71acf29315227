package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/test"
)

const domain = "cluster.local"

type scenario struct {
	kubernetes []runtime.Object
	configs    []config.Config
	mesh       *meshconfig.MeshConfig
	proxy      *model.Proxy
	rejected   []string
}

// asked is proxy.json.
type asked struct {
	Type       string            `json:"type"`
	Pod        string            `json:"pod"`
	Metadata   map[string]string `json:"metadata"`
	MeshConfig string            `json:"meshConfig"`
}

func readScenario(cluster, proxy []byte) (*scenario, error) {
	var question asked
	if err := json.Unmarshal(proxy, &question); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	s := &scenario{}
	meshText := question.MeshConfig
	decode := kube.IstioCodec.UniversalDeserializer().Decode
	var asking *corev1.Pod
	for n, document := range strings.Split("\n"+string(cluster), "\n---\n") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &meta); err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if strings.Contains(meta.APIVersion, "istio.io/") {
			if err := s.addConfig([]byte(document)); err != nil {
				return nil, fmt.Errorf("document %d: %w", n, err)
			}
			continue
		}
		object, _, err := decode([]byte(document), nil, nil)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		switch o := object.(type) {
		case *corev1.ConfigMap:
			if o.Namespace == "istio-system" && o.Name == "istio" && o.Data["mesh"] != "" {
				meshText = o.Data["mesh"]
			}
			continue
		case *corev1.Pod:
			if o.Namespace+"/"+o.Name == question.Pod {
				asking = o
			}
		}
		s.kubernetes = append(s.kubernetes, object)
	}
	if asking == nil {
		return nil, fmt.Errorf("no pod %s", question.Pod)
	}
	s.mesh = mesh.DefaultMeshConfig()
	if meshText != "" {
		parsed, err := mesh.ApplyMeshConfigDefaults(meshText)
		if err != nil {
			return nil, fmt.Errorf("mesh configuration: %w", err)
		}
		s.mesh = parsed
	}
	s.proxy = node(asking, question)
	return s, nil
}

func (s *scenario) addConfig(document []byte) error {
	var object crd.IstioKind
	if err := yaml.Unmarshal(document, &object); err != nil {
		return err
	}
	kind := object.GroupVersionKind()
	schema, known := collections.PilotGatewayAPI().FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&kind))
	if !known {
		return fmt.Errorf("unknown kind %s", kind)
	}
	parsed, err := crd.ConvertObject(schema, &object, domain)
	if err != nil {
		return err
	}
	if _, err := schema.ValidateConfig(*parsed); err != nil {
		s.rejected = append(s.rejected, fmt.Sprintf("%s %s/%s: %v", parsed.GroupVersionKind.Kind, parsed.Namespace, parsed.Name, err))
	}
	s.configs = append(s.configs, *parsed)
	return nil
}

// node is what a proxy in this pod tells istiod when it connects.
func node(pod *corev1.Pod, question asked) *model.Proxy {
	addresses := make([]string, 0, 2)
	for _, ip := range pod.Status.PodIPs {
		addresses = append(addresses, ip.IP)
	}
	if len(addresses) == 0 && pod.Status.PodIP != "" {
		addresses = append(addresses, pod.Status.PodIP)
	}
	metadata := &model.NodeMetadata{
		Namespace:    pod.Namespace,
		Labels:       pod.Labels,
		ClusterID:    "Kubernetes",
		InstanceIPs:  addresses,
		IstioVersion: "1.31.0",
		// What the agent of every proxy says, whatever the pod.
		EnvoyStatusPort:     15021,
		EnvoyPrometheusPort: 15090,
	}
	mode := pod.Annotations["sidecar.istio.io/interceptionMode"]
	for _, container := range pod.Spec.Containers {
		for _, variable := range container.Env {
			switch variable.Name {
			case "ISTIO_META_UNPRIVILEGED_POD":
				metadata.UnprivilegedPod = variable.Value
			case "ISTIO_META_INTERCEPTION_MODE":
				mode = variable.Value
			case "ISTIO_META_DNS_CAPTURE":
				captured, _ := strconv.ParseBool(variable.Value)
				metadata.DNSCapture = model.StringBool(captured)
			case "ISTIO_META_HTTP10":
				metadata.HTTP10 = variable.Value
			case "ISTIO_META_HTTP_PROXY_PORT":
				metadata.HTTPProxyPort = variable.Value
			}
		}
	}
	metadata.InterceptionMode = model.TrafficInterceptionMode(mode)
	if value := question.Metadata["UNPRIVILEGED_POD"]; value != "" {
		metadata.UnprivilegedPod = value
	}
	kind := model.Router
	if question.Type == "sidecar" {
		kind = model.SidecarProxy
	}
	return &model.Proxy{
		Type:            kind,
		ID:              pod.Name + "." + pod.Namespace,
		ConfigNamespace: pod.Namespace,
		Labels:          pod.Labels,
		IPAddresses:     addresses,
		DNSDomain:       pod.Namespace + ".svc." + domain,
		Metadata:        metadata,
	}
}

// answer asks istiod. What panics is told by its text: istiod would have crashed.
func (s *scenario) answer() (found *Answer, panicked string, err error) {
	err = test.Wrap(func(t test.Failer) {
		defer func() {
			if r := recover(); r != nil {
				panicked = fmt.Sprint(r)
			}
		}()
		server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
			KubernetesObjects: s.kubernetes,
			Configs:           s.configs,
			MeshConfig:        s.mesh,
		})
		found, err = collect(server, server.SetupProxy(s.proxy))
		if err != nil {
			t.Fatal(err)
		}
	})
	if panicked != "" {
		return nil, panicked, nil
	}
	return found, "", err
}
