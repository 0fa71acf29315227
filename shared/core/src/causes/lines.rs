//! What lines of istiod's log, Envoy's log and an access log say, and which causes they can have.
//!
//! A pattern is the constant text of a line, with `<name>` for what changes. Quotes and runs of whitespace are
//! ignored on both sides. The causes are pages, so a code that does not exist does not compile.

use super::{
    Page, am_15008, am_dyndns, am_noendpoint, am_vipport, am_wp_bind, am_wp_nochain,
    envoy_bind_inuse, envoy_bind_noaddr, envoy_bind_perm, envoy_draining, envoy_dup_addr,
    envoy_fc_identical, envoy_fc_overlap, envoy_nack, envoy_no_chains, envoy_old_config,
    envoy_sni_partial, envoy_warming, gw_authz_deny, gw_autopass_no_svc, gw_autopass_sni,
    gw_cred_ca, gw_cred_denied, gw_cred_invalid, gw_cred_missing, gw_dst_connect_fail,
    gw_dst_empty_host, gw_dst_externalname, gw_dst_multiport, gw_dst_no_endpoints,
    gw_dst_not_visible, gw_dst_outlier_panic, gw_dst_port_absent, gw_dst_short_name,
    gw_dst_squatted, gw_dst_subset, gw_dst_unknown_host, gw_http_after_catchall,
    gw_http_all_routes_filtered, gw_http_delegate_conflict, gw_http_delegate_missing,
    gw_http_host_no_vhost, gw_http_l4_only_vs, gw_http_no_vs, gw_none_selects,
    gw_ns_not_discovered, gw_pass_dup_sni, gw_pass_no_match, gw_pass_no_tls_block,
    gw_pass_port_match, gw_pass_vs_bound_twice, gw_port_named_target, gw_port_not_on_service,
    gw_port_privileged, gw_port_reserved, gw_port_tiebreak, gw_res_ignored, gw_rev_mismatch,
    gw_sel_mismatch, gw_sel_ns_scoped, gw_sni_absent, gw_sni_no_chain, gw_srv_bind_alias,
    gw_srv_bind_shadow, gw_srv_dup_host, gw_srv_dup_host_ghost, gw_srv_host_panic,
    gw_srv_https_name, gw_srv_ingress_first, gw_srv_l4_dup, gw_srv_nil_port, gw_srv_nshost_dup,
    gw_srv_older_elsewhere, gw_srv_proto_conflict, gw_srv_proto_text, gw_srv_tls_no_settings,
    gw_tcp_empty_route, gw_tcp_gw_match, gw_tcp_no_block, gw_tcp_port_match, gw_tcp_zero_sum,
    gw_tls_term_no_tcp, gw_vs_exportto, gw_vs_gwname, gw_vs_host_case, gw_vs_host_mismatch,
    gw_vs_host_ns, gw_vs_host_short, gw_vs_hosts_empty, gw_vs_mesh_only, gw_vs_none, sc_dyndns,
    sc_e_blackhole, sc_e_egressproxy, sc_e_listenport, sc_e_passthrough, sc_e_passthrough_strict,
    sc_e_uh, sc_externalname_legacy, sc_httpproxy, sc_in_conflict, sc_in_permissive_http_tls,
    sc_in_reserved, sc_no_such_port, sc_notvip, sc_podip_direct, sc_privileged, sc_reserved_port,
    sc_samens_dup, sc_unknown_host, sc_vs_dup, sc_wellknown, sc_wild_se, val_dr, val_dst,
    val_gw_bind, val_gw_host, val_gw_name, val_gw_no_hosts, val_gw_no_server, val_gw_port,
    val_gw_portname_dup, val_gw_tls_certs, val_gw_tls_on_plain, val_gw_tls_required, val_se,
    val_vs_empty, val_vs_exportto, val_vs_gwnames, val_vs_hosts, val_vs_http, val_vs_tcp,
    val_vs_tls, val_vs_weight,
};

/// A line that is known.
#[derive(Debug)]
pub struct Saying {
    /// Who says it; the answer begins with this.
    pub by: &'static str,
    /// Its constant text, one for each wording.
    pub patterns: &'static [&'static str],
    /// What it says, in plain words, with the names of what changes.
    pub says: &'static str,
    /// What to know about it; each begins a line.
    pub means: &'static [&'static str],
    /// Above the left column of `rows`.
    pub heading: &'static str,
    /// Which causes it can have, and when.
    pub rows: &'static [Row],
    /// Which causes it can have, always.
    pub can_be: &'static [&'static Page],
    /// What to ask next: the first whose names are all in the line. Without one, the whole mesh.
    pub ask: &'static [&'static str],
    /// It only holds another line, and is told when that one is not known.
    pub outer: bool,
    /// Where it is written: istio path and function, or Envoy's file.
    pub source: &'static str,
}

/// A condition, and the causes under it.
#[derive(Debug)]
pub struct Row {
    /// The condition, line by line.
    pub left: &'static [&'static str],
    /// A pasted line that makes this condition true.
    pub after: Option<&'static Saying>,
    /// The causes.
    pub can_be: &'static [&'static Page],
}

/// What most sayings have in common.
const PLAIN: Saying = Saying {
    by: ISTIOD,
    patterns: &[],
    says: "",
    means: &[],
    heading: "",
    rows: &[],
    can_be: &[],
    ask: &[],
    outer: false,
    source: "",
};

const ISTIOD: &str = "istiod";
const ENVOY: &str = "Envoy";
const ZTUNNEL: &str = "ztunnel";
const WEBHOOK: &str = "Istio's webhook";
const ANALYZE: &str = "istioctl analyze";

const BEFORE: &str = "BEFORE IT THE LOG SAYS";

const ASK_PORT: &str = "kubectl mesh why-no-listener <port>";
const ASK_PORT_IN: &str = "kubectl mesh why-no-listener <port> -n <namespace>";
const ASK_IN: &str = "kubectl mesh why-no-listener -n <namespace>";
const ASK_POD: &str = "kubectl mesh why-no-listener --proxy pod/<pod> -n <podnamespace>";

static NO_VIRTUAL_SERVICE: Saying = Saying {
    patterns: &["no virtual service bound to gateway: <gateway>"],
    says: "the gateway's pod sees no VirtualService that names Gateway <gateway>",
    means: &[
        "It is said of TCP servers and of TLS that ends at the gateway. Passthrough is silent, and HTTP answers 404 instead.",
        "The Gateway named can be another one that holds the port, not yours.",
    ],
    can_be: &[
        &gw_vs_none::PAGE,
        &gw_vs_gwname::PAGE,
        &gw_vs_mesh_only::PAGE,
        &gw_vs_exportto::PAGE,
        &gw_vs_hosts_empty::PAGE,
        &gw_srv_older_elsewhere::PAGE,
        &gw_rev_mismatch::PAGE,
        &gw_ns_not_discovered::PAGE,
        &gw_res_ignored::PAGE,
    ],
    ask: &[ASK_IN],
    source: "pilot/pkg/networking/core/gateway.go:buildGatewayNetworkFiltersFromTCPRoutes",
    ..PLAIN
};

static MISSED_FILTER: Saying = Saying {
    patterns: &["gateway <gateway>:<port> listener missed network filter"],
    says: "no TCP route fits server <port> of Gateway <gateway>",
    means: &[
        "<port> is the number written in the Gateway; the listener's own can differ.",
        "It is said of TCP servers and of TLS that ends at the gateway: both need a VirtualService with tcp rules.",
    ],
    heading: BEFORE,
    rows: &[
        Row {
            left: &["no virtual service bound to gateway: …"],
            after: Some(&NO_VIRTUAL_SERVICE),
            can_be: &[
                &gw_vs_none::PAGE,
                &gw_vs_gwname::PAGE,
                &gw_vs_mesh_only::PAGE,
                &gw_vs_exportto::PAGE,
                &gw_vs_hosts_empty::PAGE,
            ],
        },
        Row {
            left: &["not that"],
            after: None,
            can_be: &[
                &gw_vs_host_mismatch::PAGE,
                &gw_vs_host_ns::PAGE,
                &gw_vs_host_case::PAGE,
                &gw_vs_host_short::PAGE,
                &gw_tcp_no_block::PAGE,
                &gw_tcp_port_match::PAGE,
                &gw_tcp_gw_match::PAGE,
                &gw_tls_term_no_tcp::PAGE,
                &gw_tcp_empty_route::PAGE,
                &gw_srv_tls_no_settings::PAGE,
            ],
        },
    ],
    ask: &[ASK_PORT_IN],
    source: "pilot/pkg/networking/core/gateway.go:createGatewayTCPFilterChainOpts",
    ..PLAIN
};

