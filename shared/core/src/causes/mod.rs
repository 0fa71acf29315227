//! One file a cause: its code, its page, and how it is told. Causes never decide: prediction records a reason, a
//! cause only tells it.

mod admission;
pub(crate) mod age;
mod am_15008;
mod am_dyndns;
mod am_extname;
mod am_headless;
mod am_noendpoint;
mod am_notenrolled;
mod am_podip;
mod am_se_noaddr;
mod am_se_none;
mod am_sidecar_client;
mod am_vipport;
mod am_wp_bind;
mod am_wp_nochain;
mod ambient;
mod build;
mod candidate;
mod envoy_bind_inuse;
mod envoy_bind_noaddr;
mod envoy_bind_perm;
mod envoy_draining;
mod envoy_dup_addr;
mod envoy_fc_identical;
mod envoy_fc_overlap;
mod envoy_nack;
mod envoy_no_chains;
mod envoy_old_config;
mod envoy_proxy_protocol;
mod envoy_sni_partial;
mod envoy_warming;
mod envoyfilter_remove;
mod gw_authz_deny;
mod gw_autopass_no_svc;
mod gw_autopass_sni;
mod gw_bind_ipfamily;
mod gw_bind_specific;
mod gw_cred_ca;
mod gw_cred_denied;
mod gw_cred_invalid;
mod gw_cred_missing;
mod gw_dst_connect_fail;
mod gw_dst_empty_host;
mod gw_dst_externalname;
mod gw_dst_itself;
mod gw_dst_multiport;
mod gw_dst_no_endpoints;
mod gw_dst_not_visible;
mod gw_dst_outlier_panic;
mod gw_dst_port_absent;
mod gw_dst_short_name;
mod gw_dst_squatted;
mod gw_dst_subset;
mod gw_dst_unknown_host;
mod gw_dst_zero_weight;
mod gw_h3_no_udp;
mod gw_http_after_catchall;
mod gw_http_all_routes_filtered;
mod gw_http_delegate_conflict;
mod gw_http_delegate_missing;
mod gw_http_host_no_vhost;
mod gw_http_l4_only_vs;
mod gw_http_no_vs;
mod gw_http_redirect;
mod gw_http_redirect_nshost;
mod gw_http_same_host_merge;
mod gw_none_selects;
mod gw_ns_not_discovered;
mod gw_pass_dup_sni;
mod gw_pass_no_match;
mod gw_pass_no_tls_block;
mod gw_pass_port_match;
mod gw_pass_vs_bound_twice;
mod gw_port_dedup_target;
mod gw_port_named_target;
mod gw_port_no_translation;
mod gw_port_not_declared;
mod gw_port_not_on_service;
mod gw_port_privileged;
mod gw_port_reserved;
mod gw_port_tiebreak;
mod gw_port_translated;
mod gw_port_udp_capture;
mod gw_port_zero;
mod gw_proxy_not_connected;
mod gw_proxy_not_router;
mod gw_res_ignored;
mod gw_rev_mismatch;
mod gw_sel_mismatch;
mod gw_sel_ns_scoped;
mod gw_sni_absent;
mod gw_sni_no_chain;
mod gw_srv_bind_alias;
mod gw_srv_bind_shadow;
mod gw_srv_dup_host;
mod gw_srv_dup_host_ghost;
mod gw_srv_host_panic;
mod gw_srv_https_name;
mod gw_srv_ingress_first;
mod gw_srv_l4_dup;
mod gw_srv_nil_port;
mod gw_srv_nshost_dup;
mod gw_srv_older_elsewhere;
mod gw_srv_plain_after_tls;
mod gw_srv_proto_conflict;
mod gw_srv_proto_text;
mod gw_srv_tls_no_settings;
mod gw_tcp_empty_route;
mod gw_tcp_gw_match;
mod gw_tcp_ignored_match;
mod gw_tcp_no_block;
mod gw_tcp_port_match;
mod gw_tcp_shadowed;
mod gw_tcp_zero_sum;
mod gw_tls_term_no_tcp;
mod gw_tls_vs_wider;
mod gw_udp_is_tcp;
mod gw_vs_exportto;
mod gw_vs_gwname;
mod gw_vs_host_case;
mod gw_vs_host_mismatch;
mod gw_vs_host_ns;
mod gw_vs_host_short;
mod gw_vs_hosts_empty;
mod gw_vs_mesh_only;
mod gw_vs_none;
mod gw_vs_rule_idle;
pub mod lines;
mod net_nodeport_confusion;
mod net_policy;
mod net_svc_no_endpoint;
mod page;
mod refused;
mod sc_auto_auto;
mod sc_auto_over_http;
mod sc_autovip;
mod sc_cap_loopback;
mod sc_cap_mode_none;
mod sc_cap_out_ip_excl;
mod sc_cap_out_ip_incl;
mod sc_cap_out_port_excl;
mod sc_cap_uid;
mod sc_cidr;
mod sc_cidr_steals_http;
mod sc_dyndns;
mod sc_e_blackhole;
mod sc_e_dyndns;
mod sc_e_egressproxy;
mod sc_e_listenport;
mod sc_e_passthrough;
mod sc_e_passthrough_strict;
mod sc_e_uh;
mod sc_exact_multiaddr;
mod sc_exportto;
mod sc_externalname_alias;
mod sc_externalname_legacy;
mod sc_headless_badip;
mod sc_headless_http;
mod sc_headless_noep;
mod sc_headless_portnum;
mod sc_headless_self;
mod sc_http_dup_domain;
mod sc_http_host;
mod sc_http_tcp_merge;
mod sc_httpproxy;
mod sc_in_capture;
mod sc_in_conflict;
mod sc_in_disable;
mod sc_in_noservice;
mod sc_in_permissive_http_tls;
mod sc_in_reserved;
mod sc_in_selectorless_mix;
mod sc_in_sidecar;
mod sc_in_targetport;
mod sc_in_udp;
mod sc_in_wle;
mod sc_inj_custom;
mod sc_inj_hostnet;
mod sc_inj_noproxy;
mod sc_inj_optout;
mod sc_inj_sysns;
mod sc_inj_webhook;
mod sc_ipfamily;
mod sc_locked;
mod sc_name_udp;
mod sc_no_such_port;
mod sc_noports;
mod sc_notvip;
mod sc_podip_direct;
mod sc_privileged;
mod sc_rds_wrong_entry;
mod sc_reserved_port;
mod sc_samens_dup;
mod sc_scope_shadow;
mod sc_se_badaddr;
mod sc_sevis;
mod sc_sidecar_bind;
mod sc_sidecar_excl;
mod sc_sidecar_headless;
mod sc_sidecar_hosts;
mod sc_sidecar_portmap;
mod sc_sidecar_portonly;
mod sc_sidecar_proto;
mod sc_sidecar_vsonly;
mod sc_sidecar_which;
mod sc_sni;
mod sc_tcp_over_tcp;
mod sc_tls_ignores_tcp;
mod sc_udp;
mod sc_unknown_host;
mod sc_vs_cidr_sticky;
mod sc_vs_dup;
mod sc_vs_wildcard;
mod sc_wellknown;
mod sc_wild_http;
mod sc_wild_se;
mod sidecar;
mod tale;
mod unseen;
mod val_dr;
mod val_dst;
mod val_gw_bind;
mod val_gw_host;
mod val_gw_name;
mod val_gw_no_hosts;
mod val_gw_no_server;
mod val_gw_port;
mod val_gw_portname_dup;
mod val_gw_tls_certs;
mod val_gw_tls_on_plain;
mod val_gw_tls_required;
mod val_se;
mod val_vs_empty;
mod val_vs_exportto;
mod val_vs_gwnames;
mod val_vs_hosts;
mod val_vs_http;
mod val_vs_tcp;
mod val_vs_tls;
mod val_vs_weight;

