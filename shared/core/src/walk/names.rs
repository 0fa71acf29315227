//! Names as people say them.

use crate::predict::Config;

/// A cluster as people name it: `namespace/service:port  subset`, or the host outside of Kubernetes.
#[must_use]
pub fn cluster_name(cluster: &str, domain: &str) -> String {
    let Some((port, subset, host)) = parts(cluster) else {
        return cluster.to_owned();
    };
    let place = match host
        .strip_suffix(&format!(".svc.{domain}"))
        .and_then(|h| h.split_once('.'))
    {
        Some((name, namespace)) => format!("{namespace}/{name}:{port}"),
        None => format!("{host}:{port}"),
    };
    if subset.is_empty() {
        place
    } else {
        format!("{place}  {subset}")
    }
}

/// Port, subset and host of a cluster's name.
pub(crate) fn parts(cluster: &str) -> Option<(&str, &str, &str)> {
    let mut parts = cluster.split('|').skip(1);
    Some((parts.next()?, parts.next()?, parts.next()?))
}

/// Where weighted clusters lead, in a headline: `80% to tcp-echo v1, 20% to tcp-echo v2`, or `it leads to a/b:1`.
pub(super) fn lead(clusters: &[(String, u32)], domain: &str) -> String {
    match clusters {
        [] => "it leads nowhere".to_owned(),
        [(cluster, _)] => format!(
            "it leads to {}",
            cluster_name(cluster, domain).replace("  ", " ")
        ),
        several => several
            .iter()
            .zip(percentages(several))
            .map(|((cluster, _), percent)| {
                let (_, subset, host) = parts(cluster).unwrap_or(("", "", cluster));
                let name = host.split('.').next().unwrap_or(host);
                let target = if subset.is_empty() {
                    name.to_owned()
                } else {
                    format!("{name} {subset}")
                };
                format!("{percent}% to {target}")
            })
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Shares in whole percent that add up to 100: the largest remainders are rounded up.
pub(crate) fn percentages(clusters: &[(String, u32)]) -> Vec<u32> {
    let total: u64 = clusters.iter().map(|(_, w)| u64::from(*w)).sum();
    if total == 0 {
        return vec![0; clusters.len()];
    }
    let mut shares: Vec<(usize, u64, u64)> = clusters
        .iter()
        .enumerate()
        .map(|(n, (_, w))| {
            let exact = u64::from(*w) * 100;
            (n, exact / total, exact % total)
        })
        .collect();
    let mut missing = 100 - shares.iter().map(|(_, whole, _)| whole).sum::<u64>();
    shares.sort_by_key(|(n, _, rest)| (std::cmp::Reverse(*rest), *n));
    for share in &mut shares {
        if missing == 0 {
            break;
        }
        share.1 += 1;
        missing -= 1;
    }
    shares.sort_by_key(|(n, _, _)| *n);
    shares
        .into_iter()
        .map(|(_, whole, _)| u32::try_from(whole).unwrap_or(0))
        .collect()
}

/// `1 replica`, `2 ready`, … of a cluster's endpoints.
pub(super) fn endpoints(config: &Config, cluster: &str) -> String {
    let Some(found) = config.clusters.get(cluster) else {
        return "none".to_owned();
    };
    let count = found.endpoint_count();
    let replicas = found
        .endpoints
        .iter()
        .any(|e| matches!(e, crate::predict::Endpoint::Replicas { .. }));
    match (count, replicas) {
        (0, _) => "none ready".to_owned(),
        (1, true) => "1 replica".to_owned(),
        (n, true) => format!("{n} replicas"),
        (n, false) => format!("{n} ready"),
    }
}

/// `count` things, with the right plural.
#[must_use]
pub fn counted(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_a_hundred() {
        let of = |weights: &[u32]| {
            percentages(
                &weights
                    .iter()
                    .map(|w| (String::new(), *w))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(of(&[80, 20]), [80, 20]);
        assert_eq!(of(&[1, 1, 1]), [34, 33, 33]);
        assert_eq!(of(&[0, 5]), [0, 100]);
        assert_eq!(of(&[0, 0]), [0, 0]);
    }

    #[test]
    fn clusters_are_named_as_people_name_them() {
        assert_eq!(
            cluster_name("outbound|9092||k.rcmd.svc.cluster.local", "cluster.local"),
            "rcmd/k:9092"
        );
        assert_eq!(
            cluster_name("outbound|9|v1|k.a.svc.cluster.local", "cluster.local"),
            "a/k:9  v1"
        );
        assert_eq!(
            cluster_name("outbound|80||db.example.com", "cluster.local"),
            "db.example.com:80"
        );
        assert_eq!(
            cluster_name("UnknownService", "cluster.local"),
            "UnknownService"
        );
    }
}