static OMITTING: Saying = Saying {
    patterns: &[
        "gateway omitting listener <listener> due to: must have more than 0 chains in listener",
        "omitting listener <listener> due to: must have more than 0 chains in listener",
        "must have more than 0 chains in listener <listener>",
        "omitting listener <listener>",
    ],
    says: "no server on port <port> has a filter chain, so there is no listener",
    means: &[
        "<port> is the port on the pod: the Service's targetPort, if a Service maps it.",
        "HTTP and terminated HTTPS servers always have a chain; they never cause this.",
    ],
    heading: BEFORE,
    rows: &[
        Row {
            left: &["no virtual service bound to gateway: …"],
            after: Some(&NO_VIRTUAL_SERVICE),
            can_be: &[
                &gw_vs_none::PAGE,
                &gw_vs_gwname::PAGE,
                &gw_vs_mesh_only::PAGE,
                &gw_vs_exportto::PAGE,
            ],
        },
        Row {
            left: &["not that, but", "… listener missed network filter"],
            after: Some(&MISSED_FILTER),
            can_be: &[
                &gw_vs_host_mismatch::PAGE,
                &gw_vs_host_ns::PAGE,
                &gw_tcp_no_block::PAGE,
                &gw_tcp_port_match::PAGE,
                &gw_tcp_gw_match::PAGE,
                &gw_tls_term_no_tcp::PAGE,
            ],
        },
        Row {
            left: &["neither"],
            after: None,
            can_be: &[
                &gw_pass_no_tls_block::PAGE,
                &gw_pass_port_match::PAGE,
                &gw_autopass_no_svc::PAGE,
            ],
        },
    ],
    ask: &[ASK_PORT_IN, ASK_PORT],
    source: "pilot/pkg/networking/core/gateway.go:MutableGatewayListener.build",
    ..PLAIN
};

static OMITTING_OTHERWISE: Saying = Saying {
    patterns: &["omitting listener <listener> due to: <text>"],
    says: "listener <listener> could not be put together, and is left out",
    means: &["The words behind `due to` say why; a listener without filter chains is not meant."],
    ask: &[ASK_PORT],
    source: "pilot/pkg/networking/core/gateway.go:MutableGatewayListener.build",
    ..PLAIN
};

static FOUND_SERVICES: Saying = Saying {
    patterns: &["buildGatewayListeners: found <count> services on port <port>"],
    says: "<count> Services of the gateway's pod have port <port>, not 1",
    means: &[
        "An old release of Istio says it; it closes nothing, and comes with ports that work too.",
        "With 0 the listener is on the number written in the Gateway, and no Service leads there under that number.",
    ],
    heading: "IT FOUND",
    rows: &[
        Row {
            left: &["0 services"],
            after: None,
            can_be: &[&gw_port_not_on_service::PAGE],
        },
        Row {
            left: &["2 or more"],
            after: None,
            can_be: &[&gw_port_tiebreak::PAGE],
        },
    ],
    ask: &[ASK_PORT],
    source: "older releases of Istio, pilot/pkg/networking/core/v1alpha3/gateway.go:buildGatewayListeners",
    ..PLAIN
};

static NO_VHOSTS: Saying = Saying {
    patterns: &[
        "constructed http route config for route <route> on port <port> with no vhosts",
        "constructed http route config for port <port> with no vhosts",
    ],
    says: "HTTP port <port> has no route: it listens, and answers every request 404",
    means: &[
        "<port> is the number written in the Gateway. The number in a route's name, such as http.8080, is the listener's own.",
    ],
    can_be: &[
        &gw_http_no_vs::PAGE,
        &gw_http_l4_only_vs::PAGE,
        &gw_http_all_routes_filtered::PAGE,
        &gw_vs_none::PAGE,
        &gw_vs_gwname::PAGE,
        &gw_vs_mesh_only::PAGE,
        &gw_vs_exportto::PAGE,
        &gw_vs_host_mismatch::PAGE,
        &gw_vs_host_ns::PAGE,
        &gw_vs_host_case::PAGE,
        &gw_vs_host_short::PAGE,
    ],
    ask: &[ASK_PORT],
    source: "pilot/pkg/networking/core/gateway.go:buildGatewayHTTPRouteConfig",
    ..PLAIN
};

static SERVER_CONFLICT: Saying = Saying {
    patterns: &[
        "skipping server on gateway <name> port <portname>.<port>.<protocol>: conflict with existing server",
    ],
    says: "a server of Gateway <name> is left out: another one has port <port> already",
    means: &[
        "The Gateway named is the one that lost; which one holds the port is not said. Both protocols in the line are the loser's own.",
        "<port> is the port on the pod: the Service's targetPort, if a Service maps it.",
    ],
    can_be: &[
        &gw_srv_l4_dup::PAGE,
        &gw_srv_proto_conflict::PAGE,
        &gw_srv_older_elsewhere::PAGE,
        &gw_srv_dup_host_ghost::PAGE,
        &gw_srv_ingress_first::PAGE,
    ],
    ask: &[ASK_PORT],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
    ..PLAIN
};

static HTTPS_NAME: Saying = Saying {
    patterns: &[
        "skipping server on gateway <name> port <portname>.<port>.<protocol>: non unique port name for HTTPS port",
    ],
    says: "an HTTPS server of Gateway <name> is left out: its port's name is taken",
    can_be: &[&gw_srv_https_name::PAGE],
    ask: &[ASK_PORT],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
    ..PLAIN
};

static DUPLICATE_HOSTS: Saying = Saying {
    patterns: &["skipping server on gateway <gateway>, duplicate host names: <text>"],
    says: "a TLS server of Gateway <gateway> is left out: a host of it is taken",
    means: &["One taken host is enough: the server's other hosts go with it."],
    can_be: &[
        &gw_srv_dup_host::PAGE,
        &gw_srv_dup_host_ghost::PAGE,
        &gw_srv_ingress_first::PAGE,
    ],
    ask: &[ASK_IN],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
    ..PLAIN
};

static TLS_WITHOUT_OPTIONS: Saying = Saying {
    patterns: &["TLS server without TLS options <gateway>"],
    says: "an HTTPS or TLS server of Gateway <gateway> has no tls settings",
    can_be: &[&gw_srv_tls_no_settings::PAGE],
    ask: &[ASK_IN],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
    ..PLAIN
};

static SERVER_NAME: Saying = Saying {
    patterns: &["Server name <name> is not unique in gateway <gateway>"],
    says: "two servers of Gateway <gateway> share the name <name>",
    means: &[
        "No port closes by it: their statistics run together. It is not a matter of listeners.",
    ],
    ask: &[ASK_IN],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
    ..PLAIN
};

static NO_PORT: Saying = Saying {
    patterns: &["invalid server without port: <gateway>"],
    says: "a server of Gateway <gateway> has no port and is left out",
    can_be: &[&gw_srv_nil_port::PAGE],
    ask: &[ASK_IN],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
    ..PLAIN
};

static DUPLICATE_SNI: Saying = Saying {
    patterns: &[
        "skipping VirtualService <name> rule #<index> on server port <port> of gateway <gateway>, duplicate SNI host names: <text>",
    ],
    says: "a match of VirtualService <name> is left out on port <port>: its SNI is taken",
    means: &[
        "rule # counts the matches within a tls rule, from 0; it is not the rule's own number.",
    ],
    can_be: &[&gw_pass_dup_sni::PAGE, &gw_pass_vs_bound_twice::PAGE],
    ask: &[ASK_PORT_IN],
    source: "pilot/pkg/networking/core/gateway.go:buildGatewayNetworkFiltersFromTLSRoutes",
    ..PLAIN
};

static PRIVILEGED: Saying = Saying {
    patterns: &["buildGatewayListeners: skipping privileged gateway port <port> for node <node>"],
    says: "port <port> is left out: the pod is marked as unprivileged, below 1024 it binds nothing",
    means: &["<port> is the port on the pod: the Service's targetPort, if a Service maps it."],
    can_be: &[&gw_port_privileged::PAGE],
    ask: &[ASK_PORT],
    source: "pilot/pkg/networking/core/gateway.go:buildGatewayListeners",
    ..PLAIN
};

static NO_GATEWAYS: Saying = Saying {
    patterns: &[
        "buildGatewayListeners: no gateways for router <node>",
        "buildGatewayRoutes: no gateways for router <node>",
    ],
    says: "no Gateway selects the pod <node>, so it gets no listener at all",
    can_be: &[
        &gw_none_selects::PAGE,
        &gw_sel_mismatch::PAGE,
        &gw_sel_ns_scoped::PAGE,
        &gw_rev_mismatch::PAGE,
        &gw_ns_not_discovered::PAGE,
        &gw_res_ignored::PAGE,
    ],
    ask: &[ASK_POD],
    source: "pilot/pkg/networking/core/gateway.go:buildGatewayListeners",
    ..PLAIN
};

static ZERO_LISTENERS: Saying = Saying {
    patterns: &["gateway has zero listeners for node <node>"],
    says: "Gateways select the pod <node>, and none of their ports is left to listen on",
    means: &[
        "A Gateway of the Kubernetes Gateway API whose ports are on no Service ends so too; it is not predicted in this version.",
    ],
    can_be: &[&gw_port_privileged::PAGE, &gw_srv_nil_port::PAGE],
    ask: &[ASK_POD],
    source: "pilot/pkg/networking/core/gateway.go:buildGatewayListeners",
    ..PLAIN
};

