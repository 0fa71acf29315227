//! GW-PORT-NOT-DECLARED: no Gateway declares this port.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::{FieldPath, Kind};

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-NOT-DECLARED",
    title: "no Gateway declares this port",
    severity: Severity::Error,
    what: "The gateway has no listener on the port.",
    when: "No server of a Gateway that applies to the pod has this number in servers[].port.number, and none is translated to it by a Service.",
    why: "Gateway listeners come from Gateway servers only. A port on the Service or in the container opens nothing by itself.",
    seen: &[
        "nothing in istiod's log",
        "the port is in no listener's address in Envoy's /config_dump",
    ],
    fix: "Add a server with this port to a Gateway that selects the pod.",
    example: &[
        "+ Gateway  servers[1].port.number: 31400",
        "+ Gateway  servers[1].port.name: tcp-31400",
        "+ Gateway  servers[1].port.protocol: TCP",
        r#"+ Gateway  servers[1].hosts: ["*"]"#,
    ],
    also: &[
        "GW-PORT-TRANSLATED",
        "GW-NONE-SELECTS",
        "GW-SEL-MISMATCH",
        "GW-PORT-NOT-ON-SERVICE",
    ],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("opening a new port is what `kubectl mesh expose-tcp` does"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::NotDeclared { object } = tale.symptom else {
        return None;
    };
    let found = tale.store.snapshot.get(object)?;
    let field = if found.key.kind == Kind::Gateway {
        "spec.servers"
    } else {
        "metadata.name"
    };
    Some(Told::at(
        object,
        FieldPath::of(field),
        format!("no server for {}", tale.port),
    ))
}
