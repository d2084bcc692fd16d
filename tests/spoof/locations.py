"""Locations that an image's owner may write to reach what is not his: one table for the library, the command and real Cinder.

Each is for an image of the attacker's (its id is `own`); `victim` is another project's image, `volume` another project's
volume that holds no image, `image_volume` the volume that holds the victim's image.
"""

from typing import List, NamedTuple


class Places(NamedTuple):
    fsid: str
    own: str
    victim: str
    volume: str
    image_volume: str


class Spoof(NamedTuple):
    name: str
    url: str
    reason: str  # of the candidate, for a volume of type ceph (netapp, where the URL is cinder's)


def percent(text: str) -> str:
    """Every character in percent-encoding."""
    return "".join("%%%02x" % ord(letter) for letter in text)


def wide(text: str) -> str:
    """Fullwidth forms, which NFKC makes into the ASCII ones."""
    return "".join(chr(ord(letter) + 0xfee0) for letter in text)


def rbd(at: Places) -> List[Spoof]:
    base = "rbd://%s" % at.fsid
    own, victim = "%s/images/%s" % (base, at.own), "%s/images/%s" % (base, at.victim)
    return [
        # ---- another image, as it is and in disguise ----
        Spoof("another image", victim + "/snap", "NOT_PAIRED"),
        Spoof("another image, percent-encoded", "%s/images/%s/snap" % (base, percent(at.victim)), "NOT_PAIRED"),
        Spoof("all parts percent-encoded", "rbd://%s/%s/%s/%s" % tuple(
            percent(part) for part in (at.fsid, "images", at.victim, "snap")), "NOT_PAIRED"),
        Spoof("percent-encoded twice", "%s/images/%s/snap" % (base, percent(percent(at.victim))), "NOT_PAIRED"),
        Spoof("own id percent-encoded twice", "%s/images/%s/snap" % (base, percent(percent(at.own))), "NOT_PAIRED"),
        Spoof("capitals", "%s/images/%s/snap" % (base, at.victim.upper()), "NOT_PAIRED"),
        Spoof("own id before another's", "%s/images/%s%s/snap" % (base, at.own, at.victim), "NOT_PAIRED"),
        Spoof("own id, NUL, another's", "%s/images/%s%%00%s/snap" % (base, at.own, at.victim), "BAD_LOCATION"),
        Spoof("another's, NUL, own id", "%s/images/%s%%00%s/snap" % (base, at.victim, at.own), "BAD_LOCATION"),
        Spoof("fullwidth digits", "%s/images/%s/snap" % (base, wide(at.victim)), "NOT_PAIRED"),
        Spoof("a zero-width space", "%s/images/%s\u200b/snap" % (base, at.own), "NOT_PAIRED"),
        Spoof("written from right to left", "%s/images/\u202e%s/snap" % (base, at.own), "NOT_PAIRED"),
        Spoof("user and key before the cluster", "rbd://cinder:key@%s/images/%s/snap" % (at.fsid, at.victim), "NOT_PAIRED"),
        Spoof("an unknown cluster", "rbd://00000000-0000-4000-8000-000000000000/images/%s/snap" % at.victim, "NOT_PAIRED"),
        # ---- a volume, a backup, trash ----
        Spoof("a volume", "%s/volumes/volume-%s/snap" % (base, at.volume), "NOT_PAIRED"),
        Spoof("a snapshot of a volume", "%s/volumes/volume-%s/snapshot-%s" % (base, at.volume, at.own), "NOT_PAIRED"),
        Spoof("a backup", "%s/backups/volume-%s.backup.base/backup.%s.snap" % (base, at.volume, at.own), "NOT_PAIRED"),
        Spoof("a volume on its way to the trash", "%s/volumes/volume-%s.deleted/snap" % (base, at.volume), "NOT_PAIRED"),
        Spoof("a header object", "%s/images/rbd_header.1/snap" % base, "NOT_PAIRED"),
        # ---- his own name where it should not be ----
        Spoof("own name in the pool of volumes", "%s/volumes/%s/snap" % (base, at.own), "POOL_NOT_ALLOWED"),
        Spoof("a pool whose name begins like the store's", "%s/image/%s/snap" % (base, at.own), "POOL_NOT_ALLOWED"),
        Spoof("a pool whose name goes on", "%s/images2/%s/snap" % (base, at.own), "POOL_NOT_ALLOWED"),
        Spoof("the pool in capitals", "%s/IMAGES/%s/snap" % (base, at.own), "POOL_NOT_ALLOWED"),
        Spoof("a namespace in the pool", "%s/images%%2Fother/%s/snap" % (base, at.own), "POOL_NOT_ALLOWED"),
        Spoof("a dot as pool", "%s/./%s/snap" % (base, at.own), "POOL_NOT_ALLOWED"),
        Spoof("another snapshot", own + "/other", "NOT_PAIRED"),
        Spoof("the snapshot in capitals", own + "/SNAP", "NOT_PAIRED"),
        Spoof("a query", own + "/snap?x=1", "NOT_PAIRED"),
        Spoof("a fragment", own + "/snap#x", "NOT_PAIRED"),
        Spoof("a blank behind", own + "/snap%20", "NOT_PAIRED"),
        # ---- too many parts, too few, other forms ----
        Spoof("dots up to another image", "%s/images/%s/../%s/snap" % (base, at.own, at.victim), "BAD_LOCATION"),
        Spoof("a namespace of its own", "%s/images/other/%s/snap" % (base, at.own), "BAD_LOCATION"),
        Spoof("one part more", own + "/snap/x", "BAD_LOCATION"),
        Spoof("a slash behind", own + "/snap/", "BAD_LOCATION"),
        Spoof("no snapshot", own, "BAD_LOCATION"),
        Spoof("no pool", "%s//%s/snap" % (base, at.own), "BAD_LOCATION"),
        Spoof("no cluster", "rbd:///images/%s/snap" % at.victim, "BAD_LOCATION"),
        Spoof("a slash behind the scheme more", "rbd:///%s/images/%s/snap" % (at.fsid, at.victim), "BAD_LOCATION"),
        Spoof("the legacy form, own", "rbd://%s" % at.own, "BAD_LOCATION"),
        Spoof("the legacy form, another's", "rbd://%s" % at.victim, "BAD_LOCATION"),
        Spoof("half a percent sign", "%s/images/%s%%2/snap" % (base, at.own), "BAD_LOCATION"),
        Spoof("scheme in capitals", victim.replace("rbd:", "RBD:") + "/snap", "BAD_LOCATION"),
        Spoof("scheme in mixed case", own.replace("rbd:", "Rbd:") + "/snap", "BAD_LOCATION"),
        Spoof("a blank before", " %s/snap" % victim, "BAD_LOCATION"),
        Spoof("a tab before", "\t%s/snap" % victim, "BAD_LOCATION"),
        Spoof("a line feed inside", "%s/images/%s\n/snap" % (base, at.victim), "NOT_PAIRED"),
    ]