static ROUTE_GONE: Saying = Saying {
    patterns: &["Gateway missing for route <route>"],
    says: "Envoy asked for HTTP route <route>, which no server has any more",
    means: &[
        "For a moment after a Gateway was deleted or changed this is normal: old listeners drain.",
    ],
    source: "pilot/pkg/networking/core/gateway.go:buildGatewayHTTPRouteConfig",
    ..PLAIN
};

static ROUTES_FILTERED: Saying = Saying {
    patterns: &["omitting routes for virtual service <object> due to error: <text>"],
    says: "VirtualService <object> gives the gateway no HTTP route",
    can_be: &[&gw_http_all_routes_filtered::PAGE],
    ask: &[ASK_IN],
    source: "pilot/pkg/networking/core/gateway.go:buildGatewayHTTPRouteConfig",
    ..PLAIN
};

static DELEGATE: Saying = Saying {
    patterns: &[
        "delegate virtual service <object> of <root> not found",
        "delegate virtual service <object> of <root> is not exported to <to>",
    ],
    says: "a route of VirtualService <root> is left out: its delegate <object> is not there for it",
    can_be: &[&gw_http_delegate_missing::PAGE],
    ask: &[ASK_IN],
    source: "pilot/pkg/model/virtualservice_controller.go",
    ..PLAIN
};

static DELEGATE_CONFLICT: Saying = Saying {
    patterns: &["HTTPMatchRequests conflict: root <text>"],
    says: "a delegate's route is left out: its match contradicts the root's",
    can_be: &[&gw_http_delegate_conflict::PAGE],
    source: "pilot/pkg/model/virtualservice.go:mergeHTTPRoute",
    ..PLAIN
};

static STRICT_MERGING: Saying = Saying {
    patterns: &[
        "strict gateway merging: skipping gateway <gateway> not in managed GatewayAPI namespace",
    ],
    says: "Gateway <gateway> is ignored for a pod that a Gateway of the Gateway API manages",
    means: &[
        "Such a pod takes Istio's Gateways only from namespaces that hold one of its Gateway API Gateways, unless PILOT_ENABLE_STRICT_GATEWAY_MERGING of istiod is false.",
        "The Gateway API is not predicted in this version.",
    ],
    ask: &[ASK_IN],
    source: "pilot/pkg/model/push_context.go:filterStrictGatewayMerging",
    ..PLAIN
};

static NAMED_TARGET: Saying = Saying {
    patterns: &["Failed to find port for service <object>: <text>"],
    says: "a named targetPort of Service <object> is no container port of the pod",
    can_be: &[&gw_port_named_target::PAGE],
    ask: &[ASK_IN],
    source: "pilot/pkg/serviceregistry/kube/controller/controller.go:GetProxyServiceTargetsByPod",
    ..PLAIN
};

static WRONG_CLUSTER: Saying = Saying {
    patterns: &["proxy is in cluster <name>, but controller is for cluster <other>"],
    says: "the proxy says it is in cluster <name>; istiod reads <other>",
    means: &[
        "istiod finds no Service of such a pod, so no server's port becomes a targetPort. Compare CLUSTER_ID of the pod with istiod's.",
    ],
    source: "pilot/pkg/serviceregistry/kube/controller/controller.go:GetProxyServiceTargets",
    ..PLAIN
};

static SERVICE_IGNORED: Saying = Saying {
    patterns: &[
        "Service <object> from registry <registry> ignored by <by>",
        "Service <object> from registry <registry> ignored as there is",
        "Service <object> from registry <registry> ignored as it has the same ports as",
    ],
    says: "several services have the hostname of <object>; another one counts",
    can_be: &[&gw_dst_squatted::PAGE],
    source: "pilot/pkg/model/sidecar.go:SidecarScope.appendSidecarServices",
    ..PLAIN
};

static NO_ENDPOINTS: Saying = Saying {
    patterns: &[
        "push, service <host> at shard <text> has no endpoints",
        "Update, Service <host> at shard <text> has no endpoints",
    ],
    says: "Service <host> has no endpoint any more in one cluster",
    can_be: &[&gw_dst_no_endpoints::PAGE],
    source: "pilot/pkg/model/endpointshards.go:EndpointIndex.UpdateServiceEndpoints",
    ..PLAIN
};

static SAME_CLUSTER: Saying = Saying {
    patterns: &["pilot_duplicate_envoy_clusters"],
    says: "several services have one hostname and port; one of them counts",
    can_be: &[&gw_dst_squatted::PAGE],
    source: "pilot/pkg/networking/core/cluster_builder.go",
    ..PLAIN
};

static NO_SERVICE: Saying = Saying {
    patterns: &["pilot_k8s_proxies_with_no_service_targets", "pilot_no_ip"],
    says: "istiod knows no Service of a pod",
    means: &[
        "For a client this is normal. For a gateway no server's port becomes a targetPort, and no Service leads to a listener.",
    ],
    can_be: &[&gw_port_not_on_service::PAGE],
    ask: &["kubectl get endpointslices -A"],
    source: "pilot/pkg/serviceregistry/kube/controller/controller.go:GetProxyServiceTargets",
    ..PLAIN
};

static FILE_CERTIFICATE: Saying = Saying {
    patterns: &["failed to generate secret for proxy from file: <text>"],
    by: "the pod's agent",
    says: "a certificate that a TLS server names as a file is not in the pod",
    means: &["The listener is there; handshakes fail. It is not a matter of listeners or routes."],
    source: "security/pkg/nodeagent/cache/secretcache.go:generateFileSecret",
    ..PLAIN
};

static GATEWAY_API_KIND: Saying = Saying {
    patterns: &[
        "CRD <name> version <version> is below minimum version",
        "CRD <name> expected to have a <text> annotation, but none found; ignoring",
        "CRD <name> version <version> invalid; ignoring",
    ],
    says: "istiod does not read objects of <name>, so none of them opens anything",
    means: &["The kinds of the Kubernetes Gateway API are not predicted in this version."],
    ask: &["kubectl get crds"],
    source: "pkg/kube/kclient/crdwatcher.go",
    ..PLAIN
};

static KIND_EXCLUDED: Saying = Saying {
    patterns: &["CRD <name> has been excluded from watcher, ignoring"],
    says: "istiod is told not to read objects of <name>, so none of them counts",
    can_be: &[&gw_res_ignored::PAGE],
    source: "pkg/kube/kclient/crdwatcher.go:filterPilotResources",
    ..PLAIN
};

static GATEWAY_API_TLS: Saying = Saying {
    patterns: &["protocol is <protocol> but no TLS section is defined, skipping listener creation"],
    says: "a <protocol> listener of the Kubernetes Gateway API has no tls, and is left out",
    means: &["The kinds of the Kubernetes Gateway API are not predicted in this version."],
    ask: &["kubectl get gateways.gateway.networking.k8s.io -A"],
    source: "pilot/pkg/config/kube/gateway/conversion.go:buildListener",
    ..PLAIN
};

/// What the lines about certificates have in common.
const SECRET: Saying = Saying {
    means: &[
        "A listener of Istio's Gateways is there all the same: handshakes fail, for the hosts of that server only.",
        "credentialName is looked up in the namespace of the gateway's pod, whose service account must be allowed to read it.",
    ],
    ask: &["kubectl get secrets -A"],
    source: "pilot/pkg/xds/sds.go:SecretGen.generate",
    ..PLAIN
};

static SECRET_ABSENT: Saying = Saying {
    patterns: &["secret <object> not found"],
    says: "a TLS server names Secret <object>, which is not there",
    can_be: &[&gw_cred_missing::PAGE],
    ..SECRET
};

static SECRET_KEYS: Saying = Saying {
    patterns: &["expected keys (cert and key) or (tls.crt and tls.key)"],
    says: "a TLS server names a Secret that lacks the key or the certificate",
    can_be: &[&gw_cred_invalid::PAGE],
    ..SECRET
};

static SECRET_CA: Saying = Saying {
    patterns: &["failed to fetch ca certificate for <secret>"],
    says: "a TLS server is to check its clients, and has no certificate to do so",
    can_be: &[&gw_cred_ca::PAGE],
    ..SECRET
};

static SECRET_DENIED: Saying = Saying {
    patterns: &["attempted to access unauthorized certificates <secret>"],
    says: "a gateway may not have the certificate that a TLS server names",
    can_be: &[&gw_cred_denied::PAGE],
    source: "pilot/pkg/xds/sds.go:filterAuthorizedResources",
    ..SECRET
};

static CERTIFICATE: Saying = Saying {
    patterns: &[
        "failed to fetch key and certificate for <secret>",
        "pilot_sds_certificate_errors_total",
    ],
    says: "a certificate that a TLS server names cannot be sent to the gateway",
    can_be: &[
        &gw_cred_missing::PAGE,
        &gw_cred_invalid::PAGE,
        &gw_cred_ca::PAGE,
        &gw_cred_denied::PAGE,
    ],
    outer: true,
    ..SECRET
};

