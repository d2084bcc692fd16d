"""The refusals of the emulated ONTAP, by ZAPI's numbers. REST has numbers of its own for some of them (ontap_rest.py)."""

from emulator import web

ENOENT, EEXIST, ENOSPC = "2", "17", "28"
NO_SUCH_IGROUP, IGROUP_EXISTS, IGROUP_HAS, EXISTS, MAPPED, NO_MAP, NO_LUN, IS_MAPPED, NO_VOLUME, TOO_SMALL, UNCHANGED = (
    "9003", "9004", "9008", "9012", "9013", "9016", "9017", "9022", "9036", "9041", "9042")
NO_FLEXVOL, EINTERNAL, EINVALID, NO_OBJECT, DUPLICATE = "13040", "13114", "13115", "15661", "13130"


def refuse(number, text):
    return web.ArrayError(number, text)
