package main

import (
	"net"
	"sort"
	"strconv"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/wellknown"
)

// Answer is istiod.json.
type Answer struct {
	Listeners []Listener               `json:"listeners"`
	Routes    map[string][]VirtualHost `json:"routes"`
	Clusters  map[string]string        `json:"clusters"`
	Endpoints map[string][]string      `json:"endpoints"`
}

// Listener is a listener.
type Listener struct {
	Name         string  `json:"name"`
	Address      string  `json:"address"`
	Port         uint32  `json:"port"`
	UDP          bool    `json:"udp,omitempty"`
	NoBindToPort bool    `json:"noBindToPort,omitempty"`
	Chains       []Chain `json:"filterChains"`
	Default      *Chain  `json:"defaultFilterChain,omitempty"`
}

// Chain is a filter chain.
type Chain struct {
	SNI               []string          `json:"sni,omitempty"`
	DestinationPort   uint32            `json:"destinationPort,omitempty"`
	PrefixRanges      []string          `json:"prefixRanges,omitempty"`
	TransportProtocol string            `json:"transportProtocol,omitempty"`
	Protocols         []string          `json:"applicationProtocols,omitempty"`
	TerminatesTLS     bool              `json:"terminatesTls,omitempty"`
	Kind              string            `json:"kind"`
	Clusters          map[string]uint32 `json:"clusters,omitempty"`
	Route             string            `json:"route,omitempty"`
}

// VirtualHost is a virtual host.
type VirtualHost struct {
	Domains []string `json:"domains"`
	Routes  []Route  `json:"routes"`
}

// Route is a route of a virtual host.
type Route struct {
	Match          string            `json:"match,omitempty"`
	Clusters       map[string]uint32 `json:"clusters,omitempty"`
	DirectResponse uint32            `json:"directResponse,omitempty"`
	Redirect       bool              `json:"redirect,omitempty"`
}

func collect(server *xds.FakeDiscoveryServer, proxy *model.Proxy) (*Answer, error) {
	found := &Answer{
		Routes:    map[string][]VirtualHost{},
		Clusters:  map[string]string{},
		Endpoints: map[string][]string{},
	}
	listeners := server.Listeners(proxy)
	for _, l := range listeners {
		one, err := listenerOf(l)
		if err != nil {
			return nil, err
		}
		found.Listeners = append(found.Listeners, one)
	}
	sort.Slice(found.Listeners, func(i, j int) bool { return found.Listeners[i].Name < found.Listeners[j].Name })
	for _, r := range server.RoutesFromListeners(proxy, listeners) {
		var hosts []VirtualHost
		for _, h := range r.VirtualHosts {
			hosts = append(hosts, hostOf(h))
		}
		found.Routes[r.Name] = hosts
	}
	for _, c := range server.Clusters(proxy) {
		found.Clusters[c.Name] = discovery(c)
		if written := endpointsOf(c.LoadAssignment); len(written) > 0 {
			found.Endpoints[c.Name] = written
		}
	}
	for _, assignment := range server.Endpoints(proxy) {
		if assignment != nil {
			found.Endpoints[assignment.ClusterName] = endpointsOf(assignment)
		}
	}
	return found, nil
}

func discovery(c *cluster.Cluster) string {
	if custom := c.GetClusterType(); custom != nil {
		return custom.GetName()
	}
	return c.GetType().String()
}

func listenerOf(l *listener.Listener) (Listener, error) {
	address, port, udp := addressOf(l.GetAddress())
	one := Listener{
		Name:         l.Name,
		Address:      address,
		Port:         port,
		UDP:          udp,
		NoBindToPort: l.BindToPort != nil && !l.BindToPort.GetValue(),
		Chains:       []Chain{},
	}
	for _, c := range l.FilterChains {
		chain, err := chainOf(c)
		if err != nil {
			return one, err
		}
		one.Chains = append(one.Chains, chain)
	}
	if l.DefaultFilterChain != nil {
		chain, err := chainOf(l.DefaultFilterChain)
		if err != nil {
			return one, err
		}
		one.Default = &chain
	}
	return one, nil
}

func addressOf(a *core.Address) (string, uint32, bool) {
	if pipe := a.GetPipe(); pipe != nil {
		return "unix://" + pipe.GetPath(), 0, false
	}
	socket := a.GetSocketAddress()
	return socket.GetAddress(), socket.GetPortValue(), socket.GetProtocol() == core.SocketAddress_UDP
}