static RBAC_DENIED: Saying = Saying {
    by: ENVOY,
    patterns: &[
        "tcp.rbac.denied",
        "rbac.denied",
        "rbac_access_denied_matched_policy<text>",
        "RBAC: access denied",
    ],
    says: "an AuthorizationPolicy turns clients away",
    can_be: &[&gw_authz_deny::PAGE],
    ask: &[],
    source: "envoy source/extensions/filters/common/rbac",
    ..PLAIN
};

static INVALID_CERTIFICATE: Saying = Saying {
    patterns: &["invalid certificates: <object>"],
    says: "certificate <object> has run out, is not valid yet or cannot be read",
    means: &[
        "istiod sends it all the same. The listener is there; handshakes fail. It is not a matter of listeners or routes.",
    ],
    ask: &["kubectl get secrets -n <namespace>"],
    source: "pilot/pkg/xds/sds.go:recordInvalidCertificate",
    ..PLAIN
};

static SIDECAR_WELL_KNOWN: Saying = Saying {
    patterns: &["conflict happens on a well known port <port>"],
    says: "a sidecar leaves a service out on port <port>: Mongo or MySQL and another protocol meet there",
    means: &["The first service of that address and port keeps the listener."],
    ask: &["kubectl get services,serviceentries -A"],
    can_be: &[&sc_wellknown::PAGE],
    source: "pilot/pkg/networking/core/listener.go:buildSidecarOutboundListener",
    ..PLAIN
};

static SIDECAR_STATIC: Saying = Saying {
    patterns: &[
        "skipping sidecar port <port> for node <node> as it conflicts with static listener",
    ],
    says: "a sidecar leaves port <port> out: Envoy's own listeners use it",
    means: &["Move the service to another port."],
    ask: &["kubectl get services,serviceentries -A"],
    can_be: &[&sc_reserved_port::PAGE, &sc_in_reserved::PAGE],
    source: "pilot/pkg/networking/core/listener.go:buildSidecarOutboundListeners",
    ..PLAIN
};

static SIDECAR_PRIVILEGED: Saying = Saying {
    patterns: &["skipping privileged service port <port> for node <node>"],
    says: "a sidecar leaves port <port> out: it would have to bind it, and may not below 1024",
    can_be: &[&sc_privileged::PAGE],
    source: "pilot/pkg/networking/core/listener.go:buildSidecarOutboundListeners",
    ..PLAIN
};

static SIDECAR_SUBNETS: Saying = Saying {
    patterns: &["Existing filter chain with same matching CIDR: <text>"],
    says: "a VirtualService's destinationSubnets are a service's own addresses: its route counts",
    means: &["No port closes by it."],
    source: "pilot/pkg/networking/core/tls.go:buildSidecarOutboundTCPFilterChainOpts",
    ..PLAIN
};

static SIDECAR_TCP: Saying = Saying {
    patterns: &["pilot_conflict_outbound_listener_tcp_over_current_tcp"],
    says: "a sidecar has two TCP services with one address and port; the first one counts",
    ask: &["kubectl get services,serviceentries -A"],
    source: "pilot/pkg/networking/core/listener.go:mergeTCPFilterChains",
    ..PLAIN
};

static SIDECAR_INBOUND: Saying = Saying {
    patterns: &[
        "pilot_conflict_inbound_listener",
        "Conflicting inbound listener:<port>.",
    ],
    says: "two Services name a port of a pod with different protocols; the first one counts",
    means: &["It is about what comes into the pod."],
    ask: &["kubectl get services -A"],
    can_be: &[&sc_in_conflict::PAGE],
    source: "pilot/pkg/networking/core/listener_inbound.go:reportInboundConflict",
    ..PLAIN
};

static SIDECAR_HOST: Saying = Saying {
    patterns: &["Illegal host in sidecar resource: <host>"],
    says: "host <host> of a Sidecar is skipped: it is written namespace/host",
    ask: &["kubectl get sidecars -A"],
    source: "pilot/pkg/model/sidecar.go",
    ..PLAIN
};

static SIDECAR_PORTS: Saying = Saying {
    patterns: &[
        "Failed to find any VirtualService destination ports <text> exposed by Service <host>",
    ],
    says: "a VirtualService names ports that Service <host> does not have",
    can_be: &[&gw_dst_port_absent::PAGE],
    source: "pilot/pkg/model/sidecar.go",
    ..PLAIN
};

static HOST_PANIC: Saying = Saying {
    patterns: &["sanitizeServerHostNamespace"],
    says: "istiod crashes on the hosts of a Gateway",
    can_be: &[&gw_srv_host_panic::PAGE],
    source: "pilot/pkg/model/gateway.go:sanitizeServerHostNamespace",
    ..PLAIN
};

static WEIGHT_PANIC: Saying = Saying {
    patterns: &["buildOutboundNetworkFiltersWithWeightedClusters"],
    says: "istiod crashes on the weights of a tcp or tls rule",
    can_be: &[&gw_tcp_zero_sum::PAGE],
    source: "pilot/pkg/networking/core/networkfilter.go:buildOutboundNetworkFiltersWithWeightedClusters",
    ..PLAIN
};

static OUTLIER_PANIC: Saying = Saying {
    patterns: &["applyOutlierDetection"],
    says: "istiod crashes on outlierDetection of a host with resolution DYNAMIC_DNS",
    can_be: &[&gw_dst_outlier_panic::PAGE],
    source: "pilot/pkg/networking/core/cluster_traffic_policy.go:applyOutlierDetection",
    ..PLAIN
};

static PANIC: Saying = Saying {
    patterns: &[
        "panic: runtime error: index out of range",
        "panic: runtime error: invalid memory address or nil pointer dereference",
    ],
    says: "istiod crashes, and every gateway keeps what it had",
    heading: "THE STACK BELOW IT HAS",
    rows: &[
        Row {
            left: &["sanitizeServerHostNamespace"],
            after: Some(&HOST_PANIC),
            can_be: &[&gw_srv_host_panic::PAGE],
        },
        Row {
            left: &["buildOutboundNetworkFilters…"],
            after: Some(&WEIGHT_PANIC),
            can_be: &[&gw_tcp_zero_sum::PAGE],
        },
        Row {
            left: &["applyOutlierDetection"],
            after: Some(&OUTLIER_PANIC),
            can_be: &[&gw_dst_outlier_panic::PAGE],
        },
    ],
    source: "pilot/pkg/model/gateway.go, pilot/pkg/networking/core/networkfilter.go",
    ..PLAIN
};

static REJECTED_CONFIGS: Saying = Saying {
    patterns: &[
        "pilot_total_rejected_configs{type=gateway,name=<gateway>}",
        "pilot_total_rejected_configs{name=<gateway>,type=gateway}",
        "pilot_total_rejected_configs",
    ],
    says: "something of a Gateway was left out; the label `name` says of which",
    means: &[
        "It counts every push, so it also rises while nothing changes. The log says what was left out.",
    ],
    can_be: &[
        &gw_srv_l4_dup::PAGE,
        &gw_srv_proto_conflict::PAGE,
        &gw_srv_older_elsewhere::PAGE,
        &gw_srv_dup_host::PAGE,
        &gw_srv_https_name::PAGE,
        &gw_srv_nil_port::PAGE,
        &gw_pass_dup_sni::PAGE,
    ],
    ask: &[ASK_IN],
    source: "pilot/pkg/model/gateway.go:RecordRejectedConfig",
    ..PLAIN
};

static DUPLICATE_SUBSETS: Saying = Saying {
    patterns: &[
        "pilot_destrule_subsets",
        "Duplicate subset <subset> found while merging destination rules for <host>",
    ],
    says: "two DestinationRules of one host define the same subset",
    means: &["The first one's counts, so no route loses its cluster by this."],
    ask: &["kubectl get destinationrules -A"],
    source: "pilot/pkg/model/destination_rule.go:mergeDestinationRule",
    ..PLAIN
};

