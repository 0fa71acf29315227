//! GW-PASS-VS-BOUND-TWICE: the same Gateway is listed twice.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};

pub(super) static PAGE: Page = Page {
    code: "GW-PASS-VS-BOUND-TWICE",
    title: "the same Gateway is listed twice",
    severity: Severity::Info,
    what: "The VirtualService is read twice for the Gateway. Its tls rules are warned of as duplicates of themselves, its HTTP routes stand twice; nothing else changes.",
    when: "Two entries of spec.gateways resolve to one Gateway, for example NS/NAME and NAME.NS.svc.cluster.local.",
    why: "istiod resolves the names and does not remove what is then equal.",
    seen: &[
        "in istiod's log, for passthrough:",
        "  skipping VirtualService NAME rule #I on server port N of gateway NS/NAME, duplicate SNI host names: [SNI]",
    ],
    fix: "List the Gateway once, as NS/NAME.",
    example: &[
        "- VirtualService  gateways: [rcmd/kafka, kafka.rcmd.svc.cluster.local]",
        "+ VirtualService  gateways: [rcmd/kafka]",
    ],
    also: &["GW-PASS-DUP-SNI", "GW-VS-GWNAME"],
    source: "pilot/pkg/model/push_context.go:PushContext.initVirtualServices",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::BoundTwice { first } = tale.symptom else {
        return None;
    };
    let (step, first) = (tale.step()?, &tale.ledger.get(first)?.step);
    Some(
        Told::at(step.object(), step.field(), "the same Gateway").beside(
            first.object(),
            first.field(),
            "as this one",
        ),
    )
}
