//! NET-NODEPORT-CONFUSION: this number is not the node's port.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "NET-NODEPORT-CONFUSION",
    title: "this number is not the node's port",
    severity: Severity::Warning,
    what: "The port is open on the pod and on the Service, and closed on the nodes: they have another number for it.",
    when: "The gateway's Service is of type NodePort without any address of its own outside, its ports[].port lies in the usual range of node ports (30000 to 32767), and ports[].nodePort is a different one. On other Services: clients use a node's address with the Service's number.",
    why: "A Service port has up to three numbers: port on its own address and the load balancer's, nodePort on every node, targetPort in the pod. 31400 lies in the range of node ports (30000 to 32767) but is not one by that.",
    seen: &["on the mesh: kubectl get service NAME -n NS, where PORT(S) says PORT:NODEPORT/TCP"],
    fix: "Use the Service's or load balancer's address, or the nodePort on a node, or set nodePort to the number.",
    example: &[
        "  Service  ports[0].port: 31400",
        "- Service  ports[0].nodePort: 32432",
        "+ Service  ports[0].nodePort: 31400",
    ],
    also: &[
        "GW-PORT-NOT-ON-SERVICE",
        "GW-PORT-TRANSLATED",
        "NET-SVC-NO-ENDPOINT",
    ],
    source: "kubernetes Service",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which of the two numbers the clients use only who runs them knows"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::NodePortDiffers {
        service,
        index,
        node_port,
    } = tale.symptom
    else {
        return None;
    };
    let field = FieldPath::of(&format!("spec.ports[{index}].nodePort"));
    let label = format!("nodes have {node_port} for {}", tale.port);
    Some(Told::at(service, field, label).value(node_port))
}