static LISTENER_NACK: Saying = Saying {
    by: ENVOY,
    patterns: &[
        "ADS:LDS: ACK ERROR <node> <code>:",
        "Error adding/updating listener(s) <listener>: <text>",
        "Error adding/updating listener(s) <listener>:",
        "error adding listener <address>: <text>",
        "error adding listener: <text>",
        "pilot_xds_lds_reject",
        "pilot_total_xds_rejects",
        "listener_manager.lds.update_rejected",
        "listener_manager.listener_create_failure",
    ],
    says: "a listener that istiod sent is refused",
    means: &[
        "Its other listeners stay; of the refused one Envoy keeps the version it had, if it had one.",
    ],
    heading: "IT GOES ON",
    rows: &[
        Row {
            left: &["cannot bind …: Address already in use"],
            after: None,
            can_be: &[&envoy_bind_inuse::PAGE, &gw_port_reserved::PAGE],
        },
        Row {
            left: &["cannot bind …: Cannot assign …"],
            after: None,
            can_be: &[&envoy_bind_noaddr::PAGE],
        },
        Row {
            left: &["cannot bind …: Permission denied"],
            after: None,
            can_be: &[&envoy_bind_perm::PAGE],
        },
        Row {
            left: &["… has duplicate address …"],
            after: None,
            can_be: &[&envoy_dup_addr::PAGE, &gw_port_reserved::PAGE],
        },
        Row {
            left: &["… same matching rules …"],
            after: None,
            can_be: &[
                &envoy_fc_identical::PAGE,
                &gw_srv_bind_shadow::PAGE,
                &gw_srv_bind_alias::PAGE,
                &gw_srv_proto_text::PAGE,
                &sc_vs_dup::PAGE,
            ],
        },
        Row {
            left: &["… overlapping matching rules …"],
            after: None,
            can_be: &[
                &envoy_fc_overlap::PAGE,
                &gw_srv_nshost_dup::PAGE,
                &gw_srv_bind_alias::PAGE,
                &sc_vs_dup::PAGE,
            ],
        },
        Row {
            left: &["partial wildcards are not supported …"],
            after: None,
            can_be: &[&envoy_sni_partial::PAGE],
        },
        Row {
            left: &["no filter chains specified"],
            after: None,
            can_be: &[&envoy_no_chains::PAGE],
        },
        Row {
            left: &["anything else"],
            after: None,
            can_be: &[&envoy_nack::PAGE],
        },
    ],
    ask: &[ASK_PORT],
    outer: true,
    source: "pilot/pkg/xds/delta.go:shouldRespondDelta; envoy source/common/listener_manager/lds_api.cc",
    ..PLAIN
};

static OTHER_NACK: Saying = Saying {
    by: ENVOY,
    patterns: &["ADS:<type>: ACK ERROR <node> <code>:"],
    says: "what istiod sent is refused (<type>)",
    means: &[
        "CDS are clusters, RDS routes, EDS endpoints, SDS certificates: no listener is refused by this. An EnvoyFilter can have made what Envoy does not take.",
    ],
    ask: &["kubectl get envoyfilters -A"],
    outer: true,
    source: "pilot/pkg/xds/delta.go:shouldRespondDelta",
    ..PLAIN
};

static BIND_IN_USE: Saying = Saying {
    by: ENVOY,
    patterns: &["cannot bind <address>: Address already in use"],
    says: "another process on the pod's network has <address>",
    can_be: &[&envoy_bind_inuse::PAGE, &gw_port_reserved::PAGE],
    ask: &[ASK_PORT],
    source: "envoy source/common/network/listen_socket_impl.cc",
    ..PLAIN
};

static BIND_DENIED: Saying = Saying {
    by: ENVOY,
    patterns: &["cannot bind <address>: Permission denied"],
    says: "the pod may not bind <address>",
    can_be: &[&envoy_bind_perm::PAGE],
    ask: &[ASK_PORT],
    source: "envoy source/common/network/listen_socket_impl.cc",
    ..PLAIN
};

static BIND_NO_ADDRESS: Saying = Saying {
    by: ENVOY,
    patterns: &["cannot bind <address>: Cannot assign requested address"],
    says: "the pod does not have the address of <address>",
    can_be: &[&envoy_bind_noaddr::PAGE],
    ask: &[ASK_PORT],
    source: "envoy source/common/network/listen_socket_impl.cc",
    ..PLAIN
};

static DUPLICATE_ADDRESS: Saying = Saying {
    by: ENVOY,
    patterns: &["<listener> has duplicate address <address> as existing listener"],
    says: "listener <listener> is refused: another listener has <address>",
    can_be: &[&gw_port_reserved::PAGE, &envoy_dup_addr::PAGE],
    ask: &[ASK_PORT],
    source: "envoy source/common/listener_manager/listener_manager_impl.cc",
    ..PLAIN
};

static IDENTICAL_CHAINS: Saying = Saying {
    by: ENVOY,
    patterns: &[
        "has the same matching rules defined as",
        "multiple filter chains with the same matching rules are defined",
    ],
    says: "a listener is refused: two of its filter chains match the same connections",
    means: &["The whole listener goes, with every server on its port."],
    can_be: &[
        &envoy_fc_identical::PAGE,
        &gw_srv_bind_shadow::PAGE,
        &gw_srv_bind_alias::PAGE,
        &gw_srv_proto_text::PAGE,
        &sc_vs_dup::PAGE,
    ],
    ask: &[ASK_PORT],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
    ..PLAIN
};

static OVERLAPPING_CHAINS: Saying = Saying {
    by: ENVOY,
    patterns: &["multiple filter chains with overlapping matching rules are defined"],
    says: "a listener is refused: two of its filter chains have a server name or a network in common",
    means: &["The whole listener goes, with every server on its port."],
    can_be: &[
        &envoy_fc_overlap::PAGE,
        &gw_srv_nshost_dup::PAGE,
        &gw_srv_bind_alias::PAGE,
        &sc_vs_dup::PAGE,
    ],
    ask: &[ASK_PORT],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
    ..PLAIN
};

static PARTIAL_WILDCARD: Saying = Saying {
    by: ENVOY,
    patterns: &["partial wildcards are not supported in server_names"],
    says: "a listener is refused: `*` stands for a whole label of a server name or not at all",
    means: &["The whole listener goes, with every server on its port."],
    can_be: &[&envoy_sni_partial::PAGE],
    ask: &[ASK_PORT],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
    ..PLAIN
};

static NO_CHAINS: Saying = Saying {
    by: ENVOY,
    patterns: &["no filter chains specified"],
    says: "a listener is refused: it has no filter chain",
    means: &[
        "istiod sends no such listener: it leaves it out. An EnvoyFilter took the chains away.",
    ],
    can_be: &[&envoy_no_chains::PAGE],
    ask: &["kubectl get envoyfilters -A"],
    source: "envoy source/common/listener_manager/listener_impl.cc",
    ..PLAIN
};

static CONSTRAINT: Saying = Saying {
    by: ENVOY,
    patterns: &["Proto constraint validation failed"],
    says: "something that istiod sent breaks a rule of Envoy's API",
    means: &["An EnvoyFilter can have made it. The words behind it name the field."],
    can_be: &[&envoy_nack::PAGE],
    ask: &["kubectl get envoyfilters -A"],
    source: "envoy source/common/protobuf/utility.cc",
    ..PLAIN
};

static WARMING: Saying = Saying {
    by: ENVOY,
    patterns: &["listener_manager.total_listeners_warming"],
    says: "so many listeners wait for a part of them",
    can_be: &[&envoy_warming::PAGE, &envoy_old_config::PAGE],
    ask: &[ASK_PORT],
    source: "envoy source/common/listener_manager/listener_manager_impl.cc",
    ..PLAIN
};

static DRAINING: Saying = Saying {
    by: ENVOY,
    patterns: &["listener_manager.total_listeners_draining"],
    says: "so many listeners are being closed, or were replaced by newer ones",
    can_be: &[&envoy_draining::PAGE],
    ask: &[ASK_PORT],
    source: "envoy source/common/listener_manager/listener_manager_impl.cc",
    ..PLAIN
};

static NO_CHAIN_MATCH: Saying = Saying {
    by: ENVOY,
    patterns: &[
        "listener.<listener>.no_filter_chain_match",
        "no_filter_chain_match",
        "filter_chain_not_found",
    ],
    says: "a connection reached the listener, and no filter chain of it matched",
    means: &[
        "The client's server name (SNI) decides, or that it sent none; also a plaintext client on a TLS port.",
    ],
    can_be: &[
        &gw_sni_no_chain::PAGE,
        &gw_sni_absent::PAGE,
        &gw_autopass_sni::PAGE,
    ],
    ask: &[ASK_PORT],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
    ..PLAIN
};

static NO_CLUSTER: Saying = Saying {
    by: ENVOY,
    patterns: &["downstream_cx_no_route", "cluster_not_found"],
    says: "the route leads to a cluster that this Envoy does not have",
    means: &["The connection is accepted and closed; HTTP gets 503."],
    heading: "THE CLUSTER IS",
    rows: NO_CLUSTER_ROWS,
    source: "envoy source/common/tcp_proxy/tcp_proxy.cc",
    ..PLAIN
};

const NO_CLUSTER_ROWS: &[Row] = &[
    Row {
        left: &["outbound|PORT||HOST"],
        after: None,
        can_be: &[
            &gw_dst_unknown_host::PAGE,
            &gw_dst_short_name::PAGE,
            &gw_dst_not_visible::PAGE,
            &gw_dst_port_absent::PAGE,
            &gw_dst_multiport::PAGE,
            &gw_dst_externalname::PAGE,
            &sc_samens_dup::PAGE,
        ],
    },
    Row {
        left: &["outbound|PORT|SUBSET|HOST"],
        after: None,
        can_be: &[
            &gw_dst_subset::PAGE,
            &gw_dst_unknown_host::PAGE,
            &gw_dst_short_name::PAGE,
            &gw_dst_not_visible::PAGE,
            &gw_dst_port_absent::PAGE,
        ],
    },
    Row {
        left: &["UnknownService"],
        after: None,
        can_be: &[&gw_dst_empty_host::PAGE],
    },
];

