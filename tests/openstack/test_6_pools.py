"""A copy in another pool of the same backend."""

import importlib.metadata

import osworld

OURS = "DEFAULT.volume_manager=" + osworld.MANAGER
STOCK = "DEFAULT.volume_manager=" + osworld.STOCK
ACROSS = "open.volume_driver=vtlab_pools.AcrossPools"


def test_a_copy_in_another_pool_is_cloned_where_the_driver_says_that_it_can(lab):
    lab.settle("glance-api")
    image = lab.image(["open"])
    copy = lab.locations(image)["open"].rpartition("/")[2]
    with osworld.database.connect(lab.state, "cinder") as connection, connection.cursor() as cursor:
        assert cursor.execute("UPDATE volumes SET host = 'node@open#elsewhere' WHERE id = %s AND host = 'node@open#pair'",
                              (copy,)) == 1
        connection.commit()
    lab.settle("cinder-volume", OURS)
    found = lab.outcome(lab.make("open", image))
    assert (found["outcome"], found["reason"]) == ("declined", "STORE_NOT_FOR_BACKEND")
    lab.settle("cinder-volume", OURS, ACROSS)
    volume = lab.make("open", image)
    found = lab.outcome(volume)
    assert (found["outcome"], found["method"], found["store"]) == ("cloned", "cinder-clone", "open")
    assert lab.parent("open", volume).startswith("open/volume-%s@" % copy)
    # Cinder's own clone of an image volume knows of this since 2024.2 (25).
    lab.settle("cinder-volume", STOCK, ACROSS)
    newer = int(importlib.metadata.version("cinder").partition(".")[0]) >= 25
    assert (lab.parent("open", lab.make("open", image)) is not None) == newer
