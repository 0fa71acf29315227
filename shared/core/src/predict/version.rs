//! Versions of Istio.

use std::fmt;
use std::str::FromStr;

/// A release of Istio, to compare versions with: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u32, pub u32, pub u32);

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(f, "{major}.{minor}")?;
        if *patch > 0 {
            write!(f, ".{patch}")?;
        }
        Ok(())
    }
}

/// A version as a person or an image tag gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: Option<u32>,
}

impl Version {
    /// The version whose behaviour is predicted where nothing says another one.
    pub const DEFAULT: Self = Self {
        major: 1,
        minor: 31,
        patch: None,
    };

    /// The release that it stands for; of a line without a patch that is the last one.
    #[must_use]
    pub fn release(self) -> Release {
        Release(self.major, self.minor, self.patch.unwrap_or(u32::MAX))
    }

    /// The version in an image reference, such as `docker.io/istio/pilot:1.24.1-distroless`; a digest, a date or no
    /// tag at all says nothing.
    #[must_use]
    pub fn of_image(image: &str) -> Option<Self> {
        let image = image.split('@').next().unwrap_or(image);
        let (_, tag) = image.rsplit('/').next()?.split_once(':')?;
        tag.parse().ok()
    }
}

impl From<Release> for Version {
    fn from(Release(major, minor, patch): Release) -> Self {
        Self {
            major,
            minor,
            patch: Some(patch),
        }
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "a version of Istio is written 1.24 or 1.24.1".to_owned();
        let numbers = text.strip_prefix('v').unwrap_or(text);
        // What stands behind is a variant of the image, or a build before the release.
        let numbers = numbers.split_once('-').map_or(numbers, |(n, _)| n);
        let parts: Vec<u32> = numbers
            .split('.')
            .map(|part| match part.as_bytes() {
                [b'0'..=b'9', ..] => part.parse().map_err(|_| bad()),
                _ => Err(bad()),
            })
            .collect::<Result<_, _>>()?;
        match parts.as_slice() {
            [0, ..] => Err(bad()),
            [major, minor] => Ok(Self {
                major: *major,
                minor: *minor,
                patch: None,
            }),
            [major, minor, patch] => Ok(Self {
                major: *major,
                minor: *minor,
                patch: Some(*patch),
            }),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            Some(patch) => write!(f, ".{patch}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Release, Version};

    #[test]
    fn versions_are_written_as_people_and_tags_write_them() {
        for (text, shown) in [
            ("1.31", "1.31"),
            ("v1.24.1", "1.24.1"),
            ("1.24.1-distroless", "1.24.1"),
            ("1.32-alpha.0", "1.32"),
        ] {
            let version: Version = text.parse().unwrap();
            assert_eq!(version.to_string(), shown, "{text}");
        }
        for text in [
            "", "1", "abc", "1.x", "1.2.3.4", "1..2", "+1.2", "0.8", "latest", "1.2 ",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_image_says_its_version_by_the_tag_only() {
        let of = |image: &str| Version::of_image(image).map(|v| v.to_string());
        assert_eq!(
            of("docker.io/istio/pilot:1.24.1").as_deref(),
            Some("1.24.1")
        );
        assert_eq!(
            of("registry:5000/istio/pilot:1.24.1-distroless@sha256:00ff").as_deref(),
            Some("1.24.1")
        );
        for image in [
            "auto",
            "istio/pilot",
            "registry:5000/pilot",
            "pilot:latest",
            "pilot@sha256:1.24",
            "pilot:3f2c9d1",
        ] {
            assert_eq!(of(image), None, "{image}");
        }
    }

    #[test]
    fn a_line_without_a_patch_is_its_last_release() {
        let release = |text: &str| text.parse::<Version>().unwrap().release();
        assert!(release("1.28") > Release(1, 28, 1));
        assert!(release("1.28.0") < Release(1, 28, 1));
        assert!(release("1.28") < Release(1, 29, 0));
        assert_eq!(Release(1, 28, 0).to_string(), "1.28");
    }
}
