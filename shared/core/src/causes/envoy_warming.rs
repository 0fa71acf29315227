//! ENVOY-WARMING: this listener waits for a part of it.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-WARMING",
    title: "this listener waits for a part of it",
    severity: Severity::Error,
    what: "The listener has come, and takes no connections yet. Where there was one before, that one still does.",
    when: "A part that is sent by itself has not come: the routes of an HTTP listener (RDS), a filter's configuration (ECDS), or a certificate (SDS). While Envoy starts, every listener waits for the first one that does.",
    why: "Envoy begins to serve a listener when all its parts are there. istiod sets no limit to the wait for routes, for filters, and for the proxy's own certificates; for what credentialName names Envoy's own limit of 15 seconds holds.",
    seen: &[
        "in Envoy's /config_dump?resource=dynamic_listeners: warming_state of the listener",
        "in Envoy's stats, above 0: listener_manager.total_listeners_warming",
        "/listeners and istioctl proxy-config listeners do not tell it apart",
    ],
    fix: "See what is missing: a Secret that credentialName names, or the proxy's connection to istiod.",
    example: &[
        "  Gateway  servers[0].port.protocol: HTTPS",
        "- Gateway  servers[0].tls.credentialName: shop-cert-that-never-comes",
        "+ Gateway  servers[0].tls.credentialName: shop-cert",
    ],
    also: &[
        "GW-CRED-MISSING",
        "GW-PROXY-NOT-CONNECTED",
        "ENVOY-OLD-CONFIG",
    ],
    source: "pilot/pkg/networking/core/listener_builder.go:buildHTTPConnectionManager; pilot/pkg/security/model/authentication.go:SDSAdsConfig",
};
