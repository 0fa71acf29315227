//! Networks as `address/length`. After istio `pilot/pkg/networking/util/util.go:AddrStrToPrefix` (1.31), which reads
//! with Go's `netip`: a bare address is a network of one.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The address of a service that has none.
pub(crate) const UNSPECIFIED: &str = "0.0.0.0";

/// The same for IPv6.
pub(crate) const UNSPECIFIED_V6: &str = "::";

/// A network, as written: the bits behind its length may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network {
    /// Address.
    pub(crate) address: IpAddr,
    /// Length of the prefix.
    pub(crate) length: u8,
}

/// Whether an address of a service is a network. The words that stand for an address which is not given yet are none.
pub(super) fn is_network(text: &str) -> bool {
    text.contains('/') && text.parse::<Network>().is_ok()
}

/// A text that is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoNetwork;

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let most = bits(address);
        let length = match length {
            None => most,
            // Go takes digits only, and no leading zero.
            Some(text) if text.starts_with(['+', '0']) && text != "0" => return Err(NoNetwork),
            Some(text) => text.parse().map_err(|_| NoNetwork)?,
        };
        if length > most {
            return Err(NoNetwork);
        }
        Ok(Self { address, length })
    }
}

impl Network {
    /// Whether it holds one address only.
    pub(super) const fn is_single(self) -> bool {
        self.length == bits(self.address)
    }

    /// Whether its address is `0.0.0.0`: istiod leaves such a network out of a match, whatever its length.
    pub(super) fn is_unspecified_v4(self) -> bool {
        matches!(self.address, IpAddr::V4(v4) if v4.is_unspecified())
    }

    /// Whether an address lies in it.
    pub(crate) fn holds(self, address: IpAddr) -> bool {
        let same_family = self.address.is_ipv4() == address.is_ipv4();
        let own = Self { address, ..self };
        same_family && own.masked() == self.masked()
    }

    /// Its first address for a host.
    pub(crate) fn first(self) -> IpAddr {
        match self.masked().address {
            IpAddr::V4(v4) => IpAddr::V4((u32::from(v4) | u32::from(self.length < 32)).into()),
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) | u128::from(self.length < 128)).into()),
        }
    }

    /// The same network with the bits behind its length cleared: two spellings of one network are equal then.
    pub(super) fn masked(self) -> Self {
        let length = u32::from(self.length);
        let address = match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
        };
        Self { address, ..self }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_equal_when_their_masked_forms_are() {
        let read = |text: &str| text.parse::<Network>().map(Network::masked);
        assert_eq!(read("192.168.7.9/16"), read("192.168.0.0/16"));
        assert_eq!(read("1.2.3.4/32"), read("1.2.3.4"));
        assert_ne!(read("10.0.0.0/8"), read("10.0.0.0/9"));
        assert_eq!(read("fd00::1/64"), read("fd00::/64"));
        assert_eq!(
            read("0.0.0.0/0").map(|n| n.to_string()),
            Ok("0.0.0.0/0".to_owned())
        );
        let first = |text: &str| text.parse::<Network>().map(|n| n.first().to_string());
        assert_eq!(first("10.200.7.9/16"), Ok("10.200.0.1".to_owned()));
        assert_eq!(first("1.2.3.4"), Ok("1.2.3.4".to_owned()));
        for wrong in [
            "",
            "a",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/08",
            "1.2.3/8",
            "::/129",
        ] {
            assert_eq!(read(wrong), Err(NoNetwork), "{wrong}");
        }
    }
}