func chainOf(c *listener.FilterChain) (Chain, error) {
	match := c.GetFilterChainMatch()
	chain := Chain{
		SNI:               match.GetServerNames(),
		DestinationPort:   match.GetDestinationPort().GetValue(),
		TransportProtocol: match.GetTransportProtocol(),
		Protocols:         match.GetApplicationProtocols(),
		TerminatesTLS:     c.GetTransportSocket() != nil,
		Kind:              "other",
	}
	for _, r := range match.GetPrefixRanges() {
		chain.PrefixRanges = append(chain.PrefixRanges, r.GetAddressPrefix()+"/"+strconv.Itoa(int(r.GetPrefixLen().GetValue())))
	}
	for _, filter := range c.Filters {
		switch filter.Name {
		case wellknown.TCPProxy:
			proxy := &tcp.TcpProxy{}
			if err := filter.GetTypedConfig().UnmarshalTo(proxy); err != nil {
				return chain, err
			}
			chain.Kind = "tcp"
			chain.Clusters = map[string]uint32{}
			if name := proxy.GetCluster(); name != "" {
				chain.Clusters[name] = 100
			}
			for _, w := range proxy.GetWeightedClusters().GetClusters() {
				chain.Clusters[w.Name] += w.Weight
			}
		case wellknown.HTTPConnectionManager:
			manager := &hcm.HttpConnectionManager{}
			if err := filter.GetTypedConfig().UnmarshalTo(manager); err != nil {
				return chain, err
			}
			chain.Kind = "http"
			switch r := manager.GetRouteSpecifier().(type) {
			case *hcm.HttpConnectionManager_Rds:
				chain.Route = r.Rds.RouteConfigName
			case *hcm.HttpConnectionManager_RouteConfig:
				chain.Route = "(inline) " + r.RouteConfig.Name
			}
		}
	}
	return chain, nil
}

func hostOf(h *route.VirtualHost) VirtualHost {
	host := VirtualHost{Domains: h.Domains, Routes: []Route{}}
	for _, r := range h.Routes {
		one := Route{Match: matchOf(r.GetMatch())}
		switch action := r.GetAction().(type) {
		case *route.Route_Route:
			one.Clusters = map[string]uint32{}
			if name := action.Route.GetCluster(); name != "" {
				one.Clusters[name] = 100
			}
			for _, w := range action.Route.GetWeightedClusters().GetClusters() {
				one.Clusters[w.Name] += w.GetWeight().GetValue()
			}
		case *route.Route_DirectResponse:
			one.DirectResponse = action.DirectResponse.GetStatus()
		case *route.Route_Redirect:
			one.Redirect = true
		}
		host.Routes = append(host.Routes, one)
	}
	return host
}

func matchOf(m *route.RouteMatch) string {
	var text strings.Builder
	switch path := m.GetPathSpecifier().(type) {
	case *route.RouteMatch_Prefix:
		text.WriteString("prefix " + path.Prefix)
	case *route.RouteMatch_Path:
		text.WriteString("path " + path.Path)
	case *route.RouteMatch_PathSeparatedPrefix:
		text.WriteString("segment-prefix " + path.PathSeparatedPrefix)
	case *route.RouteMatch_SafeRegex:
		text.WriteString("regex " + path.SafeRegex.GetRegex())
	}
	for _, h := range m.GetHeaders() {
		text.WriteString(" header " + h.GetName())
	}
	return text.String()
}

// endpointsOf lists what Envoy may choose: istiod sends endpoints that are not ready too, as unhealthy.
func endpointsOf(assignment *endpoint.ClusterLoadAssignment) []string {
	found := []string{}
	for _, locality := range assignment.GetEndpoints() {
		for _, e := range locality.GetLbEndpoints() {
			if status := e.GetHealthStatus(); status != core.HealthStatus_UNKNOWN && status != core.HealthStatus_HEALTHY {
				continue
			}
			address := e.GetEndpoint().GetAddress()
			if pipe := address.GetPipe(); pipe != nil {
				found = append(found, "unix://"+pipe.GetPath())
				continue
			}
			if internal := address.GetEnvoyInternalAddress(); internal != nil {
				found = append(found, internal.GetServerListenerName()+"/"+internal.GetEndpointId())
				continue
			}
			socket := address.GetSocketAddress()
			found = append(found, net.JoinHostPort(socket.GetAddress(), strconv.Itoa(int(socket.GetPortValue()))))
		}
	}
	sort.Strings(found)
	return found
}
