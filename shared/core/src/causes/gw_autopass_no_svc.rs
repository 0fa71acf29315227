//! GW-AUTOPASS-NO-SVC: AUTO_PASSTHROUGH fits no Service.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-AUTOPASS-NO-SVC",
    title: "AUTO_PASSTHROUGH fits no Service",
    severity: Severity::Error,
    what: "The server has no chain. If no other server of the port has one, the port is closed.",
    when: "servers[].tls.mode is AUTO_PASSTHROUGH, and no Service inside the mesh that the pod's namespace sees has a host name within servers[].hosts and a port other than UDP. External ServiceEntries do not count.",
    why: "This mode needs no VirtualService: istiod builds a chain for each port of each such Service, and none if there is none.",
    seen: &[
        "in istiod's log, this line and no other:",
        r#"  gateway omitting listener "0.0.0.0_P" due to: must have more than 0 chains in listener "0.0.0.0_P""#,
    ],
    fix: "Use hosts that contain the Services' names in the cluster, such as `*.local`.",
    example: &[
        "  Gateway  servers[0].tls.mode: AUTO_PASSTHROUGH",
        r#"- Gateway  servers[0].hosts: ["*.example.com"]"#,
        r#"+ Gateway  servers[0].hosts: ["*.local"]"#,
    ],
    also: &[
        "GW-AUTOPASS-SNI",
        "GW-DST-NOT-VISIBLE",
        "GW-PASS-NO-TLS-BLOCK",
    ],
    source: "pilot/pkg/networking/core/gateway.go:builtAutoPassthroughFilterChains",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let field = FieldPath::of(&format!("spec.servers[{index}].hosts"));
    Some(Told::at(
        gateway,
        field,
        "no service of the mesh lies below these hosts",
    ))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    all_of_the_mesh(tale).into_iter().collect()
}

fn all_of_the_mesh(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let server = Server::of(tale)?;
    let top = tale.store.mesh.domain.rsplit('.').next()?;
    let host = format!("*.{top}");
    let list = server.path().key("hosts");
    let operation = match server.view.hosts.as_slice() {
        [_] => build::replace(&list.index(0), host.as_str()),
        several => build::append(&list, several.len(), host.as_str()),
    };
    let title = format!("write the mesh's own hosts, {host}");
    Some(build::patch(title, server.gateway.id, vec![operation]))
}