static NO_HEALTHY: Saying = Saying {
    by: ENVOY,
    patterns: &[
        "membership_healthy: 0",
        "upstream_cx_none_healthy",
        "no_healthy_upstream",
        "no healthy upstream",
    ],
    says: "the route's cluster is there and has no endpoint to connect to",
    can_be: &[&gw_dst_no_endpoints::PAGE],
    source: "envoy source/common/upstream/cluster_manager_impl.cc",
    ..PLAIN
};

static ZTUNNEL_NO_UPSTREAM: Saying = Saying {
    by: ZTUNNEL,
    patterns: &["no healthy upstream: <address>"],
    says: "<address> is a service's, and nothing is behind that port of it",
    can_be: &[&am_vipport::PAGE, &am_noendpoint::PAGE],
    source: "ztunnel src/proxy.rs:Error",
    ..PLAIN
};

static ZTUNNEL_TIMED_OUT: Saying = Saying {
    by: ZTUNNEL,
    patterns: &["connection timed out, maybe a NetworkPolicy is blocking HBONE port 15008"],
    says: "the pod, or the waypoint, does not answer on the port of tunnels",
    can_be: &[&am_15008::PAGE],
    source: "ztunnel src/proxy.rs:Error",
    ..PLAIN
};

static ZTUNNEL_NO_WAYPOINT: Saying = Saying {
    by: ZTUNNEL,
    patterns: &["unknown waypoint: waypoint"],
    says: "the service or the pod has a waypoint, and none of the waypoint's pods is ready",
    can_be: &[&am_noendpoint::PAGE],
    source: "ztunnel src/state.rs:DemandProxyState.fetch_waypoint",
    ..PLAIN
};

static DYNAMIC_NO_WAYPOINT: Saying = Saying {
    patterns: &["ServiceEntry <entry> has dynamic DNS resolution but no valid waypoint"],
    says: "pods in ambient mode cannot reach the hosts of ServiceEntry <entry>",
    can_be: &[&am_dyndns::PAGE, &am_wp_bind::PAGE],
    source: "pilot/pkg/serviceregistry/ambient/services.go:serviceEntriesInfo",
    ..PLAIN
};

static CONNECT_FAIL: Saying = Saying {
    by: ENVOY,
    patterns: &[
        "upstream_cx_connect_fail",
        "cluster.<cluster>.ssl.connection_error",
        "cluster.<cluster>.ssl.fail_verify_error",
        "delayed_connect_error",
        "upstream connect error or disconnect/reset before headers",
        "upstream_reset_before_response_started{connection_failure",
    ],
    says: "connecting to an endpoint fails",
    can_be: &[&gw_dst_connect_fail::PAGE],
    source: "envoy source/common/upstream/upstream_impl.h",
    ..PLAIN
};

static NO_ROUTE: Saying = Saying {
    by: ENVOY,
    patterns: &["route_not_found"],
    says: "an HTTP request found no route, and was answered 404",
    can_be: NO_HTTP_ROUTE,
    source: "envoy source/common/router/router.cc",
    ..PLAIN
};

const NO_HTTP_ROUTE: &[&Page] = &[
    &gw_http_no_vs::PAGE,
    &gw_http_host_no_vhost::PAGE,
    &gw_http_l4_only_vs::PAGE,
    &gw_http_all_routes_filtered::PAGE,
];

static IST0101: Saying = Saying {
    by: ANALYZE,
    patterns: &["IST0101", "Referenced <what> not found: <text>"],
    says: "an object names another one that is not there (IST0101)",
    heading: "IT REFERS TO",
    rows: &[
        Row {
            left: &["gateway"],
            after: None,
            can_be: &[&gw_vs_gwname::PAGE],
        },
        Row {
            left: &["selector"],
            after: None,
            can_be: &[&gw_none_selects::PAGE, &gw_sel_mismatch::PAGE],
        },
        Row {
            left: &["host"],
            after: None,
            can_be: &[&gw_dst_unknown_host::PAGE],
        },
        Row {
            left: &["host+subset in destinationrule"],
            after: None,
            can_be: &[&gw_dst_subset::PAGE],
        },
    ],
    source: "pkg/config/analysis/msg/messages.yaml",
    ..PLAIN
};

static IST0112: Saying = Saying {
    by: ANALYZE,
    patterns: &["IST0112"],
    says: "a route names a Service with several ports and none of them (IST0112)",
    can_be: &[&gw_dst_multiport::PAGE],
    source: "pkg/config/analysis/msg/messages.yaml",
    ..PLAIN
};

static IST0130: Saying = Saying {
    by: ANALYZE,
    patterns: &["IST0130"],
    says: "a rule of a VirtualService is never used, an earlier one takes all (IST0130)",
    can_be: &[&gw_http_after_catchall::PAGE],
    source: "pkg/config/analysis/msg/messages.yaml",
    ..PLAIN
};

static IST0132: Saying = Saying {
    by: ANALYZE,
    patterns: &["IST0132"],
    says: "no server of the Gateway has the VirtualService's host (IST0132)",
    can_be: &[
        &gw_vs_host_mismatch::PAGE,
        &gw_vs_host_ns::PAGE,
        &gw_vs_host_case::PAGE,
        &gw_vs_host_short::PAGE,
    ],
    source: "pkg/config/analysis/msg/messages.yaml",
    ..PLAIN
};

static IST0145: Saying = Saying {
    by: ANALYZE,
    patterns: &["IST0145"],
    says: "two Gateways have the same selector, port and host (IST0145)",
    can_be: &[
        &gw_srv_l4_dup::PAGE,
        &gw_srv_older_elsewhere::PAGE,
        &gw_srv_dup_host::PAGE,
    ],
    source: "pkg/config/analysis/msg/messages.yaml",
    ..PLAIN
};

static IST0162: Saying = Saying {
    by: ANALYZE,
    patterns: &["IST0162"],
    says: "a Gateway's port is on no Service of its pods (IST0162)",
    can_be: &[&gw_port_not_on_service::PAGE],
    source: "pkg/config/analysis/msg/messages.yaml",
    ..PLAIN
};

/// What all refusals of the webhook have in common.
const REFUSED: Saying = Saying {
    by: WEBHOOK,
    means: &[
        "Nothing of the object was stored. Where the webhook is off, the object goes in and the cause below is what it does.",
    ],
    source: "pkg/config/validation/validation.go",
    ..PLAIN
};

static REFUSED_OTHERWISE: Saying = Saying {
    patterns: &["denied the request: configuration is invalid: <text>"],
    says: "refused, the configuration is invalid",
    means: &["Nothing of the object was stored. The words behind it name the field."],
    outer: true,
    ..REFUSED
};

static REFUSED_TLS_MATCH: Saying = Saying {
    patterns: &["TLS route must have at least one match condition"],
    says: "refused, a tls rule has no match",
    can_be: &[&val_vs_tls::PAGE, &gw_pass_no_match::PAGE],
    ..REFUSED
};

static REFUSED_TCP_ROUTE: Saying = Saying {
    patterns: &["TCP route is required"],
    says: "refused, a tcp rule has no route",
    can_be: &[&val_vs_tcp::PAGE, &gw_tcp_empty_route::PAGE],
    ..REFUSED
};

static REFUSED_WEIGHTS: Saying = Saying {
    patterns: &["total destination weight = 0"],
    says: "refused, the weights of a rule sum to 0",
    can_be: &[&val_vs_weight::PAGE, &gw_tcp_zero_sum::PAGE],
    ..REFUSED
};

static REFUSED_NO_TLS: Saying = Saying {
    patterns: &["server must have TLS settings for HTTPS/TLS protocols"],
    says: "refused, an HTTPS or TLS server has no tls settings",
    can_be: &[&val_gw_tls_required::PAGE, &gw_srv_tls_no_settings::PAGE],
    ..REFUSED
};

static REFUSED_PORT_NAME: Saying = Saying {
    patterns: &["port names in servers must be unique: duplicate name <name>"],
    says: "refused, two servers of a Gateway have the port name <name>",
    can_be: &[&val_gw_portname_dup::PAGE, &gw_srv_https_name::PAGE],
    ..REFUSED
};

static REFUSED_DELEGATE: Saying = Saying {
    patterns: &[
        "delegate virtual service must have no gateways specified",
        "delegate virtual service must have no tls route specified",
        "delegate virtual service must have no tcp route specified",
    ],
    says: "refused, a VirtualService without hosts is a delegate",
    can_be: &[&val_vs_empty::PAGE, &gw_vs_hosts_empty::PAGE],
    ..REFUSED
};

static REFUSED_WILDCARD: Saying = Saying {
    patterns: &["wildcard host * is not allowed for virtual services bound to the mesh gateway"],
    says: "refused, host `*` without a Gateway",
    means: &[
        "Nothing of the object was stored. It names no Gateway, and so it would have been for sidecars only.",
    ],
    can_be: &[&val_vs_hosts::PAGE, &gw_vs_mesh_only::PAGE],
    ..REFUSED
};

static REFUSED_SUBSETS: Saying = Saying {
    patterns: &["duplicate subset names: <name>"],
    says: "refused, two subsets of a DestinationRule have the name <name>",
    can_be: &[&val_dr::PAGE],
    ..REFUSED
};

