"""vtclone in Cinder: a volume manager, a scheduler filter and a weigher that need no patch of Cinder.

    [DEFAULT]
    volume_manager = vtclone_cinder.manager.CloneVolumeManager
"""

__version__ = "1.0.0"