pub use ambient::Ambient;
pub(crate) use build::slip;
pub use candidate::{Candidate, Choice, Destination, Wish};
pub use page::{Page, Severity};
pub use tale::{Symptom, Tale, Told, Uncaptured};

use crate::admission::Rule;
use crate::ledger::{Block, EntryId, Fate, Reason, Step};
use crate::predict::ProxyKind;
use crate::predict::envoy::Refusal;
use crate::predict::features::Unseen;
use crate::predict::hosts;
use crate::predict::reach::{Barrier, CredentialFault};
use crate::report::{Certainty, Finding, Mark};
use crate::snapshot::{Kind, ObjectId, views};

/// Every page, sorted by code.
pub static PAGES: &[&Page] = &[
    &am_15008::PAGE,
    &am_dyndns::PAGE,
    &am_extname::PAGE,
    &am_headless::PAGE,
    &am_noendpoint::PAGE,
    &am_notenrolled::PAGE,
    &am_podip::PAGE,
    &am_se_noaddr::PAGE,
    &am_se_none::PAGE,
    &am_sidecar_client::PAGE,
    &am_vipport::PAGE,
    &am_wp_bind::PAGE,
    &am_wp_nochain::PAGE,
    &envoy_bind_inuse::PAGE,
    &envoy_bind_noaddr::PAGE,
    &envoy_bind_perm::PAGE,
    &envoy_draining::PAGE,
    &envoy_dup_addr::PAGE,
    &envoy_fc_identical::PAGE,
    &envoy_fc_overlap::PAGE,
    &envoy_nack::PAGE,
    &envoy_no_chains::PAGE,
    &envoy_old_config::PAGE,
    &envoy_proxy_protocol::PAGE,
    &envoy_sni_partial::PAGE,
    &envoy_warming::PAGE,
    &envoyfilter_remove::PAGE,
    &gw_authz_deny::PAGE,
    &gw_autopass_no_svc::PAGE,
    &gw_autopass_sni::PAGE,
    &gw_bind_ipfamily::PAGE,
    &gw_bind_specific::PAGE,
    &gw_cred_ca::PAGE,
    &gw_cred_denied::PAGE,
    &gw_cred_invalid::PAGE,
    &gw_cred_missing::PAGE,
    &gw_dst_connect_fail::PAGE,
    &gw_dst_empty_host::PAGE,
    &gw_dst_externalname::PAGE,
    &gw_dst_itself::PAGE,
    &gw_dst_multiport::PAGE,
    &gw_dst_no_endpoints::PAGE,
    &gw_dst_not_visible::PAGE,
    &gw_dst_outlier_panic::PAGE,
    &gw_dst_port_absent::PAGE,
    &gw_dst_short_name::PAGE,
    &gw_dst_squatted::PAGE,
    &gw_dst_subset::PAGE,
    &gw_dst_unknown_host::PAGE,
    &gw_dst_zero_weight::PAGE,
    &gw_h3_no_udp::PAGE,
    &gw_http_after_catchall::PAGE,
    &gw_http_all_routes_filtered::PAGE,
    &gw_http_delegate_conflict::PAGE,
    &gw_http_delegate_missing::PAGE,
    &gw_http_host_no_vhost::PAGE,
    &gw_http_l4_only_vs::PAGE,
    &gw_http_no_vs::PAGE,
    &gw_http_redirect::PAGE,
    &gw_http_redirect_nshost::PAGE,
    &gw_http_same_host_merge::PAGE,
    &gw_none_selects::PAGE,
    &gw_ns_not_discovered::PAGE,
    &gw_pass_dup_sni::PAGE,
    &gw_pass_no_match::PAGE,
    &gw_pass_no_tls_block::PAGE,
    &gw_pass_port_match::PAGE,
    &gw_pass_vs_bound_twice::PAGE,
    &gw_port_dedup_target::PAGE,
    &gw_port_named_target::PAGE,
    &gw_port_no_translation::PAGE,
    &gw_port_not_declared::PAGE,
    &gw_port_not_on_service::PAGE,
    &gw_port_privileged::PAGE,
    &gw_port_reserved::PAGE,
    &gw_port_tiebreak::PAGE,
    &gw_port_translated::PAGE,
    &gw_port_udp_capture::PAGE,
    &gw_port_zero::PAGE,
    &gw_proxy_not_connected::PAGE,
    &gw_proxy_not_router::PAGE,
    &gw_res_ignored::PAGE,
    &gw_rev_mismatch::PAGE,
    &gw_sel_mismatch::PAGE,
    &gw_sel_ns_scoped::PAGE,
    &gw_sni_absent::PAGE,
    &gw_sni_no_chain::PAGE,
    &gw_srv_bind_alias::PAGE,
    &gw_srv_bind_shadow::PAGE,
    &gw_srv_dup_host::PAGE,
    &gw_srv_dup_host_ghost::PAGE,
    &gw_srv_host_panic::PAGE,
    &gw_srv_https_name::PAGE,
    &gw_srv_ingress_first::PAGE,
    &gw_srv_l4_dup::PAGE,
    &gw_srv_nil_port::PAGE,
    &gw_srv_nshost_dup::PAGE,
    &gw_srv_older_elsewhere::PAGE,
    &gw_srv_plain_after_tls::PAGE,
    &gw_srv_proto_conflict::PAGE,
    &gw_srv_proto_text::PAGE,
    &gw_srv_tls_no_settings::PAGE,
    &gw_tcp_empty_route::PAGE,
    &gw_tcp_gw_match::PAGE,
    &gw_tcp_ignored_match::PAGE,
    &gw_tcp_no_block::PAGE,
    &gw_tcp_port_match::PAGE,
    &gw_tcp_shadowed::PAGE,
    &gw_tcp_zero_sum::PAGE,
    &gw_tls_term_no_tcp::PAGE,
    &gw_tls_vs_wider::PAGE,
    &gw_udp_is_tcp::PAGE,
    &gw_vs_exportto::PAGE,
    &gw_vs_gwname::PAGE,
    &gw_vs_host_case::PAGE,
    &gw_vs_host_mismatch::PAGE,
    &gw_vs_host_ns::PAGE,
    &gw_vs_host_short::PAGE,
    &gw_vs_hosts_empty::PAGE,
    &gw_vs_mesh_only::PAGE,
    &gw_vs_none::PAGE,
    &gw_vs_rule_idle::PAGE,
    &net_nodeport_confusion::PAGE,
    &net_policy::PAGE,
    &net_svc_no_endpoint::PAGE,
    &sc_auto_auto::PAGE,
    &sc_auto_over_http::PAGE,
    &sc_autovip::PAGE,
    &sc_cap_loopback::PAGE,
    &sc_cap_mode_none::PAGE,
    &sc_cap_out_ip_excl::PAGE,
    &sc_cap_out_ip_incl::PAGE,
    &sc_cap_out_port_excl::PAGE,
    &sc_cap_uid::PAGE,
    &sc_cidr::PAGE,
    &sc_cidr_steals_http::PAGE,
    &sc_dyndns::PAGE,
    &sc_e_blackhole::PAGE,
    &sc_e_dyndns::PAGE,
    &sc_e_egressproxy::PAGE,
    &sc_e_listenport::PAGE,
    &sc_e_passthrough::PAGE,
    &sc_e_passthrough_strict::PAGE,
    &sc_e_uh::PAGE,
    &sc_exact_multiaddr::PAGE,
    &sc_exportto::PAGE,
    &sc_externalname_alias::PAGE,
    &sc_externalname_legacy::PAGE,
    &sc_headless_badip::PAGE,
    &sc_headless_http::PAGE,
    &sc_headless_noep::PAGE,
    &sc_headless_portnum::PAGE,
    &sc_headless_self::PAGE,
    &sc_http_dup_domain::PAGE,
    &sc_http_host::PAGE,
    &sc_http_tcp_merge::PAGE,
    &sc_httpproxy::PAGE,
    &sc_in_capture::PAGE,
    &sc_in_conflict::PAGE,
    &sc_in_disable::PAGE,
    &sc_in_noservice::PAGE,
    &sc_in_permissive_http_tls::PAGE,
    &sc_in_reserved::PAGE,
    &sc_in_selectorless_mix::PAGE,
    &sc_in_sidecar::PAGE,
    &sc_in_targetport::PAGE,
    &sc_in_udp::PAGE,
    &sc_in_wle::PAGE,
    &sc_inj_custom::PAGE,
    &sc_inj_hostnet::PAGE,
    &sc_inj_noproxy::PAGE,
    &sc_inj_optout::PAGE,
    &sc_inj_sysns::PAGE,
    &sc_inj_webhook::PAGE,
    &sc_ipfamily::PAGE,
    &sc_locked::PAGE,
    &sc_name_udp::PAGE,
    &sc_no_such_port::PAGE,
    &sc_noports::PAGE,
    &sc_notvip::PAGE,
    &sc_podip_direct::PAGE,
    &sc_privileged::PAGE,
    &sc_rds_wrong_entry::PAGE,
    &sc_reserved_port::PAGE,
    &sc_samens_dup::PAGE,
    &sc_scope_shadow::PAGE,
    &sc_se_badaddr::PAGE,
    &sc_sevis::PAGE,
    &sc_sidecar_bind::PAGE,
    &sc_sidecar_excl::PAGE,
    &sc_sidecar_headless::PAGE,
    &sc_sidecar_hosts::PAGE,
    &sc_sidecar_portmap::PAGE,
    &sc_sidecar_portonly::PAGE,
    &sc_sidecar_proto::PAGE,
    &sc_sidecar_vsonly::PAGE,
    &sc_sidecar_which::PAGE,
    &sc_sni::PAGE,
    &sc_tcp_over_tcp::PAGE,
    &sc_tls_ignores_tcp::PAGE,
    &sc_udp::PAGE,
    &sc_unknown_host::PAGE,
    &sc_vs_cidr_sticky::PAGE,
    &sc_vs_dup::PAGE,
    &sc_vs_wildcard::PAGE,
    &sc_wellknown::PAGE,
    &sc_wild_http::PAGE,
    &sc_wild_se::PAGE,
    &val_dr::PAGE,
    &val_dst::PAGE,
    &val_gw_bind::PAGE,
    &val_gw_host::PAGE,
    &val_gw_name::PAGE,
    &val_gw_no_hosts::PAGE,
    &val_gw_no_server::PAGE,
    &val_gw_port::PAGE,
    &val_gw_portname_dup::PAGE,
    &val_gw_tls_certs::PAGE,
    &val_gw_tls_on_plain::PAGE,
    &val_gw_tls_required::PAGE,
    &val_se::PAGE,
    &val_vs_empty::PAGE,
    &val_vs_exportto::PAGE,
    &val_vs_gwnames::PAGE,
    &val_vs_hosts::PAGE,
    &val_vs_http::PAGE,
    &val_vs_tcp::PAGE,
    &val_vs_tls::PAGE,
    &val_vs_weight::PAGE,
];