static REFUSED_DESTINATION: Saying = Saying {
    patterns: &["invalid destination host <text>"],
    says: "refused, a host that no route can lead to",
    can_be: &[&val_dst::PAGE],
    ..REFUSED
};

static REFUSED_NO_DESTINATION: Saying = Saying {
    by: "the API server",
    patterns: &["destination.host: Required value"],
    says: "refused, a destination without host",
    can_be: &[&val_dst::PAGE],
    source: "manifests/charts/base/files/crd-all.gen.yaml",
    ..REFUSED
};

static REFUSED_BIND: Saying = Saying {
    patterns: &["<text> is not a valid IP"],
    says: "refused, the bind of a server is no IP address",
    can_be: &[&val_gw_bind::PAGE],
    ..REFUSED
};

static REFUSED_SHORT_NAME: Saying = Saying {
    patterns: &["short names (non FQDN) are not allowed"],
    says: "refused, a host of a Gateway is a short name",
    can_be: &[&val_gw_host::PAGE],
    ..REFUSED
};

static REFUSED_PARTIAL: Saying = Saying {
    patterns: &["partial wildcard <text> not allowed"],
    says: "refused, a host of a Gateway is a partial wildcard",
    can_be: &[&val_gw_host::PAGE],
    ..REFUSED
};

static REFUSED_GATEWAY_NAME: Saying = Saying {
    patterns: &["invalid gateway name: <name>"],
    says: "refused, <name> cannot be a Gateway's name",
    can_be: &[&val_gw_name::PAGE],
    ..REFUSED
};

static REFUSED_NO_HOSTS: Saying = Saying {
    patterns: &["server config must contain at least one host"],
    says: "refused, a server without hosts",
    can_be: &[&val_gw_no_hosts::PAGE],
    ..REFUSED
};

static REFUSED_HOSTS_ABSENT: Saying = Saying {
    by: "the API server",
    patterns: &[".hosts: Required value"],
    says: "refused, a server without hosts",
    can_be: &[&val_gw_no_hosts::PAGE],
    source: "manifests/charts/base/files/crd-all.gen.yaml",
    ..REFUSED
};

static REFUSED_NO_SERVER: Saying = Saying {
    patterns: &["gateway must have at least one server"],
    says: "refused, a Gateway without servers",
    can_be: &[&val_gw_no_server::PAGE],
    ..REFUSED
};

static REFUSED_UNNAMED_PORT: Saying = Saying {
    patterns: &["port name must be set"],
    says: "refused, the port of a server has no name",
    can_be: &[&val_gw_port::PAGE],
    ..REFUSED
};

static REFUSED_PORT_ABSENT: Saying = Saying {
    by: "the API server",
    patterns: &[".port.name: Required value"],
    says: "refused, the port of a server has no name",
    can_be: &[&val_gw_port::PAGE],
    source: "manifests/charts/base/files/crd-all.gen.yaml",
    ..REFUSED
};

static REFUSED_CERTIFICATE: Saying = Saying {
    patterns: &["SIMPLE TLS requires a server certificate"],
    says: "refused, a server that ends TLS names no certificate",
    can_be: &[&val_gw_tls_certs::PAGE],
    ..REFUSED
};

static REFUSED_TLS_MODE: Saying = Saying {
    by: "the API server",
    patterns: &[".tls.mode: Unsupported value: <text>"],
    says: "refused, a TLS mode that is none",
    can_be: &[&val_gw_tls_certs::PAGE],
    source: "manifests/charts/base/files/crd-all.gen.yaml",
    ..REFUSED
};

static REFUSED_TLS_ON_PLAIN: Saying = Saying {
    patterns: &["server cannot have TLS settings for non HTTPS/TLS ports"],
    says: "refused, tls at a server without TLS",
    can_be: &[&val_gw_tls_on_plain::PAGE],
    ..REFUSED
};

static REFUSED_ENTRY_PORT: Saying = Saying {
    patterns: &["service entry port name <name> already defined"],
    says: "refused, two ports of a ServiceEntry have the name <name>",
    can_be: &[&val_se::PAGE],
    ..REFUSED
};

static REFUSED_ENTRY_MODE: Saying = Saying {
    by: "the API server",
    patterns: &["NONE mode cannot set endpoints"],
    says: "refused, endpoints in a ServiceEntry whose resolution is NONE",
    can_be: &[&val_se::PAGE],
    source: "manifests/charts/base/files/crd-all.gen.yaml",
    ..REFUSED
};

static REFUSED_NO_RULES: Saying = Saying {
    patterns: &["http, tcp or tls must be provided in virtual service"],
    says: "refused, a VirtualService without rules",
    can_be: &[&val_vs_empty::PAGE],
    ..REFUSED
};

static REFUSED_EXPORT: Saying = Saying {
    patterns: &["exportTo ~ (none) is not allowed for Istio configuration objects"],
    says: "refused, exportTo `~` is for Services alone",
    can_be: &[&val_vs_exportto::PAGE],
    ..REFUSED
};

static REFUSED_GATEWAY_REF: Saying = Saying {
    patterns: &["invalid value for namespace: <text>"],
    says: "refused, the namespace of a name in gateways",
    can_be: &[&val_vs_gwnames::PAGE],
    ..REFUSED
};

static REFUSED_GATEWAY_REF_NAME: Saying = Saying {
    patterns: &["invalid value for gateway name: <text>"],
    says: "refused, a name in gateways",
    can_be: &[&val_vs_gwnames::PAGE],
    ..REFUSED
};

static REFUSED_NO_ACTION: Saying = Saying {
    patterns: &["HTTP route, redirect or direct_response is required"],
    says: "refused, an http rule that does nothing",
    can_be: &[&val_vs_http::PAGE],
    ..REFUSED
};

static REFUSED_SNI: Saying = Saying {
    patterns: &["SNI host <text> is not a compatible subset of any of the virtual service hosts"],
    says: "refused, an SNI is under no host of its VirtualService",
    can_be: &[&val_vs_tls::PAGE],
    ..REFUSED
};

static REFUSED_SAME_HOSTS: Saying = Saying {
    patterns: &["duplicate hosts in virtual service: <text>"],
    says: "refused, hosts of a VirtualService overlap",
    can_be: &[&val_vs_hosts::PAGE],
    ..REFUSED
};

/// Every line that is known.
pub static SAYINGS: &[&Saying] = &[
    &ZTUNNEL_NO_UPSTREAM,
    &ZTUNNEL_TIMED_OUT,
    &ZTUNNEL_NO_WAYPOINT,
    &DYNAMIC_NO_WAYPOINT,
    &OMITTING,
    &OMITTING_OTHERWISE,
    &NO_VIRTUAL_SERVICE,
    &MISSED_FILTER,
    &FOUND_SERVICES,
    &NO_VHOSTS,
    &SERVER_CONFLICT,
    &HTTPS_NAME,
    &DUPLICATE_HOSTS,
    &TLS_WITHOUT_OPTIONS,
    &SERVER_NAME,
    &NO_PORT,
    &DUPLICATE_SNI,
    &PRIVILEGED,
    &NO_GATEWAYS,
    &ZERO_LISTENERS,
    &ROUTE_GONE,
    &ROUTES_FILTERED,
    &DELEGATE,
    &DELEGATE_CONFLICT,
    &STRICT_MERGING,
    &NAMED_TARGET,
    &WRONG_CLUSTER,
    &SERVICE_IGNORED,
    &NO_ENDPOINTS,
    &SAME_CLUSTER,
    &NO_SERVICE,
    &FILE_CERTIFICATE,
    &GATEWAY_API_KIND,
    &KIND_EXCLUDED,
    &GATEWAY_API_TLS,
    &SECRET_ABSENT,
    &SECRET_KEYS,
    &SECRET_CA,
    &SECRET_DENIED,
    &CERTIFICATE,
    &RBAC_DENIED,
    &INVALID_CERTIFICATE,
    &SIDECAR_WELL_KNOWN,
    &SIDECAR_STATIC,
    &SIDECAR_PRIVILEGED,
    &SIDECAR_SUBNETS,
    &SIDECAR_TCP,
    &SIDECAR_INBOUND,
    &SIDECAR_HOST,
    &SIDECAR_PORTS,
    &PANIC,
    &HOST_PANIC,
    &WEIGHT_PANIC,
    &OUTLIER_PANIC,
    &REJECTED_CONFIGS,
    &DUPLICATE_SUBSETS,
    &LISTENER_NACK,
    &OTHER_NACK,
    &BIND_IN_USE,
    &BIND_DENIED,
    &BIND_NO_ADDRESS,
    &DUPLICATE_ADDRESS,
    &IDENTICAL_CHAINS,
    &OVERLAPPING_CHAINS,
    &PARTIAL_WILDCARD,
    &NO_CHAINS,
    &CONSTRAINT,
    &WARMING,
    &DRAINING,
    &NO_CHAIN_MATCH,
    &NO_CLUSTER,
    &NO_HEALTHY,
    &CONNECT_FAIL,
    &NO_ROUTE,
    &IST0101,
    &IST0112,
    &IST0130,
    &IST0132,
    &IST0145,
    &IST0162,
    &REFUSED_OTHERWISE,
    &REFUSED_TLS_MATCH,
    &REFUSED_TCP_ROUTE,
    &REFUSED_WEIGHTS,
    &REFUSED_NO_TLS,
    &REFUSED_PORT_NAME,
    &REFUSED_DELEGATE,
    &REFUSED_WILDCARD,
    &REFUSED_SUBSETS,
    &REFUSED_DESTINATION,
    &REFUSED_NO_DESTINATION,
    &REFUSED_BIND,
    &REFUSED_SHORT_NAME,
    &REFUSED_PARTIAL,
    &REFUSED_GATEWAY_NAME,
    &REFUSED_NO_HOSTS,
    &REFUSED_HOSTS_ABSENT,
    &REFUSED_NO_SERVER,
    &REFUSED_UNNAMED_PORT,
    &REFUSED_PORT_ABSENT,
    &REFUSED_CERTIFICATE,
    &REFUSED_TLS_MODE,
    &REFUSED_TLS_ON_PLAIN,
    &REFUSED_ENTRY_PORT,
    &REFUSED_ENTRY_MODE,
    &REFUSED_NO_RULES,
    &REFUSED_EXPORT,
    &REFUSED_GATEWAY_REF,
    &REFUSED_GATEWAY_REF_NAME,
    &REFUSED_NO_ACTION,
    &REFUSED_SNI,
    &REFUSED_SAME_HOSTS,
];