def cinder(at: Places, store: str = "netapp") -> List[Spoof]:
    base = "cinder://%s/" % store
    return [
        Spoof("a volume that holds no image", base + at.volume, "NOT_PAIRED"),
        Spoof("the same in the legacy form", "cinder://" + at.volume, "NOT_PAIRED"),
        Spoof("the volume in capitals", base + at.volume.upper(), "NOT_PAIRED"),
        Spoof("another image's volume", base + at.image_volume, "NOT_PAIRED"),
        Spoof("another image's volume, legacy form", "cinder://" + at.image_volume, "NOT_PAIRED"),
        Spoof("another image's volume in capitals", base + at.image_volume.upper(), "NOT_PAIRED"),
        Spoof("in an unknown store", "cinder://%s2/%s" % (store, at.image_volume), "NOT_PAIRED"),
        Spoof("in a store whose name begins alike", "cinder://%s/%s" % (store[:3], at.image_volume), "NOT_PAIRED"),
        Spoof("in the rbd store", "cinder://ceph/" + at.image_volume, "NOT_PAIRED"),
        Spoof("percent-encoded", base + percent(at.image_volume), "BAD_LOCATION"),
        Spoof("without dashes", base + at.image_volume.replace("-", ""), "BAD_LOCATION"),
        Spoof("in braces", "%s{%s}" % (base, at.image_volume), "BAD_LOCATION"),
        Spoof("as a urn", "%surn:uuid:%s" % (base, at.image_volume), "BAD_LOCATION"),
        Spoof("by its name", "%svolume-%s" % (base, at.image_volume), "BAD_LOCATION"),
        Spoof("a blank behind", base + at.image_volume + " ", "BAD_LOCATION"),
        Spoof("one part more", "%sx/%s" % (base, at.image_volume), "BAD_LOCATION"),
        Spoof("dots", "%s../%s" % (base, at.image_volume), "BAD_LOCATION"),
        Spoof("a query", base + at.image_volume + "?x", "BAD_LOCATION"),
        Spoof("no store", "cinder:///" + at.image_volume, "BAD_LOCATION"),
        Spoof("no volume", base, "BAD_LOCATION"),
        Spoof("scheme in capitals", "CINDER://%s/%s" % (store, at.image_volume), "BAD_LOCATION"),
        Spoof("a blank before", " " + base + at.image_volume, "BAD_LOCATION"),
    ]