/// A cause: its page, and how it tells itself.
#[derive(Debug)]
struct Cause {
    page: &'static Page,
    tell: fn(&Tale<'_, '_>) -> Option<Told>,
    fixes: Fixes,
}

/// What can be done about a cause.
#[derive(Debug)]
enum Fixes {
    /// Changes that might help, least invasive first.
    By(fn(&Tale<'_, '_>, &Wish) -> Vec<Candidate>),
    /// The same; where there is none, why.
    Or(fn(&Tale<'_, '_>, &Wish) -> Vec<Candidate>, &'static str),
    /// No change of objects can, and why.
    None(&'static str),
}

/// The cause of a symptom, and the other codes that fit.
fn of(tale: &Tale<'_, '_>) -> (&'static Cause, Vec<&'static str>) {
    let cause = match tale.symptom {
        Symptom::Reason(reason) => return of_reason(tale, reason),
        Symptom::Displaced { .. } if matches!(tale.step(), Some(Step::Put { .. })) => {
            &sc_auto_over_http::CAUSE
        }
        Symptom::Displaced { .. } if matches!(tale.step(), Some(Step::Sidecar(_))) => {
            &sc_sidecar_which::CAUSE
        }
        Symptom::Displaced { .. } => &gw_tcp_shadowed::CAUSE,
        Symptom::NotOnService { .. } => &gw_port_not_on_service::CAUSE,
        Symptom::NotDeclared { .. } => &gw_port_not_declared::CAUSE,
        Symptom::NotRouter { .. } => {
            return (&gw_proxy_not_router::CAUSE, vec!["GW-NONE-SELECTS"]);
        }
        Symptom::NodePortDiffers { .. } => &net_nodeport_confusion::CAUSE,
        Symptom::NoHttpRoute => &gw_http_no_vs::CAUSE,
        Symptom::UdpServer => &gw_udp_is_tcp::CAUSE,
        Symptom::NoUdpPort { .. } => &gw_h3_no_udp::CAUSE,
        Symptom::NoChainForSni { .. } => &gw_sni_no_chain::CAUSE,
        Symptom::NoVirtualHost { .. } => &gw_http_host_no_vhost::CAUSE,
        Symptom::Refused(refusal) => return of_refusal(tale, refusal),
        Symptom::Barred(barrier) => of_barrier(barrier),
        Symptom::ServesOthers { rule } => return of_rule_for_others(tale, rule),
        Symptom::Admission(violation) => admission::cause(violation.rule),
        Symptom::RuleIdle { .. } => &gw_vs_rule_idle::CAUSE,
        Symptom::BoundTwice { .. } => &gw_pass_vs_bound_twice::CAUSE,
        Symptom::Uncaptured { why, .. } => of_uncaptured(why),
        Symptom::CatchAll { .. } => of_catch_all(tale),
        Symptom::PodAddress { .. } => &sc_podip_direct::CAUSE,
        Symptom::UnnamedPod { .. } => &sc_in_noservice::CAUSE,
        Symptom::HeadlessPort { .. } => &sc_headless_portnum::CAUSE,
        Symptom::NoSuchPort { service } if sc_noports::has_none(tale, service) => {
            &sc_noports::CAUSE
        }
        Symptom::NoSuchPort { .. } => &sc_no_such_port::CAUSE,
        Symptom::NoReadableAddress { .. } => &sc_se_badaddr::CAUSE,
        Symptom::OtherFamily { .. } => &sc_ipfamily::CAUSE,
        Symptom::AtNodes { .. } => &sc_notvip::CAUSE,
        Symptom::UnknownDestination { .. } => &sc_unknown_host::CAUSE,
        Symptom::RefusedPlaintext { .. } => &sc_e_passthrough_strict::CAUSE,
        Symptom::TlsMeetsHttp { .. } => &sc_in_permissive_http_tls::CAUSE,
        Symptom::MutualTlsPastSidecar { .. } => &sc_in_capture::CAUSE,
        Symptom::MutualTlsMeetsNone { .. } => &sc_in_disable::CAUSE,
        Symptom::NoEndpoint { .. } => &sc_e_uh::CAUSE,
        Symptom::Ambient(what) => ambient::of(tale, what),
        Symptom::OtherName { tls: true, .. } => &sc_sni::CAUSE,
        Symptom::OtherName { tls: false, .. } => &sc_http_host::CAUSE,
        Symptom::AnotherHost { .. } => &sc_http_host::ANOTHER,
        Symptom::SharedHttp { .. } => &sc_wild_http::CAUSE,
        Symptom::Network { service, .. } => of_network(tale, service),
        Symptom::Merged { .. } => &sc_http_tcp_merge::CAUSE,
        Symptom::HeadlessHttp { .. } => &sc_headless_http::CAUSE,
        Symptom::ListenPort { .. } => &sc_e_listenport::CAUSE,
        Symptom::ThroughProxy { .. } => &sc_httpproxy::CAUSE,
        Symptom::DynamicDns { .. } => &sc_e_dyndns::CAUSE,
        Symptom::LeadsRound => &gw_dst_itself::CAUSE,
        Symptom::BehindNetworks { .. } => &sc_vs_cidr_sticky::CAUSE,
        Symptom::ByWildcard { .. } => &sc_vs_wildcard::CAUSE,
        Symptom::EgressProtocol { .. } => &sc_sidecar_proto::CAUSE,
        Symptom::EgressBind { .. } => &sc_sidecar_bind::CAUSE,
        Symptom::RoutedByEntry { .. } => &sc_rds_wrong_entry::CAUSE,
        Symptom::Twin { .. } => &sc_samens_dup::CAUSE,
        Symptom::GivenAddress { .. } => &sc_autovip::CAUSE,
    };
    (cause, vec![])
}

/// What keeps a connection from Envoy.
const fn of_uncaptured(why: Uncaptured) -> &'static Cause {
    match why {
        Uncaptured::PortExcluded => &sc_cap_out_port_excl::CAUSE,
        Uncaptured::AddressExcluded => &sc_cap_out_ip_excl::CAUSE,
        Uncaptured::AddressNotIncluded => &sc_cap_out_ip_incl::CAUSE,
        Uncaptured::OwnAddress => &sc_cap_loopback::CAUSE,
        Uncaptured::ModeNone => &sc_cap_mode_none::CAUSE,
        Uncaptured::HostNetwork => &sc_inj_hostnet::CAUSE,
        Uncaptured::OptedOut => &sc_inj_optout::CAUSE,
        Uncaptured::NoProxy => &sc_inj_noproxy::CAUSE,
        Uncaptured::IgnoredNamespace => &sc_inj_sysns::CAUSE,
        Uncaptured::NotSelected => &sc_inj_webhook::CAUSE,
        Uncaptured::WithoutEnvoy => &sc_inj_custom::CAUSE,
        Uncaptured::ProxyUser { .. } => &sc_cap_uid::CAUSE,
    }
}

/// What takes an address that is not its own: a ServiceEntry without addresses, an ExternalName of an older istiod, or a
/// headless Service by an egress port; one with the same address came first.
fn of_catch_all(tale: &Tale<'_, '_>) -> &'static Cause {
    let object = tale.step().map(Step::object);
    let entry = object.and_then(|id| tale.view::<views::ServiceEntry>(id));
    match entry {
        Some(entry) if entry.spec.addresses.is_empty() => &sc_wild_se::CAUSE,
        Some(_) => &sc_tcp_over_tcp::CAUSE,
        None if sc_externalname_legacy::is_own_service(tale) => &sc_externalname_legacy::CAUSE,
        None => &sc_sidecar_headless::CAUSE,
    }
}

