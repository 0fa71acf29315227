//! GW-TCP-SHADOWED: another rule takes all connections.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};

pub(super) static PAGE: Page = Page {
    code: "GW-TCP-SHADOWED",
    title: "another rule takes all connections",
    severity: Severity::Warning,
    what: "The rule is never used: every connection of the port goes where an earlier rule leads.",
    when: "An earlier tcp rule fits the same server: a rule before it in the VirtualService, or one of a VirtualService that comes first. First are those that are exported to the pod's namespace from within it, then those exported to it by name, then the public ones; in each group the older, then the lower name, then namespace.",
    why: "Plain TCP has nothing to tell connections apart, so istiod builds one chain from the first rule that fits and stops. It does not log the others.",
    seen: &[
        "in Envoy: the listener's tcp_proxy names the cluster of the other rule",
        "nothing in istiod's log",
    ],
    fix: "Merge the routes into one rule with weights, or give each VirtualService a port of its own.",
    example: &[
        "  VirtualService a  tcp[0].match[0].port: 31400",
        "- VirtualService b  tcp[0].match[0].port: 31400",
        "+ VirtualService b  tcp[0].match[0].port: 31401",
    ],
    also: &["GW-SRV-L4-DUP", "GW-TCP-PORT-MATCH"],
    source: "pilot/pkg/model/push_context.go:PushContext.VirtualServicesForGateway",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let step = tale.step()?;
    let Symptom::Displaced { by } = tale.symptom else {
        return None;
    };
    let holder = &tale.ledger.get(by)?.step;
    let told = Told::at(step.object(), step.field(), "never used");
    Some(told.beside(
        holder.object(),
        holder.field(),
        "this rule takes every connection",
    ))
}
