//! ENVOY-PROXY-PROTOCOL: one side alone speaks the PROXY protocol.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::predict::reach::{Barrier, PROXY_CONFIG, PrefaceFault};
use crate::snapshot::FieldPath;
use crate::snapshot::views;
use crate::snapshot::views::AsView;

pub(super) static PAGE: Page = Page {
    code: "ENVOY-PROXY-PROTOCOL",
    title: "one side alone speaks the PROXY protocol",
    severity: Severity::Error,
    what: "Every connection through the load balancer fails. If only the load balancer speaks it, its header arrives as the client's first bytes: TLS handshakes and HTTP fail, plain TCP goes on with it. If only the proxy does, it closes connections that begin otherwise.",
    when: "An annotation of the gateway's Service has its load balancer send the header, and neither the pods' proxy.istio.io/config nor meshConfig.defaultConfig has gatewayTopology.proxyProtocol; or the other way around, which is a warning, as what sends the header need not be in any object.",
    why: "With gatewayTopology.proxyProtocol istiod puts a listener filter in front of every TCP listener of a gateway. The filter wants the header on each connection. Without it nothing takes the header away.",
    seen: &[
        "in Envoy: /config_dump shows the listener filter envoy.filters.listener.proxy_protocol or none",
        "in the load balancer's settings",
        "nothing in istiod's log",
    ],
    fix: "Set gatewayTopology.proxyProtocol in the pods' annotation proxy.istio.io/config, or have the load balancer send no header.",
    example: &[
        "  Service     annotations.…/aws-load-balancer-proxy-protocol: \"*\"",
        "+ Deployment  template.metadata.annotations.proxy.istio.io/config:",
        "+             {gatewayTopology: {proxyProtocol: {}}}",
    ],
    also: &["NET-SVC-NO-ENDPOINT", "ENVOYFILTER-REMOVE"],
    source: "pilot/pkg/networking/core/gateway.go:ConfigGeneratorImpl.buildGatewayListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which of the two is meant is for whoever runs the load balancer to say"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Barred(Barrier::Preface(fault)) = tale.symptom else {
        return None;
    };
    let annotations =
        |path: FieldPath, key: &str| path.key("metadata").key("annotations").key(key.to_owned());
    match fault {
        PrefaceFault::NotExpected {
            service,
            annotation,
        } => {
            let field = annotations(FieldPath::root(), annotation);
            let told = Told::at(*service, field, "sent, but not expected");
            Some(told.why("The load balancer begins each connection with a header, and no listener filter of the gateway takes it away."))
        }
        PrefaceFault::NotSent { by, annotated } => {
            let object = tale.store.snapshot.get(*by)?;
            let field = match (annotated, views::Pod::of(&object.view)) {
                (false, _) => FieldPath::root().key("data").key("mesh"),
                (true, Some(_)) => annotations(FieldPath::root(), PROXY_CONFIG),
                (true, None) => annotations(FieldPath::of("spec.template"), PROXY_CONFIG),
            };
            let told = Told::at(*by, field, "expected, but no Service here has it sent");
            Some(told.why("Every listener of this gateway closes connections that do not begin with the header. Clients in the cluster send none."))
        }
    }
}