/// A network takes an address: one that an HTTP service has, which Envoy would tell by Host, or any other.
fn of_network(tale: &Tale<'_, '_>, service: Option<ObjectId>) -> &'static Cause {
    let mut all = tale.store.services.iter();
    let service = all.find(|s| Some(s.object) == service);
    let mut ports = service.iter().flat_map(|s| &s.ports);
    if ports.any(|p| p.number == tale.port && p.protocol.is_http()) {
        &sc_cidr_steals_http::CAUSE
    } else {
        &sc_cidr::CAUSE
    }
}

/// One exhaustive match: a reason without a cause does not compile.
fn of_reason(tale: &Tale<'_, '_>, reason: &Reason) -> (&'static Cause, Vec<&'static str>) {
    let sidecar = tale.proxy.kind == ProxyKind::Sidecar;
    match tale.step() {
        Some(Step::EgressProxy(_)) => return (&sc_e_egressproxy::CAUSE, vec![]),
        Some(Step::OwnCluster { .. }) if matches!(reason, Reason::NotForwarded { .. }) => {
            return (&sc_dyndns::CAUSE, vec![]);
        }
        _ => {}
    }
    let cause = match reason {
        // From objects alone this is never told: a gateway is assumed for each selector, so each selects one. Where
        // the pods were read the nearest of them is named, as GW-SEL-MISMATCH, which has this for its other name. It
        // is for a pod that was asked about (`--proxy`) once it is live.
        Reason::NotSelected if tale.proxy.is_assumed() => &gw_none_selects::CAUSE,
        Reason::NotSelected => return (&gw_sel_mismatch::CAUSE, vec!["GW-NONE-SELECTS"]),
        Reason::ScopedToNamespace => &gw_sel_ns_scoped::CAUSE,
        Reason::Unseen(Unseen::Revision { .. }) => &gw_rev_mismatch::CAUSE,
        Reason::Unseen(Unseen::Namespace) => &gw_ns_not_discovered::CAUSE,
        Reason::Unseen(Unseen::Kind) => &gw_res_ignored::CAUSE,
        Reason::PortTaken { by, holder, own } => return port_taken(tale, *by, holder == own),
        Reason::TlsHostTaken { by, .. } if of_ingress(tale, *by) => {
            return (&gw_srv_ingress_first::CAUSE, vec!["GW-SRV-DUP-HOST"]);
        }
        Reason::TlsHostTaken { by, .. } => {
            let holder = tale.ledger.get(*by).map(|e| &e.fate);
            if matches!(holder, Some(Fate::Dropped(_))) {
                return (&gw_srv_dup_host_ghost::CAUSE, vec!["GW-SRV-DUP-HOST"]);
            }
            &gw_srv_dup_host::CAUSE
        }
        Reason::HostMismatch => return host_mismatch(tale),
        Reason::UnknownHost { .. } => {
            if gw_dst_externalname::alias(tale).is_some() {
                return (&gw_dst_externalname::CAUSE, vec!["GW-DST-UNKNOWN-HOST"]);
            }
            let elsewhere = |host: &str| !tale.namespaces_of_service(host).is_empty();
            if tale
                .destination()
                .is_some_and(|d| !d.host.contains('.') && elsewhere(&d.host))
            {
                return (&gw_dst_short_name::CAUSE, vec!["GW-DST-UNKNOWN-HOST"]);
            }
            &gw_dst_unknown_host::CAUSE
        }
        Reason::NoBlock { needed } => match needed {
            Block::Http => &gw_http_l4_only_vs::CAUSE,
            Block::Tls => &gw_pass_no_tls_block::CAUSE,
            Block::Tcp if tale.server_view().is_some_and(|s| s.tls.is_some()) => {
                &gw_tls_term_no_tcp::CAUSE
            }
            Block::Tcp => &gw_tcp_no_block::CAUSE,
        },
        Reason::PortMismatch { .. } => match tale.block() {
            Some(Block::Tls) => &gw_pass_port_match::CAUSE,
            Some(Block::Http) => &gw_http_all_routes_filtered::CAUSE,
            _ => &gw_tcp_port_match::CAUSE,
        },
        Reason::GatewayMismatch { .. } if tale.block() != Some(Block::Http) => {
            &gw_tcp_gw_match::CAUSE
        }
        Reason::GatewayMismatch { .. } | Reason::SourceMismatch { .. } => {
            &gw_http_all_routes_filtered::CAUSE
        }
        Reason::NotAdmitted(violation) => admission::cause(violation.rule),
        Reason::NotStored { by } => return of_not_stored(tale, *by),
        Reason::NoPort => &gw_srv_nil_port::CAUSE,
        Reason::HostListPanics { .. } => &gw_srv_host_panic::CAUSE,
        Reason::NamedTargetMissing { .. } if sidecar => &sc_in_targetport::CAUSE,
        Reason::NamedTargetMissing { .. } => &gw_port_named_target::CAUSE,
        Reason::TargetPortRepeated { .. } if sidecar => &sc_in_conflict::CAUSE,
        Reason::TargetPortRepeated { .. } => &gw_port_dedup_target::CAUSE,
        Reason::HttpsNameTaken { .. } => &gw_srv_https_name::CAUSE,
        Reason::PrivilegedPort if sidecar => &sc_privileged::CAUSE,
        Reason::PrivilegedPort => &gw_port_privileged::CAUSE,
        Reason::NoRoute => &gw_vs_none::CAUSE,
        Reason::NoServiceForHosts => &gw_autopass_no_svc::CAUSE,
        Reason::UnknownGateway { .. } => &gw_vs_gwname::CAUSE,
        Reason::MeshOnly => &gw_vs_mesh_only::CAUSE,
        Reason::NotExported => &gw_vs_exportto::CAUSE,
        Reason::NoHosts => &gw_vs_hosts_empty::CAUSE,
        Reason::HostNamespace { .. } => &gw_vs_host_ns::CAUSE,
        Reason::EmptyRoute => &gw_tcp_empty_route::CAUSE,
        Reason::ZeroSum => &gw_tcp_zero_sum::CAUSE,
        Reason::NoMatch => &gw_pass_no_match::CAUSE,
        Reason::SniTaken { .. } => &gw_pass_dup_sni::CAUSE,
        Reason::DelegateMissing { .. } => &gw_http_delegate_missing::CAUSE,
        Reason::DelegateConflict => &gw_http_delegate_conflict::CAUSE,
        Reason::AfterCatchAll { .. } => &gw_http_after_catchall::CAUSE,
        Reason::NotVisible { .. } => &gw_dst_not_visible::CAUSE,
        Reason::PortAbsent { .. } => &gw_dst_port_absent::CAUSE,
        Reason::NotForwarded { .. } => &gw_dst_port_absent::NOT_FORWARDED,
        Reason::PortUnclear { .. } => &gw_dst_multiport::CAUSE,
        Reason::SubsetUndefined { .. } => &gw_dst_subset::CAUSE,
        Reason::EmptyHost => &gw_dst_empty_host::CAUSE,
        Reason::OutlierPanics { .. } => &gw_dst_outlier_panic::CAUSE,
        Reason::NoEndpoints { .. } => &gw_dst_no_endpoints::CAUSE,
        // A weight of 0 among several is how every shift begins and ends: the walk never tells it, and no answer
        // has it. The page is there for whoever reads the ledger and for --explain.
        Reason::ZeroWeight => &gw_dst_zero_weight::CAUSE,
        Reason::SidecarNotSelected => &sc_sidecar_which::CAUSE,
        Reason::ServiceNotExported => &sc_exportto::CAUSE,
        Reason::VisibilityCapped => &sc_sevis::CAUSE,
        Reason::NotImported => &sc_sidecar_hosts::CAUSE,
        Reason::RoutedOnly { .. } => return (&sc_sidecar_vsonly::CAUSE, vec!["SC-SIDECAR-HOSTS"]),
        Reason::PortNotAsked => &sc_sidecar_portonly::CAUSE,
        Reason::WrongBlock { .. } => &sc_tls_ignores_tcp::CAUSE,
        Reason::ImportExcluded { .. } => &sc_sidecar_excl::CAUSE,
        Reason::EgressPortAbsent { .. } => &sc_sidecar_portmap::CAUSE,
        Reason::HostnameElsewhere { .. } => &sc_scope_shadow::CAUSE,
        Reason::OnlyOneFound { .. } => &sc_exact_multiaddr::CAUSE,
        Reason::IsAlias if matches!(tale.step(), Some(Step::Address { .. })) => ambient::ALIAS,
        Reason::IsAlias => &sc_externalname_alias::CAUSE,
        Reason::NotTcp if matches!(tale.step(), Some(Step::WaypointPort { .. })) => {
            ambient::NOT_TCP
        }
        Reason::NotTcp if is_udp(tale) => &sc_udp::CAUSE,
        Reason::NotTcp => &sc_name_udp::CAUSE,
        Reason::ReservedPort { .. } => match tale.step() {
            Some(Step::Inbound { .. } | Step::Ingress { .. }) => &sc_in_reserved::CAUSE,
            _ => &sc_reserved_port::CAUSE,
        },
        Reason::NoInstances => &sc_headless_noep::CAUSE,
        Reason::OwnAddress => &sc_headless_self::CAUSE,
        Reason::NotAnAddress => &sc_headless_badip::CAUSE,
        Reason::ListenerLocked { .. } => &sc_locked::CAUSE,
        Reason::WellKnownProtocol { .. } => &sc_wellknown::CAUSE,
        Reason::SniffedAlready { .. } => &sc_auto_auto::CAUSE,
        Reason::ChainTaken { .. } => &sc_tcp_over_tcp::CAUSE,
        Reason::DomainsTaken { .. } => &sc_http_dup_domain::CAUSE,
        Reason::InboundTaken { by } if sc_in_udp::is_udp(tale, *by) => &sc_in_udp::CAUSE,
        Reason::InboundTaken { .. } => &sc_in_conflict::CAUSE,
        Reason::SelectedByOthers { .. } => &sc_in_selectorless_mix::CAUSE,
        Reason::WorkloadEntryInstead { .. } => &sc_in_wle::CAUSE,
        Reason::IngressListed { .. } => &sc_in_sidecar::CAUSE,
        Reason::NotIntercepted => &sc_cap_mode_none::CAUSE,
        Reason::Ambient(unmet) => ambient::of_unmet(unmet),
    };
    (cause, vec![])
}