/// What a response flag of the access log can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Any line with the flag.
    Always,
    /// A TCP or TLS connection: no request in the line.
    Connection,
    /// An HTTP request.
    Request,
    /// The upstream cluster names no subset.
    NoSubset,
    /// The upstream cluster names a subset.
    Subset,
    /// The upstream cluster is UnknownService.
    UnknownService,
}

impl When {
    /// The condition in words, for a flag that stands alone.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Connection => "it is a TCP or TLS connection",
            Self::Request => "it is an HTTP request",
            Self::NoSubset => "the cluster is outbound|PORT||HOST",
            Self::Subset => "it is outbound|PORT|SUBSET|HOST",
            Self::UnknownService => "it is UnknownService",
        }
    }
}

/// A response flag of Envoy's access log.
#[derive(Debug)]
pub struct Flag {
    /// As the log has it.
    pub flag: &'static str,
    /// What it says, in plain words.
    pub says: &'static str,
    /// Which causes it can have, and when; none for what no listener, route or cluster decides.
    pub can_be: &'static [(When, &'static [&'static Page])],
}

const fn elsewhere(flag: &'static str, says: &'static str) -> Flag {
    Flag {
        flag,
        says,
        can_be: &[],
    }
}

/// Envoy's response flags (envoy `source/common/stream_info/utility.h`, and its page on access logs), those first
/// that say most about the way.
pub static FLAGS: &[Flag] = &[
    Flag {
        flag: "NR",
        says: "no route, or no filter chain of the listener matches",
        can_be: &[
            (
                When::Connection,
                &[
                    &gw_sni_no_chain::PAGE,
                    &gw_sni_absent::PAGE,
                    &gw_autopass_sni::PAGE,
                    &sc_e_passthrough_strict::PAGE,
                    &am_wp_nochain::PAGE,
                    &sc_in_permissive_http_tls::PAGE,
                ],
            ),
            (When::Request, NO_HTTP_ROUTE),
        ],
    },
    Flag {
        flag: "NC",
        says: "the route leads to a cluster that this Envoy does not have",
        can_be: &[
            (
                When::NoSubset,
                &[
                    &gw_dst_unknown_host::PAGE,
                    &gw_dst_short_name::PAGE,
                    &gw_dst_not_visible::PAGE,
                    &gw_dst_port_absent::PAGE,
                    &gw_dst_multiport::PAGE,
                    &gw_dst_externalname::PAGE,
                    &sc_e_egressproxy::PAGE,
                    &sc_dyndns::PAGE,
                    &sc_samens_dup::PAGE,
                ],
            ),
            (
                When::Subset,
                &[
                    &gw_dst_subset::PAGE,
                    &gw_dst_unknown_host::PAGE,
                    &gw_dst_short_name::PAGE,
                    &gw_dst_not_visible::PAGE,
                    &gw_dst_port_absent::PAGE,
                ],
            ),
            (When::UnknownService, &[&gw_dst_empty_host::PAGE]),
        ],
    },
    Flag {
        flag: "UH",
        says: "the cluster has no endpoint to connect to",
        can_be: &[(
            When::Always,
            &[
                &gw_dst_no_endpoints::PAGE,
                &sc_e_uh::PAGE,
                &am_noendpoint::PAGE,
                &sc_e_blackhole::PAGE,
                &sc_podip_direct::PAGE,
                &sc_unknown_host::PAGE,
                &sc_e_listenport::PAGE,
                &sc_httpproxy::PAGE,
            ],
        )],
    },
    Flag {
        flag: "UF",
        says: "connecting to the endpoint failed",
        can_be: &[(When::Always, &[&gw_dst_connect_fail::PAGE])],
    },
    Flag {
        flag: "URX",
        says: "no attempt was left",
        can_be: &[(When::Connection, &[&gw_dst_connect_fail::PAGE])],
    },
    Flag {
        flag: "UC",
        says: "the endpoint closed the connection before it answered",
        can_be: &[(When::Request, &[&gw_dst_connect_fail::PAGE])],
    },
    elsewhere(
        "UO",
        "a limit of the cluster is reached (connectionPool of its DestinationRule)",
    ),
    elsewhere(
        "UPE",
        "the endpoint's answer breaks the protocol that Envoy speaks to it",
    ),
    elsewhere("UR", "the endpoint reset the request"),
    elsewhere("UT", "the endpoint did not answer in time"),
    elsewhere("LR", "Envoy itself reset the connection to the endpoint"),
    elsewhere("DF", "the name of the endpoint could not be resolved"),
    Flag {
        flag: "DPE",
        says: "what the client sent breaks the protocol: TCP sent to an HTTP server ends so",
        can_be: &[(When::Always, &[&sc_in_permissive_http_tls::PAGE])],
    },
    elsewhere("DC", "the client closed the connection"),
    elsewhere("DR", "the client reset the request"),
    elsewhere("DT", "the connection or request lasted longer than allowed"),
    elsewhere(
        "SI",
        "nothing was sent for too long on the request's stream",
    ),
    elsewhere(
        "UMSDR",
        "the request to the endpoint lasted longer than allowed",
    ),
    elsewhere("UAEX", "external authorization refused the request"),
    elsewhere("RL", "a rate limit refused the request"),
    elsewhere("RLSE", "the rate limit service failed"),
    elsewhere("LH", "the local service failed its health check"),
    elsewhere("DI", "fault injection delayed the request"),
    elsewhere("FI", "fault injection aborted the request"),
    elsewhere(
        "IH",
        "a header that Envoy checks strictly has a wrong value",
    ),
    elsewhere("OM", "Envoy is overloaded and ended the request"),
    elsewhere("DO", "the drop policy of the endpoints dropped the request"),
    elsewhere("RFCF", "the answer comes from a cache"),
    elsewhere("NFCF", "a filter's configuration had not arrived yet"),
];

/// A cluster that no service has.
#[derive(Debug)]
pub struct OwnCluster {
    /// Its name in the access log.
    pub name: &'static str,
    /// What a connection in it means.
    pub means: &'static str,
    /// The causes.
    pub can_be: &'static [&'static Page],
}

/// What a listener without an address can be, where it took a connection to an IP that is none of its service's.
pub static CATCH_ALLS: &[&Page] = &[&sc_wild_se::PAGE, &sc_externalname_legacy::PAGE];

/// The clusters that istiod gives to every sidecar (istio `pilot/pkg/networking/util/util.go`).
pub static OWN_CLUSTERS: &[OwnCluster] = &[
    OwnCluster {
        name: "BlackHoleCluster",
        means: "No service of this sidecar has the address and port, and outboundTrafficPolicy is REGISTRY_ONLY: the connection ends here.",
        can_be: &[
            &sc_e_blackhole::PAGE,
            &sc_unknown_host::PAGE,
            &sc_podip_direct::PAGE,
            &sc_no_such_port::PAGE,
        ],
    },
    OwnCluster {
        name: "PassthroughCluster",
        means: "No service of this sidecar has the address and port: Envoy connects to that very address, without mTLS and without routes. A ClusterIP Service has no listener for the IPs of its pods; a headless one has.",
        can_be: &[
            &sc_e_passthrough::PAGE,
            &sc_podip_direct::PAGE,
            &sc_no_such_port::PAGE,
            &sc_notvip::PAGE,
        ],
    },
    OwnCluster {
        name: "InboundPassthroughCluster",
        means: "It is the side of the server, and no Service declares this port of the pod: Envoy passes the connection on.",
        can_be: &[],
    },
];