/// Whether the port itself is UDP, and not just named so.
fn is_udp(tale: &Tale<'_, '_>) -> bool {
    let Some(Step::Put { of, port, .. }) = tale.step() else {
        return false;
    };
    let service = tale.view::<views::Service>(of.service);
    let transport = service.and_then(|s| s.spec.ports.get(*port));
    // A ServiceEntry has no other protocol than the one that is written.
    transport.is_none_or(|p| p.protocol.eq_ignore_ascii_case("udp"))
}

/// The first rule that the object breaks.
fn of_not_stored(tale: &Tale<'_, '_>, by: EntryId) -> (&'static Cause, Vec<&'static str>) {
    match tale.ledger.get(by).map(|e| &e.fate) {
        Some(Fate::Dropped(Reason::NotAdmitted(violation))) => {
            (admission::cause(violation.rule), vec![])
        }
        _ => (&gw_vs_none::CAUSE, vec![]),
    }
}

/// The cause is the one that keeps the nearest rule from this server, told at the server: the rule itself is right.
fn of_rule_for_others(tale: &Tale<'_, '_>, rule: EntryId) -> (&'static Cause, Vec<&'static str>) {
    match tale.ledger.get(rule).map(|e| &e.fate) {
        Some(Fate::Dropped(reason)) => {
            let (cause, mut also) = of_reason(
                &Tale {
                    entry: rule,
                    symptom: Symptom::Reason(reason),
                    ..*tale
                },
                reason,
            );
            also.push(gw_vs_none::PAGE.code);
            (cause, also)
        }
        _ => (&gw_vs_none::CAUSE, vec![]),
    }
}

/// The most specific of what made two chains alike, else what Envoy says.
fn of_refusal(tale: &Tale<'_, '_>, refusal: &Refusal) -> (&'static Cause, Vec<&'static str>) {
    let sidecar = tale.proxy.kind == ProxyKind::Sidecar;
    let (first, second, overlap) = match refusal {
        Refusal::SameAddress { .. } => return (&envoy_dup_addr::CAUSE, vec![]),
        Refusal::StaticListener { .. } if sidecar => return (&envoy_dup_addr::CAUSE, vec![]),
        Refusal::StaticListener { .. } => {
            return (&gw_port_reserved::CAUSE, vec!["ENVOY-DUP-ADDR"]);
        }
        Refusal::AgentPort { .. } => return (&gw_port_reserved::CAUSE, vec!["ENVOY-BIND-INUSE"]),
        Refusal::NotPermitted { .. } => return (&envoy_bind_perm::CAUSE, vec![]),
        Refusal::NoAddress { .. } => return (&envoy_bind_noaddr::CAUSE, vec![]),
        Refusal::PartialWildcard { .. } => return (&envoy_sni_partial::CAUSE, vec![]),
        Refusal::IdenticalChains { first, second } => (*first, *second, false),
        Refusal::OverlappingNames { first, second, .. } => (*first, *second, true),
    };
    let said = if overlap {
        &envoy_fc_overlap::CAUSE
    } else {
        &envoy_fc_identical::CAUSE
    };
    if sidecar {
        return (&sc_vs_dup::CAUSE, vec![said.page.code]);
    }
    let Some((a, b)) = tale
        .servers_of(first, second)
        .filter(|_| first.server != second.server)
    else {
        return (said, vec![]);
    };
    let text = |s: &views::Server| s.port.as_ref().map(|p| p.protocol.clone());
    let cause = if a.bind != b.bind {
        &gw_srv_bind_alias::CAUSE
    } else if a.tls.is_some() && b.tls.is_some() {
        &gw_srv_nshost_dup::CAUSE
    } else if text(a) != text(b) {
        &gw_srv_proto_text::CAUSE
    } else {
        &gw_srv_bind_shadow::CAUSE
    };
    (cause, vec![said.page.code])
}

/// One cause for each thing that stands in the way.
fn of_barrier(barrier: &Barrier) -> &'static Cause {
    match barrier {
        Barrier::NoReadyPod { .. } | Barrier::SelectsNone { .. } => &net_svc_no_endpoint::CAUSE,
        Barrier::Network { .. } => &net_policy::CAUSE,
        Barrier::NotAllowed { .. } | Barrier::Denied { .. } => &gw_authz_deny::CAUSE,
        Barrier::Credential(fault) => match fault {
            CredentialFault::Missing { .. } => &gw_cred_missing::CAUSE,
            CredentialFault::Denied { .. } => &gw_cred_denied::CAUSE,
            CredentialFault::WrongKeys { .. } => &gw_cred_invalid::CAUSE,
            CredentialFault::NoCa { .. } => &gw_cred_ca::CAUSE,
        },
        Barrier::Preface(_) => &envoy_proxy_protocol::CAUSE,
        Barrier::Removed(_) => &envoyfilter_remove::CAUSE,
    }
}

/// Whether a server was made of an Ingress.
fn of_ingress(tale: &Tale<'_, '_>, by: EntryId) -> bool {
    let holder = tale.server_at(by).map(|(object, _)| object);
    holder
        .and_then(|id| tale.store.snapshot.get(id))
        .is_some_and(|o| o.key.kind == Kind::Ingress)
}

/// Another namespace's Gateway first, then equal protocols, then different ones.
fn port_taken(tale: &Tale<'_, '_>, by: EntryId, same: bool) -> (&'static Cause, Vec<&'static str>) {
    let own = tale.server().and_then(|(g, _)| tale.store.snapshot.get(g));
    let holder = tale
        .server_at(by)
        .and_then(|(g, _)| tale.store.snapshot.get(g));
    if of_ingress(tale, by) {
        return (
            &gw_srv_ingress_first::CAUSE,
            vec![gw_srv_proto_conflict::PAGE.code],
        );
    }
    let elsewhere = own
        .zip(holder)
        .is_some_and(|(a, b)| a.key.namespace != b.key.namespace);
    let cause = if same {
        &gw_srv_l4_dup::CAUSE
    } else {
        &gw_srv_proto_conflict::CAUSE
    };
    if elsewhere {
        (&gw_srv_older_elsewhere::CAUSE, vec![cause.page.code])
    } else {
        (cause, vec![])
    }
}

/// Letter case, a short name, or really another host.
fn host_mismatch(tale: &Tale<'_, '_>) -> (&'static Cause, Vec<&'static str>) {
    let lower = |host: &str| host.rsplit('/').next().unwrap_or(host).to_lowercase();
    let written = tale
        .virtual_service()
        .map(|v| v.hosts.as_slice())
        .unwrap_or_default();
    let server = tale
        .server_view()
        .map(|s| s.hosts.as_slice())
        .unwrap_or_default();
    let case = |h: &String| server.iter().any(|s| hosts::overlap(&lower(h), &lower(s)));
    if written.iter().any(case) {
        (&gw_vs_host_case::CAUSE, vec!["GW-VS-HOST-MISMATCH"])
    } else if written.iter().any(|h| !h.contains('.') && h != "*") {
        (&gw_vs_host_short::CAUSE, vec!["GW-VS-HOST-MISMATCH"])
    } else {
        (&gw_vs_host_mismatch::CAUSE, vec![])
    }
}

/// A symptom as a finding.
#[must_use]
pub fn tell(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Finding> {
    let (cause, also_known_as) = of(tale);
    let page = cause.page;
    let (told, fixes) = match tale.symptom {
        Symptom::ServesOthers { rule } => (
            gw_vs_none::tell_beside(tale, rule)?,
            &gw_vs_none::CAUSE.fixes,
        ),
        _ => ((cause.tell)(tale)?, &cause.fixes),
    };
    let (candidates, no_fix) = match fixes {
        Fixes::By(suggest) => (suggest(tale, wish), None),
        Fixes::Or(suggest, reason) => {
            let all = suggest(tale, wish);
            let none = all.is_empty().then_some(*reason);
            (all, none)
        }
        Fixes::None(reason) => (Vec::new(), Some(*reason)),
    };
    let object = told.object.or_else(|| tale.step().map(Step::object))?;
    Some(Finding {
        page,
        severity: page.severity,
        certainty: Certainty::Predicted,
        primary: Mark {
            object,
            field: told.field,
            value: told.value,
            label: told.label,
        },
        remark: told.remark,
        related: told.related,
        why: told.why.unwrap_or_else(|| page.why.to_owned()),
        so: told.so,
        seen: Vec::new(),
        also_known_as,
        assumes: told.assumes,
        candidates,
        no_fix,
        fixes: Vec::new(),
    })
}

/// The code of a rule that an object breaks.
#[must_use]
pub fn code(rule: Rule) -> &'static str {
    admission::cause(rule).page.code
}

/// The page of a code, in any letter case.
#[must_use]
pub fn page(code: &str) -> Option<&'static Page> {
    PAGES
        .iter()
        .copied()
        .find(|page| page.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Pages whose fault is in no field, so that there is nothing to write differently.
    const WITHOUT_EXAMPLE: &[&str] = &[];

    fn directory() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/causes")
    }

    fn file(page: &Page) -> String {
        let stem = page.code.to_lowercase().replace('-', "_");
        std::fs::read_to_string(directory().join(stem).with_extension("rs")).unwrap()
    }

    fn prose(page: &Page) -> [(&'static str, &'static str); 5] {
        [
            ("what", page.what),
            ("when", page.when),
            ("why", page.why),
            ("fix", page.fix),
            ("source", page.source),
        ]
    }

    #[test]
    fn pages_are_sorted_and_each_code_is_one() {
        let codes: Vec<_> = PAGES.iter().map(|page| page.code).collect();
        assert!(
            codes.is_sorted_by(|a, b| a < b),
            "sorted by code, none twice"
        );
    }

    #[test]
    fn every_file_is_in_the_list() {
        let files: BTreeSet<_> = std::fs::read_dir(directory())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .filter(|stem| stem.contains('_'))
            .collect();
        let listed: BTreeSet<_> = PAGES
            .iter()
            .map(|page| page.code.to_lowercase().replace('-', "_"))
            .collect();
        assert_eq!(files, listed);
    }

    #[test]
    fn a_file_is_named_for_its_page_and_says_so_first() {
        for page in PAGES {
            let heading = format!("//! {}: {}.\n", page.code, page.title);
            assert!(file(page).starts_with(&heading), "{}", page.code);
        }
    }

    #[test]
    fn titles_are_short_and_distinct() {
        let mut titles = BTreeSet::new();
        for page in PAGES {
            let Page { code, title, .. } = page;
            assert!(!title.is_empty(), "{code}");
            assert!(title.chars().count() <= 42, "{code}: {title}");
            assert!(!title.ends_with('.'), "{code}: {title}");
            assert!(titles.insert(*title), "{code}: {title} is another's title");
            let first = title.split(' ').next().unwrap();
            let may_be_capital = ["AUTO_PASSTHROUGH", "Envoy", "Gateways"].contains(&first);
            let capital = first.starts_with(char::is_uppercase);
            assert!(may_be_capital || !capital, "{code}: {title}");
        }
    }

    #[test]
    fn every_text_is_there_and_is_one_line() {
        for page in PAGES {
            for (label, text) in prose(page) {
                let at = format!("{} {label}: {text}", page.code);
                assert!(!text.is_empty(), "{at}");
                assert_eq!(text, text.trim(), "{at}");
                assert!(!text.contains("  ") && !text.contains('\n'), "{at}");
                assert!(!text.contains('!'), "{at}");
                assert!(!text.to_lowercase().contains("please"), "{at}");
            }
            for (label, text) in prose(page).into_iter().take(4) {
                assert!(text.ends_with('.'), "{} {label}: {text}", page.code);
            }
            assert!(!page.also.is_empty(), "{}", page.code);
        }
    }

    #[test]
    fn what_is_seen_is_in_lines() {
        for page in PAGES {
            assert!(!page.seen.is_empty(), "{}", page.code);
            for line in page.seen {
                assert!(!line.trim().is_empty(), "{}", page.code);
                assert_eq!(*line, line.trim_end(), "{}", page.code);
                assert!(!line.contains('\n'), "{}: {line}", page.code);
            }
            let quoted = page.seen.first().is_some_and(|line| line.starts_with(' '));
            assert!(!quoted, "{}: the first line says where", page.code);
        }
    }

    #[test]
    fn examples_fit_beside_their_label() {
        for page in PAGES {
            let may_be_empty = WITHOUT_EXAMPLE.contains(&page.code);
            assert_eq!(page.example.is_empty(), may_be_empty, "{}", page.code);
            for line in page.example {
                let marked = ["  ", "- ", "+ "].iter().any(|mark| line.starts_with(mark));
                assert!(marked, "{}: {line}", page.code);
                assert!(!line.contains('\n'), "{}: {line}", page.code);
                assert!(line.chars().count() <= 71, "{}: {line}", page.code);
            }
        }
    }

    #[test]
    fn also_names_other_pages_once() {
        for page in PAGES {
            let distinct: BTreeSet<_> = page.also.iter().collect();
            assert_eq!(distinct.len(), page.also.len(), "{}", page.code);
            for other in page.also {
                assert_ne!(*other, page.code);
                let known = PAGES.iter().any(|known| known.code == *other);
                assert!(known, "{} names {other}", page.code);
            }
        }
    }

    #[test]
    fn a_page_is_found_in_any_letter_case() {
        for code in ["GW-TCP-PORT-MATCH", "gw-tcp-port-match"] {
            assert_eq!(
                page(code).map(|page| page.title),
                Some("match.port is not the Gateway's port")
            );
        }
        assert_eq!(page("GW-TCP"), None);
    }
}
